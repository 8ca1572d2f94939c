# SPDX-License-Identifier: Apache-2.0
"""Compose the message of a test: it says who sent it, why, and how to object.

Tokens stand in Message-ID, Subject and a header of our own, besides the envelope (DESIGN §3), so that the
message is known whatever a gateway does to its recipient. The words are plain because some servers filter
by content, and ``Auto-Submitted`` (RFC 3834) keeps robots from answering. ``To:`` is an empty group
(RFC 5322 §3.4): a gateway that takes its recipients from the header finds none that the row did not put there.

Limits: no DKIM, no MIME parts; a filter may still refuse it, which is then the outcome's reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import formatdate

from fumidai.battery.attempt import Attempt
from fumidai.evidence.token import Role

TOKEN_HEADER = "X-Fumidai-Test"

_BODY = """\
This is a test whether the mail server {target} passes mail on for strangers.
It was sent by Fumidai at {ehlo} ({source}), run {run}, test {test}.
If this message reached anybody but its sender, the server relayed it.

The test was started by whoever runs {ehlo}. To object, write to
postmaster there, or refuse connections from {source}.
"""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What every message of a run says about its sender.

    Attributes:
        ehlo: name we greet with; ``source``: address we come from; ``run``: id of the run; ``target``: endpoint.
    """

    ehlo: str
    source: str
    run: str
    target: str


def compose(attempt: Attempt, head: Letterhead, extra_headers: tuple[bytes, ...], now: float) -> bytes:
    """The message of ``attempt``, CRLF line ends, not yet dot-stuffed.

    Args:
        extra_headers: header lines that the row itself brings (for example ``Bcc:``).
        now: seconds since the epoch.
    """
    token = attempt.tokens[Role.HEADER]
    sender = _from_address(attempt, head)
    lines = [
        f"From: Relay test <{sender}>",
        "To: relay-test:;",
        f"Subject: Relay test {token}",
        f"Date: {formatdate(now)}",
        f"Message-ID: <{token}@{_id_domain(head.ehlo)}>",
        "Auto-Submitted: auto-generated",
        f"{TOKEN_HEADER}: {token}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=us-ascii",
    ]
    replaced = {line.partition(b":")[0].strip().lower() for line in extra_headers}
    own = [line.encode("latin-1", "replace") for line in lines]
    own = [line for line in own if line.partition(b":")[0].lower() not in replaced]
    body = _BODY.format(target=head.target, ehlo=head.ehlo, source=head.source, run=head.run, test=attempt.test.id)
    return b"\r\n".join([*own, *extra_headers, b"", *body.encode().splitlines()]) + b"\r\n"


def _from_address(attempt: Attempt, head: Letterhead) -> str:
    """Our own sender where the envelope carries one, so that an honest answer comes home."""
    path = attempt.mail_from.strip("<>")
    token = attempt.tokens.get(Role.SENDER)
    if token and path.lower().startswith(f"{token}@"):
        return path
    return f"postmaster@{head.ehlo}"


def _id_domain(ehlo: str) -> str:
    # RFC 5322 §3.6.4: the right side may be a domain literal; brackets are fine in it.
    return ehlo or "localhost"

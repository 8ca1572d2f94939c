# SPDX-License-Identifier: Apache-2.0
"""A trace as an abuse report that one may read and send on: ARF (RFC 5965), its three parts.

    what happened, for people · what happened, for programs · the message, its recipients redacted

``Source-IP`` is the host that handed the message to whoever is believed: the stepping stone, else the source. Of the
sender only what the message says is told, and it may be forged; who has to read that knows.

Limits: in English, whoever reads it. Nobody is addressed: whom to tell (RFC 2142 names abuse@ and postmaster@) is for
the sender to find out. The body of the message is not redacted; its line ends become LF.
"""

from __future__ import annotations

import email.encoders
import email.errors
import email.policy
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from email.message import Message as Mail
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from hashlib import sha256
from typing import Final

from fumidai import __version__
from fumidai.received.hop import Hop
from fumidai.received.trace import Trace
from fumidai.report.escape import raw, show
from fumidai.report.findings import finding_sentence
from fumidai.report.trace_json import Message
from fumidai.report.trace_path import believed_text, stops
from fumidai.report.trace_redact import recipients, redact
from fumidai.report.trace_text import verdict_text
from fumidai.report.voice import Voice
from fumidai.smtp.literal import is_domain_name

#: Findings that the verdict says already, or that tell our own user what to do.
_OURS: Final = frozenset({"stepping-stone", "relay-address-masked", "border-inferred"})
# compat32 keeps the bytes of a field as they came; nothing is folded anew.
_AS_IT_IS: Final = email.policy.compat32.clone(max_line_length=0)


def render_arf(message: Message, original: bytes, *, now: datetime, key: bytes) -> bytes:
    """One report, each line ended by LF.

    Args:
        original: the message's bytes.
        now: when it is written, aware. key: secret, for the tokens of recipients.
    """
    shown = redact(original, key)
    # Nobody who doesn't know the key can write a line that ends a part.
    boundary = "fumidai-" + sha256(b"boundary" + key + original).hexdigest()[:32]
    report = MIMEMultipart("report", boundary=boundary, policy=_AS_IT_IS)
    report.set_param("report-type", "feedback-report")
    report["Date"] = format_datetime(now)
    report["Subject"] = f"Abuse report: spam from {_culprit(message.trace)}"
    report.attach(_for_people(message))
    report.attach(_for_programs(message, recipients(original), key))
    report.attach(_attached(shown))
    return report.as_bytes(unixfrom=False, policy=_AS_IT_IS)


def _culprit(trace: Trace) -> str:
    """Who handed it over, as plain ASCII."""
    relay, source = trace.relay, trace.source
    if relay is not None:
        return _ascii(" ".join(part for part in (relay.name, f"[{relay.ip}]" if relay.ip else "") if part))
    return _ascii(source.ip or source.rdns or source.helo if source is not None else "")


def _for_people(message: Message) -> Mail:
    voice = Voice("en", encodable=str.isascii)
    trace = message.trace
    path = [
        "  " * (stop.depth + 1) + "  ".join(part for part in (stop.host, stop.software, stop.time, stop.delay) if part)
        + (f"\n{'  ' * (stop.depth + 3)}{believed_text(stop, voice)}" if believed_text(stop, voice) else "")
        for stop in stops(trace, voice)
    ]  # fmt: skip
    said = (
        verdict_text(trace, voice),
        "\n".join(path),
        "\n".join(finding_sentence(finding, voice) for finding in trace.findings if finding.id not in _OURS),
        "The message is attached. In its head the local parts of its recipients are replaced by tokens, and the names "
        "beside them taken out; its body is as it was.",
    )
    return MIMEText("\n\n".join(part for part in said if part) + "\n", "plain", "us-ascii")


def _for_programs(message: Message, hidden: set[bytes], key: bytes) -> Mail:
    part = MIMEBase("message", "feedback-report", policy=_AS_IT_IS)
    del part["MIME-Version"]
    part.set_payload("".join(f"{name}: {value}\n" for name, value in _fields(message, hidden, key)))
    return part


def _fields(message: Message, hidden: set[bytes], key: bytes) -> Iterator[tuple[str, str]]:
    """The fields of RFC 5965 §3: those it requires (§3.1), then those that are known (§3.2)."""
    yield "Feedback-Type", "abuse"
    yield "User-Agent", f"Fumidai/{__version__}"
    yield "Version", "1"
    trace = message.trace
    border = trace.hops[trace.border_hop].hop if trace.border_hop is not None else Hop()
    address = trace.relay.ip if trace.relay is not None else border.client.ip
    if address:
        yield "Source-IP", address
    name = trace.relay.name if trace.relay is not None else border.client.rdns
    if name.isascii() and is_domain_name(name):
        yield "Reported-Domain", name
    if border.date is not None:
        yield "Arrival-Date", format_datetime(border.date)
    sender = _redacted_sender(message, border, hidden, key)
    if sender:
        yield "Original-Mail-From", sender


def _redacted_sender(message: Message, border: Hop, hidden: set[bytes], key: bytes) -> str:
    """The envelope's sender; a recipient that it carries inside (VERP) is redacted."""
    path = message.headers.get("return-path")
    sender = border.envelope_from or (path.text.strip(" <>") if path is not None else "")
    if not sender or not sender.isascii() or not sender.isprintable() or " " in sender:
        return ""
    known = b"".join(b"To: %s\n" % address for address in sorted(hidden))
    return redact(b"X-From: " + sender.encode() + b"\n" + known, key).split(b"\n", 1)[0][8:].decode()


def _attached(shown: bytes) -> Mail:
    """The message as a part; the head alone where the library can't hold the message as it is."""
    # Thousands of parts inside each other, a charset nobody has: the library says so in many ways.
    with suppress(email.errors.MessageError, UnicodeError, LookupError, ValueError, TypeError, RecursionError):
        part = MIMEMessage(email.message_from_bytes(shown, policy=_AS_IT_IS), policy=_AS_IT_IS)
        if part.as_bytes(policy=_AS_IT_IS).partition(b"\n\n")[2].startswith(shown.partition(b"\n")[0].rstrip(b"\r")):
            return part
    head = MIMEBase("text", "rfc822-headers", policy=_AS_IT_IS)
    head.set_payload(shown[: shown.find(b"\n\n") + 1 or len(shown)])
    email.encoders.encode_base64(head)
    return head


def _ascii(text: str) -> str:
    return show(raw(text), encodable=str.isascii, limit=200) or "an unknown host"

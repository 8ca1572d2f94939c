# SPDX-License-Identifier: Apache-2.0
"""The Received line that the guard puts on top: the server behind sees the guard, so this alone tells the true client.

Text of the client (its HELO) is written so that it can't end the line, open a comment or look like another part.

Limits: the recipient is named only where there is one, so that nobody learns of others.
"""

from __future__ import annotations

import re
from typing import Final

from fumidai.guard.backend import Sender

_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9.:_\[\]-]")
_NOT_IN_A_PATH: Final = re.compile(r"[^A-Za-z0-9.!#$%&'*+/=?^_`{|}~@:\[\]-]")
#: Letters of a name or path that are shown.
_MOST: Final = 255


def received_line(sender: Sender, by: str, recipients: list[bytes], date: str, *, extended: bool = True) -> bytes:
    """The line, folded, with its CR LF (RFC 5321 §4.4).

    Args:
        by: our own name.
        recipients: forward-paths that were taken, brackets included.
        date: now, as RFC 5322 writes it.
        extended: it began with EHLO.
    """
    address = f"[{sender.client}]" if sender.client.version == 4 else f"[IPv6:{sender.client}]"
    helo = _NOT_IN_A_NAME.sub("?", sender.helo)[:_MOST] or "unknown"
    # RFC 3848: S for TLS, A for an authenticated user.
    protocol = "ESMTP" + "S" * sender.tls + "A" * (sender.user is not None) if extended else "SMTP"
    whom = ""
    if len(recipients) == 1:
        path = recipients[0].decode("ascii", "replace").removeprefix("<").removesuffix(">")
        whom = f"\r\n\tfor <{_NOT_IN_A_PATH.sub('?', path)[:_MOST]}>"
    head = f"Received: from {helo} ({address})\r\n\tby {by} (Fumidai guard) with {protocol} id {sender.session}"
    return f"{head}{whom};\r\n\t{date}\r\n".encode("ascii", "replace")

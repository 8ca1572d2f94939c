# SPDX-License-Identifier: Apache-2.0
"""The Received line that the guard puts on top: the server behind sees the guard, so this alone tells the true client.

Text of the client (its HELO) is written so that it can't end the line, open a comment or look like another part.

Where a message uses SMTPUTF8 the line says so, and may hold UTF-8 (RFC 6531 §3.7.3, §4.3).

Limits: the recipient is named only where there is one, so that nobody learns of others.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
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
    # RFC 3848: S for TLS, A for an authenticated user.
    utf8 = "SMTPUTF8" in sender.params
    basic = "UTF8SMTP" if utf8 else "ESMTP"
    protocol = basic + "S" * sender.tls + "A" * (sender.user is not None) if extended else "SMTP"
    whom = ""
    if len(recipients) == 1:
        path = recipients[0].decode("utf-8", "replace").removeprefix("<").removesuffix(">")
        whom = f"\r\n\tfor <{_shown(path[:_MOST], utf8)}>"
    origin = _origin(sender.client, sender.helo[:_MOST])
    head = f"Received: from {origin}\r\n\tby {by} (Fumidai guard) with {protocol} id {sender.session}"
    return f"{head}{whom};\r\n\t{date}\r\n".encode("utf-8" if utf8 else "ascii", "replace")


@lru_cache(1024)
def _origin(client: IPv4Address | IPv6Address, helo: str) -> str:
    """What the client called itself, and what it is."""
    name = _NOT_IN_A_NAME.sub("?", helo) or "unknown"
    return f"{name} ([{client}])" if client.version == 4 else f"{name} ([IPv6:{client}])"


def _shown(path: str, utf8: bool) -> str:
    """A path without what could do something."""
    if path.isascii() or not utf8:
        return _NOT_IN_A_PATH.sub("?", path)
    return "".join(_NOT_IN_A_PATH.sub("?", c) if c.isascii() or not c.isprintable() else c for c in path)

# SPDX-License-Identifier: Apache-2.0
"""OpenSMTPD's lines, of 6.0 and later.

    smtpd[77]: f7a2e6aa567530c9 smtp connected address=192.0.2.7 host=pc.a.com
    smtpd[77]: f7a2e6aa567530c9 smtp tls ciphers=TLSv1.3:…
    smtpd[77]: f7a2e6aa567530c9 smtp authentication user=bob result=ok
    smtpd[77]: f7a2e6aa567530c9 smtp message msgid=1d2e3f4a size=812 nrcpt=1 proto=ESMTP
    smtpd[77]: f7a2e6aa567530c9 smtp envelope evpid=1d2e3f4a5b6c7d8e from=<bob@a.com> to=<x@b.com>
    smtpd[77]: 9c1b2a3d4e5f6071 mta delivery evpid=1d2e3f4a5b6c7d8e from=<…> to=<x@b.com> … result="Ok"
    smtpd[77]: f7a2e6aa567530c9 smtp disconnected reason=quit

The id in a Received line is the message's (8 hexadecimal digits); an envelope's id (16) begins with it. Session ids
of 16 digits tie the lines of a connection together.

Limits: lines of other filters are passed over.
"""

from __future__ import annotations

import shlex
from typing import Final

from fumidai.logs.line import Line
from fumidai.logs.noted import Delivery, Noted, bare, plain_address

FAMILY: Final = "opensmtpd"
_STATUS: Final = {"Ok": "sent", "TempFail": "deferred", "PermFail": "bounced", "Loop": "bounced"}
_MESSAGE: Final = 8


def note(line: Line) -> Noted | None:
    """What the line notes; None where it is not OpenSMTPD's or of no use here."""
    if line.program != "smtpd":
        return None
    session, _, rest = line.text.partition(" ")
    part, _, rest = rest.partition(" ")
    word, _, text = rest.partition(" ")
    if part == "smtp":
        return _smtp(session, word, _values(text))
    if part in ("mta", "mda") and word == "delivery":
        return _delivery(_values(text))
    return None


def _smtp(session: str, word: str, found: dict[str, str]) -> Noted | None:
    match word:
        case "connected":
            address = plain_address(found.get("address", ""))
            host = found.get("host", "")
            local = "the local socket" if address == "local" else ""
            name = "" if host.startswith("<") or local else host
            return Noted(FAMILY, session=session, ip="" if local else address, name=name, local=local)
        case "tls":
            return Noted(FAMILY, session=session, tls=True)
        case "authentication" if found.get("result") == "ok":
            return Noted(FAMILY, session=session, user=found.get("user", ""))
        case "message":
            return Noted(FAMILY, found.get("msgid", ""), session, protocol=found.get("proto", ""))
        case "envelope":
            envelope = found.get("evpid", "")[:_MESSAGE]
            whom = Delivery(bare(found.get("to", "")))
            return Noted(FAMILY, envelope, session, sender=bare(found.get("from", "")), deliveries=(whom,))
        case "disconnected":
            return Noted(FAMILY, session=session, ends=True)
        case _:
            return None


def _delivery(found: dict[str, str]) -> Noted:
    status = _STATUS.get(found.get("result", ""), found.get("result", "").lower())
    delivery = Delivery(bare(found.get("to", "")), found.get("relay", ""), status, found.get("stat", ""))
    return Noted(FAMILY, found.get("evpid", "")[:_MESSAGE], sender=bare(found.get("from", "")), deliveries=(delivery,))


def _values(text: str) -> dict[str, str]:
    """``key=value`` pairs with quoted values."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    return dict(word.split("=", 1) for word in reversed(words) if "=" in word)

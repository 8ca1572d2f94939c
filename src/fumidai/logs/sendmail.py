# SPDX-License-Identifier: Apache-2.0
"""sendmail's lines, of versions 5 to 8.

    sendmail[13665]: SAA13665: from=<x@b.com>, size=812, class=0, nrcpts=50, msgid=<…>, proto=SMTP, relay=pc [192.0.2.7]
    sm-mta[77]: 0123abcd000077: from=<x@b.com>, …, proto=ESMTPSA, relay=pc.a.com [192.0.2.7] (may be forged)
    sendmail[78]: 0123abcd000078: from=www-data, …, relay=www-data@localhost
    sm-mta[77]: AUTH=server, relay=pc.a.com [192.0.2.7], mech=PLAIN, bits=0, user/authid=bob …
    sm-mta[77]: STARTTLS=server, relay=pc.a.com [192.0.2.7], version=TLSv1.3, …
    sm-mta[77]: 0123abcd000077: to=<x@c.com>,<y@c.com>, …, relay=mx.c.com. [198.51.100.9], …, stat=Sent (ok)
    sm-mta[77]: 0123abcd000077: ruleset=check_rcpt, arg1=<x@c.com>, relay=pc [192.0.2.7], reject=550 5.7.1 …

The lines of AUTH and STARTTLS have no queue id, but the process (and the id of its first message) is that of the
session; what they tell holds for the messages that this process takes next from the same client.

Limits: a process id is used again after days; so only the latest session of each is known.
"""

from __future__ import annotations

from typing import Final

from fumidai.logs.line import Line
from fumidai.logs.noted import Delivery, Noted, bare, host_and_address, values

FAMILY: Final = "sendmail"
_PROGRAMS: Final = ("sendmail", "sm-mta", "sm-msp-queue", "sm-acceptingconnections", "/usr/lib/sendmail")


def note(line: Line) -> Noted | None:
    """What the line notes; None where it is not sendmail's or of no use here."""
    if not line.program.startswith(_PROGRAMS):
        return None
    if line.text.startswith(("AUTH=server", "STARTTLS=server")):
        return _session("", line.pid, line.text)
    queue, colon, text = line.text.partition(": ")
    if not colon or not queue.isalnum():
        return None
    if text.startswith(("AUTH=server", "STARTTLS=server")):
        return _session(queue, line.pid, text)
    if text.startswith("from="):
        return _sender(queue, line.pid, text)
    if text.startswith("to="):
        return _deliveries(queue, text)
    if text.startswith("ruleset=check_rcpt"):
        return _refused(queue, text)
    return None


def _session(queue: str, pid: str, text: str) -> Noted:
    """Who logged in, or that TLS stands."""
    found = values(text)
    name, address = host_and_address(found.get("relay", ""))
    user = found.get("authid") or found.get("user") or _slashed(text)
    tls = True if text.startswith("STARTTLS") else None
    return Noted(FAMILY, session=pid, ip=address, name=name, user=user, tls=tls)


def _slashed(text: str) -> str:
    """``user/authid=bob`` of some versions, whose key is no word."""
    return text.partition("authid=")[2].partition(",")[0].strip()


def _sender(queue: str, pid: str, text: str) -> Noted:
    found = values(text)
    relay = found.get("relay", "")
    name, address = host_and_address(relay)
    # A message that was handed in by a program has "user@localhost" without an address.
    local = name if relay and not address else ""
    return Noted(
        FAMILY,
        queue,
        session=pid,
        ip=address,
        name="" if local or "may be forged" in relay else name,
        local=local,
        protocol=found.get("proto", ""),
        sender=bare(found["from"]),
        message_id=bare(found.get("msgid", "")),
    )


def _deliveries(queue: str, text: str) -> Noted:
    found = values(text)
    status, _, said = found.get("stat", "").partition(" ")
    relay = found.get("relay", "")
    whom = [bare(one) for one in found["to"].split(",")]
    return Noted(FAMILY, queue, deliveries=tuple(Delivery(one, relay, status.lower(), said) for one in whom if one))


def _refused(queue: str, text: str) -> Noted:
    found = values(text)
    name, address = host_and_address(found.get("relay", ""))
    return Noted(
        FAMILY,
        queue,
        ip=address,
        name=name,
        deliveries=(Delivery(bare(found.get("arg1", "")), "", "refused", found.get("reject", "")),),
    )

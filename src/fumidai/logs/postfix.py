# SPDX-License-Identifier: Apache-2.0
"""Postfix's lines.

    postfix/smtpd[77]: 4XkA1: client=pc.a.com[192.0.2.7], sasl_method=PLAIN, sasl_username=bob
    postfix/pickup[78]: 4XkA2: uid=33 from=<www-data>
    postfix/cleanup[79]: 4XkA1: message-id=<x@a.com>
    postfix/qmgr[80]: 4XkA1: from=<bob@a.com>, size=812, nrcpt=2 (queue active)
    postfix/smtp[81]: 4XkA1: to=<x@b.com>, relay=mx.b.com[198.51.100.9]:25, delay=1, dsn=2.0.0, status=sent (250 ok)
    postfix/smtpd[77]: NOQUEUE: reject: RCPT from pc[192.0.2.7]: 554 5.7.1 <x@b.com>: Relay access denied; from=<…> …

Source: the lines of Postfix 3.7 as its own programs write them, and postfix-logwatch's list of them.

Limits: a message that was filtered goes through the queue twice, under two ids; each is a message here.
"""

from __future__ import annotations

from typing import Final

from fumidai.logs.line import Line
from fumidai.logs.noted import Delivery, Noted, bare, host_and_address, values

FAMILY: Final = "postfix"
_NO_QUEUE: Final = "NOQUEUE"


def note(line: Line) -> Noted | None:
    """What the line notes; None where it is not Postfix's or of no use here."""
    instance, slash, program = line.program.rpartition("/")
    if not slash or not instance.startswith("postfix"):
        return None
    queue, colon, text = line.text.partition(": ")
    if not colon or " " in queue:
        return None
    if queue == _NO_QUEUE:
        return _refused(text)
    if not queue.isalnum():
        return None
    return _of_message(program, queue, text)


def _of_message(program: str, queue: str, text: str) -> Noted | None:
    if text.startswith("client="):
        return _client(queue, text)
    if text.startswith("uid="):
        found = values(text, " ")
        return Noted(FAMILY, queue, local=f"uid {found['uid']}", sender=bare(found.get("from", "")))
    if text.startswith("message-id="):
        return Noted(FAMILY, queue, message_id=bare(text.partition("=")[2]))
    if text.startswith("from=") and program == "qmgr":
        return Noted(FAMILY, queue, sender=bare(values(text).get("from", "")))
    if text.startswith("to="):
        return _delivery(queue, text)
    return None


def _client(queue: str, text: str) -> Noted:
    found = values(text)
    name, address = host_and_address(found["client"])
    # With XCLIENT or a content filter the client that counts stands behind.
    if "orig_client" in found:
        name, address = host_and_address(found["orig_client"])
    user = found.get("sasl_username", "")
    return Noted(FAMILY, queue, ip=address, name=name, user=user, protocol="SMTP")


def _delivery(queue: str, text: str) -> Noted:
    found = values(text)
    status, _, said = found.get("status", "").partition(" ")
    return Noted(FAMILY, queue, deliveries=(Delivery(bare(found["to"]), found.get("relay", ""), status, said),))


def _refused(text: str) -> Noted | None:
    """``reject: RCPT from name[address]: reply; from=<…> to=<…> proto=… helo=<…>``."""
    if not text.startswith("reject: RCPT from "):
        return None
    client, _, rest = text.removeprefix("reject: RCPT from ").partition(": ")
    name, address = host_and_address(client)
    reply, _, tail = rest.rpartition("; from=")
    found = values("from=" + tail, " ")
    refused = Delivery(bare(found.get("to", "")), "", "refused", reply)
    return Noted(
        FAMILY,
        ip=address,
        name=name,
        helo=bare(found.get("helo", "")),
        protocol=found.get("proto", ""),
        sender=bare(found.get("from", "")),
        deliveries=(refused,),
    )

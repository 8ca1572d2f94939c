# SPDX-License-Identifier: Apache-2.0
"""qmail's lines: qmail-send's log, and that of tcpserver before qmail-smtpd.

    new msg 77034
    info msg 77034: bytes 2032 from <x@b.com> qp 17968 uid 407
    starting delivery 7: msg 77034 to remote y@c.com
    delivery 7: success: 198.51.100.9_accepted_message./…
    end msg 77034
    tcpserver: pid 17965 from 192.0.2.7
    tcpserver: ok 17965 ns.a.com:192.0.2.25:25 pc.b.com:192.0.2.7::5321
    tcpserver: end 17965 status 0

The id in its Received lines is that of the queueing process (``qp``). Which connection it belongs to is written
nowhere: where only one was open then, it was that one.

Limits: with several connections open the client stays unknown, and only the user is told under whose number the
message was queued: that of qmail-smtpd (``qmaild``) for mail from the network.
"""

from __future__ import annotations

import re
from typing import Final

from fumidai.logs.line import Line
from fumidai.logs.noted import Delivery, Noted

FAMILY: Final = "qmail"
_INFO: Final = re.compile(r"info msg (\d{1,20}): bytes \d{1,20} from <([^>]{0,400})> qp (\d{1,10}) uid (\d{1,10})")
_START: Final = re.compile(r"starting delivery (\d{1,20}): msg (\d{1,20}) to (remote|local) (\S{1,400})")
_RESULT: Final = re.compile(r"delivery (\d{1,20}): (success|failure|deferral): ?(.{0,400})")
_OK: Final = re.compile(
    r"tcpserver: ok (\d{1,10}) \S{0,300} ([^\s:]{0,255}):([0-9A-Fa-f.:]{2,45}):[^:\s]{0,100}:\d{0,5}"
)
_END: Final = re.compile(r"tcpserver: end (\d{1,10}) ")
_STATUS: Final = {"success": "sent", "failure": "bounced", "deferral": "deferred"}
#: The one place under which open connections are counted (``join``).
CONNECTIONS: Final = "connections"


def note(line: Line) -> Noted | None:
    """What the line notes; None where it is not qmail's or of no use here."""
    if line.program and not line.program.startswith(("qmail", "tcpserver", "smtpd")):
        return None
    text = line.text
    if line.program.startswith("tcpserver"):
        text = f"tcpserver: {text}"
    # splogger puts a time before what it passes to syslog.
    first, _, rest = text.partition(" ")
    if first.replace(".", "").isdigit():
        text = rest
    return _queue(text) or _connection(text)


def _queue(text: str) -> Noted | None:
    if found := _INFO.match(text):
        number, sender, process, uid = found.groups()
        return Noted(FAMILY, process, session=f"msg {number}", local=f"uid {uid}", sender=sender)
    if found := _START.match(text):
        delivery, number, where, whom = found.groups()
        return Noted(FAMILY, session=f"msg {number}", attempt=delivery, deliveries=(Delivery(whom, where),))
    if found := _RESULT.match(text):
        delivery, word, said = found.groups()
        told = Delivery("", "", _STATUS[word], said.replace("_", " "))
        return Noted(FAMILY, attempt=delivery, deliveries=(told,))
    return None


def _connection(text: str) -> Noted | None:
    if found := _OK.match(text):
        return Noted(FAMILY, session=f"{CONNECTIONS} {found[1]}", name=found[2], ip=found[3])
    if found := _END.match(text):
        return Noted(FAMILY, session=f"{CONNECTIONS} {found[1]}", ends=True)
    return None

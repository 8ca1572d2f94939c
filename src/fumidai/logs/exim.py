# SPDX-License-Identifier: Apache-2.0
"""Exim's main log.

    … 1abCdE-0001xy-Ab <= bob@a.com H=pc.a.com (pc) [192.0.2.7]:5321 P=esmtpsa X=TLS1.3:… A=plain:bob S=812 id=x@a.com
    … 1abCdE-0001xy-Ab <= www-data@a.com U=www-data P=local S=812
    … 1abCdE-0001xy-Ab => x@b.com R=dnslookup T=remote_smtp H=mx.b.com [198.51.100.9] C="250 ok"
    … 1abCdE-0001xy-Ab ** x@b.com R=dnslookup T=remote_smtp: 550 no such user
    … H=(pc) [192.0.2.7] F=<x@c.com> rejected RCPT <y@d.com>: relay not permitted

``=>`` is a delivery, ``->`` another of the same copy, ``>>`` one by cut-through, ``*>`` one that was not made (-N),
``**`` a bounce, ``==`` a deferral. Source: Exim's specification, chapter "Log files".

Limits: the marks of ``log_selector`` beyond the default ones are passed over.
"""

from __future__ import annotations

import re
from typing import Final

from fumidai.logs.line import Line
from fumidai.logs.noted import Delivery, Noted, bare, plain_address

FAMILY: Final = "exim"
# The specification's §3.4: 16 characters, since 4.97 23.
_ID: Final = re.compile(r"[0-9A-Za-z]{6}-[0-9A-Za-z]{6}(?:[0-9A-Za-z]{5})?-[0-9A-Za-z]{2}(?:[0-9A-Za-z]{2})? ")
_STATUS: Final = {"=>": "sent", "->": "sent", ">>": "sent", "*>": "suppressed", "**": "bounced", "==": "deferred"}
_HOST: Final = re.compile(r"(?:^| )H=((?:[^\s(\[]{1,255} )?)(?:\(([^)]{0,255})\) )?\[([0-9A-Fa-f.:]{2,45})\]")
_FIELD: Final = re.compile(r" ([A-Za-z]{1,3})=(\S{1,1000})")
_REFUSED: Final = re.compile(r" F=<([^>]{0,400})> (?:temporarily )?rejected RCPT <([^>]{0,400})>: (.{0,400})")


def note(line: Line) -> Noted | None:
    """What the line notes; None where it is not Exim's or of no use here."""
    if line.program and not line.program.startswith("exim"):
        return None
    found = _ID.match(line.text)
    if found is None:
        return _refused(line.text)
    queue = found[0].strip()
    mark, _, text = line.text[found.end() :].partition(" ")
    if mark == "<=":
        return _arrival(queue, text)
    if mark in _STATUS:
        return _delivery(queue, _STATUS[mark], text)
    return None


def _arrival(queue: str, text: str) -> Noted:
    sender, _, rest = text.partition(" ")
    fields = _fields(rest)
    name, helo, address = _host(rest)
    return Noted(
        FAMILY,
        queue,
        ip=address,
        name=name,
        helo=helo,
        # "plain:bob", "dovecot_login:bob": the authenticator, then the user.
        user=fields.get("A", "").partition(":")[2],
        local=fields.get("U", "") if not address else "",
        protocol=fields.get("P", ""),
        tls="X" in fields if address else None,
        sender="" if sender == "<>" else bare(sender),
        message_id=bare(fields.get("id", "")),
    )


def _delivery(queue: str, status: str, text: str) -> Noted:
    whom, _, rest = text.partition(" ")
    name, _, address = _host(" " + rest)
    relay = f"{name} [{address}]".strip() if address else _fields(" " + rest).get("T", "")
    said = rest.partition(' C="')[2].partition('"')[0] if status == "sent" else rest.partition(": ")[2]
    return Noted(FAMILY, queue, deliveries=(Delivery(bare(whom), relay, status, said),))


def _refused(text: str) -> Noted | None:
    found = _REFUSED.search(text)
    if found is None:
        return None
    name, helo, address = _host(text)
    refused = Delivery(found[2], "", "refused", found[3])
    return Noted(FAMILY, ip=address, name=name, helo=helo, sender=found[1], deliveries=(refused,))


def _host(text: str) -> tuple[str, str, str]:
    """Verified name, HELO, address: ``H=name (helo) [address]``, where the name or the HELO may be missing."""
    found = _HOST.search(text)
    if found is None:
        return "", "", ""
    name, helo = found[1].strip(), (found[2] or "").strip("[]")
    # Without parentheses the client called itself by its name.
    return name, helo or name, plain_address(found[3])


def _fields(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in _FIELD.findall(" " + text if not text.startswith(" ") else text):
        found.setdefault(key, value)
    return found

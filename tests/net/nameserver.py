# SPDX-License-Identifier: Apache-2.0
"""A name server for tests: answers from a table, over UDP on loopback, in a thread of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from tests.net.udp import Send, udp_server

Table = dict[tuple[str, str], list[str]]
"""(name without final dot, type) → records; the record ``SERVFAIL`` or ``SILENCE`` stands for that."""


@contextlib.contextmanager
def name_server(table: Table) -> Iterator[int]:
    """Serve the table; yields the port. ``table`` may be changed meanwhile."""

    def answer(wire: bytes, send: Send) -> None:
        answered = _answer(dns.message.from_wire(wire), table)
        if answered is not None:
            send(answered.to_wire())

    with udp_server(answer) as port:
        yield port


def _answer(query: dns.message.Message, table: Table) -> dns.message.Message | None:
    question = query.question[0]
    name = question.name.to_text().rstrip(".").lower()
    kind = dns.rdatatype.to_text(question.rdtype)
    response = dns.message.make_response(query)
    response.flags |= dns.flags.RA
    records = table.get((name, kind), [])
    if records == ["SILENCE"]:
        return None
    if records == ["SERVFAIL"]:
        response.set_rcode(dns.rcode.SERVFAIL)
    elif records:
        response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *records))
    elif not any(known == name for known, _ in table):
        response.set_rcode(dns.rcode.NXDOMAIN)
    return response

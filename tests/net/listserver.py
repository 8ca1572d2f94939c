# SPDX-License-Identifier: Apache-2.0
"""A name server for tests that serves blocklists, in all the ways in which they are served well and badly."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from fumidai.dnsbl.names import Takes, query_name
from fumidai.dnsbl.names import test_points as points
from tests.net.udp import Send, udp_server


class Way(StrEnum):
    """How a zone is served."""

    PLAIN = "plain"
    WILDCARD = "wildcard"  # every name has the first code
    SERVFAIL = "SERVFAIL"
    SILENCE = "silence"


@dataclass(slots=True)
class Zone:
    """A list that can be changed while it is served.

    Attributes:
        entries: address or first labels → codes; ``texts``: their TXT, as bytes.
        ttl: of an entry; ``least``: of "there is no such name"; ``delay``: seconds before an answer.
        tells_why: False: whoever asks for a TXT gets no answer.
    """

    name: str
    entries: dict[str, list[str]] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    way: Way = Way.PLAIN
    ttl: int = 300
    least: int = 300
    delay: float = 0.0
    tells_why: bool = True
    asked: Counter[str] = field(default_factory=Counter)

    def serve_only(self, *codes: str) -> None:
        """From now on every name has these codes."""
        self.way, self.entries = Way.WILDCARD, {"": list(codes)}

    def questions(self, what: str, kind: str = "A") -> int:
        """How often an address was asked about."""
        return self.asked[f"{query_name(ip_address(what), self.name)} {kind}"]

    @property
    def all_questions(self) -> int:
        """How often anything was asked."""
        return self.asked.total()


def good_list(name: str, *listed: str, codes: tuple[str, ...] = ("127.0.0.2",), both: bool = True) -> Zone:
    """A list with its test points, and these addresses on it."""
    zone = Zone(name)
    for takes in (Takes.IPV4, Takes.IPV6) if both else (Takes.IPV4,):
        zone.entries[points(takes, name)[0]] = ["127.0.0.2"]
    for address in listed:
        zone.entries[query_name(ip_address(address), name)] = list(codes)
    return zone


@contextlib.contextmanager
def list_server(*zones: Zone) -> Iterator[int]:
    """Serve zones over UDP on loopback; yields the port."""
    late: list[threading.Timer] = []

    def answer(wire: bytes, send: Send) -> None:
        query = dns.message.from_wire(wire)
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        zone = next((zone for zone in zones if name.endswith(f".{zone.name}")), None)
        answered = _answer(query, name, zone)
        if answered is None:
            return
        if zone is not None and zone.delay:
            late.append(threading.Timer(zone.delay, send, (answered.to_wire(),)))
            late[-1].start()
        else:
            send(answered.to_wire())

    with udp_server(answer) as port:
        try:
            yield port
        finally:
            for timer in late:
                timer.join()


def _answer(query: dns.message.Message, name: str, zone: Zone | None) -> dns.message.Message | None:
    question = query.question[0]
    kind = dns.rdatatype.to_text(question.rdtype)
    response = dns.message.make_response(query)
    response.flags |= dns.flags.RA
    if zone is None:
        response.set_rcode(dns.rcode.NXDOMAIN)
        return response
    zone.asked[f"{name} {kind}"] += 1
    if zone.way is Way.SILENCE or (kind == "TXT" and not zone.tells_why):
        return None
    if zone.way is Way.SERVFAIL:
        response.set_rcode(dns.rcode.SERVFAIL)
        return response
    key = "" if zone.way is Way.WILDCARD else name
    records = zone.entries.get(key, []) if kind == "A" else _quoted(zone.texts.get(key))
    if records and kind in ("A", "TXT"):
        response.answer.append(dns.rrset.from_text(question.name, zone.ttl, "IN", kind, *records))
        return response
    if key not in zone.entries:
        response.set_rcode(dns.rcode.NXDOMAIN)
    soa = f"ns.{zone.name}. hostmaster.{zone.name}. 1 3600 600 86400 {zone.least}"
    response.authority.append(dns.rrset.from_text(f"{zone.name}.", zone.least, "IN", "SOA", soa))
    return response


def _quoted(text: bytes | None) -> list[str]:
    """A TXT record as a zone file writes it: pieces of at most 255 octets."""
    if text is None:
        return []
    pieces = [text[start : start + 255] for start in range(0, len(text) or 1, 255)]
    return [" ".join('"' + "".join(f"\\{octet:03d}" for octet in piece) + '"' for piece in pieces)]

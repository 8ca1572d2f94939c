# SPDX-License-Identifier: Apache-2.0
"""The names of the lab: everything below `.test`, and the reverse names of its addresses.

NAME.lab.test    A AAAA PTR    a server             NAME.test       MX → NAME.lab.test, what it receives for
proof.test       MX → the tester, whose sink takes the proofs (proof2.test → tester2, and so on)
mx-NAME.test     MX → the tester first, the server after it: for relaying by MX (mx2-NAME.test: tester2 …)
victim.test      MX → the victim, whose addresses are forged as senders
inside.lab.test  the host behind a gateway: the victim's sink under another name
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from lab.network import DNS_V4, STRANGERS, VICTIM
from lab.servers import Server

Record = tuple[str, str]
Zone = dict[str, list[Record]]


def stranger_suffix(number: int) -> str:
    """What tells the names of the strangers apart: nothing for the first, then 2, 3 …"""
    return "" if number == 0 else str(number + 1)


def make_zone(servers: Iterable[Server]) -> Zone:
    """Every name of the lab with its records, names in lower case and without the last dot."""
    zone: Zone = {}
    add_host(zone, "ns.lab.test", DNS_V4)
    add_host(zone, "mail.victim.test", VICTIM.v4, VICTIM.v6)
    add(zone, "inside.lab.test", ("A", VICTIM.v4), ("AAAA", VICTIM.v6))
    add(zone, "victim.test", ("MX", "10 mail.victim.test"))
    for number, stranger in enumerate(STRANGERS):
        suffix = stranger_suffix(number)
        add_host(zone, f"sink.proof{suffix}.test", stranger.v4, stranger.v6)
        add(zone, f"proof{suffix}.test", ("MX", f"10 sink.proof{suffix}.test"))
    for server in servers:
        add_host(zone, server.hostname, server.v4, server.v6)
        add(zone, server.domain, ("MX", f"10 {server.hostname}"))
        for number, _ in enumerate(STRANGERS):
            suffix = stranger_suffix(number)
            add(zone, f"mx{suffix}-{server.domain}", ("MX", f"10 sink.proof{suffix}.test"),
                ("MX", f"20 {server.hostname}"))  # fmt: skip
    for name in [*zone]:
        while "." in (name := name.partition(".")[2]):
            # The names between exist, without records (RFC 8020): asking for them is no NXDOMAIN.
            zone.setdefault(name, [])
    return zone


def add(zone: Zone, name: str, *records: Record) -> None:
    """Add records to a name."""
    zone.setdefault(name, []).extend(records)


def add_host(zone: Zone, name: str, *addresses: str) -> None:
    """Add a host's addresses, both ways."""
    for text in addresses:
        address = ipaddress.ip_address(text)
        add(zone, name, ("A" if address.version == 4 else "AAAA", text))
        add(zone, address.reverse_pointer, ("PTR", name))

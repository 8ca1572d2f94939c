# SPDX-License-Identifier: Apache-2.0
"""A small DNS server for the lab's names (lab.zone), over UDP: `python3 -m lab.dns ADDRESS`.

It knows A, AAAA, MX and PTR, answers with authority, gives NXDOMAIN for every name that is not the lab's, and an empty
answer for a type that a name does not have. RFC 1035 §4 is the format; names in answers are never compressed, save the
owner's, which points to the question.

Limits: no TCP (answers fit in 512 octets), no EDNS in answers, no SOA: nobody here caches a negative answer.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys

from lab.servers import all_servers
from lab.zone import Record, Zone, make_zone

TYPES = {"A": 1, "PTR": 12, "MX": 15, "AAAA": 28}
ANY = 255
NXDOMAIN, FORMERR, NOTIMP = 3, 1, 4
TTL = 60


def encode_name(name: str) -> bytes:
    """A name as labels (RFC 1035 §3.1)."""
    return b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split(".")) + b"\0"


def encode_data(record: Record) -> bytes:
    """A record's data in its type's own form."""
    kind, value = record
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(value).packed
    if kind == "MX":
        preference, _, exchange = value.partition(" ")
        return struct.pack("!H", int(preference)) + encode_name(exchange)
    return encode_name(value)


def read_question(query: bytes) -> tuple[str, int, int]:
    """The name in lower case, the type, and where the question ends; ValueError when it can't be read."""
    labels, at = [], 12
    while length := query[at]:
        # Two high bits mark a pointer (RFC 1035 §4.1.4), which no question needs.
        if length > 63:
            raise ValueError("pointer in a question")
        labels.append(query[at + 1 : at + 1 + length].decode("ascii", "replace").lower())
        at += 1 + length
    kind, _ = struct.unpack("!HH", query[at + 1 : at + 5])
    return ".".join(labels), kind, at + 5


def answer(query: bytes, zone: Zone) -> bytes | None:
    """The reply to a query; None for what is no query at all."""
    if len(query) < 12 or query[2] & 0x80:
        return None
    recursion = query[2] & 0x01
    try:
        name, kind, end = read_question(query)
    except (ValueError, IndexError, struct.error):
        return query[:2] + struct.pack("!BB4H", 0x80, FORMERR, 0, 0, 0, 0)
    if query[2] & 0x78:
        return query[:2] + struct.pack("!BB4H", 0x80 | query[2] & 0x79, NOTIMP, 0, 0, 0, 0)
    records = [record for record in zone.get(name, ()) if kind in (ANY, TYPES[record[0]])]
    code = 0 if name in zone else NXDOMAIN
    # QR, AA and the asker's RD; RA as well, for resolvers that want a server which recurses.
    head = query[:2] + struct.pack("!BB4H", 0x84 | recursion, 0x80 | code, 1, len(records), 0, 0)
    body = b"".join(
        b"\xc0\x0c" + struct.pack("!HHIH", TYPES[record[0]], 1, TTL, len(encode_data(record))) + encode_data(record)
        for record in records
    )
    return head + query[12:end] + body


def serve(address: str) -> None:
    """Answer for ever."""
    zone = make_zone(all_servers().values())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((address, 53))
        while True:
            query, sender = udp.recvfrom(4096)
            if (reply := answer(query, zone)) is not None:
                udp.sendto(reply, sender)


if __name__ == "__main__":
    serve(sys.argv[1])

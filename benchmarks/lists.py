# SPDX-License-Identifier: Apache-2.0
"""A blocklist for the benchmark: lists its own test entry 127.0.0.2 (RFC 5782 §5) and nobody else.

    python3 -m benchmarks.lists 127.0.0.1:53

A DNS server of one answer and one refusal; both may be kept for an hour.

Limits: UDP only; every zone is the same list.
"""

from __future__ import annotations

import socket
import struct
import sys

_LISTED = b"\x012\x010\x010\x03127"
_TTL = 3600
# RFC 1035 §4.1.2: a question of ours stands behind the header of 12 octets; 0xc00c points back at it.
_HERE = b"\xc0\x0c"
_A = _HERE + struct.pack("!HHIH4B", 1, 1, _TTL, 4, 127, 0, 0, 2)
# RFC 2308 §3: how long a no may be kept stands in the SOA.
_SOA = b"\0" + struct.pack("!HHIH", 6, 1, _TTL, 22) + b"\0\0" + struct.pack("!5I", 1, _TTL, _TTL, _TTL, _TTL)


def answer(query: bytes) -> bytes:
    """The answer to a query for an address or a text."""
    end = query.index(b"\0", 12) + 5
    question = query[12:end]
    listed = question.startswith(_LISTED)
    wants_address = question[-4:-2] == b"\0\x01"
    # RFC 1035 §4.1.1: an answer with authority; code 3 is "no such name".
    flags, count = (0x8580, int(wants_address)) if listed else (0x8583, 0)
    head = query[:2] + struct.pack("!5H", flags, 1, count, 1 - count, 0)
    return head + question + (_A if count else _SOA)


def main(place: str) -> None:
    """Answer for ever."""
    host, _, port = place.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        plug.bind((host, int(port)))
        while True:
            query, sender = plug.recvfrom(4096)
            plug.sendto(answer(query), sender)


if __name__ == "__main__":
    main(sys.argv[1])

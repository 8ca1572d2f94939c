# SPDX-License-Identifier: Apache-2.0
"""Invariant: what a proxy says before its client is a header, a fault or not whole yet, however it is cut.

The first byte of an input is the size of the pieces; the rest is what comes. Nothing is raised, nothing is swallowed
but one header, and what was read is what the header says when it is written again.
"""

from __future__ import annotations

import struct
import sys

from fumidai.smtp.proxy import SIGNATURE, ProxyFault, ProxyHeader, ProxyReader
from fuzz import campaign

Found = ProxyHeader | ProxyFault | None


def target(data: bytes) -> None:
    """Hold the invariant for one input."""
    step, stream = (data[0] or 1) if data else 1, data[1:]
    found, rest = read([stream])
    assert (found, rest) == read([stream[start : start + step] for start in range(0, len(stream), step)])
    if isinstance(found, ProxyHeader):
        header = stream[: len(stream) - len(rest)]
        assert stream == header + rest
        assert read([header]) == (found, b"")
        assert (found.version == 2) == header.startswith(SIGNATURE)
        if found.ends is not None:
            assert read([written(found)])[0] == found
    else:
        assert rest == (b"" if found is None else stream)


def read(parts: list[bytes]) -> tuple[Found, bytes]:
    """What was found in the end, and what came behind it."""
    reader = ProxyReader()
    found: Found = None
    for part in parts:
        found = reader.feed(part)
    return found, reader.rest


def written(header: ProxyHeader) -> bytes:
    """A header that says the same."""
    ends = header.ends
    assert ends is not None
    kind = 4 if ends.client.version == 4 else 6
    if header.version == 1:
        return b"PROXY TCP%d %s %s %d %d\r\n" % (
            kind,
            str(ends.client).encode(),
            str(ends.server).encode(),
            ends.client_port,
            ends.server_port,
        )
    block = ends.client.packed + ends.server.packed + struct.pack("!HH", ends.client_port, ends.server_port)
    return SIGNATURE + struct.pack("!BBH", 0x21, 0x11 if kind == 4 else 0x21, len(block)) + block


if __name__ == "__main__":
    sys.exit(campaign.run(target, "proxy"))

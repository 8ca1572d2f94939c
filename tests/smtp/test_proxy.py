# SPDX-License-Identifier: Apache-2.0
"""The PROXY header: every form of it, every fault, however it is cut; and what stands behind it is the client's."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.smtp.proxy import SIGNATURE, Ends, ProxyFault, ProxyHeader, ProxyReader, Spoken, crc32c
from tests.smtp.chunks import cuts, pieces

FOUR = Ends(ip_address("192.0.2.1"), 4321, ip_address("198.51.100.2"), 25)
SIX = Ends(ip_address("2001:db8::1"), 4321, ip_address("2001:db8::2"), 25)
ENDS4 = bytes([192, 0, 2, 1, 198, 51, 100, 2]) + struct.pack("!HH", 4321, 25)
ENDS6 = SIX.client.packed + SIX.server.packed + struct.pack("!HH", 4321, 25)


def block(command: int, family: int, content: bytes) -> bytes:
    """A header of version 2; ``command`` with its version."""
    return SIGNATURE + struct.pack("!BBH", command, family, len(content)) + content


def record(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


def summed(content: bytes, behind: bytes = b"") -> bytes:
    """A header with a right checksum in the middle."""
    whole = block(0x21, 0x11, content + record(3, bytes(4)) + behind)
    at = 16 + len(content) + 3
    return whole[:at] + struct.pack("!I", crc32c(whole)) + whole[at + 4 :]


def read(data: bytes) -> tuple[ProxyHeader | ProxyFault | None, bytes]:
    reader = ProxyReader()
    return reader.feed(data), reader.rest


HEADERS = [
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 4321 25\r\n", ProxyHeader(1, Spoken.CLIENT, FOUR)),
    (b"PROXY TCP6 2001:db8::1 2001:DB8::2 4321 25\r\n", ProxyHeader(1, Spoken.CLIENT, SIX)),
    (b"PROXY UNKNOWN\r\n", ProxyHeader(1, Spoken.UNKNOWN)),
    (b"PROXY UNKNOWN ffff::1 x y z\r\n", ProxyHeader(1, Spoken.UNKNOWN)),
    (b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n", ProxyHeader(1, Spoken.UNKNOWN)),
    (block(0x21, 0x11, ENDS4), ProxyHeader(2, Spoken.CLIENT, FOUR)),
    (block(0x21, 0x21, ENDS6), ProxyHeader(2, Spoken.CLIENT, SIX)),
    (block(0x21, 0x11, ENDS4 + record(0x20, b"tls") + record(0xE0, b"")), ProxyHeader(2, Spoken.CLIENT, FOUR)),
    (block(0x21, 0x00, b""), ProxyHeader(2, Spoken.UNKNOWN)),
    (block(0x21, 0x00, record(4, b"\0" * 9)), ProxyHeader(2, Spoken.UNKNOWN)),
    (block(0x21, 0x31, b"/run/x".ljust(216, b"\0")), ProxyHeader(2, Spoken.UNKNOWN)),
    (block(0x20, 0x00, b""), ProxyHeader(2, Spoken.ITSELF)),
    (block(0x20, 0xFF, b"anything"), ProxyHeader(2, Spoken.ITSELF)),
    (summed(ENDS4), ProxyHeader(2, Spoken.CLIENT, FOUR)),
    (summed(ENDS4 + record(1, b"smtp"), record(0xEA, b"vpce")), ProxyHeader(2, Spoken.CLIENT, FOUR)),
]
FAULTS = [
    (b"EHLO x\r\n", ProxyFault.NO_HEADER),
    (b"PROXX", ProxyFault.NO_HEADER),
    (b"\r\n\r\nQ", ProxyFault.NO_HEADER),
    (b"proxy TCP4 192.0.2.1 198.51.100.2 4321 25\r\n", ProxyFault.NO_HEADER),
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 4321\r\n", ProxyFault.BAD_LINE),
    (b"PROXY TCP4  192.0.2.1 198.51.100.2 4321 25\r\n", ProxyFault.BAD_LINE),
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 04321 25\r\n", ProxyFault.BAD_LINE),
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 4321 65536\r\n", ProxyFault.BAD_LINE),
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 65536 25\r\n", ProxyFault.BAD_LINE),
    (b"PROXY TCP4 192.0.2.01 198.51.100.2 4321 25\r\n", ProxyFault.BAD_LINE),
    (b"PROXY TCP4 2001:db8::1 198.51.100.2 4321 25\r\n", ProxyFault.BAD_LINE),
    (b"PROXY TCP6 192.0.2.1 2001:db8::1 4321 25\r\n", ProxyFault.BAD_LINE),
    (b"PROXY TCP6 fe80::1%eth0 2001:db8::1 4321 25\r\n", ProxyFault.BAD_LINE),
    (b"PROXY UDP4 192.0.2.1 198.51.100.2 4321 25\r\n", ProxyFault.BAD_LINE),
    (b"PROXY UNKNOWNS\r\n", ProxyFault.BAD_LINE),
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 4321 25\n" + b"x" * 70, ProxyFault.LINE_TOO_LONG),
    (b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n", ProxyFault.LINE_TOO_LONG),
    (SIGNATURE + b"\x11\x11\0\x0c", ProxyFault.BAD_VERSION),
    (SIGNATURE + b"\x22\x11\0\x0c", ProxyFault.BAD_COMMAND),
    (SIGNATURE + b"\x21\x12\0\x0c", ProxyFault.BAD_FAMILY),
    (SIGNATURE + b"\x21\x41\0\x0c", ProxyFault.BAD_FAMILY),
    (SIGNATURE + b"\x21\x11\0\x0b", ProxyFault.TOO_SHORT),
    (SIGNATURE + b"\x21\x21\0\x0c", ProxyFault.TOO_SHORT),
    (SIGNATURE + b"\x20\x11\xff\xff", ProxyFault.TOO_LONG),
    (block(0x21, 0x11, ENDS4 + b"\x04\0"), ProxyFault.BAD_RECORD),
    (block(0x21, 0x11, ENDS4 + b"\x04\0\x02x"), ProxyFault.BAD_RECORD),
    (block(0x21, 0x11, ENDS4 + record(3, b"abc")), ProxyFault.BAD_RECORD),
    (block(0x21, 0x11, ENDS4 + record(3, b"abcd")), ProxyFault.BAD_CHECKSUM),
    (summed(ENDS4).replace(b"\xc0\0\x02\x01", b"\xc0\0\x02\x02"), ProxyFault.BAD_CHECKSUM),
]


@pytest.mark.parametrize(("data", "header"), HEADERS)
def test_headers_and_what_stands_behind(data: bytes, header: ProxyHeader):
    assert read(data) == (header, b"")
    assert read(data + data + b"EHLO x\r\n") == (header, data + b"EHLO x\r\n"), "a second one is the client's own words"
    for length in range(len(data)):
        assert read(data[:length]) == (None, b""), "nothing is certain before the last octet"


@pytest.mark.parametrize(("data", "fault"), FAULTS)
def test_faults(data: bytes, fault: ProxyFault):
    assert read(data) == (fault, data), "nothing is swallowed"


@given(st.data(), st.sampled_from([data for data, _ in HEADERS + FAULTS]), st.binary(max_size=40))
def test_any_cut_gives_the_same(choice: st.DataObject, start: bytes, behind: bytes):
    data = start + behind
    reader = ProxyReader()
    found = None
    for piece in pieces(data, choice.draw(cuts(data))):
        found = reader.feed(piece)
    assert (found, reader.rest) == read(data)


@given(st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11"]), st.binary(max_size=300))
def test_no_input_raises_and_none_is_kept_without_end(start: bytes, data: bytes):
    found, rest = read(start + data)
    assert found is not None or (not rest and len(start + data) < 16 + 65536)
    if isinstance(found, ProxyHeader):
        assert (found.ends is not None) == (found.spoken is Spoken.CLIENT)
    assert (start + data).endswith(rest)


def test_a_header_of_the_greatest_length_and_one_more():
    most = 16 * 1024 - 16 - 12 - 3
    assert read(block(0x21, 0x11, ENDS4 + record(4, bytes(most))))[0] == ProxyHeader(2, Spoken.CLIENT, FOUR)
    assert read(block(0x21, 0x11, ENDS4 + record(4, bytes(most + 1))))[0] is ProxyFault.TOO_LONG


@pytest.mark.parametrize(
    # RFC 3720 appendix B.4
    ("data", "value"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"123456789", 0xE3069283),
    ],
)
def test_the_checksum_is_castagnolis(data: bytes, value: int):
    assert crc32c(data) == value

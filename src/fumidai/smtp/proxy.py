# SPDX-License-Identifier: Apache-2.0
"""The header that a load balancer puts before a client's first byte: the PROXY protocol, versions 1 and 2.

    reader = ProxyReader()
    header = reader.feed(data)     # None: more is needed; ProxyFault: this is no header; else a ProxyHeader
    machine.receive(reader.rest)   # what the client itself has said by then

Who may send one at all is not asked here: read it only from peers that were declared, from them always, before
anything else (a TLS handshake too), and once. A header from anybody else is a way to lie about one's address.

``LOCAL`` means that the proxy speaks for itself: the addresses of the connection are the true ones. A header that
carries no address of the internet (``UNKNOWN``, UNSPEC, a UNIX socket) leaves the client unknown.

Source: HAProxy's "The PROXY protocol, versions 1 & 2" (2020/03/05), cited as PROXY with its section.

Limits: of the records behind the addresses (TLV) only the checksum is looked at; what a proxy says of the client's TLS
is not used. A header is at most 16 KiB, which is more than the addresses and a certificate need.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final

IpAddress = IPv4Address | IPv6Address

# PROXY §2.1: 107 octets are the longest line with its CR LF.
_LINE: Final = 107
_START: Final = b"PROXY "
#: PROXY §2.2: what a header of version 2 begins with.
SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED: Final = 16
_MOST: Final = 16 * 1024
_CHECKSUM: Final = 0x03  # PROXY §2.2.3, PP2_TYPE_CRC32C


class ProxyFault(StrEnum):
    """Why something is no header."""

    NO_HEADER = "no PROXY header"
    BAD_LINE = "a PROXY line of a wrong form"
    LINE_TOO_LONG = "a PROXY line without end"
    BAD_VERSION = "a PROXY header of no known version"
    BAD_COMMAND = "a PROXY header with an unknown command"
    BAD_FAMILY = "a PROXY header with an unknown kind of address"
    TOO_LONG = "a PROXY header that is too long"
    TOO_SHORT = "a PROXY header shorter than its addresses"
    BAD_RECORD = "a PROXY header with a broken record"
    BAD_CHECKSUM = "a PROXY header with a wrong checksum"


class Spoken(StrEnum):
    """For whom the proxy speaks."""

    CLIENT = "client"
    ITSELF = "itself"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of the client's connection to the proxy."""

    client: IpAddress
    client_port: int
    server: IpAddress
    server_port: int


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """A whole header.

    Attributes:
        version: 1 or 2.
        spoken: for whom; ``ends`` is there for ``CLIENT`` only.
    """

    version: int
    spoken: Spoken
    ends: Ends | None = None


class ProxyReader:
    """Reads one header; after that everything fed is ``rest``.

    Attributes:
        rest: what came behind the header.
    """

    __slots__ = ("_buffer", "_found", "rest")

    def __init__(self) -> None:
        self.rest = b""
        self._buffer = b""
        self._found: ProxyHeader | ProxyFault | None = None

    def feed(self, data: bytes) -> ProxyHeader | ProxyFault | None:
        """Take some more bytes; what it is, once that is certain."""
        if self._found is not None:
            self.rest += data
            return self._found
        self._buffer += data
        found = _read(self._buffer)
        if found is None:
            return None
        self._found, length = found
        self._buffer, self.rest = b"", self._buffer[length:]
        return self._found


def _read(data: bytes) -> tuple[ProxyHeader | ProxyFault, int] | None:
    """The header at the beginning and its length; None where more bytes have to tell."""
    if _may_begin(data, SIGNATURE):
        return _read_second(data) if len(data) >= _FIXED else None
    if _may_begin(data, _START):
        return _read_first(data)
    return ProxyFault.NO_HEADER, 0


def _may_begin(data: bytes, start: bytes) -> bool:
    return data.startswith(start[: len(data)])


# --- version 1: a line ---

_NUMBER: Final = rb"(0|[1-9][0-9]{0,4})"
_ADDRESSES: Final = re.compile(rb"PROXY (TCP4|TCP6) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) " + _NUMBER + b" " + _NUMBER)
_UNKNOWN: Final = re.compile(rb"PROXY UNKNOWN(?: .*)?", re.DOTALL)


def _read_first(data: bytes) -> tuple[ProxyHeader | ProxyFault, int] | None:
    end = data.find(b"\r\n", 0, _LINE)
    if end < 0:
        return (ProxyFault.LINE_TOO_LONG, 0) if len(data) >= _LINE else None
    line, length = data[:end], end + 2
    if _UNKNOWN.fullmatch(line):
        # PROXY §2.1: whatever stands behind UNKNOWN has to be ignored.
        return ProxyHeader(1, Spoken.UNKNOWN), length
    ends = _ends_of_line(line)
    return (ProxyFault.BAD_LINE, 0) if ends is None else (ProxyHeader(1, Spoken.CLIENT, ends), length)


def _ends_of_line(line: bytes) -> Ends | None:
    found = _ADDRESSES.fullmatch(line)
    if found is None:
        return None
    kind, client, server, *ports = (part.decode("ascii") for part in found.groups())
    made: type[IPv4Address] | type[IPv6Address] = IPv4Address if kind == "TCP4" else IPv6Address
    try:
        ends = Ends(made(client), int(ports[0]), made(server), int(ports[1]))
    except ValueError:
        return None
    return ends if max(ends.client_port, ends.server_port) < 65536 else None


# --- version 2: a block ---

#: PROXY §2.2: family and transport -> octets of the addresses. Datagrams carry no SMTP.
_LENGTHS: Final = {0x00: 0, 0x11: 12, 0x21: 36, 0x31: 216}
_TCP4, _TCP6 = 0x11, 0x21
_LOCAL, _PROXY = 0, 1


def _read_second(data: bytes) -> tuple[ProxyHeader | ProxyFault, int] | None:
    version, command, family = data[12] >> 4, data[12] & 15, data[13]
    (follows,) = struct.unpack_from("!H", data, 14)
    length = _FIXED + follows
    fault = _fault_of_start(version, command, family, follows)
    if fault:
        return fault, 0
    if len(data) < length:
        return None
    if command == _LOCAL:
        # PROXY §2.2: the whole block is to be passed over, its family too.
        return ProxyHeader(2, Spoken.ITSELF), length
    fault = _fault_of_records(data[:length], _FIXED + _LENGTHS[family])
    if fault:
        return fault, 0
    ends = _ends_of_block(family, data[_FIXED:length])
    return ProxyHeader(2, Spoken.UNKNOWN if ends is None else Spoken.CLIENT, ends), length


def _fault_of_start(version: int, command: int, family: int, follows: int) -> ProxyFault | None:
    """What is wrong with the fixed part; told before the rest has come."""
    if version != 2:
        return ProxyFault.BAD_VERSION
    if command not in (_LOCAL, _PROXY):
        return ProxyFault.BAD_COMMAND
    if _FIXED + follows > _MOST:
        return ProxyFault.TOO_LONG
    if command == _LOCAL:
        return None
    if family not in _LENGTHS:
        return ProxyFault.BAD_FAMILY
    return ProxyFault.TOO_SHORT if follows < _LENGTHS[family] else None


def _ends_of_block(family: int, block: bytes) -> Ends | None:
    if family == _TCP4:
        client, server, client_port, server_port = struct.unpack_from("!4s4sHH", block)
        return Ends(IPv4Address(client), client_port, IPv4Address(server), server_port)
    if family == _TCP6:
        client, server, client_port, server_port = struct.unpack_from("!16s16sHH", block)
        return Ends(IPv6Address(client), client_port, IPv6Address(server), server_port)
    return None


def _fault_of_records(header: bytes, at: int) -> ProxyFault | None:
    """What is wrong with the records from ``at`` on."""
    while at < len(header):
        if at + 3 > len(header):
            return ProxyFault.BAD_RECORD
        kind, size = struct.unpack_from("!BH", header, at)
        at += 3
        if at + size > len(header) or (kind == _CHECKSUM and size != 4):
            return ProxyFault.BAD_RECORD
        if kind == _CHECKSUM and not _sum_is_right(header, at):
            return ProxyFault.BAD_CHECKSUM
        at += size
    return None


def _sum_is_right(header: bytes, at: int) -> bool:
    # PROXY §2.2.3: reckoned over the whole header with noughts in its own place.
    return crc32c(header[:at] + bytes(4) + header[at + 4 :]) == int.from_bytes(header[at : at + 4], "big")


def crc32c(data: bytes) -> int:
    """The checksum of RFC 3720 appendix B.4 (Castagnoli's polynomial), which the standard library does not have."""
    table, value = _crc_table(), 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


@lru_cache(maxsize=1)
def _crc_table() -> tuple[int, ...]:
    def entry(value: int) -> int:
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        return value

    return tuple(map(entry, range(256)))

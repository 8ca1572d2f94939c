# SPDX-License-Identifier: Apache-2.0
"""The address of a peer as an object that is made once for all its connections.

Python's ``ipaddress`` makes the hash and the text of an address anew each time it is asked, and a client's address is a
key and a text some twenty times for each connection. Here both are kept with the object; otherwise it is an address
like any other, equal to one that says the same.

Limits: the last ``_MOST`` peers are remembered; a text that is no address is the caller's mistake (ValueError).
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from fumidai.evidence.vantage import plain

_MOST: Final = 4096


class Peer4(IPv4Address):
    """An IPv4 address, its hash and text at hand."""

    __slots__ = ("_hash", "_text")

    def __init__(self, address: IPv4Address) -> None:
        super().__init__(int(address))
        self._hash = super().__hash__()
        self._text = super().__str__()

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return self._text


class Peer6(IPv6Address):
    """An IPv6 address, its hash and text at hand."""

    __slots__ = ("_hash", "_text")

    def __init__(self, address: IPv6Address) -> None:
        super().__init__(str(address))  # with its scope, if it has one
        self._hash = super().__hash__()
        self._text = super().__str__()

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return self._text


@lru_cache(_MOST)
def peer_address(text: str) -> IPv4Address | IPv6Address:
    """The address that the system names, without its scope; an IPv4-mapped one is the IPv4 address that it is."""
    address = plain(ip_address(text.partition("%")[0]))
    return Peer4(address) if isinstance(address, IPv4Address) else Peer6(address)

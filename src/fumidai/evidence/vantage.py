# SPDX-License-Identifier: Apache-2.0
"""Where a tester stands: is an address private, and are two addresses neighbours?

Both words are the design's own (DESIGN §3 "Vantage"), not the standard library's ``is_private``, which also takes
documentation ranges for private: here they count as public, because laboratories and examples play the internet
with them.

Limits: says nothing about routes or NAT; that is ``net.route``.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

_PRIVATE4: Final = (
    IPv4Network("10.0.0.0/8"),  # RFC 1918 §3
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("127.0.0.0/8"),  # RFC 1122 §3.2.1.3
    IPv4Network("100.64.0.0/10"),  # RFC 6598 §7
)
_PRIVATE6: Final = (
    IPv6Network("::1/128"),  # RFC 4291 §2.5.3
    IPv6Network("fc00::/7"),  # RFC 4193 §3.1
    IPv6Network("fe80::/10"),  # RFC 4291 §2.5.6
)


def plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4-mapped IPv6 address (``::ffff:192.0.2.1``, RFC 4291 §2.5.5.2) as the IPv4 address that it is."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def is_private(address: IPv4Address | IPv6Address) -> bool:
    """RFC 1918, 127/8, ::1, fc00::/7, fe80::/10 or 100.64/10; documentation ranges are public."""
    bare = plain(address)
    if isinstance(bare, IPv4Address):
        return any(bare in network for network in _PRIVATE4)
    return any(bare in network for network in _PRIVATE6)


def same_neighbourhood(one: IPv4Address | IPv6Address, other: IPv4Address | IPv6Address) -> bool:
    """Both in one /24 (IPv4) or one /48 (IPv6)."""
    one, other = plain(one), plain(other)
    if one.version != other.version:
        return False
    shift = 8 if one.version == 4 else 80
    return int(one) >> shift == int(other) >> shift

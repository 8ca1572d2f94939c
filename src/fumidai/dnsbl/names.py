# SPDX-License-Identifier: Apache-2.0
"""The name under which a list is asked about an address or a domain, and the names that every list must have.

    203.0.113.9 at bl.test        9.113.0.203.bl.test
    2001:db8::1 at bl.test        1.0.0.0. … .8.b.d.0.1.0.0.2.bl.test   (32 nibbles)
    evil.test   at dbl.test       evil.test.dbl.test

Limits: an IPv4 address in IPv6 clothes (``::ffff:192.0.2.1``) is asked about as the IPv6 address that it is, because
the test points of IPv6 lists are such addresses; whoever has a client in hand takes the clothes off first.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

Address = IPv4Address | IPv6Address

#: Octets of the longest name in front of a zone, dots included: 32 nibbles.
LONGEST_PREFIX: Final = 64
#: Octets of the longest zone that can be asked about every address (RFC 1035 §2.3.4: 255 octets, 253 as text).
LONGEST_ZONE: Final = 253 - LONGEST_PREFIX


class Takes(StrEnum):
    """What a list can be asked about."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    DOMAIN = "domain"


# RFC 5782 §5: the one must be listed, the other must not.
_LISTED: Final[Mapping[Takes, Address | str]] = {
    Takes.IPV4: IPv4Address("127.0.0.2"),
    Takes.IPV6: IPv6Address("::ffff:7f00:2"),
    Takes.DOMAIN: "test",
}
_NOT_LISTED: Final[Mapping[Takes, Address | str]] = {
    Takes.IPV4: IPv4Address("127.0.0.1"),
    Takes.IPV6: IPv6Address("::ffff:7f00:1"),
    Takes.DOMAIN: "invalid",
}


def kind_of(what: Address | str) -> Takes:
    """What a list has to take to be asked about this."""
    if isinstance(what, str):
        return Takes.DOMAIN
    return Takes.IPV4 if isinstance(what, IPv4Address) else Takes.IPV6


def read_subject(text: str) -> Address | str:
    """The address that a text is, else the text: a domain."""
    try:
        return ip_address(text)
    except ValueError:
        return text


def query_name(what: Address | str, zone: str) -> str:
    """The name to ask for, without final dot; ``what`` is an address or a domain."""
    return f"{_prefix(what)}.{zone.strip('.')}"


def _prefix(what: Address | str) -> str:
    if isinstance(what, IPv4Address):
        # RFC 5782 §2.1
        return ".".join(reversed(str(what).split(".")))
    if isinstance(what, IPv6Address):
        # RFC 5782 §2.4
        return ".".join(reversed(f"{int(what):032x}"))
    # RFC 5782 §3
    return what.strip(".").lower()


def test_points(takes: Takes, zone: str) -> tuple[str, str]:
    """The names that must be listed and must not be listed."""
    return query_name(_LISTED[takes], zone), query_name(_NOT_LISTED[takes], zone)

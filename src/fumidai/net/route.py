# SPDX-License-Identifier: Apache-2.0
"""Is there a way to an address, from which address of ours, and is it one of our own?

Connecting a UDP socket asks the kernel's routing table and sends nothing; binding to an address tells whether it is
ours. Both answers are the kernel's own, so policy routing and namespaces are respected.

Limits: a route says nothing about whether packets come through. Link-local addresses need their scope
(``fe80::1%eth0``).
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

from fumidai.evidence.vantage import plain

IpAddress = IPv4Address | IPv6Address

# RFC 863 (discard): any port would do, nothing is sent.
_DISCARD = 9


def source_towards(address: IpAddress, source: IpAddress | None = None) -> IpAddress | None:
    """The address we would come from; None where there is no route (or ``source`` can't be used)."""
    try:
        with socket.socket(family_of(address), socket.SOCK_DGRAM) as probe:
            if source is not None:
                probe.bind((str(source), 0))
            probe.connect((str(address), _DISCARD))
            return ip_address(probe.getsockname()[0])
    except OSError:
        return None


def has_route(address: IpAddress, source: IpAddress | None = None) -> bool:
    """True where the kernel knows a way to ``address``."""
    return source_towards(address, source) is not None


def is_own(address: IpAddress) -> bool:
    """True where ``address`` belongs to this machine (in this network namespace)."""
    bare = plain(address)
    try:
        with socket.socket(family_of(bare), socket.SOCK_DGRAM) as probe:
            probe.bind((str(bare), 0))
    except OSError:
        return False
    return not bare.is_unspecified


def family_of(address: IpAddress) -> socket.AddressFamily:
    """The socket family of an address."""
    return socket.AF_INET if address.version == 4 else socket.AF_INET6

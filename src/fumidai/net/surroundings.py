# SPDX-License-Identifier: Apache-2.0
"""The addresses around this machine behind which strangers may be hidden: its gateways, as its routes name them.

A container sees its network's bridge as its gateway, and everybody whom a userland proxy or a masquerading host lets in
comes from that bridge's address. The kernel shows the routes of this network namespace in ``/proc/net``; of networks
from the pools that containers take theirs from, the first address is the bridge's, even where it is not the default
route.

Limits: Linux only; elsewhere no gateway is known. A gateway that translates addresses without being anybody's default
route is not seen.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path
from typing import Final

from fumidai.net.route import IpAddress
from fumidai.policy.networks import BRIDGES

_PROC: Final = Path("/proc/net")
# Linux, include/uapi/linux/route.h: RTF_UP, RTF_GATEWAY
_UP: Final = 0x1
_BY_GATEWAY: Final = 0x2


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands around this machine."""

    gateways: frozenset[IpAddress] = frozenset()


def look_around(proc: Path = _PROC) -> Surroundings:
    """Read the routes; nothing is known where they can't be read."""
    return Surroundings(frozenset((*_gateways4(_lines(proc / "route")), *_gateways6(_lines(proc / "ipv6_route")))))


def _lines(path: Path) -> list[list[str]]:
    try:
        return [line.split() for line in path.read_text("ascii", "replace").splitlines()]
    except OSError:
        return []


def _gateways4(lines: list[list[str]]) -> Iterator[IpAddress]:
    """Columns: Iface Destination Gateway Flags RefCnt Use Metric Mask …; numbers in the machine's own order."""
    for line in lines[1:]:
        try:
            target, gateway, mask = (_address4(line[column]) for column in (1, 2, 7))
            flags = int(line[3], 16)
        except (ValueError, IndexError):
            continue
        if not flags & _UP:
            continue
        if flags & _BY_GATEWAY:
            yield gateway
        elif bridge := _bridge(target, mask):
            yield bridge


def _address4(text: str) -> IPv4Address:
    # The kernel prints the number as it lies in memory.
    return IPv4Address(int(text, 16).to_bytes(4, sys.byteorder))


def _bridge(target: IPv4Address, mask: IPv4Address) -> IPv4Address | None:
    """The first address of a container network that we are in."""
    try:
        network = IPv4Network(f"{target}/{mask}")
    except ValueError:
        return None
    if network.prefixlen == 32 or not any(network.subnet_of(pool) for pool in BRIDGES):
        return None
    return network.network_address + 1


def _gateways6(lines: list[list[str]]) -> Iterator[IpAddress]:
    """Columns: destination, its length, source, its length, next hop, metric, references, use, flags, interface."""
    for line in lines:
        try:
            gateway, flags = IPv6Address(int(line[4], 16)), int(line[8], 16)
        except (ValueError, IndexError):
            continue
        if flags & _UP and flags & _BY_GATEWAY:
            yield gateway

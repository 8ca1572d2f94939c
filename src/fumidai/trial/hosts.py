# SPDX-License-Identifier: Apache-2.0
"""Find where the targets are: addresses of a host, mail exchangers of a domain, members of a network.

A name with address records is a host; one without is a domain, and all its mail exchangers are asked
(DESIGN §6). A CIDR network stands for each of its addresses.

Limits: a network of more than 1024 addresses is refused here; the fleet comes later.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from fumidai.errors import TargetError, UsageError
from fumidai.net.resolver import Resolver
from fumidai.texts import N_
from fumidai.trial.order import TargetSpec

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Addresses that one CIDR target may stand for.
MOST_ADDRESSES = 1024


@dataclass(frozen=True, slots=True)
class Host:
    """One host to ask.

    Attributes:
        target: as the user named it; ``name``: host name, or the address where only that is known.
        addresses: all its addresses, in the order in which they are asked.
        ports: ports named with the target.
        ptrs: reverse name of each address ("" where it has none).
        skipped: addresses left out because only one family was wanted.
    """

    target: str
    name: str
    addresses: tuple[Address, ...]
    ports: tuple[int, ...]
    ptrs: dict[Address, str]
    skipped: tuple[Address, ...] = ()


def parse_target(text: str) -> TargetSpec:
    """Read one target: host, address, ``[v6]``, ``host:port``, domain or network.

    Raises:
        UsageError: it has none of these forms.
    """
    word = text.strip()
    host, port = word, ""
    if word.startswith("["):
        host, closed, rest = word[1:].partition("]")
        port = rest.removeprefix(":")
        if not closed or not _is_address(host) or (rest and not port) or (rest and not rest.startswith(":")):
            raise _no_target(text)
    elif word.count(":") == 1:
        host, _, port = word.partition(":")
        if not port:
            raise _no_target(text)
    if "/" in host and not _is_network(host):
        raise _no_target(text)
    if not host or any(c.isspace() or not c.isprintable() for c in host):
        raise _no_target(text)
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise _no_target(text)
    return TargetSpec(word, host, (int(port),) if port else ())


def _no_target(text: str) -> UsageError:
    return UsageError(
        N_("{target} is no target."),
        mend=N_("Name a host, an address, [IPv6 address], host:port, a domain or a network such as 192.0.2.0/28."),
        target=text,
    )


async def find_hosts(spec: TargetSpec, resolver: Resolver, only: int) -> list[Host]:
    """The hosts behind one target.

    Raises:
        TargetError: the DNS knows no such name, or could not answer.
        UsageError: a network too large.
    """
    network = _as_network(spec.host)
    if network is not None:
        # All reverse names at once: a name server that is silent is then waited for once, not a thousand times.
        members = (_host(spec, str(address), [address], resolver, only) for address in network)
        return list(await asyncio.gather(*members))
    found = await resolver.addresses(spec.host)
    if found.addresses:
        return [await _host(spec, spec.host, found.addresses, resolver, only)]
    exchangers = await resolver.mx(spec.host)
    hosts = []
    for exchanger in exchangers.names:
        there = await resolver.addresses(exchanger)
        if there.addresses:
            hosts.append(await _host(spec, exchanger, there.addresses, resolver, only))
    if not hosts:
        raise _unknown(spec, failed=found.failed or exchangers.failed)
    return hosts


def _unknown(spec: TargetSpec, *, failed: bool) -> TargetError:
    if failed:
        return TargetError(
            N_("The DNS gave no answer for {target}."),
            mend=N_("Check the name server of this machine, or name the target by its address."),
            target=spec.host,
        )
    return TargetError(
        N_("There is no host {target}: it has no address and no mail exchanger."),
        mend=N_("Check the spelling, or name the target by its address."),
        target=spec.host,
    )


async def _host(spec: TargetSpec, name: str, found: Sequence[Address], resolver: Resolver, only: int) -> Host:
    wanted = tuple(address for address in found if only in (0, address.version))
    skipped = tuple(address for address in found if address not in wanted)
    ptrs = {address: (await resolver.ptr(address)).name for address in wanted}
    return Host(spec.text, name, wanted, spec.ports, ptrs, skipped)


def _as_network(text: str) -> list[Address] | None:
    """The addresses of a CIDR network or a bare address; None where it is a name."""
    try:
        if "/" not in text:
            return None if not _is_address(text) else [ipaddress.ip_address(text)]
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    if network.num_addresses > MOST_ADDRESSES:
        raise UsageError(
            N_("{network} has {count} addresses; at most {most} can be asked at once."),
            mend=N_("Name a smaller network, or list the hosts in a file for --targets."),
            network=text,
            count=network.num_addresses,
            most=MOST_ADDRESSES,
        )
    return list(network.hosts()) or [network.network_address]


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True

# SPDX-License-Identifier: Apache-2.0
"""The relay networks of a policy file, and what is dangerous about them.

Refused: networks that hold everybody (``/0``, alone or by addition, and all of IPv4 mapped into IPv6), host bits,
names. Warned of: networks wider than ``/8`` (IPv6: ``/16``), and addresses behind which strangers are hidden: a
router's ``.1`` and the bridges of containers, through which a userland proxy makes every client look local.

Limits: what really stands behind an address can't be seen from a file; ``test`` finds out (``lost-client-address``).
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Network,
    IPv6Network,
    collapse_addresses,
    ip_interface,
    ip_network,
)
from typing import Final

from fumidai.policy.lines import Place
from fumidai.policy.model import Network
from fumidai.policy.notice import Source
from fumidai.texts import N_

#: Prefix lengths below these are warned of.
WIDE: Final = {4: 8, 6: 16}
# The pools from which Docker takes its bridges by default (daemon.json, default-address-pools), and Podman's.
BRIDGES: Final = tuple(
    map(IPv4Network, ("172.17.0.0/16", "172.18.0.0/15", "172.20.0.0/14", "172.24.0.0/13", "10.88.0.0/16"))
)
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAME_OWN: Final = N_(
    'Name your own networks, for example "192.0.2.0/24"; leave the list empty if nobody relays without a password.'
)


def read_networks(entries: list[str], place: Place, source: Source) -> tuple[Network, ...]:
    """The networks of a list, each checked; raises PolicyError."""
    networks = [_network(entry, (*place, count), source) for count, entry in enumerate(entries)]
    for total in together(networks):
        if total.prefixlen == 0:
            raise source.error(place, N_("Together these networks let the whole world relay."), mend=_NAME_OWN)
    return tuple(dict.fromkeys(networks))


def together(networks: Iterable[Network]) -> Iterable[Network]:
    """The networks, those that lie side by side put together."""
    networks = tuple(networks)
    yield from collapse_addresses(net for net in networks if isinstance(net, IPv4Network))
    yield from collapse_addresses(net for net in networks if isinstance(net, IPv6Network))


def _network(entry: str, place: Place, source: Source) -> Network:
    try:
        network = ip_network(entry)
    except ValueError:
        raise _no_network(entry, place, source) from None
    if network.prefixlen == 0 or (isinstance(network, IPv6Network) and network.supernet_of(_MAPPED)):
        raise source.error(place, N_('"{entry}" lets the whole world relay.'), mend=_NAME_OWN, entry=entry)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        raise source.error(
            place,
            N_('"{entry}" is an IPv4 network in IPv6 spelling.'),
            mend=N_('Write it as "{near}".'),
            entry=entry,
            near=_unmapped(network),
        )
    _warn(network, entry, place, source)
    return network


def _no_network(entry: str, place: Place, source: Source) -> Exception:
    try:
        near = str(ip_interface(entry).network)
    except ValueError:
        return source.error(
            place,
            N_('"{entry}" is no network.'),
            mend=N_('A network is an address and a length: "192.0.2.0/24", "2001:db8:1::/48".'),
            entry=entry,
        )
    return source.error(
        place,
        N_('"{entry}" has bits set beyond its length.'),
        mend=N_('Write "{near}", or a single address without a length.'),
        entry=entry,
        near=near,
    )


def _unmapped(network: IPv6Network) -> str:
    first = network.network_address.ipv4_mapped
    return f"{first}/{network.prefixlen - 96}"


def _warn(network: Network, entry: str, place: Place, source: Source) -> None:
    if network.prefixlen < WIDE[network.version]:
        source.warn(
            place,
            N_('"{entry}" is very wide, and every address in it may relay.'),
            mend=N_("Name your own networks as narrowly as you can."),
            entry=entry,
        )
    if isinstance(network, IPv4Network) and any(network.overlaps(bridge) for bridge in BRIDGES):
        source.warn(
            place,
            N_('"{entry}" covers container bridges: a userland proxy makes strangers come from there.'),
            mend=N_(
                "Leave it out, or make sure that the server sees the true address of its clients (PROXY protocol)."
            ),
            entry=entry,
        )
    elif _is_gateway(network):
        source.warn(
            place,
            N_('"{entry}" looks like a gateway: everyone whose address it hides may relay.'),
            mend=N_("Leave it out, or make sure that it does not translate the addresses of clients from outside."),
            entry=entry,
        )


def _is_gateway(network: Network) -> bool:
    """A single address that ends in 1, as routers have it; the loopback is no router."""
    address = network.network_address
    single = network.prefixlen == network.max_prefixlen
    return single and not address.is_loopback and int(address) & 0xFF == 1

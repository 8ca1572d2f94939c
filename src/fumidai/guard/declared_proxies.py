# SPDX-License-Identifier: Apache-2.0
"""``[guard] proxies``: the networks of the load balancers that are believed what they say of their clients.

Whoever is in them can be anybody: he says so. A network that holds everybody is refused, because then every stranger
chooses his own address.

Limits: what really stands at an address can't be seen from a file.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Final

from fumidai.policy.lines import Place
from fumidai.policy.model import Network
from fumidai.policy.networks import together
from fumidai.policy.notice import Source
from fumidai.texts import N_

_EXAMPLE: Final = N_('Name your load balancers: proxies = ["192.0.2.10", "2001:db8:1::/64"].')


def read_proxies(value: object, place: Place, source: Source) -> tuple[Network, ...]:
    """The networks, each checked.

    Raises:
        PolicyError: one is no network, or they hold everybody.
    """
    if not isinstance(value, list):
        raise source.error(place, N_("This must be a list in brackets, not {given}."), mend=_EXAMPLE, given=value)
    networks = tuple(_network(entry, (*place, count), source) for count, entry in enumerate(value))
    if any(network.prefixlen == 0 for network in (*networks, *together(networks))):
        raise source.error(place, N_("So every stranger could say that he is somebody else."), mend=_EXAMPLE)
    return networks


def _network(entry: object, place: Place, source: Source) -> Network:
    try:
        network = ip_network(entry) if isinstance(entry, str) else None
    except ValueError:
        network = None
    if network is None or (network.version == 6 and network.network_address.ipv4_mapped):
        raise source.error(place, N_("{value} is no network."), mend=_EXAMPLE, value=entry)
    return network

# SPDX-License-Identifier: Apache-2.0
"""What a policy file grants to addresses behind which clients may be hidden, said before the first client comes.

``lost_client`` grants them nothing while the guard runs; here the operator hears of it in time, with the cure.

Limits: only what this machine's routes and addresses show. A gateway further away is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fumidai.guard.lost_client import IpAddress, is_alone
from fumidai.guard.settings import GuardSettings
from fumidai.net.surroundings import Surroundings
from fumidai.policy.lines import Place
from fumidai.policy.model import Network, Policy
from fumidai.policy.notice import Source
from fumidai.texts import N_

_NETWORKS: Final[Place] = ("policy", "relay", "networks")
_CURE: Final = N_(
    "It will not relay. Let the guard see the true clients: switch Docker's userland proxy off or use the host's "
    "network, or put a proxy in front that sends the PROXY protocol and name it in [guard] proxies."
)


def warn_of_hidden(
    policy: Policy,
    settings: GuardSettings,
    source: Source,
    around: Surroundings,
    is_own: Callable[[IpAddress], bool],
) -> None:
    """Warn of each network that holds a gateway of ours, a declared proxy or this machine itself."""
    for count, network in enumerate(policy.relay_networks):
        place = (*_NETWORKS, count)
        for gateway in sorted(around.gateways, key=str):
            if gateway in network and not is_own(gateway):
                source.warn(
                    place,
                    N_("{network} holds {gateway}, the gateway of this machine: strangers may come from there."),
                    mend=_CURE,
                    network=network,
                    gateway=gateway,
                )
        if any(network.overlaps(proxy) for proxy in settings.proxies if proxy.version == network.version):
            source.warn(
                place,
                N_("{network} holds a declared proxy: every stranger comes through it."),
                mend=N_("The proxy itself will not relay; name only your own clients here."),
                network=network,
            )
        _warn_of_self(network, settings, place, source)


def _warn_of_self(network: Network, settings: GuardSettings, place: Place, source: Source) -> None:
    """A loopback that may relay, on a machine whose port the world reaches."""
    public = any(one.address is None or not one.address.is_loopback for one in settings.listen)
    if network.is_loopback and is_alone(network) and public:
        source.warn(
            place,
            N_("{network}: every program of this machine may relay, and so may strangers that one of them forwards."),
            mend=N_("Make sure that nothing forwards port 25 here (a userland proxy, ssh -L, stunnel, socat)."),
            network=network,
        )

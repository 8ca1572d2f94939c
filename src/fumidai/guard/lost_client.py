# SPDX-License-Identifier: Apache-2.0
"""Is the other end of the connection the client, or something that hides all clients? *Lost client address*.

Behind a container's userland proxy, a masquerading gateway or a load balancer that says nothing, every stranger comes
from one address, and whoever lets that address relay lets the world relay. So some addresses are no client's:

    gateway   of a network of ours (a container's bridge too): never believed
    proxy     declared, and did not say for whom it speaks: never believed
    self      loopback or another address of this machine: believed where the policy names it alone, as long as only
              local processes come from there

A local process calls itself what this machine is called; strangers call themselves many things. Once enough names that
are not ours have come from an address of this machine, it is no longer believed while this guard runs
(``STRANGERS``; fewer where nobody else has ever come, because then all clients come from there).

Whoever is not believed is ``UNKNOWN`` to the policy, and unknown never permits. Nothing else changes for him.

Limits: strangers who all call themselves as this machine does are not told from local processes. A gateway of somebody
else's network, which translates addresses too, is not recognised; ``fumidai test`` finds it from outside.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from fumidai.net.surroundings import Surroundings
from fumidai.policy.access import Kind
from fumidai.policy.model import Policy
from fumidai.smtp.literal import domain_key

IpAddress = IPv4Address | IPv6Address

#: Names that are not ours after which an address of this machine counts as everybody's.
STRANGERS: Final = 3
#: The same, where nobody has ever come from another address.
STRANGERS_ALONE: Final = 2
#: Seconds between two lines in the log about one address.
SILENCE: Final = 3600.0
#: Seconds after which routes and addresses are looked at again.
_FRESH: Final = 300.0
_MOST: Final = 4096
_LOCAL_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "localhost4", "localhost6", "ip6-localhost"})


class Veil(StrEnum):
    """What hides the client."""

    GATEWAY = "gateway"
    PROXY = "proxy"
    SELF = "self"


#: What is written into the log, and what helps.
WHY: Final = {
    Veil.GATEWAY: "clients come from our own gateway: a userland proxy or address translation hides them",
    Veil.PROXY: "a declared proxy did not say which client it speaks for",
    Veil.SELF: "strangers come from an address of this machine: something forwards them here",
}


@dataclass(slots=True)
class _Self:
    """What has come from one address of this machine."""

    names: set[str] = field(default_factory=set)
    lost: bool = False
    last: str | None = None  # name that was judged last: it comes again with every message of a session


class LostClients:
    """Tells for each address whether it is a client's own.

    Args:
        look_around: reads the routes; asked again every few minutes.
        is_own: whether an address is this machine's.
    """

    def __init__(
        self,
        look_around: Callable[[], Surroundings],
        is_own: Callable[[IpAddress], bool],
    ) -> None:
        self._look_around = look_around
        self._is_own = is_own
        self._gateways: frozenset[IpAddress] = frozenset()
        self._looked = float("-inf")
        self._kinds: dict[IpAddress, Veil | None] = {}
        self._selves: dict[IpAddress, _Self] = {}
        self._swept: dict[IpAddress, bool] = {}
        self._told: OrderedDict[IpAddress, float] = OrderedDict()
        self._others = False
        self.declare(Policy(), (), ())

    def declare(self, policy: Policy, proxies: Sequence[IPv4Network | IPv6Network], names: Iterable[str]) -> None:
        """Go on under this policy; what was seen stays.

        Args:
            policy: who may relay, and what is ours.
            proxies: networks of the declared proxies.
            names: what this machine is called.
        """
        self._policy = policy
        self._proxies = tuple(proxies)
        hosts = (host.name for host in policy.hosts)
        self._domains = tuple(f".{domain.removeprefix('.')}" for domain in policy.receive_for)
        self._names = _LOCAL_NAMES | {domain_key(name) for name in (*names, *hosts)}
        self._kinds.clear()
        self._swept.clear()
        for seen in self._selves.values():
            seen.last = None

    def meet(self, address: IpAddress, helo: str | None, now: float) -> Veil | None:
        """What hides the client that came from this address and calls itself so; None: it is the client's own."""
        kind = self._kind(address, now)
        if kind is None:
            self._others = True
        if kind is not Veil.SELF:
            return kind
        if self._is_lost(address, helo):
            return Veil.SELF
        swept = self._swept.get(address)
        if swept is None:
            if len(self._swept) >= _MOST:
                self._swept.clear()
            swept = self._swept[address] = self._is_swept_in(address)
        return Veil.SELF if swept else None

    def is_news(self, address: IpAddress, veil: Veil, now: float) -> bool:
        """True if the log should say it (once an hour for each address).

        An address of this machine from which only local processes have come is worth no line.
        """
        if veil is Veil.SELF and not self._selves[address].lost:
            return False
        if now - self._told.get(address, float("-inf")) < SILENCE:
            return False
        self._told[address] = now
        self._told.move_to_end(address)
        while len(self._told) > _MOST:
            self._told.popitem(last=False)
        return True

    def _kind(self, address: IpAddress, now: float) -> Veil | None:
        """What an address might hide, whatever has come from it."""
        if now - self._looked >= _FRESH:
            self._gateways = self._look_around().gateways
            self._looked = now
            self._kinds.clear()
        if address not in self._kinds:
            if len(self._kinds) >= _MOST:
                self._kinds.clear()
            self._kinds[address] = self._find_out(address)
        return self._kinds[address]

    def _find_out(self, address: IpAddress) -> Veil | None:
        if any(address in network for network in self._proxies):
            return Veil.PROXY
        if address.is_loopback or self._is_own(address):
            return Veil.SELF
        return Veil.GATEWAY if address in self._gateways else None

    def _is_lost(self, address: IpAddress, helo: str | None) -> bool:
        seen = self._selves.get(address)
        if seen is None:
            seen = self._selves[address] = _Self()
        if not seen.lost:
            if helo is not None and helo != seen.last and not self._is_ours(helo, address):
                seen.names.add(domain_key(helo))
            seen.last = helo
            seen.lost = len(seen.names) >= (STRANGERS if self._others else STRANGERS_ALONE)
        return seen.lost

    def _is_ours(self, helo: str, address: IpAddress) -> bool:
        """A name that a process of this machine would say."""
        name = domain_key(helo)
        literal = name.removeprefix("[").removesuffix("]").removeprefix("ipv6:")
        return name in self._names or literal == str(address) or f".{name}".endswith(self._domains)

    def _is_swept_in(self, address: IpAddress) -> bool:
        """The policy lets a network relay that holds this address, and does not name the address itself."""
        around = [network for network in self._policy.relay_networks if address in network]
        if any(is_alone(network) for network in around):
            return False
        hit = self._policy.access.client_address(address)
        if hit is None or hit.side.kind is not Kind.RELAY:
            return bool(around)
        return not (address.is_loopback or hit.key.lower().endswith(str(address)))


def is_alone(network: IPv4Network | IPv6Network) -> bool:
    """A single address, or a part of the loopback network: whoever writes it means this machine itself."""
    return network.prefixlen == network.max_prefixlen or network.is_loopback

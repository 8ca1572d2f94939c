# SPDX-License-Identifier: Apache-2.0
"""Where we stood, and what the server saw of us.

A test from a place that the server trusts proves nothing; a server that sees strangers as its own network is
the modern open relay (``lost-client-address``). Both are told from addresses alone: ours as the connection has
it, and those the server wrote into its EHLO reply, its refusals and the Received line of a proof.

Limits: behind NAT our true source is unknown, and then a foreign address in the server's words is only
"seen as"; it never changes the verdict (DESIGN §3 "What the server sees").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from fumidai.evidence.vantage import is_private, plain, same_neighbourhood

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Sight(StrEnum):
    """How the server sees us."""

    UNTOLD = "untold"
    TRUE = "true"
    NAT = "nat"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Vantage:
    """Where a battery was run from.

    Attributes:
        source: our end of the connection, None where no connection came about.
        target: the server's address.
        target_addresses: all addresses of the server that we know of.
        networks: the policy's relay networks.
        declared: a policy file says who may relay (else only ``--domain`` does).
    """

    source: Address | None
    target: Address
    target_addresses: tuple[Address, ...] = ()
    networks: tuple[Network, ...] = ()
    declared: bool = False

    @property
    def behind_nat(self) -> bool:
        """A private source reached a public target: what the server sees is not what we see."""
        return self.source is not None and is_private(self.source) and not is_private(self.target)

    @property
    def true_source(self) -> Address | None:
        """Our address as a sound server must see it; None (unknown) behind NAT."""
        return None if self.behind_nat else self.source

    @property
    def trusted(self) -> bool:
        """Inside, and nobody declared who may relay from here: outcomes say nothing about strangers."""
        if self.declared or self.source is None:
            return False
        own = plain(self.source) in {plain(address) for address in (self.target, *self.target_addresses)}
        return own or (is_private(self.source) and is_private(self.target))

    @property
    def neighbour(self) -> bool:
        """In the target's /24 or /48 without being declared as one that may relay."""
        if self.source is None or plain(self.source) == plain(self.target) or self._in_networks(self.source):
            return False
        return same_neighbourhood(self.source, self.target)

    def sight(self, seen: str) -> Sight:
        """How the server sees us, given an address that it wrote down for us."""
        address = as_address(seen)
        if address is None or self.source is None:
            return Sight.UNTOLD
        if address == plain(self.source):
            return Sight.TRUE
        return Sight.LOST if self._is_inside(address) and not is_private(self.source) else Sight.NAT

    def names_us_inside(self, seen: Iterable[str]) -> bool:
        """The server names us by a private address or one of the policy's networks."""
        found = (as_address(text) for text in seen)
        return any(address is not None and self._is_inside(address) for address in found)

    def _is_inside(self, address: Address) -> bool:
        own = {plain(known) for known in (self.target, *self.target_addresses)}
        return is_private(address) or address.is_link_local or address in own or self._in_networks(address)

    def _in_networks(self, address: Address) -> bool:
        return any(plain(address) in network for network in self.networks if network.version == plain(address).version)


def as_address(text: str) -> Address | None:
    """An address out of a server's words, a mapped IPv4 address as IPv4; None where it is none."""
    bare = text.strip().strip("[]")
    bare = bare[5:] if bare.lower().startswith("ipv6:") else bare
    try:
        return plain(ip_address(bare))
    except ValueError:
        return None


def decisive_sight(vantage: Vantage, seen: Sequence[str]) -> tuple[Sight, str]:
    """The worst of what the server said about our address, with the address it named."""
    order = (Sight.LOST, Sight.NAT, Sight.TRUE, Sight.UNTOLD)
    told = [(vantage.sight(text), text) for text in seen]
    return min(told, key=lambda item: order.index(item[0]), default=(Sight.UNTOLD, ""))

# SPDX-License-Identifier: Apache-2.0
"""What a policy says of a client alone, whatever it sends and to whom: asked for every recipient, found out once.

    standings.of(client, name) -> Standing

Limits: the last few thousand clients are remembered, which nobody can see from outside: the same question always has
the same answer. Names longer than the DNS has are not remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from fumidai.policy.access import AccessMap, Address, Hit, Kind
from fumidai.policy.hosts_access import End, HostsTables, Name, Named, objection
from fumidai.policy.request import Decision
from fumidai.policy.rules import Rule, by_rule
from fumidai.smtp.literal import MAX_DOMAIN

#: Clients that are remembered at once.
MOST: Final = 4096
_NO_RULES: Final = HostsTables()


@dataclass(frozen=True, slots=True)
class Standing:
    """A client before a policy.

    Attributes:
        denial: what the client rules say against it; None: it may speak.
        hit: what the access table says of it.
        right: the permission to send anywhere, whoever logs in; None if there is none.
    """

    denial: Decision | None
    hit: Hit | None
    right: Decision | None


class Standings:
    """What is known of clients under one policy."""

    __slots__ = ("_access", "_known", "_networks", "_rules")

    def __init__(
        self, networks: Sequence[IPv4Network | IPv6Network], access: AccessMap, rules: HostsTables = _NO_RULES
    ) -> None:
        self._networks = networks
        self._access = access
        self._rules = rules
        self._known: dict[tuple[Address | None, Name], Standing] = {}

    def of(self, client: Address | None, name: Name) -> Standing:
        """The standing of a client.

        Args:
            client: its address (``plain_address``), None if nobody knows it.
            name: its verified name, or that it has none; UNKNOWN: nobody knows (yet).
        """
        key = (client, name)
        found = self._known.get(key)
        if found is None:
            found = self._find_out(client, name)
            if not isinstance(name, str) or len(name) <= MAX_DOMAIN:
                if len(self._known) >= MOST:
                    self._known.clear()
                self._known[key] = found
        return found

    @property
    def remembered(self) -> int:
        """How many clients are remembered."""
        return len(self._known)

    def _find_out(self, client: Address | None, name: Name) -> Standing:
        by_address = self._access.client_address(client) if client is not None else None
        by_name = self._by_name(client, name)
        # sendmail, Relay_ok: a name lets relay only once it has been verified; "[192.0.2.1]" is no such name.
        relaying = (by_address, by_name if isinstance(name, str) else None)
        # sendmail, check_relay: the name beats the address.
        right = self._network(client) or _table_right(client, relaying)
        return Standing(self._denial(client, name), by_name or by_address, right)

    def _denial(self, client: Address | None, name: Name) -> Decision | None:
        if client is not None:
            return objection(self._rules, End(client, name))
        return by_rule(Rule.CLIENT_MISSING) if self._rules.denies else None

    def _by_name(self, client: Address | None, name: Name) -> Hit | None:
        if isinstance(name, str):
            return self._access.client_name(name)
        if isinstance(name, Named) and client is not None:
            return self._access.client_name(bracketed(client))
        return None

    def _network(self, client: Address | None) -> Decision | None:
        if client is not None:
            for network in self._networks:
                if client in network:
                    return by_rule(Rule.RELAY_NETWORK, client=str(client), network=str(network))
        return None


def _table_right(client: Address | None, hits: Sequence[Hit | None]) -> Decision | None:
    for hit in hits:
        if hit is not None and hit.side.kind is Kind.RELAY:
            return by_rule(Rule.ACCESS_CONNECT_RELAY, client=shown_client(client), key=hit.key)
    return None


def shown_client(client: Address | None) -> str:
    """A client for a sentence."""
    return str(client) if client else "an unknown client"


def bracketed(address: Address) -> str:
    """The name that sendmail gives to a client without one."""
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"

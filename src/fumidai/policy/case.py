# SPDX-License-Identifier: Apache-2.0
"""One request as a policy sees it: what is known of client, name and sender once the facts are in.

``decide`` and ``needs`` both ask a ``Case``, so that they can't disagree about what is known.

Limits: an IPv4 address that came in over an IPv6 socket (``::ffff:192.0.2.1``) is the IPv4 address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from fumidai.policy.access import Hit, Kind
from fumidai.policy.model import Policy
from fumidai.policy.request import UNKNOWN, Fact, FactKind, Need, Request, Unknown, plain_address
from fumidai.policy.rules import Rule
from fumidai.smtp.address import Malformed, NullPath, Path, parse_path
from fumidai.smtp.readings import Reading, readings

NO_FACTS: Final[Mapping[Need, Fact]] = {}


@dataclass(frozen=True, slots=True)
class Ground:
    """Why something is permitted: a rule and the fields of its sentence."""

    rule: Rule
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """A request before a policy.

    Attributes:
        policy, request, facts: as asked.
        client: the client's address, None if nobody knows it.
        name: its verified name; None: it has none; UNKNOWN: nobody knows (yet).
        sender: the reverse-path read by the grammar; UNKNOWN as in the request.
    """

    policy: Policy
    request: Request
    facts: Mapping[Need, Fact]
    client: IPv4Address | IPv6Address | None
    name: str | None | Unknown
    sender: Path | NullPath | Malformed | Unknown

    @property
    def shown_client(self) -> str:
        """The client for a sentence."""
        return str(self.client) if self.client else "an unknown client"

    def by_name(self) -> Hit | None:
        """What the access table says of the client's name, or of ``[address]`` if it has none."""
        if isinstance(self.name, str):
            return self.policy.access.client_name(self.name)
        if self.name is None and self.client is not None:
            return self.policy.access.client_name(bracketed(self.client))
        return None

    def by_address(self) -> Hit | None:
        """What the access table says of the client's address."""
        return self.policy.access.client_address(self.client) if self.client is not None else None

    def connect_hit(self) -> Hit | None:
        """What the access table says of the client: its name beats its address (sendmail, check_relay)."""
        return self.by_name() or self.by_address()

    def right(self) -> Ground | None:
        """Why this client may send anywhere; None if it may not."""
        return self._user_right() or self._network_right() or self._access_right()

    def _user_right(self) -> Ground | None:
        user = self.request.user
        if isinstance(user, str) and user and any(fnmatchcase(user, known) for known in self.policy.authenticated):
            return Ground(Rule.AUTHENTICATED, {"user": user})
        return None

    def _network_right(self) -> Ground | None:
        if self.client is not None:
            for network in self.policy.relay_networks:
                if self.client in network:
                    return Ground(Rule.RELAY_NETWORK, {"client": str(self.client), "network": str(network)})
        return None

    def _access_right(self) -> Ground | None:
        # sendmail, Relay_ok: a name lets relay only once it has been verified; "[192.0.2.1]" is no such name.
        named = self.by_name() if isinstance(self.name, str) else None
        for hit in (self.by_address(), named):
            if hit is not None and hit.side.kind is Kind.RELAY:
                return Ground(Rule.ACCESS_CONNECT_RELAY, {"client": self.shown_client, "key": hit.key})
        return None

    def sender_readings(self) -> tuple[Reading, ...]:
        """Every reading of the sender; none for the null sender and the unknown one."""
        return () if isinstance(self.sender, Unknown) else readings(self.sender)


def make_case(policy: Policy, request: Request, facts: Mapping[Need, Fact]) -> Case:
    """Put a request, a policy and what was looked up side by side."""
    client = None if isinstance(request.client, Unknown) else plain_address(request.client)
    sender = UNKNOWN if isinstance(request.reverse_path, Unknown) else parse_path(request.reverse_path)
    return Case(policy, request, facts, client, _name(request, client, facts), sender)


def _name(
    request: Request, client: IPv4Address | IPv6Address | None, facts: Mapping[Need, Fact]
) -> str | None | Unknown:
    if not isinstance(request.client_name, Unknown):
        return request.client_name or None
    fact = facts.get(name_need(client)) if client is not None else None
    if fact is None or fact.failed:
        return UNKNOWN
    return fact.value or None


def bracketed(address: IPv4Address | IPv6Address) -> str:
    """The name that sendmail gives to a client without one."""
    return f"[{address}]" if isinstance(address, IPv4Address) else f"[IPv6:{address}]"


def name_need(client: IPv4Address | IPv6Address) -> Need:
    """The verified name of a client; a fact's value is the name, or "" if it has none."""
    return Need(FactKind.CLIENT_NAME, str(client))


def listed_need(zone: str, client: IPv4Address | IPv6Address) -> Need:
    """Whether a blocklist has a client, as ``zone address``; a fact's value says what it is listed as, "" if not."""
    return Need(FactKind.DNSBL, f"{zone} {client}")


def sender_need(domain: str) -> Need:
    """Whether a sender's domain exists for mail; a fact's value is "" if it does not."""
    return Need(FactKind.SENDER_DOMAIN, domain)


@lru_cache(maxsize=1024)
def shown(raw: bytes) -> str:
    """Bytes of a path for a sentence, without its brackets: text from outside, to be escaped where it is shown."""
    return raw.decode("utf-8", "replace").strip(" ").removeprefix("<").removesuffix(">")

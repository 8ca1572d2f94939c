# SPDX-License-Identifier: Apache-2.0
"""One request as a policy sees it: what is known of client, name and sender once the facts are in.

``decide`` and ``needs`` both ask a ``Case``, so that they can't disagree about what is known.

Limits: an IPv4 address that came in over an IPv6 socket (``::ffff:192.0.2.1``) is the IPv4 address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from fumidai.policy.access import Address, Hit
from fumidai.policy.hosts_access import Name, Named
from fumidai.policy.model import Policy
from fumidai.policy.request import UNKNOWN, Decision, Fact, FactKind, Need, Request, Unknown, plain_address
from fumidai.policy.rules import Rule, by_rule
from fumidai.policy.standing import MOST, Standing, shown_client
from fumidai.smtp.address import Malformed, NullPath, Path, parse_path
from fumidai.smtp.forms import ALL, Form
from fumidai.smtp.readings import Reading, readings

#: A fact's value for a client whose name does not lead back to its address: no host is called so.
FALSE_NAME: Final = "?"
NO_FACTS: Final[Mapping[Need, Fact]] = {}


@dataclass(eq=False, slots=True)
class Case:
    """A request before a policy. What it costs something to find out is found out when it is asked for, once.

    Attributes:
        policy, request, facts: as asked.
        client: the client's address, None if nobody knows it.
        name: its verified name; None: it has none; UNKNOWN: nobody knows (yet).
        standing: what the policy says of the client, whatever it sends.
    """

    policy: Policy
    request: Request
    facts: Mapping[Need, Fact]
    client: Address | None
    name: str | None | Unknown
    standing: Standing
    _sender: Path | NullPath | Malformed | Unknown | None = None
    _from_hits: tuple[Hit, ...] | None = None

    @property
    def shown_client(self) -> str:
        """The client for a sentence."""
        return shown_client(self.client)

    @property
    def sender(self) -> Path | NullPath | Malformed | Unknown:
        """The reverse-path read by the grammar; UNKNOWN as in the request."""
        if self._sender is None:
            raw = self.request.reverse_path
            self._sender = raw if isinstance(raw, Unknown) else path_of(raw)
        return self._sender

    def connect_hit(self) -> Hit | None:
        """What the access table says of the client: its name beats its address (sendmail, check_relay)."""
        return self.standing.hit

    def right(self) -> Decision | None:
        """The permission of this client to send anywhere; None if it has none."""
        return self._user_right() or self.standing.right

    def _user_right(self) -> Decision | None:
        user = self.request.user
        if isinstance(user, str) and user and any(fnmatchcase(user, known) for known in self.policy.authenticated):
            return by_rule(Rule.AUTHENTICATED, user=user)
        return None

    def sender_readings(self) -> tuple[Reading, ...]:
        """Every reading of the sender; none for the null sender and the unknown one."""
        raw = self.request.reverse_path
        return () if isinstance(raw, Unknown) else readings_of(raw, ALL)

    def from_hits(self) -> tuple[Hit, ...]:
        """What the access table says of the sender, in any reading; quotes are no part of a mailbox's name."""
        if self._from_hits is None:
            self._from_hits = tuple(self._find_sender()) if self.policy.access.asks_sender else ()
        return self._from_hits

    def _find_sender(self) -> Iterator[Hit]:
        sender = self.sender
        for reading in self.sender_readings():
            local_part = reading.local_part
            if isinstance(sender, Path) and not reading.forms:
                local_part = sender.content
            hit = self.policy.access.sender(local_part, reading.domain)
            if hit is not None:
                yield hit


def make_case(policy: Policy, request: Request, facts: Mapping[Need, Fact]) -> Case:
    """Put a request, a policy and what was looked up side by side."""
    client = None if isinstance(request.client, Unknown) else plain_address(request.client)
    called = _called(policy, request, client, facts)
    name = None if isinstance(called, Named) else called
    return Case(policy, request, facts, client, name, policy.standings.of(client, called))


def _called(policy: Policy, request: Request, client: Address | None, facts: Mapping[Need, Fact]) -> Name:
    if not isinstance(request.client_name, Unknown):
        return request.client_name or Named.NOTHING
    if client is None or FactKind.CLIENT_NAME not in policy.asks:
        return UNKNOWN
    fact = facts.get(name_need(client))
    if fact is None or fact.failed:
        return UNKNOWN
    return Named.FALSELY if fact.value == FALSE_NAME else fact.value or Named.NOTHING


def path_of(raw: bytes) -> Path | NullPath | Malformed:
    """``parse_path``, remembered: the same sender comes with each of its recipients."""
    return _path(raw) if len(raw) <= _SHORT else parse_path(raw)


def readings_of(raw: bytes, routing: frozenset[Form]) -> tuple[Reading, ...]:
    """``readings`` of ``path_of``, remembered."""
    return _readings(raw, routing) if len(raw) <= _SHORT else readings(parse_path(raw), routing)


# What is remembered is bounded by its number and by the length of each, so that no flood of strange addresses holds
# more than a few megabytes; a path longer than RFC 5321 §4.5.3.1.3 has it is read each time.
_SHORT: Final = 256
_path: Final = lru_cache(maxsize=512)(parse_path)


@lru_cache(maxsize=128)
def _readings(raw: bytes, routing: frozenset[Form]) -> tuple[Reading, ...]:
    return readings(_path(raw), routing)


@lru_cache(maxsize=MOST)
def name_need(client: Address) -> Need:
    """The verified name of a client; a fact's value is the name, "" if it has none, ``FALSE_NAME`` if it lies."""
    return Need(FactKind.CLIENT_NAME, str(client))


@lru_cache(maxsize=MOST)
def listed_need(zone: str, client: Address) -> Need:
    """Whether a blocklist has a client, as ``zone address``; a fact's value says what it is listed as, "" if not."""
    return Need(FactKind.DNSBL, f"{zone} {client}")


def helo_need(name: str) -> Need:
    """Whether a name in HELO exists (an address or an MX); a fact's value is "" if it does not."""
    return Need(FactKind.HELO_NAME, name)


def sender_need(domain: str) -> Need:
    """Whether a sender's domain exists for mail; a fact's value is "" if it does not."""
    return Need(FactKind.SENDER_DOMAIN, domain)


def shown(raw: bytes) -> str:
    """Bytes of a path for a sentence, without its brackets: text from outside, to be escaped where it is shown."""
    return raw.decode("utf-8", "replace").strip(" ").removeprefix("<").removesuffix(">")

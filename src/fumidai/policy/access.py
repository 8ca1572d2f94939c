# SPDX-License-Identifier: Apache-2.0
"""The ``[access]`` table: keys, right-hand sides and look-up order of sendmail's access map.

    "Connect:192.0.2"         client address, cut at octets (IPv6: at groups) from the right
    "Connect:spam.test"       verified client name, cut at labels from the left
    "From:user@spam.test"     sender: user+detail@domain, user@domain, user@, domain and the names above it
    "To:user@a.com"           recipient, likewise (user@ only at our own domains)
    "Spam:user@a.com"         FRIEND: this recipient wants mail whoever sends it
    "spam.test"               no tag: tried after the tagged key at every step of Connect, From and To

Right-hand sides: OK, RELAY, REJECT, DISCARD, SKIP, QUARANTINE, ERROR:D.S.N:NNN text, ERROR:NNN text, NNN text.
Semantics are those of sendmail's cf/README ("Anti-Spam Configuration Control") with the features access_db (skip,
relaytofulladdress) and blocklist_recipients, and are held against the rule sets of a real sendmail in address test mode
(``tests/policy/sendmail_answers.jsonl``). Every difference is stricter: DISCARD answers 550 and QUARANTINE 451
(nothing is acknowledged that is not delivered), From: and To:user@ never grant relaying, To: refuses any reading of
the recipient, and an HATER changes nothing because everybody is checked.

Limits: ClientRate, ClientConn and GreetPause are told to whoever counts (``client_number``); ``decide`` does not.
sendmail asks GreetPause: for the client's name as well; here only its address is asked, because a greeting should not
wait for the DNS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from fumidai.policy.domains import parents
from fumidai.policy.request import plain_address
from fumidai.smtp.literal import MAX_DOMAIN, domain_key, parse_literal

Address = IPv4Address | IPv6Address


class Tag(StrEnum):
    """What a key is about."""

    CONNECT = "connect"
    FROM = "from"
    TO = "to"
    SPAM = "spam"
    CLIENT_RATE = "clientrate"
    CLIENT_CONN = "clientconn"
    GREET_PAUSE = "greetpause"
    ANY = ""


#: The spelling in a file.
TAG_NAMES: Final[Mapping[Tag, str]] = {
    Tag.CONNECT: "Connect",
    Tag.FROM: "From",
    Tag.TO: "To",
    Tag.SPAM: "Spam",
    Tag.CLIENT_RATE: "ClientRate",
    Tag.CLIENT_CONN: "ClientConn",
    Tag.GREET_PAUSE: "GreetPause",
}
#: Tags whose right-hand side is a number.
COUNTING: Final = frozenset({Tag.CLIENT_RATE, Tag.CLIENT_CONN, Tag.GREET_PAUSE})


class Kind(StrEnum):
    """What a right-hand side says."""

    OK = "OK"
    RELAY = "RELAY"
    REJECT = "REJECT"
    DISCARD = "DISCARD"
    SKIP = "SKIP"
    QUARANTINE = "QUARANTINE"
    ERROR = "ERROR"
    FRIEND = "FRIEND"
    HATER = "HATER"
    NUMBER = "number"


REFUSING: Final = frozenset({Kind.REJECT, Kind.DISCARD, Kind.QUARANTINE, Kind.ERROR})


@dataclass(frozen=True, slots=True)
class RightSide:
    """One right-hand side.

    Attributes:
        kind: what it says.
        code: SMTP reply code, of ERROR and QUARANTINE; the value, of a number.
        enhanced: enhanced status code, "" where none was given.
        text: text of the reply.
    """

    kind: Kind
    code: int = 0
    enhanced: str = ""
    text: str = ""

    def __str__(self) -> str:
        match self.kind:
            case Kind.NUMBER:
                return str(self.code)
            case Kind.QUARANTINE:
                return f"QUARANTINE:{self.text}" if self.text else "QUARANTINE"
            case Kind.ERROR:
                reply = f"{self.code} {self.text}".rstrip()
                return f"ERROR:{self.enhanced}:{reply}" if self.enhanced else f"ERROR:{reply}"
            case _:
                return self.kind.value


@dataclass(frozen=True, slots=True)
class Hit:
    """A key that was found, as it stands in the table, and what it says."""

    key: str
    side: RightSide


@dataclass(frozen=True, slots=True)
class AccessMap:
    """The table, its keys normalised by ``access_key``.

    Attributes:
        sides: key to right-hand side.
        refuses_client: a Connect: or untagged key may refuse a client (by address or by name).
        asks_name, refuses_name, relays_name: such a key is a name; and it refuses; and it lets relay.
        relays_client: a client may relay by such a key.
        asks_sender: there is a From: or untagged key at all.
        refuses_sender: a From: or untagged key may refuse a sender.
        tags: which tags stand in the table at all.
    """

    sides: Mapping[str, RightSide] = field(default_factory=dict)
    refuses_client: bool = field(init=False, compare=False, repr=False)
    relays_client: bool = field(init=False, compare=False, repr=False)
    asks_name: bool = field(init=False, compare=False, repr=False)
    refuses_name: bool = field(init=False, compare=False, repr=False)
    relays_name: bool = field(init=False, compare=False, repr=False)
    asks_sender: bool = field(init=False, compare=False, repr=False)
    refuses_sender: bool = field(init=False, compare=False, repr=False)
    tags: frozenset[Tag] = field(init=False, compare=False, repr=False)
    _tables: Mapping[Tag, _Table] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        clients = [(key, side.kind) for key, side in self._about(Tag.CONNECT) if "@" not in key]
        names = {kind for key, kind in clients if not _is_address_key(key)}
        kinds = {kind for _, kind in clients}
        senders = {side.kind for _, side in self._about(Tag.FROM)}
        told = {
            "refuses_client": bool(kinds & REFUSING),
            "relays_client": Kind.RELAY in kinds,
            "asks_name": bool(names),
            "refuses_name": bool(names & REFUSING),
            "relays_name": Kind.RELAY in names,
            "asks_sender": bool(senders),
            "refuses_sender": bool(senders & REFUSING),
        }
        for name, value in told.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "tags", frozenset(split_key(key)[0] for key in self.sides))
        object.__setattr__(self, "_tables", {tag: _table(self.sides, tag) for tag in Tag})

    def _about(self, tag: Tag) -> Iterator[tuple[str, RightSide]]:
        for key, side in self.sides.items():
            own, rest = split_key(key)
            if own in (tag, Tag.ANY):
                yield rest, side

    def client_name(self, name: str) -> Hit | None:
        """A verified name, or ``[address]`` for a client that has none."""
        return self._tables[Tag.CONNECT].domain(name)

    def client_address(self, address: Address) -> Hit | None:
        """An address and the nets around it."""
        return self._tables[Tag.CONNECT].first(_address_walk(address))

    def sender(self, local_part: str, domain: str) -> Hit | None:
        """A sender (not the null one, which always passes)."""
        return self._tables[Tag.FROM].mailbox(local_part, domain, with_user=True)

    def recipient(self, local_part: str, domain: str, *, ours: bool) -> Hit | None:
        """A recipient; ``ours``: its domain is one that we receive for."""
        return self._tables[Tag.TO].mailbox(local_part, domain, with_user=ours)

    def spam(self, local_part: str, domain: str) -> Hit | None:
        """What Spam: says of a recipient; a tag that has no untagged form."""
        return self._tables[Tag.SPAM].mailbox(local_part, domain, with_user=True)

    def client_number(self, tag: Tag, address: Address) -> int | None:
        """What ClientRate:, ClientConn: or GreetPause: says of a client; the tag alone is the default of all clients.

        Returns:
            connections a minute, connections at once, milliseconds before the greeting; 0: no limit, no pause;
            None: the table says nothing.
        """
        if tag not in self.tags:
            return None
        hit = self._tables[tag].first((*_address_walk(plain_address(address)), ""))
        return hit.side.code if hit else None

    def relayed_domains(self) -> Iterator[str]:
        """Names to which the table relays for everyone."""
        for key, side in self._about(Tag.TO):
            if side.kind is Kind.RELAY and not _is_address_key(key):
                yield key.rpartition("@")[2]


#: Tags beside which keys without a tag count (sendmail, cf/README; ratecontrol, conncontrol, greet_pause: only tagged).
_ALSO_UNTAGGED: Final = frozenset({Tag.CONNECT, Tag.FROM, Tag.TO})


@dataclass(frozen=True, slots=True)
class _Table:
    """What is asked under one tag: its own keys, and those without a tag where there is no such key with it.

    Attributes:
        hits: by the key without its tag.
        homes: the domains of those keys that are mailboxes (``user@domain``); "" if some are a user alone (``user@``).
    """

    hits: Mapping[str, Hit]
    homes: frozenset[str]

    def first(self, keys: Iterable[str]) -> Hit | None:
        """The first key that is there; SKIP ends the search with nothing found."""
        for key in keys:
            hit = self.hits.get(key)
            if hit is not None:
                return None if hit.side.kind is Kind.SKIP else hit
        return None

    def domain(self, domain: str) -> Hit | None:
        """A domain or literal, and what is around it."""
        return self.first(_domain_walk(domain)) if self.hits else None

    def mailbox(self, local_part: str, domain: str, *, with_user: bool) -> Hit | None:
        """A mailbox; ``with_user``: keys that are a user alone count."""
        if not self.hits:
            return None
        around = _domain_walk(domain) if domain else []
        keys = around
        if self.homes and ("" in self.homes or (around[:1] and around[0] in self.homes)):
            keys = [*_users(local_part.lower(), around[:1], with_user=with_user), *around]
        return self.first(keys)


def _table(sides: Mapping[str, RightSide], tag: Tag) -> _Table:
    hits: dict[str, Hit] = {}
    for key, side in sides.items():
        own, rest = split_key(key)
        if own is tag or (own is Tag.ANY and tag in _ALSO_UNTAGGED and f"{tag}:{rest}" not in sides):
            hits[rest] = Hit(shown_key(key), side)
    return _Table(hits, frozenset(key.rpartition("@")[2] for key in hits if "@" in key))


_TAGGED: Final = re.compile(rf"({'|'.join(tag for tag in Tag if tag)}):(.*)", re.IGNORECASE | re.DOTALL)
_NET4: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){0,3}")


def split_key(key: str) -> tuple[Tag, str]:
    """Tag and rest of a key."""
    found = _TAGGED.fullmatch(key)
    return (Tag(found[1].lower()), found[2]) if found else (Tag.ANY, key)


def access_key(key: str) -> str:
    """A key in the form in which it is kept: lower case, IPv6 groups without leading zeros, names as A-labels."""
    tag, rest = split_key(key)
    prefix = f"{tag}:" if tag else ""
    lowered = rest.lower()
    if lowered.startswith("ipv6:"):
        return prefix + _net6(lowered)
    local, at, domain = lowered.rpartition("@")
    return f"{prefix}{local}{at}{domain_key(domain)}"


def shown_key(key: str) -> str:
    """A key as a file spells it."""
    tag, rest = split_key(key)
    shown = rest.replace("ipv6:", "IPv6:", 1)
    return f"{TAG_NAMES[tag]}:{shown}" if tag else shown


def _is_address_key(key: str) -> bool:
    return key.startswith("ipv6:") or _NET4.fullmatch(key) is not None


def _net6(key: str) -> str:
    """``ipv6:2001:0DB8::`` as ``ipv6:2001:db8``; a key that is no prefix stays and never matches."""
    text = key.removeprefix("ipv6:")
    try:
        inside = text.rstrip(":")
        if "::" in inside:
            return "ipv6:" + ":".join(_groups(IPv6Address(inside)))
        return "ipv6:" + ":".join(f"{int(group, 16):x}" for group in inside.split(":"))
    except (AddressValueError, ValueError):
        return key


def _groups(address: IPv6Address) -> list[str]:
    # Not ``exploded``: from Python 3.13 on it writes an IPv4-mapped address with dots.
    number = int(address)
    return [f"{number >> shift & 0xFFFF:x}" for shift in range(112, -1, -16)]


def _domain_walk(domain: str) -> Sequence[str]:
    """A domain and what is around it; what can be no name is walked each time, so that nothing long is kept."""
    return _walked(domain) if len(domain) <= MAX_DOMAIN else _walk(domain)


def _walk(domain: str) -> Sequence[str]:
    key = domain_key(domain)
    if not key.startswith("["):
        return [key, *parents(key)]
    literal = parse_literal(key)
    return [key] if literal is None else [key, *_address_walk(literal)]


_walked: Final = lru_cache(maxsize=512)(_walk)


def _address_walk(address: Address) -> list[str]:
    if isinstance(address, IPv4Address):
        parts, mark, prefix = str(address).split("."), ".", ""
    else:
        parts, mark, prefix = _groups(address), ":", "ipv6:"
    return [prefix + mark.join(parts[:count]) for count in range(len(parts), 0, -1)]


def _users(local_part: str, domain: Sequence[str], *, with_user: bool) -> list[str]:
    """Keys of a mailbox at a domain (none given: it has none), then of its user alone."""
    user, plus, _ = local_part.partition("+")
    users = [local_part, f"{user}+*", user] if plus and user else [local_part]
    keys = [f"{user}@{name}" for name in domain for user in users]
    return keys + [f"{user}@" for user in users] if with_user else keys

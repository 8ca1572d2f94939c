# SPDX-License-Identifier: Apache-2.0
"""Client rules in the language of tcpwrappers, hosts_access(5): who may connect at all.

    first rule of hosts.allow that matches   grants
    first rule of hosts.deny that matches    denies
    no rule                                  grants

``allow`` and ``deny`` as options turn a rule's answer round, wherever it stands. A client is told by its address and
by its verified name; ``Named`` holds those that have none, which tcpwrappers call *unknown* and *paranoid*.

A name that could not be looked up just now is something else than none: every rule that would need it may or may not
match. Where all answers that are still possible agree, that is the answer; else the client is put off (Unknown never
permits). tcpwrappers take a failed look-up for no name, and so let a client in that hosts.deny names by its domain.

Limits: reading the files is ``hosts_file``'s. No netgroups, no ident user names: they are errors there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from fumidai.policy.request import Action, Decision, Unknown, plain_address
from fumidai.policy.rules import VERDICTS, Rule


class Named(Enum):
    """A client without a verified name, under the word that the language has for it."""

    NOTHING = "unknown"
    FALSELY = "paranoid"  # it has a name that does not lead back to its address


Name = str | Named | Unknown
#: None: that depends on a name, or an end of the connection, which nobody knows just now.
Maybe = bool | None


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection: its address and its name."""

    address: IPv4Address | IPv6Address
    name: Name


class Word(StrEnum):
    """The words that stand for many hosts; of services ``ALL`` and ``KNOWN`` stand for every one."""

    ALL = "ALL"
    LOCAL = "LOCAL"
    KNOWN = "KNOWN"
    UNKNOWN = "UNKNOWN"
    PARANOID = "PARANOID"


class How(StrEnum):
    """How a text is compared; ``glob`` knows ``*`` and ``?``."""

    EXACT = "exact"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    GLOB = "glob"


@dataclass(frozen=True, slots=True)
class Text:
    """A name, an address or a part of one, in lower case.

    Attributes:
        numeric: digits and dots alone: compared with addresses only.
    """

    text: str
    how: How
    numeric: bool = False

    def fits(self, word: str) -> bool:
        """Compare with one name or address."""
        word = word.lower()
        if self.how is How.PREFIX:
            return word.startswith(self.text)
        if self.how is How.SUFFIX:
            return len(word) > len(self.text) and word.endswith(self.text)
        if self.how is How.GLOB:
            return _glob(self.text).fullmatch(word) is not None
        return word == self.text


@dataclass(frozen=True, slots=True)
class Masked:
    """Addresses of one family that are equal to ``network`` where ``mask`` has ones."""

    version: int
    network: int
    mask: int


@dataclass(frozen=True, slots=True)
class Listed:
    """The patterns of a file that a rule names."""

    patterns: tuple[Pattern, ...]


Pattern = Word | Text | Masked | Listed


@dataclass(frozen=True, slots=True)
class Daemon:
    """A service by its name and, where that counts, by the end of the connection on our side."""

    name: Text | Word
    server: Pattern | None = None

    def is_one_of(self, services: Sequence[str]) -> bool:
        """True if a service of these names is meant, on whatever address."""
        return isinstance(self.name, Word) or any(map(self.name.fits, services))


@dataclass(frozen=True, slots=True)
class Items:
    """``members EXCEPT rest``."""

    members: tuple[Pattern | Daemon, ...]
    rest: Items | None = None


@dataclass(frozen=True, slots=True)
class HostsRule:
    """One line.

    Attributes:
        daemons, clients: whom it is about.
        grants: what it answers.
        place: ``file:line``.
        code, enhanced, text: what a denied client hears (``twist /bin/echo 421 …``); 0 and "": the usual words.
    """

    daemons: Items
    clients: Items
    grants: bool
    place: str
    code: int = 0
    enhanced: str = ""
    text: str = ""

    def may_concern(self, services: Sequence[str]) -> bool:
        """True if one of these services, on some address of ours, may be meant."""
        return _matches(self.daemons, services, None) is not False


#: What decides where no line does.
NO_RULE: Final = HostsRule(Items(()), Items(()), True, "no rule")
#: The names under which rules may call us: the service's, its port's number.
SERVICES: Final = ("smtp", "25")


@dataclass(frozen=True, slots=True)
class HostsTables:
    """Both files, hosts.allow first; ``services``: our names in them."""

    rules: tuple[HostsRule, ...] = ()
    services: tuple[str, ...] = SERVICES

    @property
    def asks_name(self) -> bool:
        """True if a client's name could change an answer."""
        return self.denies and any(_asks_name(rule.clients) for rule in self.rules)

    @property
    def denies(self) -> bool:
        """True if some client might be turned away."""
        return not all(rule.grants for rule in self.rules)


def objection(tables: HostsTables, client: End, server: End | None = None) -> Decision | None:
    """What the rules say against a client; None: it may connect (which grants it nothing else).

    Args:
        server: the end of the connection on our side; None: unknown, so that a rule that asks for it never permits.
    """
    possible = deciding(tables, client, server)
    last = possible[-1]
    if any(rule.grants != last.grants for rule in possible):
        return _decision(Rule.HOSTS_NAME_MISSING, client, possible[0])
    return None if last.grants else _decision(Rule.HOSTS_DENIED, client, last)


def deciding(tables: HostsTables, client: End, server: End | None = None) -> tuple[HostsRule, ...]:
    """The rules that may be the one that decides, the last of them if none before it does; ``NO_RULE`` grants."""
    return tuple(_deciding(tables, client, server))


def _deciding(tables: HostsTables, client: End, server: End | None) -> Iterator[HostsRule]:
    services = tables.services
    for rule in tables.rules:
        found = _both(_matches(rule.daemons, services, server), _matches(rule.clients, services, client))
        if found is not False:
            yield rule
        if found:
            return
    yield NO_RULE


def _decision(rule: Rule, client: End, found: HostsRule) -> Decision:
    usual = VERDICTS[rule]
    params = {"client": str(plain_address(client.address)), "place": found.place}
    code, enhanced, text, action = usual.code, usual.enhanced, usual.text, usual.action
    if rule is Rule.HOSTS_DENIED:
        code, text = found.code or code, found.text or text
        enhanced = found.enhanced or f"{code // 100}.7.1"
        action = Action.DEFER if code < 500 else Action.REFUSE
    return Decision(action, rule.value, usual.why.format(**params), params, code, enhanced, text)


def _matches(items: Items, services: Sequence[str], end: End | None) -> Maybe:
    """Does a list hold this service or this end?"""
    found = _any(_member(member, services, end) for member in items.members)
    if found is False or items.rest is None:
        return found
    return _both(found, _not(_matches(items.rest, services, end)))


def _member(member: Pattern | Daemon, services: Sequence[str], end: End | None) -> Maybe:
    if not isinstance(member, Daemon):
        return None if end is None else _host(member, end)
    called = member.is_one_of(services)
    if not called or member.server is None:
        return called
    return None if end is None else _host(member.server, end)


def _host(pattern: Pattern, end: End) -> Maybe:
    address = plain_address(end.address)
    if isinstance(pattern, Masked):
        return pattern.version == address.version and int(address) & pattern.mask == pattern.network
    if isinstance(pattern, Listed):
        return _any(_host(one, end) for one in pattern.patterns)
    if pattern is Word.ALL or (isinstance(pattern, Text) and pattern.fits(str(address))):
        return True
    if isinstance(pattern, Text) and pattern.numeric:
        return False
    if isinstance(end.name, Unknown):
        return None
    name = end.name if isinstance(end.name, str) else end.name.value
    return pattern.fits(name) if isinstance(pattern, Text) else _is_such(pattern, end.name)


def _is_such(word: Word, name: str | Named) -> bool:
    if word is Word.KNOWN:
        return isinstance(name, str)
    if word is Word.LOCAL:
        return isinstance(name, str) and "." not in name
    return name is (Named.FALSELY if word is Word.PARANOID else Named.NOTHING)


def _asks_name(items: Items | None) -> bool:
    if items is None:
        return False
    return any(_names(member) for member in items.members) or _asks_name(items.rest)


def _names(pattern: Pattern | Daemon) -> bool:
    if isinstance(pattern, Listed):
        return any(map(_names, pattern.patterns))
    if isinstance(pattern, Text):
        return not pattern.numeric
    return isinstance(pattern, Word) and pattern is not Word.ALL


# Kleene's logic of three values.


def _any(values: Iterable[Maybe]) -> Maybe:
    found: Maybe = False
    for value in values:
        if value:
            return True
        if value is None:
            found = None
    return found


def _both(one: Maybe, other: Maybe) -> Maybe:
    if one is False or other is False:
        return False
    return True if one and other else None


def _not(value: Maybe) -> Maybe:
    return None if value is None else not value


@lru_cache(maxsize=256)
def _glob(text: str) -> re.Pattern[str]:
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in re.sub(r"\*+", "*", text))
    return re.compile("".join(parts), re.DOTALL)

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
from fumidai.texts import N_


class Named(Enum):
    """A client without a verified name, under the word that the language has for it."""

    NOTHING = "unknown"
    FALSELY = "paranoid"  # it has a name that does not lead back to its address


Name = str | Named | Unknown
#: None: that depends on a name which nobody knows just now.
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
        severity: syslog's level for the log line, "" for the usual one.
        banners: folder with a text for the client, "" for none.
    """

    daemons: Items
    clients: Items
    grants: bool
    place: str
    code: int = 0
    enhanced: str = ""
    text: str = ""
    severity: str = ""
    banners: str = ""


@dataclass(frozen=True, slots=True)
class HostsTables:
    """Both files, hosts.allow first."""

    rules: tuple[HostsRule, ...] = ()

    @property
    def asks_name(self) -> bool:
        """True if a client's name could change an answer."""
        return any(_asks_name(rule.clients) for rule in self.rules)


class HostsVerdict(StrEnum):
    """Names of the rules that a decision may give."""

    GRANTED = "hosts-granted"
    DENIED = "hosts-denied"
    NAME_MISSING = "hosts-name-missing"


_WHY: Final = {
    HostsVerdict.GRANTED: N_("the client rules grant {client} access ({place})"),
    HostsVerdict.DENIED: N_("the client rules deny {client} access ({place})"),
    HostsVerdict.NAME_MISSING: N_("the name of {client} is not known yet, and the client rules ask for it ({place})"),
}


def check(tables: HostsTables, daemons: Sequence[str], client: End, server: End | None = None) -> Decision:
    """May this client connect?

    Args:
        daemons: names of the service, all of them good (``smtp``, the port's number).
        server: the end of the connection on our side; None: rules that ask for it don't match.

    Returns:
        a permission that lets it speak and grants no relaying; or refuse; or defer, where it hangs on a name that is
        not known. ``params["place"]`` is the line.
    """
    possible = list(_possible(tables, daemons, client, server))
    last = possible[-1]
    if any(rule.grants != last.grants for rule in possible):
        return _decision(HostsVerdict.NAME_MISSING, client, possible[0])
    return _decision(HostsVerdict.GRANTED if last.grants else HostsVerdict.DENIED, client, last)


_NO_RULE: Final = HostsRule(Items(()), Items(()), True, "no rule")


def _possible(tables: HostsTables, daemons: Sequence[str], client: End, server: End | None) -> Iterator[HostsRule]:
    """The rules that may be the one that decides, the last of them for certain."""
    for rule in tables.rules:
        found = _both(_matches(rule.daemons, daemons, server), _matches(rule.clients, daemons, client))
        if found is not False:
            yield rule
        if found:
            return
    yield _NO_RULE


def _decision(verdict: HostsVerdict, client: End, rule: HostsRule) -> Decision:
    params = {"client": str(plain_address(client.address)), "place": rule.place}
    why = _WHY[verdict].format(**params)
    if verdict is HostsVerdict.GRANTED:
        return Decision(Action.PERMIT, verdict.value, why, params)
    if verdict is HostsVerdict.NAME_MISSING:
        text = "Client name lookup failed, try again later"
        return Decision(Action.DEFER, verdict.value, why, params, 451, "4.4.3", text)
    # RFC 5321 §3.1: 554 is the greeting of a server that does not serve this client.
    code = rule.code or 554
    enhanced = rule.enhanced or f"{code // 100}.7.1"
    action = Action.DEFER if code < 500 else Action.REFUSE
    return Decision(action, verdict.value, why, params, code, enhanced, rule.text or "Access denied")


def _matches(items: Items, daemons: Sequence[str], end: End | None) -> Maybe:
    """Does a list hold this service or this end?"""
    found = _any(_member(member, daemons, end) for member in items.members)
    if found is False or items.rest is None:
        return found
    return _both(found, _not(_matches(items.rest, daemons, end)))


def _member(member: Pattern | Daemon, daemons: Sequence[str], end: End | None) -> Maybe:
    if not isinstance(member, Daemon):
        return end is not None and _host(member, end)
    called = isinstance(member.name, Word) or any(map(member.name.fits, daemons))
    if not called or member.server is None:
        return called
    return end is not None and _host(member.server, end)


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

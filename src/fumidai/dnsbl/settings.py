# SPDX-License-Identifier: Apache-2.0
"""``[blocklists]`` of the policy file: which lists, which of their codes, and what follows where one fails.

    [blocklists]
    refuse       = ["zen.spamhaus.org", "bl.test"]
    on_failure   = "defer"          # a question got no answer: "defer" (451) or "ignore"
    on_unhealthy = "leave-out"      # a list can't be believed: "leave-out", or "fail" (as if each question failed)
    resolver     = "127.0.0.1"      # the name server to ask; without it those of /etc/resolv.conf
    check_every  = 600              # seconds between two looks at a list's test points
    deadline     = 5                # seconds for one question

    [blocklists.codes]
    "bl.test" = "127.0.0.[2..11]"   # only these count

    [blocklists.names]
    "key.bl.test" = "bl.test"       # what replies and log call a list whose zone holds a key

``refuse`` and ``on_failure`` are the policy's own; the rest is read here.

Limits: a list's options are the same for all commands that ask it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

from fumidai.dnsbl.codes import CodeFilter, read_codes
from fumidai.dnsbl.known import known_list
from fumidai.dnsbl.names import LONGEST_ZONE
from fumidai.policy.lines import Place
from fumidai.policy.model import Policy
from fumidai.policy.notice import Source
from fumidai.smtp.literal import domain_key, is_domain_name
from fumidai.texts import N_

SECTION: Final = "blocklists"


class OnUnhealthy(StrEnum):
    """What follows where a list can't be believed."""

    LEAVE_OUT = "leave-out"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class BlocklistSettings:
    """How lists are asked.

    Attributes:
        codes: zone → the codes that count, where the file says so.
        names: zone → what it is called before others, where the file says so.
        on_unhealthy: see ``OnUnhealthy``.
        resolver: (address, port) of the name server to ask; None for the system's.
        check_every: seconds between two looks at the test points.
        deadline: seconds for one question.
    """

    codes: Mapping[str, CodeFilter] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    on_unhealthy: OnUnhealthy = OnUnhealthy.LEAVE_OUT
    resolver: tuple[str, int] | None = None
    check_every: float = 600.0
    deadline: float = 5.0

    def wanted(self, zone: str) -> CodeFilter | None:
        """The codes of a zone that count: the file's, else the known ones, else (None) all."""
        known = known_list(zone)
        return self.codes.get(zone) or (known.wanted if known else None)

    def name(self, zone: str) -> str:
        """What a list is called before others: its zone, without the key where one is known to stand in it."""
        known = known_list(zone)
        return self.names.get(zone) or (zone.partition(".")[2] if known and known.keyed else zone)


_NUMBERS: Final[Mapping[str, tuple[int, int]]] = {"check_every": (10, 86_400), "deadline": (1, 9)}
_POLICYS: Final = ("refuse", "on_failure")
_KNOWN: Final = [*_POLICYS, *(one.name for one in fields(BlocklistSettings))]


def read_blocklists(policy: Policy, source: Source) -> BlocklistSettings:
    """Read ``[blocklists]``; what is doubtful about a list is warned of.

    Raises:
        PolicyError: something in it can't be meant.
    """
    table = policy.sections.get(SECTION, {})
    values: dict[str, object] = {}
    for key, value in table.items():
        if key not in _KNOWN:
            raise source.unknown_key((SECTION, key), _KNOWN)
        if key not in _POLICYS:
            values[key] = _READERS[key](value, (SECTION, key), source)
    settings = BlocklistSettings(**values)  # type: ignore[arg-type]  # each reader gives what its field holds
    for key, given in (("codes", settings.codes), ("names", settings.names)):
        for zone in given:
            if zone not in policy.refuse_listed:
                raise source.error(
                    (SECTION, key),
                    N_('Something is said of "{zone}", which is not in refuse.'),
                    mend=N_("Name the list in refuse too, spelled the same."),
                    zone=zone,
                )
    for place, zone in enumerate(policy.refuse_listed):
        _look_at(zone, (SECTION, "refuse", place), source)
    return settings


def _look_at(zone: str, place: Place, source: Source) -> None:
    """A list whose name can't be asked, or about which something is known."""
    if zone.startswith("[") or len(zone) > LONGEST_ZONE:
        raise source.error(place, N_("{zone} is no zone that could be asked about an address."), zone=zone)
    known = known_list(zone)
    if known is None:
        return
    if known.dead:
        source.warn(
            place,
            N_("The blocklist {zone} is gone (known by {since})."),
            mend=N_("Take it out: what answers in its name one day may list everybody."),
            zone=zone,
            since=known.dead,
        )
    elif known.white:
        source.warn(place, N_("{zone} is a list of good senders: its entries would be refused."), zone=zone)
    elif not {"ipv4", "ipv6"} & set(known.takes):
        source.warn(place, N_("{zone} is a list of domains: it can't be asked about clients."), zone=zone)


def _table(value: object, place: Place, source: Source) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise source.error(place, N_("This must be a table, not {given}."), given=value)
    return value


def _codes(value: object, place: Place, source: Source) -> Mapping[str, CodeFilter]:
    table = _table(value, place, source)
    return {domain_key(zone): _filter(texts, (*place, zone), source) for zone, texts in table.items()}


def _names(value: object, place: Place, source: Source) -> Mapping[str, str]:
    table = _table(value, place, source)
    return {domain_key(zone): _name(name, (*place, zone), source) for zone, name in table.items()}


def _name(value: object, place: Place, source: Source) -> str:
    if not (isinstance(value, str) and is_domain_name(value)):
        raise source.error(place, N_('"{entry}" is no domain.'), entry=value)
    return value


def _filter(value: object, place: Place, source: Source) -> CodeFilter:
    given = value if isinstance(value, list) else [value]
    texts = [text for text in given if isinstance(text, str)]
    found = read_codes(texts) if len(texts) == len(given) else None
    if found is None:
        raise source.error(
            place,
            N_("{value} is no pattern of a list's codes."),
            mend=N_('Four octets, each a number or a choice in brackets: "127.0.0.[2..11]", "127.0.[0;2].[4;6..8]".'),
            value=value,
        )
    return found


def _resolver(value: object, place: Place, source: Source) -> tuple[str, int]:
    text = value if isinstance(value, str) else ""
    host, _, port = text.rpartition(":") if text.count(":") == 1 or "]" in text[:-1] else (text, "", "53")
    bare = host.removeprefix("[").removesuffix("]")
    try:
        address, number = str(ip_address(bare)), int(port)
    except ValueError:
        address, number = "", -1
    if not (address and 0 < number < 65536):
        raise source.error(
            place,
            N_("{value} is no address of a name server."),
            mend=N_('Say "127.0.0.1", "127.0.0.1:5353" or "[::1]:53".'),
            value=value,
        )
    return address, number


def _number(value: object, place: Place, source: Source) -> float:
    least, most = _NUMBERS[str(place[-1])]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        message = N_("This is a whole number from {least} to {most}, not {value}.")
        raise source.error(place, message, least=least, most=most, value=value)
    return float(value)


def _on_unhealthy(value: object, place: Place, source: Source) -> OnUnhealthy:
    if value not in list(OnUnhealthy):
        raise source.error(place, N_("This is one of {choices}."), choices=", ".join(OnUnhealthy))
    return OnUnhealthy(str(value))


_READERS: Final[Mapping[str, Callable[[object, Place, Source], object]]] = {
    "codes": _codes,
    "names": _names,
    "on_unhealthy": _on_unhealthy,
    "resolver": _resolver,
    **dict.fromkeys(_NUMBERS, _number),
}

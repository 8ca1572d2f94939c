# SPDX-License-Identifier: Apache-2.0
"""What is known of public lists: what they take, what their codes mean, how they refuse, which ones are dead.

The facts are data (``known.toml``), with the day on which they were last held against their sources. They are used to
read answers rightly and to warn; whether a list can be believed is seen from its test points, never from this file.

Limits: lists change without notice. A list that isn't here is asked all the same.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from ipaddress import IPv4Address
from typing import Any, Final

from fumidai.dnsbl.codes import CodeFilter, read_codes
from fumidai.dnsbl.names import Takes
from fumidai.errors import FixtureError

_ADDRESSES: Final = (Takes.IPV4, Takes.IPV6)


@dataclass(frozen=True, slots=True)
class KnownList:
    """One list.

    Attributes:
        zone: its zone; with a leading dot, all zones below (a key or a sub-list stands in front).
        takes: what it can be asked about.
        codes: code → what it means.
        refusals: codes of its own for "I don't answer you", beside 127.255.255.0/24 and 127.0.0.1.
        keyed: a customer's key stands in front of the zone, and nobody else should see it.
        white: a list of good senders, whose entries are nothing to refuse.
        dead: by when it was gone (year, month or day), "" while it lives.
        note: what an operator should know, in English.
        sources: where it stands.
    """

    zone: str
    takes: tuple[Takes, ...] = _ADDRESSES
    codes: Mapping[IPv4Address, str] = field(default_factory=dict)
    refusals: frozenset[IPv4Address] = frozenset()
    keyed: bool = False
    white: bool = False
    dead: str = ""
    note: str = ""
    sources: tuple[str, ...] = ()

    @property
    def wanted(self) -> CodeFilter | None:
        """The codes that are listings; None where nobody has written them down, and then all are."""
        return read_codes([str(code) for code in self.codes]) if self.codes else None


def known_list(zone: str) -> KnownList | None:
    """What is known of a zone; None for a list that nobody has written down."""
    name, lists = zone.strip(".").lower(), known_lists()
    if name in lists:
        return lists[name]
    labels = name.split(".")
    above = (lists.get("." + ".".join(labels[start:])) for start in range(1, len(labels)))
    return next((found for found in above if found is not None), None)


@cache
def known_lists() -> Mapping[str, KnownList]:
    """All known lists by their zone.

    Raises:
        FixtureError: our own data is broken.
    """
    tables = tomllib.loads(resources.files("fumidai.dnsbl").joinpath("known.toml").read_text(encoding="utf-8"))
    return {table["zone"]: _list(table) for table in tables["list"]}


@cache
def checked_on() -> str:
    """The day on which the data was last held against its sources."""
    text = resources.files("fumidai.dnsbl").joinpath("known.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["checked"])


def _list(table: dict[str, Any]) -> KnownList:
    try:
        return KnownList(
            **{
                **table,
                "takes": tuple(map(Takes, table.get("takes", _ADDRESSES))),
                "codes": {IPv4Address(code): meaning for code, meaning in table.get("codes", {}).items()},
                "refusals": frozenset(map(IPv4Address, table.get("refusals", ()))),
                "sources": tuple(table["sources"]),
            }
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise FixtureError("known.toml: {list}: {problem}", list=table.get("zone"), problem=problem) from problem

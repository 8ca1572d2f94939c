# SPDX-License-Identifier: Apache-2.0
"""Which remedies fit: the software, and the holes that its tests and findings show.

A run names the tests that came through, their families and its findings; those tell the holes, the deepest first
(who trusts everybody need not read about percent signs). For the deepest two there is a remedy of the software itself,
else the general one. Where nothing left yet and it was only promised, the first step is to look, not to stop.

Limits: short on purpose, so that the answer fits a screen; the page named with each cure has the rest. It gives nothing
where nothing is proven or promised.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fumidai.dialects.remedies import REMEDIES, Hole, Order, Remedy

MENDS_AT_MOST: Final = 2
GENERIC: Final = "generic"
CONTAINERS: Final = "containers"
BLOCKED_PAGE: Final = "docs/blocked.md"

_PAGES: Final = {
    **{name: name for name in ("sendmail", "postfix", "exim", "opensmtpd", "qmail", "exchange", "haraka")},
    "zimbra": "postfix",
    "netqmail": "qmail",
    "notqmail": "qmail",
}
_PROVEN: Final = frozenset({"open", "open-relay", "refused-but-delivered"})
_PROMISED: Final = frozenset({"promised-to-relay", "accepts"})
_BY_FINDING: Final = {
    "lost-client-address": Hole.LOST_CLIENT_ADDRESS,
    "reflects": Hole.REFLECTS,
    "reflects-backscatter": Hole.REFLECTS,
    "postmaster-refused": Hole.POSTMASTER,
    "software-outdated": Hole.OUTDATED,
    "late-refusal-untried": Hole.UNTRIED,
}
_BY_FAMILY: Final = {
    "sender-claim": Hole.SENDER,
    "identity-trust": Hole.HELO,
    "relay-scope": Hole.SCOPE,
    **dict.fromkeys(
        (
            *("percent-hack", "multi-at", "quoted-local", "source-route", "bang-and-legacy", "domain-literal"),
            *("encapsulated", "lexical", "unicode"),
        ),
        Hole.ROUTE,
    ),
}
_BY_TEST: Final = {"state-starttls-only": Hole.TLS_AS_AUTH, "plain-foreign": Hole.PLAIN}
#: Sendmail relays for all before this version, and refuses by default from it on.
_SENDMAIL_CLOSED: Final = (8, 9)


@dataclass(frozen=True, slots=True)
class Cure:
    """One thing to do: id, when, msgid of what, commands to paste, and the page that explains it."""

    id: str
    order: Order
    text: str
    commands: tuple[str, ...]
    page: str


def cures(
    software_name: str, version: str, test_ids: Sequence[str], findings: Sequence[str], families: Sequence[str]
) -> tuple[Cure, ...]:
    """What to do, in the order of an emergency; () where there is nothing to mend.

    Args:
        software_name: as ``software.identify`` names it, "" where unknown.
        version: its version, "" where unknown.
        test_ids: tests that were delivered or promised; ``families``: their families.
        findings: ids of the findings about the same endpoint.
    """
    proven = bool(_PROVEN & set(findings))
    relays = proven or bool(_PROMISED & set(findings))
    holes = _holes(software_name, version, test_ids, findings, families if relays else ())
    page = _PAGES.get(software_name.lower(), GENERIC)
    chosen = [*_now(page, holes, proven, relays), *_mends(page, holes)]
    if proven:
        chosen += [_one(page, Order.CLEAR), _one(GENERIC, Order.TELL)]
    return tuple(_cure(remedy) for remedy in chosen)


def _holes(
    name: str, version: str, test_ids: Sequence[str], findings: Sequence[str], families: Sequence[str]
) -> list[Hole]:
    found = {_BY_FINDING[finding] for finding in findings if finding in _BY_FINDING}
    if families:
        found |= {_BY_TEST[test] for test in test_ids if test in _BY_TEST}
        others = set(families)
        if Hole.TLS_AS_AUTH in found:
            others.discard("session-state")
        found |= {_BY_FAMILY.get(family, Hole.PLAIN) for family in others}
        if name.lower() == "sendmail" and _older(version, _SENDMAIL_CLOSED):
            found.add(Hole.OUTDATED)
    if Hole.LOST_CLIENT_ADDRESS in found:
        # Whoever takes strangers for his own shows every hole; they all close with this one.
        found &= {Hole.LOST_CLIENT_ADDRESS, Hole.REFLECTS, Hole.POSTMASTER}
    return sorted(found, key=list(Hole).index)


def _now(page: str, holes: Sequence[Hole], proven: bool, relays: bool) -> Iterator[Remedy]:
    if not relays:
        return
    if Hole.LOST_CLIENT_ADDRESS in holes:
        yield _one(CONTAINERS, Order.NOW)
    else:
        yield _one(page, Order.NOW, look=not proven)


def _mends(page: str, holes: Sequence[Hole]) -> list[Remedy]:
    places = (CONTAINERS, page, GENERIC)
    fitting: dict[str, Remedy] = {}
    for hole in holes:
        candidates = [each for place in places for each in REMEDIES if each.software == place and hole in each.holes]
        if candidates:
            fitting.setdefault(candidates[0].id, candidates[0])
    return list(fitting.values())[:MENDS_AT_MOST]


def _one(page: str, order: Order, *, look: bool = False) -> Remedy:
    return next(each for each in REMEDIES if (each.software, each.order, each.look) == (page, order, look))


def _cure(remedy: Remedy) -> Cure:
    page = BLOCKED_PAGE if remedy.order is Order.TELL else f"docs/mend/{remedy.software}.md"
    return Cure(remedy.id, remedy.order, remedy.text, remedy.commands, page)


def _older(version: str, bound: tuple[int, int]) -> bool:
    """Is ``8.8.8/8.8.8`` older than 8.9? False where the version can't be read."""
    parts = version.split("/")[0].split(".")
    if len(parts) < 2 or not (parts[0].isdecimal() and parts[1].isdecimal()):
        return False
    return (int(parts[0][:6]), int(parts[1][:6])) < bound

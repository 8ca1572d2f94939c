# SPDX-License-Identifier: Apache-2.0
"""May a list be believed? Its test points tell (RFC 5782 §5, RFC 6471).

    must be listed   must not be   health
    listed           clean         sound
    clean            clean         no-test-point   a listing is one; but "not listed" is worth nothing
    any              listed        lists-all       the list was closed so, or its zone has a wildcard
    refused in either              refuses
    broken in either               broken          a parked domain
    failed in either               silent

A list that lists all, refuses or is broken says nothing of a client, whatever it answers.

Limits: some resolvers are told "not listed" about everything instead of a refusal; that is ``no-test-point`` here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from fumidai.dnsbl.answer import Answer, Kind


class Health(StrEnum):
    """What the test points of a list said."""

    UNCHECKED = "unchecked"
    SOUND = "sound"
    NO_TEST_POINT = "no-test-point"
    LISTS_ALL = "lists-all"
    REFUSES = "refuses"
    BROKEN = "broken"
    SILENT = "silent"


#: What follows where both test points say no more; the gravest first.
_GRAVE: Final = ((Kind.BROKEN, Health.BROKEN), (Kind.REFUSED, Health.REFUSES), (Kind.FAILED, Health.SILENT))
_LISTS: Final = frozenset({Health.SOUND, Health.NO_TEST_POINT})


def judge(listed: Answer, not_listed: Answer) -> Health:
    """The health, by what came for the name that must be listed and for the one that must not (all codes count)."""
    for kind, health in _GRAVE[:2]:
        if kind in (listed.kind, not_listed.kind):
            return health
    if not_listed.kind is Kind.LISTED:
        return Health.LISTS_ALL
    if Kind.FAILED in (listed.kind, not_listed.kind):
        return Health.SILENT
    return Health.SOUND if listed.kind is Kind.LISTED else Health.NO_TEST_POINT


def health_after(kind: Kind) -> Health:
    """The health of a list that only ever answers with this failure."""
    return dict(_GRAVE)[kind]


def believe(answer: Answer, health: Health) -> Answer:
    """What an answer is worth: ``UNSOUND`` where the list's health forbids it to count."""
    if answer.kind in (Kind.LISTED, Kind.CLEAN):
        believed = health in _LISTS if answer.kind is Kind.LISTED else health is Health.SOUND
        return answer if believed else Answer(Kind.UNSOUND, (), health.value)
    # One failed question is a failed question; of a list that is known to be unsound nothing else was to be expected.
    return answer if health in _LISTS else Answer(Kind.UNSOUND, (), health.value)

# SPDX-License-Identifier: Apache-2.0
"""The blocklists of a policy, as the door asks them: a list's answer becomes a fact, or a failed one.

    listed                          the listing: codes, what they mean, the list's own words
    clean                           ""
    no answer this time             a failed fact: ``on_failure`` decides
    a list that can't be believed   ``on_unhealthy``: "leave-out" is "" (not listed), "fail" a failed fact

Every change of a list's health is a line of the log, and as long as it is left out there is another one every
``check_every`` seconds.

Limits: only client addresses are asked about; no lists of domains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from fumidai.dnsbl.answer import Answer, Kind
from fumidai.dnsbl.health import Health
from fumidai.dnsbl.names import Takes
from fumidai.dnsbl.settings import BlocklistSettings, OnUnhealthy
from fumidai.guard.counts import Counts
from fumidai.net.dnsbl import MOST, Answers, Blocklist, Pace
from fumidai.net.memory import Memory
from fumidai.net.resolver import Resolver
from fumidai.policy.request import Fact

#: Takes an event's name and its fields.
Note = Callable[[str, Mapping[str, object]], None]

_FAILED: Final = Fact(failed=True)
_CLEAN: Final = Fact()
_WHY: Final = {
    Health.SOUND: "its test points are as they should be",
    Health.NO_TEST_POINT: "it does not list its own test entry, so that it lists somebody may be believed, "
    "but not that it lists somebody not",
    Health.LISTS_ALL: "it lists everybody, even 127.0.0.1",
    Health.REFUSES: "it refuses to answer us",
    Health.BROKEN: "it answers with addresses that are no codes: its zone is parked or has a wildcard",
    Health.SILENT: "it gives no answer",
}


class Lists:
    """All lists that a policy refuses by.

    Args:
        zones: the lists.
        resolver: asked, unless the settings name another.
        note: told of each change of a list's health.
        counts: where it is shown which lists are sound.
    """

    def __init__(
        self,
        zones: Iterable[str],
        settings: BlocklistSettings,
        resolver: Resolver,
        note: Note,
        counts: Counts,
    ) -> None:
        self._settings = settings
        self._note = note
        asked = _resolver(settings, resolver)
        self._answers: Answers = Memory(MOST)
        self._lists = {
            zone: Blocklist(
                zone,
                asked,
                wanted=settings.wanted(zone),
                answers=self._answers,
                pace=Pace(check_every=settings.check_every),
                tell=self._tell,
            )
            for zone in zones
        }
        self._unhealthy = _FAILED if settings.on_unhealthy is OnUnhealthy.FAIL else _CLEAN
        self._counts = counts
        self._shown = {
            ("listing-health", settings.name(zone)): partial(_is_sound, one) for zone, one in self._lists.items()
        }

    def start(self) -> None:
        """Look at the lists' test points, now and then again."""
        for one in self._lists.values():
            one.start()
        for key, number in self._shown.items():
            self._counts.show(key, number)

    def rest(self) -> None:
        """Look at nothing of itself any more; what is asked is still answered."""
        for one in self._lists.values():
            one.rest()
        for key, number in self._shown.items():
            self._counts.hide(key, number)

    def close(self) -> None:
        """Ask nothing more."""
        for one in self._lists.values():
            one.close()
        self._answers.close()

    def peek(self, subject: str) -> Fact | None:
        """What is known of ``zone address`` at once; None where something has to be asked."""
        zone, _, client = subject.partition(" ")
        answer = self._lists[zone].peek(client)
        return None if answer is None else self._fact(zone, answer)

    async def ask(self, subject: str) -> Fact:
        """What a list says of ``zone address``."""
        zone, _, client = subject.partition(" ")
        return self._fact(zone, await self._lists[zone].ask(client))

    def _fact(self, zone: str, answer: Answer) -> Fact:
        match answer.kind:
            case Kind.CLEAN:
                return _CLEAN
            case Kind.LISTED:
                return Fact(self._listing(zone, answer))
            case Kind.UNSOUND:
                return self._unhealthy
            case _:
                return _FAILED

    def _listing(self, zone: str, answer: Answer) -> str:
        """``127.0.0.2 (SBL), 127.0.0.9 (DROP): the list's own words``; text from outside."""
        meanings = ((code, self._lists[zone].meaning(code)) for code in answer.codes)
        codes = ", ".join(f"{code} ({meaning})" if meaning else str(code) for code, meaning in meanings)
        return f"{codes}: {answer.reason}" if answer.reason else codes

    def _tell(self, which: Blocklist, takes: Takes, health: Health) -> None:
        left_out = self._settings.on_unhealthy is OnUnhealthy.LEAVE_OUT
        sound = health is Health.SOUND
        action = "asked" if sound else "left out" if left_out else "counted as failing"
        name = self._settings.name(which.zone)
        fields = {"list": name, "takes": takes.value, "action": action, "rule": health.value, "why": _WHY[health]}
        self._note("blocklist", fields)


def _is_sound(one: Blocklist) -> float:
    return float(all(one.health(takes) is Health.SOUND for takes in (Takes.IPV4, Takes.IPV6)))


def _resolver(settings: BlocklistSettings, resolver: Resolver) -> Resolver:
    if settings.resolver is None:
        return resolver.without_keeping(settings.deadline)
    address, port = settings.resolver
    return Resolver([address], port=port, deadline=settings.deadline, keep=False)

# SPDX-License-Identifier: Apache-2.0
"""Ask a DNS blocklist about addresses or domains, and ask first whether it may be believed.

    peek / ask → kept answer, or A (and of a listing TXT) ─┐
                 test points → health ─────────────────────┴→ dnsbl.health.believe → Answer

**Health.** The test points (RFC 5782 §5) are looked at before the first answer counts, then every ``check_every``
seconds, after a refusal or a broken answer at once, and before a listing counts if they were last seen more than a
minute ago: so a list that begins to list everybody at three in the morning refuses nobody's mail.

**Circuit breaker.** A list that could not be asked several times on end is silent (or refuses, or is broken): nothing
is asked of it but the test points, first after half a minute, then ever more seldom; whoever wants an answer is told
at once that there is none to be believed.

**Keeping.** Answers hold for their TTL (RFC 2308 §5 for "not listed"), within bounds; failures for some seconds.

Limits: each process asks for itself. What comes is as good as the resolver: no DNSSEC.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from typing import Final

from fumidai.dnsbl.answer import Answer, Kind, read_answer, with_reason
from fumidai.dnsbl.codes import CodeFilter
from fumidai.dnsbl.health import Health, believe, health_after, judge
from fumidai.dnsbl.known import known_list
from fumidai.dnsbl.names import Address, Takes, query_name, read_subject, test_points
from fumidai.net.memory import Memory
from fumidai.net.resolver import Resolver

#: Told when what a list is worth has changed, or an unsound one was found unsound again after a whole round.
Tell = Callable[["Blocklist", Takes, Health], None]
Answers = Memory[tuple[str, str], Answer]

#: Answers that are kept, of all lists together; about half a kilobyte each.
MOST: Final = 20_000
_BOTH: Final = (Takes.IPV4, Takes.IPV6)
_FAILURES: Final = frozenset({Kind.FAILED, Kind.REFUSED, Kind.BROKEN})
_NOT_TAKEN: Final = Answer(Kind.CLEAN)
_SOUND_ENOUGH: Final = frozenset({Health.SOUND, Health.NO_TEST_POINT})


@dataclass(frozen=True, slots=True)
class Pace:
    """When a list is asked; seconds.

    Attributes:
        check_every: between two looks at the test points of a sound list.
        fresh: for which the test points, once seen, vouch for a listing.
        retry: before an unsound list is looked at again; doubles up to ``check_every``.
        spacing: between two looks that answers call for.
        failures: failed questions on end (a number) after which a list is no longer asked.
        least, most: bounds for keeping a listing, whatever its TTL.
        most_clean: the same bound for "not listed", so that a new listing is seen.
        failure_kept: for which a failed question is not asked again.
        reason: for the text of a listing; without it the listing stands.
    """

    check_every: float = 600.0
    fresh: float = 60.0
    retry: float = 30.0
    spacing: float = 10.0
    failures: int = 5
    least: float = 30.0
    most: float = 3600.0
    most_clean: float = 900.0
    failure_kept: float = 10.0
    reason: float = 2.0


class Blocklist:
    """One list.

    Args:
        zone: its zone.
        resolver: asked as it stands; it should keep nothing (``Resolver.without_keeping``).
        takes: what it can be asked about; None for what is known of it, else addresses of both families.
        wanted: codes that count; None for all.
        answers: where answers are kept; several lists may share one.
        tell: see ``Tell``.
    """

    def __init__(
        self,
        zone: str,
        resolver: Resolver,
        *,
        takes: Iterable[Takes] | None = None,
        wanted: CodeFilter | None = None,
        answers: Answers | None = None,
        pace: Pace | None = None,
        tell: Tell = lambda which, takes, health: None,
    ) -> None:
        known = known_list(zone)
        self.zone = zone
        self._resolver = resolver
        self._wanted = wanted
        self._refusals = known.refusals if known else frozenset()
        self._meanings: Mapping[IPv4Address, str] = known.codes if known else {}
        self._takes = tuple(takes or (known.takes if known else _BOTH))
        self._answers = Memory(MOST) if answers is None else answers
        self._pace = pace or Pace()
        self._tell = tell
        self._found: dict[Takes, Health] = dict.fromkeys(self._takes, Health.UNCHECKED)
        self._failures = 0
        self._retries = 0
        self._checked_at = self._seen_at = self._told_at = float("-inf")
        self._checking: asyncio.Task[None] | None = None
        self._round: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    # --- what it is worth ---

    def health(self, takes: Takes) -> Health:
        """What the list is worth for this kind of address."""
        found = self._found.get(takes, Health.NO_TEST_POINT)
        if found is Health.NO_TEST_POINT and Health.SOUND in self._found.values():
            # It is sound for the other family and has none of this one, which is then not listed.
            return Health.SOUND
        return found

    def meaning(self, code: IPv4Address) -> str:
        """What a code of this list means; "" where nobody has written it down."""
        return self._meanings.get(code, "")

    # --- answers ---

    def peek(self, subject: str) -> Answer | None:
        """What can be said at once of an address or a domain; None where something has to be asked (``ask``)."""
        takes = _kind_of(subject)
        if takes not in self._found:
            return _NOT_TAKEN
        health = self.health(takes)
        if health not in _SOUND_ENOUGH:
            return None if health is Health.UNCHECKED else self._unsound(health)
        kept = self._answers.peek((self.zone, subject))
        if kept is None or (kept.kind is Kind.LISTED and not self._vouched()):
            return None
        return believe(kept, health)

    async def ask(self, subject: str) -> Answer:
        """What the list says of an address or a domain, as far as it may be believed; never raises.

        Takes as long as the resolver's deadline, and that of a look at the test points where one is due.
        """
        takes = _kind_of(subject)
        if takes not in self._found:
            return _NOT_TAKEN
        health = self.health(takes)
        if health not in _SOUND_ENOUGH and health is not Health.UNCHECKED:
            return self._unsound(health)
        asking = self._answers.get((self.zone, subject), partial(self._ask, read_subject(subject)))
        if health is Health.UNCHECKED:
            answer, _ = await asyncio.gather(asking, self.check())
        else:
            answer = await asking
        if answer.kind is Kind.LISTED and not self._vouched():
            before = self._seen_at
            await self.check()
            if self.health(takes) in _SOUND_ENOUGH and self._seen_at == before:
                return Answer(Kind.FAILED, (), "the list's test points could not be seen")
        return believe(answer, self.health(takes))

    def _vouched(self) -> bool:
        """The test points were seen a short while ago."""
        return _now() - self._seen_at <= self._pace.fresh

    def _unsound(self, health: Health) -> Answer:
        """Nothing is asked; but it is seen to that somebody looks whether the list is better."""
        if self._age() >= self._pause():
            self._look_soon()
        return Answer(Kind.UNSOUND, (), health.value)

    async def _ask(self, subject: Address | str) -> tuple[Answer, float]:
        name = query_name(subject, self.zone)
        answer, ttl = await self._question(name, self._wanted)
        if answer.kind is Kind.LISTED:
            answer = await self._with_reason(name, answer)
        if answer.kind in _FAILURES:
            self._failed(answer)
            return answer, self._pace.failure_kept
        self._failures = 0
        most = self._pace.most if answer.kind is Kind.LISTED else self._pace.most_clean
        return answer, min(max(ttl, self._pace.least), most)

    async def _question(self, name: str, wanted: CodeFilter | None) -> tuple[Answer, float]:
        """One question; its TTL."""
        found = await self._resolver.records(name, "A")
        if found.failed:
            return Answer(Kind.FAILED, (), found.text), 0.0
        return read_answer(map(IPv4Address, found.texts), wanted, self._refusals), found.ttl

    async def _with_reason(self, name: str, answer: Answer) -> Answer:
        # RFC 5782 §2.1: a listing should have a TXT that tells its reason.
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace.reason):
                return with_reason(answer, (await self._resolver.records(name, "TXT")).strings)
        return answer

    def _failed(self, answer: Answer) -> None:
        """Count; what the list itself says against being asked calls for a look, several failures for a rest."""
        self._failures += 1
        if self._failures >= self._pace.failures:
            self._checked_at = _now()
            self._retries = 0
            self._become(dict.fromkeys(self._takes, health_after(answer.kind)))
            self._wake.set()
        elif answer.kind is not Kind.FAILED and self._age() >= self._pace.spacing:
            self._look_soon()

    # --- test points ---

    def start(self) -> None:
        """Look at the test points now and then, in the background."""
        self._round = asyncio.get_running_loop().create_task(self._look_again_and_again())

    def rest(self) -> None:
        """Stop that; whoever asks is still answered."""
        if self._round is not None:
            self._round.cancel()

    def close(self) -> None:
        """Stop that, and a look that is being taken."""
        for task in (self._round, self._checking):
            if task is not None:
                task.cancel()

    async def check(self) -> None:
        """Look at the test points; whoever asks meanwhile waits for the same look."""
        await asyncio.shield(self._look_soon())

    def _look_soon(self) -> asyncio.Task[None]:
        if self._checking is None or self._checking.done():
            self._checking = asyncio.get_running_loop().create_task(self._look())
        return self._checking

    async def _look(self) -> None:
        found = await asyncio.gather(*(self._test(takes) for takes in self._takes))
        self._checked_at = _now()
        seen: dict[Takes, Health] = dict(zip(self._takes, found, strict=True))
        if set(found) == {Health.SILENT}:
            if self._bears_one_more():
                return
        else:
            self._seen_at = self._checked_at
        self._failures = 0 if set(found) & _SOUND_ENOUGH else self._failures
        self._retries = 0 if set(found) <= _SOUND_ENOUGH else self._retries + 1
        self._become(seen)

    def _bears_one_more(self) -> bool:
        """One silent look at a list that was sound is a failure among others."""
        self._failures += 1
        sound = all(health in _SOUND_ENOUGH for health in self._found.values())
        return sound and self._failures < self._pace.failures

    async def _test(self, takes: Takes) -> Health:
        names = test_points(takes, self.zone)
        (listed, _), (not_listed, _) = await asyncio.gather(*(self._question(name, None) for name in names))
        return judge(listed, not_listed)

    def _become(self, found: Mapping[Takes, Health]) -> None:
        before = {takes: self.health(takes) for takes in self._takes}
        self._found.update(found)
        again = _now() - self._told_at >= self._pace.check_every
        for takes in self._takes:
            health = self.health(takes)
            if health is not before[takes] or (again and health is not Health.SOUND):
                self._told_at = _now()
                self._tell(self, takes, health)

    async def _look_again_and_again(self) -> None:
        while True:
            await self.check()
            with suppress(TimeoutError):
                self._wake.clear()
                async with asyncio.timeout(self._pause()):
                    await self._wake.wait()
                # Woken because the list has failed: it gets its rest first.
                await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        if all(health in _SOUND_ENOUGH for health in self._found.values()):
            return self._pace.check_every
        return min(self._pace.retry * 2.0 ** max(0, self._retries - 1), self._pace.check_every)

    def _age(self) -> float:
        return _now() - self._checked_at


def _now() -> float:
    return asyncio.get_running_loop().time()


def _kind_of(subject: str) -> Takes:
    """As ``kind_of`` says of what has been read, without reading it: this is asked for every recipient."""
    if ":" in subject:
        return Takes.IPV6
    return Takes.IPV4 if subject.replace(".", "").isdecimal() else Takes.DOMAIN

# SPDX-License-Identifier: Apache-2.0
"""Lists served by a name server on loopback, well and badly: what they say, and whether they may be believed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from fumidai.dnsbl.answer import Kind
from fumidai.dnsbl.codes import read_codes
from fumidai.dnsbl.health import Health
from fumidai.dnsbl.names import Takes
from fumidai.net.dnsbl import Blocklist, Pace
from fumidai.net.resolver import Resolver
from tests.net.listserver import Way, Zone, good_list, list_server

BAD, GOOD, BAD6, GOOD6 = "203.0.113.9", "203.0.113.10", "2001:db8::9", "2001:db8::10"
#: Nothing happens by itself while a test runs.
CALM = Pace(check_every=3600, fresh=3600, retry=3600, spacing=3600)


@dataclass(slots=True)
class Asked:
    """A list that is served and asked."""

    zone: Zone
    blocklist: Blocklist
    told: list[tuple[str, str]] = field(default_factory=list)

    async def kinds(self, *clients: str) -> list[str]:
        return [(await self.blocklist.ask(client)).kind.value for client in clients]


@contextmanager
def asking(zone: Zone, *, deadline: float = 5.0, pace: Pace = CALM, **more: Any) -> Iterator[Asked]:
    told: list[tuple[str, str]] = []
    with list_server(zone) as port:
        resolver = Resolver(["127.0.0.1"], port=port, deadline=deadline, keep=False)

        def tell(which: Blocklist, takes: Takes, health: Health) -> None:
            told.append((takes.value, health.value))

        yield Asked(zone, Blocklist(zone.name, resolver, pace=pace, tell=tell, **more), told)


async def eventually(true: Any, patience: float = 15.0) -> None:
    async with asyncio.timeout(patience):
        while not true():  # noqa: ASYNC110  # what is asked has no event
            await asyncio.sleep(0.01)


async def test_listed_and_not_listed_in_both_families() -> None:
    with asking(good_list("bl.test", BAD, BAD6)) as asked:
        assert await asked.kinds(BAD, GOOD, BAD6, GOOD6) == ["listed", "clean", "listed", "clean"]
        assert asked.told == [("ipv4", "sound"), ("ipv6", "sound")]


async def test_a_listing_comes_with_codes_and_the_lists_own_words() -> None:
    zone = good_list("bl.test", BAD, codes=("127.0.0.4", "127.0.0.3"))
    zone.texts[next(name for name in zone.entries if name.startswith("9."))] = b"see https://bl.test/\r\n" + b"x" * 600
    with asking(zone) as asked:
        answer = await asked.blocklist.ask(BAD)
        assert list(map(str, answer.codes)) == ["127.0.0.3", "127.0.0.4"]
        assert answer.reason.startswith("see https://bl.test/ xxx")
        assert zone.questions(GOOD, "TXT") == 0


async def test_a_listing_whose_reason_does_not_come_is_one() -> None:
    zone = good_list("bl.test", BAD)
    zone.tells_why = False
    with asking(zone, pace=Pace(check_every=3600, fresh=3600, reason=0.2)) as asked:
        answer = await asked.blocklist.ask(BAD)
        assert (answer.kind, answer.reason) == (Kind.LISTED, "")
        assert zone.questions(BAD, "TXT") == 1


async def test_only_wanted_codes_count() -> None:
    with asking(good_list("bl.test", BAD, codes=("127.0.0.10",)), wanted=read_codes(["127.0.0.[2..9]"])) as asked:
        assert await asked.kinds(BAD) == ["clean"]
        assert asked.zone.questions(BAD, "TXT") == 0


@pytest.mark.parametrize(
    ("codes", "health"),
    [
        (["127.0.0.2"], Health.LISTS_ALL),
        (["127.255.255.254"], Health.REFUSES),
        (["127.0.0.1"], Health.REFUSES),
        (["192.0.2.80"], Health.BROKEN),
        (["127.0.0.2", "127.255.255.255"], Health.REFUSES),
    ],
)
async def test_a_list_that_answers_everything_alike_lists_nobody(codes: list[str], health: Health) -> None:
    zone = Zone("bl.test")
    zone.serve_only(*codes)
    with asking(zone) as asked:
        assert await asked.kinds(BAD, BAD6) == ["unsound", "unsound"]
        assert asked.blocklist.health(Takes.IPV4) is health
        assert {told for _, told in asked.told} == {health.value}
        before = zone.all_questions
        assert (await asked.blocklist.ask(GOOD)).reason == health.value
        assert asked.blocklist.peek(GOOD) is not None, "its failure is told at once"
        assert zone.all_questions == before


async def test_an_empty_zone_clears_nobody() -> None:
    with asking(Zone("bl.test")) as asked:
        assert await asked.kinds(BAD) == ["unsound"]
        assert asked.blocklist.health(Takes.IPV4) is Health.NO_TEST_POINT


async def test_a_list_without_test_points_is_believed_where_it_lists() -> None:
    zone = good_list("bl.test", BAD)
    zone.entries = {name: codes for name, codes in zone.entries.items() if name.startswith("9.113.")}
    with asking(zone) as asked:
        assert await asked.kinds(BAD, GOOD) == ["listed", "unsound"]


async def test_a_list_of_one_family_has_nobody_of_the_other() -> None:
    with asking(good_list("bl.test", BAD, both=False)) as asked:
        assert await asked.kinds(BAD, BAD6) == ["listed", "clean"]
        assert asked.told == [("ipv4", "sound"), ("ipv6", "sound")]


async def test_a_known_list_is_not_asked_about_what_it_does_not_take() -> None:
    zone = good_list("bl.mailspike.net", BAD, BAD6)
    with asking(zone) as asked:
        assert await asked.kinds(BAD6, BAD) == ["clean", "listed"]
        assert asked.blocklist.peek(BAD6) is not None
        assert zone.questions(BAD6) == 0


@pytest.mark.parametrize("way", [Way.SERVFAIL, Way.SILENCE])
async def test_a_list_that_never_answered_is_silent_and_asked_no_more(way: Way) -> None:
    zone = good_list("bl.test", BAD)
    zone.way = way
    with asking(zone, deadline=0.5) as asked:
        began = time.monotonic()
        assert await asked.kinds(BAD) == ["unsound"]
        assert asked.blocklist.health(Takes.IPV4) is Health.SILENT
        before = zone.all_questions
        assert await asked.kinds(GOOD, BAD6) == ["unsound", "unsound"]
        assert zone.all_questions == before
        assert time.monotonic() - began < 20


async def test_a_list_that_fails_is_left_alone_after_some_failures() -> None:
    zone = good_list("bl.test")
    with asking(zone) as asked:
        assert await asked.kinds(GOOD) == ["clean"]
        zone.way = Way.SERVFAIL
        clients = [f"203.0.113.{last}" for last in range(100, 108)]
        assert await asked.kinds(*clients) == ["failed"] * 4 + ["unsound"] * 4
        assert [zone.questions(client) for client in clients] == [1] * 5 + [0] * 3
        assert asked.told[-1] == ("ipv6", "silent")


async def test_a_success_between_failures_forgives_them() -> None:
    zone = good_list("bl.test")
    with asking(zone) as asked:
        for last in range(20):
            zone.way = Way.PLAIN if last % 4 == 0 else Way.SERVFAIL
            assert await asked.kinds(f"203.0.113.{last}") == ["clean" if last % 4 == 0 else "failed"]


async def test_what_was_asked_is_kept_for_its_time() -> None:
    zone = good_list("bl.test", BAD)
    zone.ttl = zone.least = 0
    with asking(zone) as asked:
        await asyncio.gather(*(asked.blocklist.ask(BAD) for _ in range(50)))
        assert asked.blocklist.peek(GOOD) is None
        await asked.kinds(BAD, GOOD, BAD, GOOD)
        peeked = asked.blocklist.peek(BAD)
        assert peeked is not None
        assert peeked.kind is Kind.LISTED
        assert [zone.questions(who) for who in (BAD, GOOD)] == [1, 1], "kept for the least time, whatever the TTL"
        assert zone.questions(BAD, "TXT") == 1


@pytest.mark.parametrize(("ttl", "times"), [(0, 4), (3600, 1)])
async def test_an_answer_holds_as_long_as_its_ttl(ttl: int, times: int) -> None:
    zone = good_list("bl.test", BAD)
    zone.ttl = zone.least = ttl
    with asking(zone, pace=Pace(check_every=3600, fresh=3600, least=0.0)) as asked:
        await asked.kinds(*[BAD, GOOD] * 4)
        assert [zone.questions(who) for who in (BAD, GOOD)] == [times, times]


async def test_most_bounds_a_long_ttl_and_a_failure_is_not_asked_again_at_once() -> None:
    zone = good_list("bl.test", BAD)
    with asking(zone, pace=Pace(check_every=3600, fresh=3600, least=0.0, most=0.0, most_clean=0.0)) as asked:
        await asked.kinds(BAD, BAD, GOOD, GOOD)
        assert [zone.questions(who) for who in (BAD, GOOD)] == [2, 2]
        zone.way = Way.SERVFAIL
        assert await asked.kinds(GOOD, GOOD, GOOD) == ["failed"] * 3
        assert zone.questions(GOOD) == 3


async def test_a_slow_list_is_waited_for_and_a_slower_one_is_not() -> None:
    zone = good_list("bl.test", BAD)
    zone.delay = 0.3
    with asking(zone) as asked:
        assert await asked.kinds(BAD) == ["listed"]
        zone.delay = 1.0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await asked.blocklist.ask(GOOD)
        # The question is still out, and its answer serves the next.
        assert await asked.kinds(GOOD) == ["clean"]


async def test_a_list_of_domains() -> None:
    zone = Zone("dbl.test", {"evil.test.dbl.test": ["127.0.1.2"], "test.dbl.test": ["127.0.1.2"]})
    with asking(zone, takes=[Takes.DOMAIN]) as asked:
        assert await asked.kinds("Evil.TEST", "good.test", BAD) == ["listed", "clean", "clean"]
        assert asked.told == [("domain", "sound")]
        zone.serve_only("127.0.1.2")
        await asked.blocklist.check()
        assert await asked.kinds("evil.test") == ["unsound"]


async def test_a_known_list_of_domains_refuses_addresses_and_is_not_asked() -> None:
    zone = Zone("dbl.spamhaus.org")
    zone.serve_only("127.0.1.255")
    with asking(zone) as asked:
        assert await asked.kinds(BAD, BAD6) == ["clean", "clean"]
        assert zone.all_questions == 0
        assert await asked.kinds("evil.test") == ["unsound"]
        assert asked.blocklist.health(Takes.DOMAIN) is Health.REFUSES


async def test_a_list_that_begins_to_list_everybody_refuses_nobody() -> None:
    zone = good_list("bl.test", BAD)
    with asking(zone, pace=Pace(check_every=3600, fresh=-1.0)) as asked:
        assert await asked.kinds(BAD) == ["listed"]
        zone.serve_only("127.0.0.2")
        assert await asked.kinds(BAD) == ["unsound"], "a kept listing counts no more"
        assert await asked.kinds(GOOD) == ["unsound"]
        assert asked.told[-1][1] == "lists-all"


async def test_a_listing_that_nobody_vouches_for_is_a_failure() -> None:
    zone = good_list("bl.test", BAD)
    with asking(zone, pace=Pace(check_every=3600, fresh=-1.0)) as asked:
        assert await asked.kinds(BAD) == ["listed"]
        zone.way = Way.SERVFAIL
        assert await asked.kinds(BAD) == ["failed"]


async def test_a_refusal_calls_for_a_look_at_once() -> None:
    zone = good_list("bl.test")
    with asking(zone, pace=Pace(check_every=3600, fresh=3600, spacing=-1.0)) as asked:
        assert await asked.kinds(GOOD) == ["clean"]
        zone.serve_only("127.255.255.255")
        assert await asked.kinds("203.0.113.11") in (["refused"], ["unsound"])
        await eventually(lambda: asked.blocklist.health(Takes.IPV4) is Health.REFUSES)
        assert await asked.kinds(GOOD) == ["unsound"]


async def test_it_is_looked_after_in_the_background_and_believed_again() -> None:
    zone = good_list("bl.test", BAD)
    with asking(zone, pace=Pace(check_every=0.2, fresh=3600, retry=0.1)) as asked:
        asked.blocklist.start()
        try:
            await eventually(lambda: asked.blocklist.health(Takes.IPV4) is Health.SOUND)
            entries, way = zone.entries, zone.way
            zone.serve_only("127.0.0.2")
            await eventually(lambda: asked.blocklist.health(Takes.IPV4) is Health.LISTS_ALL)
            await eventually(lambda: asked.told.count(("ipv4", "lists-all")) > 1)  # it is said again
            zone.entries, zone.way = entries, way
            await eventually(lambda: asked.blocklist.health(Takes.IPV4) is Health.SOUND)
            assert await asked.kinds(BAD, GOOD) == ["listed", "clean"]
        finally:
            asked.blocklist.close()


async def test_after_failures_the_background_rests_and_looks_again() -> None:
    zone = good_list("bl.test")
    with asking(zone, pace=Pace(check_every=3600, fresh=3600, retry=0.3, failures=2)) as asked:
        asked.blocklist.start()
        try:
            assert await asked.kinds(GOOD) == ["clean"]
            zone.way = Way.SERVFAIL
            assert await asked.kinds("203.0.113.11", "203.0.113.12") == ["failed", "unsound"]
            await eventually(lambda: zone.questions("127.0.0.1") >= 2)
            zone.way = Way.PLAIN
            await eventually(lambda: asked.blocklist.health(Takes.IPV4) is Health.SOUND)
        finally:
            asked.blocklist.rest()
            asked.blocklist.close()


async def test_one_that_recovers_is_found_out_without_the_background_too() -> None:
    zone = good_list("bl.test", BAD)
    zone.way = Way.SERVFAIL
    with asking(zone, pace=Pace(check_every=3600, retry=0.0, failure_kept=0.0)) as asked:
        assert await asked.kinds(BAD) == ["unsound"]
        zone.way = Way.PLAIN
        await eventually(lambda: asked.blocklist.peek(BAD) is None)
        assert await asked.kinds(BAD) == ["listed"]

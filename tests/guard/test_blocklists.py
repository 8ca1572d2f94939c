# SPDX-License-Identifier: Apache-2.0
"""The guard and blocklists: who is listed is refused with the reason, and no list's failure stops the mail unheard."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from fumidai.dnsbl.settings import BlocklistSettings, OnUnhealthy, read_blocklists
from fumidai.net.resolver import Resolver
from fumidai.policy.lines import key_lines
from fumidai.policy.model import OnFailure, Policy
from fumidai.policy.notice import Source
from fumidai.policy.read import read_policy
from fumidai.smtp.reply import Reply
from tests.guard.faulty import Faulty, behind
from tests.guard.guarded import OWN, Client, Running, calling, guarding, session
from tests.net.listserver import Way, Zone, good_list, list_server

BAD, GOOD = "127.0.0.9", "127.0.0.10"
REFUSE = '[blocklists]\nrefuse = ["bl.test"]\n'
LISTED = replace(OWN, refuse_listed=("bl.test",))
SOUND = [250, 250, 250, 354, 250, 221]


@dataclass(slots=True)
class Before:
    """A guard that asks lists, and what stands behind it."""

    running: Running
    backend: Faulty

    async def codes(self, client: str, message: bytes = b"x: y\r\n") -> list[int]:
        async with calling(self.running.port, source=client) as caller:
            return await caller.all(session(message))

    async def answer(self, client: str) -> Reply:
        """What the recipient is answered."""
        async with calling(self.running.port, source=client) as caller:
            return await recipient(caller)

    def told(self, event: str = "blocklist") -> list[dict[str, str]]:
        self.running.guard._log.flush()
        return [line for line in self.running.lines if line["event"] == event]


async def recipient(caller: Client) -> Reply:
    assert await caller.say(b"EHLO c.test") == 250
    assert await caller.say(b"MAIL FROM:<s@b.test>") == 250
    caller.writer.write(b"RCPT TO:<u@a.test>\r\n")
    reply = await caller.reply()
    assert reply is not None
    return reply


@asynccontextmanager
async def before(
    *zones: Zone, policy: Policy = LISTED, blocklists: BlocklistSettings | None = None
) -> AsyncIterator[Before]:
    with list_server(*zones) as port:
        resolver = Resolver(["127.0.0.1"], port=port)
        async with behind() as backend:
            chosen = blocklists or BlocklistSettings()
            async with guarding(backend.port, policy=policy, resolver=resolver, blocklists=chosen) as running:
                yield Before(running, backend)


async def eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not true():  # noqa: ASYNC110  # what is asked has no event
            await asyncio.sleep(0.01)


def entry(zone: Zone) -> str:
    return next(name for name in zone.entries if name.startswith("9.0.0.127."))


async def test_a_listed_client_is_refused_with_the_lists_name_and_reason() -> None:
    zone = good_list("bl.test", BAD)
    zone.texts[entry(zone)] = b"open relay, see https://bl.test/127.0.0.9"
    async with before(zone) as guard:
        reply = await guard.answer(BAD)
        assert (reply.code, reply.text) == (
            550,
            "5.7.1 127.0.0.9 is listed at bl.test, 127.0.0.2: open relay, see https://bl.test/127.0.0.9",
        )
        assert await guard.codes(GOOD) == SOUND
        (refused,) = [line for line in guard.told("rcpt") if line["client"] == BAD]
        assert (refused["rule"], refused["reply"]) == ("listed-client", "550 5.7.1")
        assert refused["why"].startswith("127.0.0.9 is on the blocklist bl.test, 127.0.0.2: open relay, see")
    assert len(guard.backend.taken) == 1
    assert not any(b"RCPT" in heard for heard in guard.backend.heard[1:])


@pytest.mark.parametrize(
    "text", [b"\r\n250 2.0.0 yes\r\n", bytes(range(256)), b"\x1b[2J\xe2\x80\xae<script>", b"x" * 2000]
)
async def test_a_lists_text_can_neither_end_a_line_nor_reach_a_terminal(text: bytes) -> None:
    zone = good_list("bl.test", BAD)
    zone.texts[entry(zone)] = text
    async with before(zone) as guard, calling(guard.running.port, source=BAD) as caller:
        reply = await recipient(caller)
        assert (reply.code, len(reply.lines)) == (550, 1)
        assert reply.text.isascii()
        assert reply.text.isprintable()
        assert await caller.say(b"NOOP") == 250, "and the next answer is the next command's"
        assert all(line["why"].isascii() and line["why"].isprintable() for line in guard.told("rcpt"))


async def test_codes_that_do_not_count_refuse_nobody() -> None:
    text = f'{REFUSE}[blocklists.codes]\n"bl.test" = "127.0.0.[2..9]"\n'
    policy, _ = read_policy(text, "f.toml")
    settings = read_blocklists(policy, Source("f.toml", key_lines(text)))
    for code, answer in (("127.0.0.10", 250), ("127.0.0.4", 550)):
        async with before(good_list("bl.test", BAD, codes=(code,)), blocklists=settings) as guard:
            assert (await guard.answer(BAD)).code == answer


@pytest.mark.parametrize("right", ["OK", "RELAY"])
async def test_the_access_table_exempts_and_then_nothing_is_asked(right: str) -> None:
    access = f'[access]\n"Connect:{BAD}" = "{right}"\n'
    policy, _ = read_policy(f'[policy]\nreceive_for = ["a.test"]\n{access}{REFUSE}', "f.toml")
    zone = good_list("bl.test", BAD)
    async with before(zone, policy=policy) as guard:
        assert await guard.codes(BAD) == SOUND
    assert zone.questions(BAD) == 0


async def test_a_key_in_a_zone_is_shown_to_nobody() -> None:
    zone = good_list("secret1.zen.dq.spamhaus.net", BAD)
    zone.texts[entry(zone)] = b"see https://zen.test/"
    async with before(zone, policy=replace(OWN, refuse_listed=(zone.name,))) as guard:
        reply = await guard.answer(BAD)
        assert reply.text.startswith("5.7.1 127.0.0.9 is listed at zen.dq.spamhaus.net, 127.0.0.2 (SBL): see")
        zone.way = Way.SERVFAIL
        assert (await guard.answer("127.0.0.11")).code == 451
        assert shown(guard) == {"zen.dq.spamhaus.net": 1}
        assert {line["rule"] for line in guard.told("rcpt")} == {"listed-client", "blocklist-missing"}
        assert guard.told()
        assert "secret1" not in json.dumps(guard.running.lines)


async def test_who_may_relay_is_not_asked_about() -> None:
    zone = good_list("bl.test", BAD)
    policy = replace(LISTED, relay_networks=(ip_network(f"{BAD}/32"),))
    async with before(zone, policy=policy) as guard:
        assert await guard.codes(BAD) == SOUND
    assert zone.questions(BAD) == 0


async def test_what_is_refused_anyway_waits_for_no_list() -> None:
    zone = good_list("bl.test", BAD)
    zone.way = Way.SILENCE
    async with before(zone) as guard, calling(guard.running.port, source=BAD) as caller:
        assert await caller.say(b"EHLO c.test") == 250
        assert await caller.say(b"MAIL FROM:<s@b.test>") == 250
        async with asyncio.timeout(4):
            assert await caller.say(b"RCPT TO:<v@evil.test>") == 550


async def test_the_look_up_begins_when_the_client_comes_and_is_kept() -> None:
    zone = good_list("bl.test", BAD)
    async with before(zone) as guard, calling(guard.running.port, source=BAD) as caller:
        await eventually(lambda: zone.questions(BAD) == 1)
        assert (await recipient(caller)).code == 550
        assert await caller.say(b"RCPT TO:<w@a.test>") == 550
        assert (await guard.answer(BAD)).code == 550
    assert zone.questions(BAD) == 1


@pytest.mark.parametrize(
    ("on_failure", "code", "rule"), [(OnFailure.DEFER, 451, "blocklist-missing"), (OnFailure.IGNORE, 250, "own-domain")]
)
async def test_one_failed_question_is_the_policys_affair(on_failure: OnFailure, code: int, rule: str) -> None:
    zone = good_list("bl.test", BAD)
    async with before(zone, policy=replace(LISTED, on_failure=on_failure)) as guard:
        assert await guard.codes(GOOD) == SOUND
        zone.way = Way.SERVFAIL
        assert (await guard.answer("127.0.0.11")).code == code
        assert guard.told("rcpt")[-1]["rule"] == rule


def spoil(zone: Zone, how: str) -> None:
    match how:
        case "empty":
            zone.entries.clear()
        case "servfail":
            zone.way = Way.SERVFAIL
        case code:
            zone.serve_only(code)


@pytest.mark.parametrize(
    ("how", "health"),
    [
        ("127.0.0.2", "lists-all"),
        ("127.255.255.254", "refuses"),
        ("127.0.0.1", "refuses"),
        ("192.0.2.80", "broken"),
        ("empty", "no-test-point"),
        ("servfail", "silent"),
    ],
)
async def test_a_list_that_cannot_be_believed_is_left_out_and_the_log_says_so(how: str, health: str) -> None:
    zone, other = good_list("bl.test", BAD), good_list("other.test", "127.0.0.12")
    spoil(zone, how)
    async with before(zone, other, policy=replace(LISTED, refuse_listed=("bl.test", "other.test"))) as guard:
        assert await guard.codes(BAD) == SOUND
        assert (await guard.answer("127.0.0.12")).code == 550, "the other list goes on"
        said = [line for line in guard.told() if line["list"] == "bl.test"]
    assert {(line["action"], line["rule"]) for line in said} == {("left out", health)}


@pytest.mark.parametrize(("on_failure", "code"), [(OnFailure.DEFER, 451), (OnFailure.IGNORE, 250)])
async def test_or_it_counts_as_failing_where_the_policy_wants_that(on_failure: OnFailure, code: int) -> None:
    zone = good_list("bl.test", BAD)
    zone.serve_only("127.0.0.2")
    settings = BlocklistSettings(on_unhealthy=OnUnhealthy.FAIL)
    async with before(zone, policy=replace(LISTED, on_failure=on_failure), blocklists=settings) as guard:
        assert (await guard.answer(BAD)).code == code
        assert guard.told()[0]["action"] == "counted as failing"


async def test_one_list_that_fails_does_not_hide_what_another_has() -> None:
    silent, zone = good_list("silent.test"), good_list("bl.test", BAD)
    policy = replace(LISTED, refuse_listed=("silent.test", "bl.test"))
    async with before(silent, zone, policy=policy) as guard:
        assert await guard.codes(GOOD) == SOUND
        silent.way = Way.SERVFAIL
        assert (await guard.answer(BAD)).code == 550
        assert (await guard.answer("127.0.0.11")).code == 451


async def test_a_crowd_asks_once() -> None:
    zone = good_list("bl.test", BAD)
    zone.delay = 0.3
    async with before(zone) as guard:
        codes = await asyncio.gather(*(guard.codes(BAD) for _ in range(20)))
    assert {tuple(each[:3]) for each in codes} == {(250, 250, 550)}
    assert (zone.questions(BAD), zone.questions(BAD, "TXT")) == (1, 1)


async def test_a_guard_with_lists_stops_while_it_waits_for_one() -> None:
    zone = good_list("bl.test")
    zone.way = Way.SILENCE
    async with before(zone) as guard, calling(guard.running.port, source=BAD) as caller:
        caller.writer.write(b"EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<u@a.test>\r\n")
        await eventually(lambda: zone.all_questions > 0)
        async with asyncio.timeout(10):
            await guard.running.guard.stop()


async def test_a_reload_asks_the_new_lists_and_looks_after_the_old_no_more() -> None:
    zone, other = good_list("bl.test", BAD), good_list("other.test", BAD)
    async with before(zone, other, blocklists=BlocklistSettings(check_every=0.1)) as guard:
        assert (await guard.answer(BAD)).text.count("bl.test") == 1
        await eventually(lambda: zone.questions("127.0.0.1") > 2)
        settings = guard.running.guard._settings
        await guard.running.guard.take_over(replace(OWN, refuse_listed=("other.test",)), settings)
        await eventually(lambda: other.questions("127.0.0.1") > 2)
        asked = zone.questions("127.0.0.1")
        assert (await guard.answer(BAD)).text.count("other.test") == 1
        await eventually(lambda: other.questions("127.0.0.1") > 6)
        assert zone.questions("127.0.0.1") <= asked + 1, "at most a look that was being taken"
        assert shown(guard) == {"other.test": 1}


async def test_a_number_shows_which_lists_are_sound() -> None:
    zone, other = good_list("bl.test", BAD), good_list("other.test", BAD)
    other.serve_only("127.0.0.2")
    async with before(zone, other, policy=replace(OWN, refuse_listed=("bl.test", "other.test"))) as guard:
        assert (await guard.answer(BAD)).code == 550
        assert shown(guard) == {"bl.test": 1, "other.test": 0}
        numbers = guard.running.guard.counts.numbers()
        assert numbers[("lookups", "dnsbl", "found")] >= 1


def shown(guard: Before) -> dict[str, float]:
    numbers = guard.running.guard.counts.numbers()
    return {key[1]: number for key, number in numbers.items() if key[0] == "listing-health"}


async def test_a_senders_domain_is_asked_once_for_a_crowd_too() -> None:
    zone = Zone("test")
    zone.delay = 0.2
    async with before(zone, policy=replace(OWN, sender_must_resolve=True)) as guard:
        codes = await asyncio.gather(*(guard.codes(GOOD) for _ in range(10)))
    assert {each[2] for each in codes} == {550}
    assert zone.asked["b.test MX"] == 1


async def test_the_command_from_its_policy_file_to_its_log(tmp_path: Path) -> None:
    zone = good_list("bl.test", BAD)
    zone.texts[entry(zone)] = b"see bl.test"
    with list_server(zone) as dns:
        async with behind() as backend:
            policy = tmp_path / "fumidai.toml"
            policy.write_text(
                '[policy]\nreceive_for = ["a.test"]\n'
                f'[blocklists]\nrefuse = ["bl.test"]\nresolver = "127.0.0.1:{dns}"\n'
                f'[guard]\nlisten = "127.0.0.1:0"\nbackend = "smtp://127.0.0.1:{backend.port}"\n'
            )
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "fumidai", "guard", "--policy", str(policy)),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, "LANG": "C.UTF-8"},
            )
            assert process.stderr is not None
            line = (await asyncio.wait_for(process.stderr.readline(), 20)).decode()
            port = int(line.partition(" on 127.0.0.1:")[2].partition(";")[0])
            for client, code in ((BAD, 550), (GOOD, 250)):
                async with calling(port, source=client) as caller:
                    assert (await caller.all(session(b"x: y\r\n")))[2] == code
            process.terminate()
            out, _ = await asyncio.wait_for(process.communicate(), 20)
    lines = [json.loads(each) for each in out.decode().splitlines()]
    assert {(each["list"], each["rule"]) for each in lines if each["event"] == "blocklist"} == {("bl.test", "sound")}
    assert [each["rule"] for each in lines if each["event"] == "rcpt"] == ["listed-client", "own-domain"]
    assert process.returncode == 0

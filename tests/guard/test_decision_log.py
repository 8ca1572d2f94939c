# SPDX-License-Identifier: Apache-2.0
"""Lines of the log wait for others, not for long and not in great numbers, and none is lost at an end in order."""

from __future__ import annotations

import asyncio
import json

from fumidai.guard.decision_log import _MOST, WAIT, DecisionLog
from tests.guard.faulty import behind
from tests.guard.guarded import calling, guarding


def note(log: DecisionLog, number: int) -> None:
    log.note("session", {"action": "sent away", "rule": "too-slow", "why": str(number)})


def numbers(written: list[str]) -> list[list[int]]:
    """What stands in each piece that was written."""
    return [[int(json.loads(line)["why"]) for line in text.splitlines()] for text in written]


async def test_lines_are_written_together_and_soon() -> None:
    written: list[str] = []
    log = DecisionLog(written.append)
    note(log, 1)
    await asyncio.sleep(0)
    note(log, 2)
    assert written == [], "they wait for others"
    async with asyncio.timeout(WAIT + 5):
        while not written:  # noqa: ASYNC110  # a time that passes is no event
            await asyncio.sleep(WAIT / 5)
    assert numbers(written) == [[1, 2]]
    assert written[0].endswith("\n")
    note(log, 3)
    log.flush()
    await asyncio.sleep(2 * WAIT)
    assert numbers(written) == [[1, 2], [3]], "each once"


async def test_many_do_not_wait() -> None:
    written: list[str] = []
    log = DecisionLog(written.append)
    for number in range(_MOST):
        note(log, number)
    assert numbers(written) == [list(range(_MOST))]


async def test_an_end_in_order_writes_what_waits() -> None:
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        assert await client.all(b"EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<u@b.test>\r\n") == [250, 250, 550]
    assert [line["event"] for line in running.lines] == ["rcpt"]


async def test_who_has_said_all_hears_all_answers() -> None:
    """Nothing is asked of anybody when its end comes, so nothing holds the connection open but what is due."""
    async with behind() as backend, guarding(backend.port) as running:
        for said, codes in ((b"NOOP\r\n", [250]), (b"EHLO c.test\r\nRSET\r\n", [250, 250]), (b"DATA\r\n", [503])):
            async with calling(running.port) as client:
                assert await client.all(said) == codes

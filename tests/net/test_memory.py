# SPDX-License-Identifier: Apache-2.0
"""Answers that are kept: asked for once, for as long as they hold, and no more of them than there is room for."""

from __future__ import annotations

import asyncio

import pytest

from fumidai.net.memory import Memory


class Source:
    """Counts what is asked; answers when it is let."""

    def __init__(self, seconds: float = 60.0) -> None:
        self.asked = 0
        self.seconds = seconds
        self.let = asyncio.Event()

    async def ask(self) -> tuple[str, float]:
        self.asked += 1
        await self.let.wait()
        return f"answer {self.asked}", self.seconds


async def test_many_wait_for_one_question() -> None:
    memory: Memory[str, str] = Memory(10)
    source = Source()
    waiters = [asyncio.create_task(memory.get("a", source.ask)) for _ in range(20)]
    await asyncio.sleep(0)
    assert memory.peek("a") is None
    source.let.set()
    assert set(await asyncio.gather(*waiters)) == {"answer 1"}
    assert (source.asked, memory.peek("a")) == (1, "answer 1")


async def test_what_no_longer_holds_is_asked_again() -> None:
    memory: Memory[str, str] = Memory(10)
    source = Source(seconds=0.0)
    source.let.set()
    assert [await memory.get("a", source.ask) for _ in range(3)] == ["answer 1", "answer 2", "answer 3"]
    assert memory.peek("a") is None


async def test_who_gives_up_leaves_the_question_to_the_next() -> None:
    memory: Memory[str, str] = Memory(10)
    source = Source()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await memory.get("a", source.ask)
    later = asyncio.create_task(memory.get("a", source.ask))
    await asyncio.sleep(0)
    source.let.set()
    assert await later == "answer 1"


async def test_the_longest_unused_goes_first() -> None:
    memory: Memory[int, str] = Memory(3)
    source = Source()
    source.let.set()
    for key in (1, 2, 3):
        await memory.get(key, source.ask)
    assert memory.peek(1)
    await memory.get(4, source.ask)
    assert len(memory) == 3
    assert [memory.peek(key) is not None for key in (1, 2, 3, 4)] == [True, False, True, True]


async def test_a_question_that_broke_is_asked_again() -> None:
    memory: Memory[str, str] = Memory(3)

    async def broken() -> tuple[str, float]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await memory.get("a", broken)
    source = Source()
    source.let.set()
    assert await memory.get("a", source.ask) == "answer 1"


async def test_closing_gives_up() -> None:
    memory: Memory[str, str] = Memory(3)
    waiter = asyncio.create_task(memory.get("a", Source().ask))
    await asyncio.sleep(0)
    memory.close()
    with pytest.raises(asyncio.CancelledError):
        await waiter

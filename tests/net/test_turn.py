# SPDX-License-Identifier: Apache-2.0
"""The end of a turn of the loop: everything put off is done then, once, in its order, whatever one of them does."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from fumidai.net.turn import MOST, Turn


async def test_it_is_done_behind_what_the_turn_brings() -> None:
    loop, done = asyncio.get_running_loop(), list[str]()
    turn = Turn(loop)

    def meet(name: str) -> None:
        done.append(f"met {name}")
        turn.at_end(partial(done.append, f"answered {name}"))

    for name in "abc":
        loop.call_soon(meet, name)
    await asyncio.sleep(0)
    assert done == ["met a", "met b", "met c"]
    await asyncio.sleep(0)
    assert done[3:] == ["answered a", "answered b", "answered c"]
    turn.at_end(partial(done.append, "again"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert done[6:] == ["again"]


async def test_what_comes_while_it_is_done_is_done_in_the_next() -> None:
    turn, done = Turn(asyncio.get_running_loop()), list[int]()

    def again(left: int) -> None:
        done.append(left)
        if left:
            turn.at_end(partial(again, left - 1))

    again(3)
    for passed in range(1, 5):
        assert len(done) <= passed
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert done == [3, 2, 1, 0]


async def test_one_that_raises_keeps_the_others_from_nothing() -> None:
    loop, done, told = asyncio.get_running_loop(), list[int](), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _, context: told.append(context))
    turn = Turn(loop)

    def act(number: int) -> None:
        done.append(number)
        if number % 2:
            raise ValueError(number)

    for number in range(5):
        turn.at_end(partial(act, number))
    for _ in range(4):
        await asyncio.sleep(0)
    assert done == [0, 1, 2, 3, 4]
    assert [str(context["exception"]) for context in told] == ["1", "3"]


async def test_nobody_waits_behind_too_many() -> None:
    turn, done = Turn(asyncio.get_running_loop()), list[int]()
    for number in range(MOST + 3):
        turn.at_end(partial(done.append, number))
    assert done == list(range(MOST))
    await asyncio.sleep(0)
    assert done == list(range(MOST + 3))
    await asyncio.sleep(0)
    assert done == list(range(MOST + 3))

# SPDX-License-Identifier: Apache-2.0
"""Round trips, the path and held-back replies are read rightly off the times on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.wire import Conversation, TimedCount, Wire, cost, path, read_conversations

RTT = 0.1


def _talk(started: float, waits: int) -> Conversation:
    """A conversation that waits for one round trip after the other: handshake, greeting, replies."""
    return Conversation(started, tuple(started + RTT * (2 + number) for number in range(waits)), 0, 0.0)


def test_one_conversation_is_its_own_path() -> None:
    assert path([_talk(0.0, 3)], RTT) == 4


def test_conversations_side_by_side_share_the_path() -> None:
    assert path([_talk(0.0, 3), _talk(0.01, 5), _talk(0.02, 3)], RTT) == 6


def test_a_conversation_begun_later_stands_on_what_was_over_then() -> None:
    # Three waits of the first are over at 0.35 s: handshake, greeting, one reply.
    assert path([_talk(0.0, 3), _talk(0.35, 3)], RTT) == 3 + 4


def test_the_path_goes_through_the_longest_of_several() -> None:
    first, second = _talk(0.0, 1), _talk(0.25, 1)
    assert path([first, second, _talk(0.5, 1)], RTT) == 2 + 2 + 2
    assert cost([first, second], RTT).round_trips == 4


def test_no_conversation_costs_nothing() -> None:
    assert cost([], RTT) == cost([], 0.0)
    assert path([], RTT) == 0


def _noted(*notes: tuple[str, float]) -> TimedCount:
    count = TimedCount(0.0, half=RTT / 2)
    for way, now in notes:
        count.note(way, 1, now)
    return count


def test_pieces_of_one_answer_are_one_wait() -> None:
    talk = _noted(("down", 0.15), ("down", 0.16), ("up", 0.3), ("down", 0.35), ("down", 0.36)).conversation()
    assert talk.round_trips == 3
    assert talk.answered == pytest.approx((0.21, 0.41))


def test_what_the_way_takes_is_not_held_back() -> None:
    # The command reaches the server at 2.05, its answer leaves there 0.8 s later.
    assert _noted(("down", 0.15), ("up", 2.0), ("down", 2.85)).conversation().late == 0


def test_each_reply_held_back_counts() -> None:
    # A greeting after 1 s, and two replies of one group, a second apart.
    talk = _noted(("down", 1.15), ("up", 1.2), ("down", 2.25), ("down", 3.25), ("down", 3.3)).conversation()
    assert talk.late == 3
    assert talk.slowest == pytest.approx(1.0)


def test_conversations_survive_json() -> None:
    talk = _talk(1.0, 2)
    told = {"started": 1.0, "answered": list(talk.answered), "late": 0, "slowest": 0.0}
    assert read_conversations([told]) == [talk]
    with pytest.raises(ValueError, match="not a conversation"):
        read_conversations([{"started": 1.0}])


@asynccontextmanager
async def _way(rtt: float) -> AsyncIterator[tuple[int, Wire]]:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\n")
        while line := await reader.readline():
            writer.write(line)
        writer.close()
        await writer.wait_closed()

    far = await asyncio.start_server(greet, "127.0.0.1", 0)
    wire = Wire(("127.0.0.1", far.sockets[0].getsockname()[1]), rtt)
    near = await wire.serve("127.0.0.1", 0)
    async with far, near:
        yield near.sockets[0].getsockname()[1], wire


async def test_the_wire_counts_what_really_goes_over_it() -> None:
    async with _way(0.02) as (port, wire):
        for lines in (1, 3):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await reader.readline()
            for _ in range(lines):
                writer.write(b"x\n")
                await reader.readline()
            writer.close()
            await writer.wait_closed()
        await wire.settle()
        talks = wire.take()
        assert [talk.round_trips for talk in talks] == [2 + 1, 2 + 3]
        assert path(talks, 0.02) == 8
        assert wire.take() == []

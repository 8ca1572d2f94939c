# SPDX-License-Identifier: Apache-2.0
"""The delaying proxy adds the time it says, keeps the order, and counts what went over it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from lab.delay import Count, Proxy

RTT = 0.1


async def _greet_and_echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello\n")
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.write(b"end\n")
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def _proxied(rtt: float) -> AsyncIterator[tuple[int, Proxy]]:
    far = await asyncio.start_server(_greet_and_echo, "127.0.0.1", 0)
    proxy = Proxy(("127.0.0.1", far.sockets[0].getsockname()[1]), rtt)
    near = await proxy.serve("127.0.0.1", 0)
    async with far, near:
        yield near.sockets[0].getsockname()[1], proxy
        await proxy.rest()


async def test_each_wait_costs_a_round_trip() -> None:
    async with _proxied(RTT) as (port, proxy):
        begun = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        greeted = time.monotonic()
        # SYN, SYN-ACK, ACK and the greeting: four half ways.
        assert greeted - begun >= 2 * RTT
        for _ in range(3):
            writer.write(b"x\n")
            await reader.readline()
        assert time.monotonic() - greeted >= 3 * RTT
        writer.close()
        await writer.wait_closed()
    # Connecting, the greeting, and three replies.
    assert proxy.counts[0].round_trips == 5


async def test_pipelined_lines_share_one_round_trip() -> None:
    async with _proxied(RTT) as (port, proxy):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        begun = time.monotonic()
        writer.write(b"".join(b"%d\n" % number for number in range(50)))
        answers = [await reader.readline() for _ in range(50)]
        # One by one they would take fifty.
        assert RTT <= time.monotonic() - begun < 25 * RTT
        assert answers == [b"%d\n" % number for number in range(50)]
        writer.close()
        await writer.wait_closed()
    assert proxy.counts[0].octets["up"] == 90 + 50


async def test_the_end_travels_too() -> None:
    async with _proxied(RTT) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        begun = time.monotonic()
        writer.write_eof()
        assert await reader.readline() == b"end\n"
        assert await reader.read() == b""
        assert time.monotonic() - begun >= RTT
        writer.close()
        await writer.wait_closed()


async def test_a_far_end_that_is_not_there_ends_the_connection() -> None:
    proxy = Proxy(("127.0.0.1", 1), RTT)
    async with await proxy.serve("127.0.0.1", 0) as near:
        reader, writer = await asyncio.open_connection("127.0.0.1", near.sockets[0].getsockname()[1])
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        await proxy.rest()


@pytest.mark.parametrize(("ways", "round_trips"), [("dud", 2 + 1), ("ud", 2), ("", 1), ("dddudu", 3)])
def test_round_trips_are_turns_towards_the_client(ways: str, round_trips: int) -> None:
    count = Count(0.0)
    for way in ways:
        count.add({"u": "up", "d": "down"}[way], 1)
    assert count.round_trips == round_trips

# SPDX-License-Identifier: Apache-2.0
"""A client that is cut off anywhere, or whose bytes come in any pieces: a message is there whole or not at all."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.guard.faulty import behind
from tests.guard.guarded import calling, guarding, session, without_trace

MESSAGE = b"Subject: number %d\r\n\r\n..\r\n.x\r\nlast line"


def whole(number: int) -> bytes:
    return session(MESSAGE % number)


LENGTH = len(whole(100))
END = whole(100).index(b"\r\n.\r\nQUIT") + len(b"\r\n.\r\n")


@pytest.mark.parametrize("orderly", [True, False], ids=["half-closed", "reset"])
async def test_every_prefix(orderly: bool) -> None:
    async with behind() as backend, guarding(backend.port) as running:

        async def cut(length: int) -> None:
            async with calling(running.port) as client:
                if orderly:
                    await client.all(whole(100 + length)[:length])
                else:
                    client.writer.write(whole(100 + length)[:length])
                    await asyncio.sleep(0.2)
                    client.writer.transport.abort()

        for start in range(0, LENGTH + 1, 50):
            await asyncio.gather(*(cut(length) for length in range(start, min(start + 50, LENGTH + 1))))
        await running.empty()
        await asyncio.sleep(0.1)
    arrived = sorted(taken.message.partition(b"number ")[2].partition(b"\r")[0] for taken in backend.taken)
    complete = [b"%d" % (100 + length) for length in range(END, LENGTH + 1)]
    assert set(arrived) <= set(complete)
    assert len(arrived) == len(set(arrived))
    assert {taken.message.partition(b"\r\n\r\n")[2] for taken in backend.taken} <= {b".\r\nx\r\nlast line\r\n"}
    # A reset throws away what was not read yet, so only an orderly end tells how far each client came.
    if orderly:
        cut_in_body = END - whole(100).index(b"DATA\r\n") - len(b"DATA\r\n")
        assert arrived == complete
        assert running.outcomes().count("delivered") == LENGTH - END + 1
        assert running.outcomes().count("aborted") == cut_in_body


TWO = (
    b"EHLO c.test\r\nMAIL FROM:<s@b.test>\r\nRCPT TO:<u@a.test>\r\nRCPT TO:<v%e@a.test>\r\nDATA\r\n"
    b"x: y\r\n\r\n..\r\n.\r\nRSET\r\nXYZZY\r\nMAIL FROM:<>\r\nRCPT TO:<w@a.test>\r\nDATA\r\n.\r\n"
    b"MAIL FROM:<>\r\nRCPT TO:<w@a.test>\r\nDATA\r\na\nb\r\n.\r\nNOOP\r\nQUIT\r\n"
)
CODES = [250, 250, 250, 550, 354, 250, 250, 500, 250, 250, 354, 250, 250, 250, 354, 554]


@settings(max_examples=40)
@given(st.lists(st.integers(1, len(TWO) - 1), max_size=12))
def test_any_pieces_give_the_same(cuts: list[int]) -> None:
    places = [0, *sorted(set(cuts)), len(TWO)]
    pieces = [TWO[start:end] for start, end in pairwise(places)]

    async def run() -> None:
        async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
            for piece in pieces[:-1]:
                client.writer.write(piece)
                await asyncio.sleep(0.0005)
            assert await client.all(pieces[-1]) == CODES
        assert [(taken.sender, taken.recipients) for taken in backend.taken] == [
            (b"<s@b.test>", [b"<u@a.test>"]),
            (b"<>", [b"<w@a.test>"]),
        ]
        bodies = [without_trace(taken.message) for taken in backend.taken]
        assert bodies == [b"x: y\r\n\r\n.\r\n", b""]

    asyncio.run(run())

# SPDX-License-Identifier: Apache-2.0
"""A client that is cut off anywhere, or whose bytes come in any pieces: a message is there whole or not at all."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.guard.faulty import behind
from tests.guard.guarded import calling, guarding, in_chunks, session, without_trace

MESSAGE = b"Subject: number %d\r\n\r\n..\r\n.x\r\nlast line"


def by_data(number: int) -> bytes:
    return session(MESSAGE % number)


def by_chunks(number: int) -> bytes:
    """The same message: cut behind a CR, before a dot, and with nothing in the last chunk."""
    message = (MESSAGE % number).replace(b"\r\n..", b"\r\n.").replace(b"\r\n.x", b"\r\nx") + b"\r\n"
    return in_chunks(message[:20], message[20:23], message[23:], b"")


#: How a message comes, what follows its end, and where its octets begin.
FORMS = {"data": (by_data, b"\r\n.\r\n", b"DATA\r\n"), "chunks": (by_chunks, b"BDAT 0 LAST\r\n", b"BDAT 20\r\n")}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("orderly", [True, False], ids=["half-closed", "reset"])
async def test_every_prefix(orderly: bool, form: str) -> None:
    whole, last, first = FORMS[form]
    length = len(whole(100))
    end = whole(100).index(last + b"QUIT") + len(last)
    async with behind() as backend, guarding(backend.port) as running:

        async def cut(at: int) -> None:
            async with calling(running.port) as client:
                if orderly:
                    await client.all(whole(100 + at)[:at])
                else:
                    client.writer.write(whole(100 + at)[:at])
                    await asyncio.sleep(0.2)
                    client.writer.transport.abort()

        for start in range(0, length + 1, 50):
            await asyncio.gather(*(cut(at) for at in range(start, min(start + 50, length + 1))))
        await running.empty()
        await asyncio.sleep(0.1)
    arrived = sorted(taken.message.partition(b"number ")[2].partition(b"\r")[0] for taken in backend.taken)
    complete = [b"%d" % (100 + at) for at in range(end, length + 1)]
    assert set(arrived) <= set(complete)
    assert len(arrived) == len(set(arrived))
    assert {taken.message.partition(b"\r\n\r\n")[2] for taken in backend.taken} <= {b".\r\nx\r\nlast line\r\n"}
    # A reset throws away what was not read yet, so only an orderly end tells how far each client came.
    if orderly:
        cut_in_body = end - whole(100).index(first) - len(first)
        assert arrived == complete
        assert running.outcomes().count("delivered") == length - end + 1
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

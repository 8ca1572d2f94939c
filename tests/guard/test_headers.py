# SPDX-License-Identifier: Apache-2.0
"""Messages that go in circles, and headers without end: told as they pass, and nothing of them stays at the backend."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.guard.headers import HeaderCount
from tests.guard.faulty import behind
from tests.guard.guarded import calling, guarding, in_chunks, session
from tests.smtp.chunks import cuts, pieces

HOP = b"Received: from a.example by b.example;\r\n\tTue, 24 Nov 2026 10:00:00 +0000\r\n"


def counted(*data: bytes) -> tuple[int, int, bool]:
    count = HeaderCount()
    for piece in data:
        if not count.over:
            count.feed(piece)
    return count.hops, count.size if count.over else -1, count.over


@pytest.mark.parametrize(
    ("message", "hops", "size"),
    [
        (HOP * 3 + b"Subject: x\r\n\r\n" + HOP * 9, 3, len(HOP) * 3 + 12),
        (b"subject: x\r\nRECEIVED: y\r\nX-Received: z\r\n\r\n", 1, 40),
        (b"\r\n" + HOP, 0, 0),
        (b"no field\r\n" + HOP * 60, 0, 0),
        (b"\tfolded: x\r\n" + HOP, 0, 0),
        (b"x" * 2000 + b": " + HOP * 60, 0, 0),
        (b"Subject : old\r\n" + HOP + b"\r\n", 1, 15 + len(HOP)),
    ],
)
def test_what_is_counted(message: bytes, hops: int, size: int) -> None:
    assert counted(message) == (hops, size, True)
    assert counted(*(message[at : at + 1] for at in range(len(message))))[::2] == (hops, True)


@given(st.lists(st.sampled_from([HOP, b"Received:\r\n", b"a: b\r\n", b"\r\n", b"a", b"re"]), max_size=9), st.data())
def test_however_it_is_cut(parts: list[bytes], draw: st.DataObject) -> None:
    message = b"".join(parts)
    assert counted(*pieces(message, draw.draw(cuts(message))))[::2] == counted(message)[::2]


def test_it_costs_next_to_nothing() -> None:
    head = HOP * 6 + b"Subject: x\r\n\r\n"
    message = head + b"x" * (1024 - len(head))

    def once() -> float:
        began = time.process_time()
        for _ in range(2000):
            HeaderCount().feed(message)
        return (time.process_time() - began) / 2000

    # 3 us are the promise; a loaded machine may take longer, a mistake would cost far more.
    assert min(once() for _ in range(5)) < 20e-6


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("hops", "code"), [(5, 250), (6, 554)])
async def test_more_hops_than_that_are_a_circle(hops: int, code: int, chunked: bool) -> None:
    message = HOP * hops + b"Subject: x\r\n\r\n" + HOP * 20
    said = in_chunks(message[:100], message[100:]) if chunked else session(message)
    async with behind() as backend, guarding(backend.port, hops=5) as running, calling(running.port) as client:
        codes = await client.all(said)
    assert codes == [250, 250, 250, 250 if chunked else 354, code, 221], "the session lives on"
    assert len(backend.taken) == (code == 250)
    assert running.outcomes() == ["delivered" if code == 250 else "refused"]


async def test_the_reply_names_it() -> None:
    async with behind() as backend, guarding(backend.port, hops=5) as running, calling(running.port) as client:
        for line in (b"EHLO c.test", b"MAIL FROM:<s@b.test>", b"RCPT TO:<u@a.test>", b"DATA"):
            await client.say(line)
        client.writer.write(HOP * 60 + b"\r\n.\r\n")
        answer = await client.reply()
    assert answer is not None
    assert (answer.code, answer.enhanced) == (554, "5.4.6")
    running.guard._log.flush()
    assert running.lines[-1]["why"] == "more than 5 Received lines"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_header_without_end_is_refused_and_not_passed_on(chunked: bool) -> None:
    message = b"Subject: x\r\n" + b"X-Y: z\r\n" * 100_000
    said = in_chunks(message, b"") if chunked else session(message)
    async with behind() as backend, guarding(backend.port, header_size=2000) as running:
        async with calling(running.port) as client:
            codes = await client.all(said)
        await running.empty()
    assert 552 in codes
    assert codes[-1] == 221
    assert not backend.taken
    assert sum(len(heard) for heard in backend.heard) < 300_000


async def test_a_long_body_is_no_header() -> None:
    async with behind() as backend, guarding(backend.port, header_size=2000) as running:
        for body in (b"Subject: x\r\n\r\n" + b"y" * 50_000, b"no header at all " * 9000):
            async with calling(running.port) as client:
                assert (await client.all(session(body)))[-2:] == [250, 221]
    assert len(backend.taken) == 2


@pytest.mark.parametrize("blank", [b" ", b"\t"])
async def test_a_message_cannot_go_on_with_our_line(blank: bytes) -> None:
    message = blank + b"by forged.test; date\r\n\r\nx\r\n"
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        assert (await client.all(in_chunks(message[:1], message[1:])))[-2:] == [250, 221]
    assert backend.taken[0].message.endswith(b"\r\n\r\n" + message)

# SPDX-License-Identifier: Apache-2.0
"""Messages by BDAT arrive as they would by DATA; what is acknowledged before the last chunk is octets only."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fumidai.guard.body import strange
from fumidai.guard.maildir_backend import MaildirBackend
from fumidai.guard.settings import LineEndings
from tests.guard.faulty import Kind, Step, behind
from tests.guard.guarded import Client, calling, guarding, in_chunks, without_trace
from tests.guard.test_lmtp_backend import Store, real_server

MESSAGE = b"Subject: x\r\n\r\n.\r\n..two\r\nx.\r\n.\r\nQUIT\r\n" + bytes(range(14, 256)) + b"\r\nthe end\r\n"
ENVELOPE = b"EHLO c.test\r\nMAIL FROM:<s@b.test>\r\nRCPT TO:<u@a.test>\r\n"


async def test_chunking_is_offered_whatever_stands_behind() -> None:
    async with behind(extensions=()) as backend, guarding(backend.port) as running, calling(running.port) as client:
        client.writer.write(b"EHLO c.test\r\n")
        answer = await client.reply()
    assert answer is not None
    assert b"CHUNKING" in answer.lines
    assert b"BINARYMIME" not in answer.raw


@pytest.mark.parametrize("at", range(1, 45))
async def test_a_message_cut_anywhere_into_chunks_arrives_octet_by_octet(at: int) -> None:
    """Dots at the beginning of lines are doubled on the way, also where a chunk ends between the two."""
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        assert await client.all(in_chunks(MESSAGE[:at], MESSAGE[at:])) == [250, 250, 250, 250, 250, 221]
    assert [without_trace(taken.message) for taken in backend.taken] == [MESSAGE]
    assert b"BDAT" not in backend.heard[-1], "a server of old is told DATA"
    assert running.outcomes() == ["delivered"]


async def test_a_last_line_without_an_end_gets_one_and_nothing_is_a_message_too() -> None:
    async with behind() as backend, guarding(backend.port) as running:
        for chunks in ((b"x: y\r\n\r\nend",), (b"x: y\r\n\r\nen", b"d"), (b"",)):
            async with calling(running.port) as client:
                assert (await client.all(in_chunks(*chunks)))[-2:] == [250, 221]
    assert [without_trace(taken.message) for taken in backend.taken] == [b"x: y\r\n\r\nend\r\n"] * 2 + [b""]


async def test_several_messages_by_either_way_over_one_connection() -> None:
    def bare(session: bytes) -> bytes:
        return session.removeprefix(b"EHLO c.test\r\n").removesuffix(b"QUIT\r\n")

    by_data = ENVELOPE.removeprefix(b"EHLO c.test\r\n") + b"DATA\r\nb: c\r\n.\r\n"
    by_chunks = bare(in_chunks(b"b: ", b"c\r\n"))
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        codes = await client.all(b"EHLO c.test\r\n" + by_chunks + by_data + by_chunks + by_data + b"QUIT\r\n")
    assert codes == [250, *[250, 250, 250, 250, 250, 250, 354, 250] * 2, 221]
    assert [without_trace(taken.message) for taken in backend.taken] == [b"b: c\r\n"] * 4


async def test_a_chunk_of_five_megabytes() -> None:
    message = b"Subject: x\r\n\r\n" + (b".line\r\n" + b"\xe5" * 990 + b"\r\n") * 5000
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        assert (await client.all(in_chunks(message)))[-2:] == [250, 221]
    assert without_trace(backend.taken[0].message) == message


async def test_the_acknowledgement_of_a_chunk_is_none_of_the_message() -> None:
    """RFC 3030 §2: before LAST the backend has seen no dot, whatever was answered."""
    async with behind() as backend, guarding(backend.port) as running:
        async with calling(running.port) as client:
            client.writer.write(ENVELOPE + b"BDAT 8\r\nx: y\r\n\r\n")
            answers = [await client.reply() for _ in range(4)]
            assert answers[3] is not None
            assert answers[3].raw == b"250 2.0.0 8 octets received\r\n"
            await asyncio.sleep(0.1)
            assert not backend.taken
            client.writer.transport.abort()
        await running.empty()
    assert not backend.taken
    assert running.outcomes() == ["aborted"]


@pytest.mark.parametrize("word", [b"RSET", b"EHLO c.test", b"QUIT"])
async def test_what_is_taken_back_between_chunks_never_was(word: bytes) -> None:
    async with behind() as backend, guarding(backend.port) as running:
        async with calling(running.port) as client:
            client.writer.write(ENVELOPE + b"BDAT 8\r\nx: y\r\n\r\n")
            for _ in range(4):
                await client.reply()
            assert await client.say(word) == (221 if word == b"QUIT" else 250)
            if word != b"QUIT":
                assert await client.say(b"BDAT 0 LAST") == 503
                assert (await client.all(in_chunks(b"a: b\r\n")))[-2:] == [250, 221]
        await running.empty()
    assert [without_trace(taken.message) for taken in backend.taken] == [b"a: b\r\n"] * (word != b"QUIT")
    assert running.outcomes()[0] == "aborted"


@pytest.mark.parametrize(
    ("line", "code"), [(b"DATA", 503), (b"RCPT TO:<w@a.test>", 503), (b"MAIL FROM:<>", 503), (b"NOOP", 250)]
)
async def test_between_chunks(line: bytes, code: int) -> None:
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        client.writer.write(ENVELOPE + b"BDAT 8\r\nx: y\r\n\r\n")
        for _ in range(4):
            await client.reply()
        assert await client.say(line) == code
        assert await client.say(b"BDAT 0 LAST") == 250
    assert len(backend.taken) == 1


BORDERS = [(b"a\r", b"b\r\n"), (b"a", b"\nb\r\n"), (b"a\r", b"\r\nb\r\n"), (b"a\0", b"\r\n"), (b"a\r\n.\n", b"")]


@pytest.mark.parametrize("chunks", [*BORDERS, (b"a\r",), (b"a\n",)])
async def test_what_must_not_pass_is_refused_across_the_border_of_chunks(chunks: tuple[bytes, ...]) -> None:
    async with behind() as backend, guarding(backend.port) as running:
        async with calling(running.port) as client:
            codes = await client.all(in_chunks(b"x: y\r\n\r\n", *chunks))
        await running.empty()
    assert codes[:4] == [250] * 4
    assert codes[-1] == 554, "and closed: not even QUIT is answered"
    assert not backend.taken
    assert not any(strange(bytes(heard)) for heard in backend.heard)
    assert running.outcomes() == ["refused"]


@pytest.mark.parametrize("chunks", BORDERS)
async def test_or_made_right(chunks: tuple[bytes, ...]) -> None:
    async with behind() as backend, guarding(backend.port, line_endings=LineEndings.NORMALIZE) as running:  # noqa: SIM117
        async with calling(running.port) as client:
            assert (await client.all(in_chunks(b"x: y\r\n\r\n", *chunks)))[-2:] == [250, 221]
    assert not any(strange(bytes(heard)) for heard in backend.heard)
    assert len(backend.taken) == 1


async def test_a_chunk_over_the_bound_is_dropped_and_the_session_lives() -> None:
    async with behind() as backend, guarding(backend.port, message_size=5000) as running:
        async with calling(running.port) as client:
            big = in_chunks(b"x: y\r\n\r\n", b"y" * 4000, b"z" * 4000, b"").removesuffix(b"QUIT\r\n")
            codes = await client.all(big + in_chunks(b"a: b\r\n"))
        await running.empty()
    assert codes == [250, 250, 250, 250, 250, 552, 503, 250, 250, 250, 250, 221]
    assert [without_trace(taken.message) for taken in backend.taken] == [b"a: b\r\n"]
    assert running.outcomes() == ["refused", "delivered"]
    assert running.lines[1]["from"] == "<s@b.test>"


async def test_a_chunk_too_great_to_be_dropped_ends_the_session() -> None:
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        codes = await client.all(ENVELOPE + b"BDAT 99999999999 LAST\r\n" + b"RSET\r\n" * 9)
    assert codes == [250, 250, 250, 552]
    assert not backend.taken


async def test_nobody_to_send_to() -> None:
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        refused = in_chunks(b"x: y\r\n", b"", to=b"<v@evil.test>").removesuffix(b"QUIT\r\n")
        assert await client.all(refused + in_chunks(b"a: b\r\n")) == [250, 250, 550, 554, 503, 250, 250, 250, 250, 221]
    assert [without_trace(taken.message) for taken in backend.taken] == [b"a: b\r\n"]


#: What the client hears to RCPT, a first chunk, and the last, for each way in which the server behind fails.
HEARD = [
    (Step.RCPT, Kind.PERMANENT, [554, 554, 503]),
    (Step.DATA, Kind.TEMPORARY, [250, 450, 503]),
    (Step.DATA, Kind.CLOSE, [250, 451, 503]),
    (Step.DATA, Kind.EARLY, [250, 451, 503]),
    (Step.BODY, Kind.CLOSE, [250, 250, 451]),
    (Step.DOT, Kind.TEMPORARY, [250, 250, 450]),
    (Step.DOT, Kind.PERMANENT, [250, 250, 554]),
    (Step.DOT, Kind.CLOSE, [250, 250, 451]),
    (Step.DOT, Kind.HANG, [250, 250, 451]),
    (Step.DOT, Kind.GARBAGE, [250, 250, 451]),
]


@pytest.mark.parametrize(("step", "kind", "heard"), HEARD, ids=lambda value: getattr(value, "value", ""))
async def test_the_word_on_the_last_chunk_is_the_servers(step: Step, kind: Kind, heard: list[int]) -> None:
    async with behind(step, kind) as backend, guarding(backend.port) as running:
        async with calling(running.port) as client:
            codes = await client.all(in_chunks(b"x: y\r\n" * 3000, b""))
        await running.empty()
    assert codes == [250, 250, *heard, 221]
    if step is not Step.DOT:
        assert not backend.taken
    elif kind in (Kind.CLOSE, Kind.HANG, Kind.GARBAGE):
        assert running.outcomes() == ["unknown"]


async def test_a_chunk_that_trickles_is_left() -> None:
    async with behind() as backend, guarding(backend.port, body_time=0.3) as running:
        async with calling(running.port) as client:
            client.writer.write(ENVELOPE + b"BDAT 80\r\nx: y\r\n")
            assert await codes_until_closed(client) == [250, 250, 250, 421]
        async with calling(running.port) as client:
            client.writer.write(b"BDAT 80\r\nx: y\r\n")
            assert await codes_until_closed(client) == [421]
        await running.empty()
    assert not backend.taken


async def codes_until_closed(client: Client) -> list[int]:
    codes = []
    while (answer := await client.reply()) is not None:
        codes.append(answer.code)
    return codes


async def test_chunks_of_nothing_without_end_are_too_much_talk() -> None:
    async with behind() as backend, guarding(backend.port, refusals=5) as running, calling(running.port) as client:
        codes = await client.all(ENVELOPE + b"BDAT 0\r\n" * 20)
    assert codes[-1] == 421
    assert len(codes) < 12
    assert not backend.taken


async def test_into_maildirs_alike(tmp_path: Path) -> None:
    for part in ("new", "cur", "tmp"):
        (tmp_path / "a.test" / "u" / part).mkdir(parents=True)
    backend = MaildirBackend(f"{tmp_path}/{{domain}}/{{local}}", "gate.a.test")
    async with guarding(backend) as running, calling(running.port) as client:
        assert (await client.all(in_chunks(b"x: y\r\n\r\n.\r", b"\n..\r\nend")))[-2:] == [250, 221]
    (file,) = (tmp_path / "a.test" / "u" / "new").iterdir()
    assert file.read_bytes().partition(b"x: y")[2] == b"\n\n.\n..\nend"


async def test_into_a_store_that_speaks_lmtp_alike() -> None:
    store = Store()
    async with real_server(store) as backend, guarding(backend) as running, calling(running.port) as client:
        codes = await client.all(in_chunks(b"x: y\r\n\r\n.\r", b"\n..\r\n", b""))
    assert codes == [250, 250, 250, 250, 250, 250, 221]
    ((recipients, message),) = store.taken
    assert recipients == ["u@a.test"]
    assert without_trace(message) == b"x: y\r\n\r\n.\r\n..\r\n"


BODIES = st.lists(st.sampled_from([b"\r\n", b".", b"x", b"\r\n.", b"..\r\n", b"QUIT\r\n", b"\xff"]), max_size=20)


@settings(max_examples=40)
@given(BODIES.map(b"".join), st.lists(st.integers(0, 200), max_size=6), st.integers(1, 400))
def test_any_chunks_in_any_pieces_are_the_message(body: bytes, cuts: list[int], width: int) -> None:
    message = b"x: y\r\n\r\n" + body
    edges = [0, *sorted(min(cut, len(message)) for cut in cuts), len(message)]
    said = in_chunks(*(message[start:end] for start, end in pairwise(edges)))

    async def run() -> None:
        async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
            for start in range(0, len(said) - width, width):
                client.writer.write(said[start : start + width])
                await asyncio.sleep(0)
            rest = said[len(range(0, max(len(said) - width, 0), width)) * width :]
            assert (await client.all(rest))[-2:] == [250, 221]
        right = message if message.endswith(b"\r\n") else message + b"\r\n"
        assert [without_trace(taken.message) for taken in backend.taken] == [right]

    asyncio.run(run())

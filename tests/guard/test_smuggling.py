# SPDX-License-Identifier: Apache-2.0
"""Two messages in one: no variant of an end of data, no bare CR, LF or NUL brings anything to the backend."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.guard.body import made_right, strange
from fumidai.guard.settings import LineEndings
from fumidai.smtp.data import DataReader
from tests.guard.faulty import behind
from tests.guard.guarded import calling, guarding, session

ENDS = {"LF": b"\n", "CR": b"\r", "CRLF": b"\r\n", "NUL": b"\0\r\n", "LFCR": b"\n\r", "CRCRLF": b"\r\r\n"}
VARIANTS = [pair for pair in itertools.product(ENDS, ENDS) if pair != ("CRLF", "CRLF")]
SECOND = b"MAIL FROM:<ceo@a.test>\r\nRCPT TO:<u@a.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx"


def smuggled(before: str, after: str) -> bytes:
    """A message with another behind what some server takes for an end."""
    return b"Subject: outer\r\n\r\nhello" + ENDS[before] + b"." + ENDS[after] + SECOND


@pytest.mark.parametrize(("before", "after"), VARIANTS)
async def test_nothing_of_it_is_delivered(before: str, after: str) -> None:
    async with behind() as backend, guarding(backend.port) as running:
        async with calling(running.port) as client:
            codes = await client.all(session(smuggled(before, after)))
        await running.empty()
    assert codes == [250, 250, 250, 354, 554], "and closed: not even QUIT is answered"
    assert not backend.taken
    assert not any(strange(bytes(heard)) for heard in backend.heard)
    assert running.outcomes() == ["refused"]


@pytest.mark.parametrize("odd", [b"a\nb", b"a\rb", b"a\0b", b"\n", b"\r", b"\0", b"a\r\r\nb", b"a\n\rb"])
async def test_what_is_odd_without_a_dot_is_refused_too(odd: bytes) -> None:
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        assert await client.all(session(b"Subject: x\r\n\r\n" + odd)) == [250, 250, 250, 354, 554]
    assert not backend.taken


#: Here a CR LF "." CR LF stands in it, whatever comes before: that is an end for everybody.
TRUE_ENDS = [("NUL", "CRLF"), ("CRCRLF", "CRLF")]


@pytest.mark.parametrize(("before", "after"), [pair for pair in VARIANTS if pair not in TRUE_ENDS])
async def test_normalized_it_is_one_message(before: str, after: str) -> None:
    async with behind() as backend, guarding(backend.port, line_endings=LineEndings.NORMALIZE) as running:  # noqa: SIM117
        async with calling(running.port) as client:
            codes = await client.all(session(smuggled(before, after)))
    assert codes == [250, 250, 250, 354, 250, 221]
    assert len(backend.taken) == 1
    assert not strange(backend.taken[0].message)
    assert not any(strange(bytes(heard)) for heard in backend.heard)
    assert b"Subject: smuggled" in backend.taken[0].message


@pytest.mark.parametrize("line", [b"NOOP\nNOOP", b"NO\0OP", b"RSET\rRSET", b"MAIL FROM:<a@b>\nRCPT TO:<c@d>"])
async def test_a_line_feed_ends_no_command(line: bytes) -> None:
    async with guarding(1) as running, calling(running.port) as client:
        assert await client.say(b"EHLO c.test") == 250
        assert await client.say(line) == 500
        assert await client.say(b"NOOP") == 250


#: Letters of which bodies are made: what ends lines, what ends messages, and one that does nothing.
BODIES = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"\0", b"x", b"\r\n.", b"\n.\n"]), max_size=12).map(
    b"".join
)


@given(BODIES, st.integers(1, 5))
def test_made_right_is_right_however_it_is_cut(body: bytes, width: int) -> None:
    """The pieces are those that the reader gives, which never cuts between CR and LF."""
    reader = DataReader()
    wire = body.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n"
    pieces = [reader.feed(wire[start : start + width]).data for start in range(0, len(wire), width)]
    right = b"".join(map(made_right, pieces))
    assert not strange(right)
    assert right == made_right(b"".join(pieces))
    assert any(map(strange, pieces)) == bool(strange(b"".join(pieces)))

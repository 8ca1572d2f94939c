# SPDX-License-Identifier: Apache-2.0
"""Replies out of a stream: what is one, what is none, and that cutting the stream changes nothing."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.smtp.reply import Garbled, Reply, ReplyReader, Why, write_reply
from tests.smtp.chunks import cuts, in_pieces

CASES = [
    ("plain", b"250 ok\r\n", [Reply(250, (b"ok",), b"250 ok\r\n")]),
    ("without text", b"250\r\n", [Reply(250, (b"",), b"250\r\n")]),
    ("with a blank and no text", b"250 \r\n", [Reply(250, (b"",), b"250 \r\n")]),
    ("bare LF", b"250 ok\n", [Reply(250, (b"ok",), b"250 ok\n")]),
    ("CR CR LF", b"250 ok\r\r\n", [Reply(250, (b"ok\r",), b"250 ok\r\r\n")]),
    ("code and CR CR LF", b"250\r\r\n", [Reply(250, (b"",), b"250\r\r\n")]),
    ("tab", b"250\tok\r\n", [Reply(250, (b"ok",), b"250\tok\r\n")]),
    ("two lines", b"250-a\r\n250 b\r\n", [Reply(250, (b"a", b"b"), b"250-a\r\n250 b\r\n")]),
    ("two replies", b"250 a\r\n550 b\r\n", [Reply(250, (b"a",), b"250 a\r\n"), Reply(550, (b"b",), b"550 b\r\n")]),
    ("8 bit and NUL", b"550 \x00\xff\x1b[2J\r\n", [Reply(550, (b"\x00\xff\x1b[2J",), b"550 \x00\xff\x1b[2J\r\n")]),
    ("a code that SMTP doesn't know", b"999 x\r\n", [Reply(999, (b"x",), b"999 x\r\n")]),
    ("no code", b"hello\r\n", [Garbled(b"hello\r\n", Why.NO_CODE)]),
    ("no separator", b"250ok\r\n", [Garbled(b"250ok\r\n", Why.NO_CODE)]),
    ("digits of another script", "²²² x\r\n".encode("latin-1"), [Garbled(b"\xb2\xb2\xb2 x\r\n", Why.NO_CODE)]),
    ("empty line", b"\r\n", [Garbled(b"\r\n", Why.NO_CODE)]),
    (
        "a stray line inside",
        b"220-a\r\nstray\r\n220 b\r\n",
        [Garbled(b"stray\r\n", Why.NO_CODE), Reply(220, (b"a", b"b"), b"220-a\r\n220 b\r\n")],
    ),
    (
        "the code changes",
        b"250-a\r\n250-b\r\n550 c\r\n",
        [Garbled(b"250-a\r\n250-b\r\n", Why.CODE_CHANGED), Reply(550, (b"c",), b"550 c\r\n")],
    ),
    (
        "a long last line",
        b"250-a\r\n250 " + b"x" * 50 + b"\r\n250 ok\r\n",
        [
            Garbled(b"250 " + b"x" * 28, Why.LINE_TOO_LONG),
            Reply(250, (b"a", b"x" * 28), b"250-a\r\n250 " + b"x" * 28),
            Reply(250, (b"ok",), b"250 ok\r\n"),
        ],
    ),
    (
        "a long line without code",
        b"y" * 99 + b"\r\n250 ok\r\n",
        [Garbled(b"y" * 32, Why.LINE_TOO_LONG), Reply(250, (b"ok",), b"250 ok\r\n")],
    ),
    (
        "a long reply",
        (b"250-" + b"x" * 20 + b"\r\n") * 4 + b"250 end\r\n250 next\r\n",
        [
            Garbled((b"250-" + b"x" * 20 + b"\r\n") * 2, Why.REPLY_TOO_LONG),
            Reply(250, (b"end",), b"250 end\r\n"),
            Reply(250, (b"next",), b"250 next\r\n"),
        ],
    ),
    (
        "a long reply that changes its code",
        (b"250-" + b"x" * 20 + b"\r\n") * 4 + b"550 end\r\n",
        [Garbled((b"250-" + b"x" * 20 + b"\r\n") * 2, Why.REPLY_TOO_LONG), Reply(550, (b"end",), b"550 end\r\n")],
    ),
]
IDS = [name for name, _, _ in CASES]


def small() -> ReplyReader:
    """A reader whose bounds a test can reach."""
    return ReplyReader(max_line=32, max_reply=64)


@pytest.mark.parametrize(("data", "expected"), [case[1:] for case in CASES], ids=IDS)
def test_reads_whole_and_byte_by_byte(data, expected):
    assert small().feed(data) == expected
    assert in_pieces(small().feed, data, range(len(data))) == expected


def test_line_of_exactly_the_bound_is_whole():
    line = b"250 " + b"x" * 26 + b"\r\n"
    assert len(line) == 32
    assert small().feed(line) == [Reply(250, (b"x" * 26,), line)]
    assert small().feed(b"2" + line)[0] == Garbled((b"2" + line)[:32], Why.LINE_TOO_LONG)


def test_reply_of_exactly_the_bound_is_whole():
    wire = b"250-" + b"x" * 26 + b"\r\n250 " + b"y" * 26 + b"\r\n"
    assert len(wire) == 64
    assert small().feed(wire) == [Reply(250, (b"x" * 26, b"y" * 26), wire)]


WORDS = [
    b"250",
    b"550",
    b"-",
    b" ",
    b"\r\n",
    b"\n",
    b"\r",
    b"\t",
    b"\0",
    b"a" * 40,
    b"5.7.1",
    b"220-x\r\n",
    b"220 y\r\n",
]
STREAMS = st.lists(st.sampled_from(WORDS) | st.binary(max_size=6), max_size=30).map(b"".join)


@given(STREAMS, st.data())
def test_cutting_changes_nothing(data, draw):
    reader, other = small(), small()
    assert in_pieces(reader.feed, data, draw.draw(cuts(data))) == other.feed(data)
    assert (reader.pending, reader.started) == (other.pending, other.started)


@given(STREAMS)
def test_every_byte_of_a_short_line_is_kept_once(data):
    reader = ReplyReader()
    items = reader.feed(data)
    kept = b"".join(item.raw for item in items) + reader.pending
    assert sorted(kept) == sorted(data)


def test_pending_and_drain():
    reader = ReplyReader()
    seen = [(reader.started, reader.pending)]
    assert reader.feed(b"220-teaser\r\n220 re") == []
    seen.append((reader.started, reader.pending))
    assert reader.drain() == b"220-teaser\r\n220 re"
    seen.append((reader.started, reader.pending))
    assert seen == [(False, b""), (True, b"220-teaser\r\n220 re"), (False, b"")]
    assert reader.feed(b"250 fresh\r\n") == [Reply(250, (b"fresh",), b"250 fresh\r\n")]


def test_a_skipped_line_counts_as_started_and_shows_its_head():
    reader = small()
    reader.feed(b"250 " + b"x" * 100)
    assert reader.started
    assert reader.pending == b"250 " + b"x" * 28


def test_bounded_memory_and_linear_time_on_endless_input():
    reader = ReplyReader()
    begun = time.process_time()
    for _ in range(160):
        reader.feed(b"x" * 65_536)
    for _ in range(2_000):
        reader.feed(b"\n" + b"220-" + b"y" * 10_000)
    for _ in range(200_000):
        reader.feed(b"z")
    assert len(reader.pending) < 3 * 65_536
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    ("lines", "enhanced"),
    [
        ((b"5.7.1 no",), "5.7.1"),
        ((b"no", b"5.7.1 no"), "5.7.1"),
        ((b"4.7.0",), "4.7.0"),
        ((b"5.7.1234 no", b"2.0.0 yes"), "2.0.0"),
        ((b"3.1.1 x", b"1.2.3.4 is blocked", b"5.1.1.1"), ""),
        ((b"",), ""),
    ],
)
def test_enhanced_code(lines, enhanced):
    assert Reply(550, lines, b"").enhanced == enhanced


def test_text_keeps_what_was_said():
    assert Reply(550, (b"5.7.1 \x1b[2J", b"\xe9"), b"").text == "5.7.1 \x1b[2J é"


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        (250, (True, False, False, False)),
        (354, (False, True, False, False)),
        (421, (False, False, True, False)),
        (554, (False, False, False, True)),
        (199, (False, False, False, False)),
        (0, (False, False, False, False)),
    ],
)
def test_kind_by_first_digit(code, kinds):
    reply = Reply(code, (b"",), b"")
    assert (reply.positive, reply.intermediate, reply.transient, reply.permanent) == kinds


@pytest.mark.parametrize(
    ("args", "wire"),
    [
        ((250, "Ok"), b"250 Ok\r\n"),
        ((250, ""), b"250 \r\n"),
        ((250, "Ok", "2.0.0"), b"250 2.0.0 Ok\r\n"),
        ((550, "a\nb", "5.7.1"), b"550-5.7.1 a\r\n550 5.7.1 b\r\n"),
        ((550, "x\r\x1b[2J\x7f\x9b\0é"), b"550 x??[2J???\\xe9\r\n"),
    ],
)
def test_write(args, wire):
    assert write_reply(*args) == wire


@given(st.integers(200, 599), st.text(max_size=2000), st.sampled_from(["", "5.7.1"]))
def test_what_is_written_is_one_reply_of_legal_lines(code, text, enhanced):
    wire = write_reply(code, text, enhanced)
    (reply,) = ReplyReader().feed(wire)
    assert isinstance(reply, Reply)
    assert (reply.code, reply.raw) == (code, wire)
    assert all(len(line) <= 512 and line.endswith(b"\r\n") for line in wire.splitlines(keepends=True))
    assert all(32 <= byte < 127 for line in reply.lines for byte in line)


def test_the_same_bytes_are_the_same_reply():
    one, two = (ReplyReader().feed(b"250-a\r\n250 b\r\n")[0] for _ in range(2))
    assert one == two
    assert len({one, two}) == 1


def test_a_text_of_any_length_is_written():
    for length in (1, 200, 5000):
        (reply,) = ReplyReader().feed(write_reply(250, "x" * length))
        assert isinstance(reply, Reply)
        assert b"".join(reply.lines) == b"x" * length

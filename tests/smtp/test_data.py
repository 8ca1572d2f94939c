# SPDX-License-Identifier: Apache-2.0
"""The end of a message, its dots, and the odd endings that others may take for it."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.smtp.data import DataReader, Oddity, OddityKind, stuff
from tests.smtp.chunks import cuts, pieces

BYTES = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"..", b"\0", b"a", b"\r\n.\r\n"]), max_size=24).map(
    b"".join
)


def read(data: bytes, places=()) -> tuple[bytes, bytes, bool, bytes, tuple[Oddity, ...]]:
    """Feed the data in pieces; give message, raw data, whether it ended, what was left, oddities."""
    reader = DataReader()
    fed = [reader.feed(piece) for piece in pieces(data, places)]
    joined = (b"".join(getattr(part, name) for part in fed) for name in ("data", "raw", "rest"))
    message, raw, rest = joined
    return message, raw, reader.done, rest, reader.oddities


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (b"", b".\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b".\r\n..\r\na", b"..\r\n...\r\na\r\n.\r\n"),
        (b"a\n.\nb\r\n", b"a\n.\nb\r\n.\r\n"),
        (b"a\r", b"a\r\r\n.\r\n"),
    ],
)
def test_stuff(message, wire):
    assert stuff(message) == wire


@pytest.mark.parametrize(
    ("wire", "message", "rest"),
    [
        (b".\r\n", b"", b""),
        (b".\r\nQUIT\r\n", b"", b"QUIT\r\n"),
        (b"a\r\n.\r\n.\r\n", b"a\r\n", b".\r\n"),
        (b"..\r\n.\r\n", b".\r\n", b""),
        (b"a\r\n.b\r\n.\r\n", b"a\r\nb\r\n", b""),
        (b"a\r\n.\rb\r\n.\r\n", b"a\r\n\rb\r\n", b""),
        (b"a\r\n.\n.\r\n.\r\n", b"a\r\n\n.\r\n", b""),
    ],
)
def test_end_and_dots(wire, message, rest):
    for places in ((), range(len(wire))):
        got, _, done, left, _ = read(wire, places)
        assert (got, done, left) == (message, True, rest)


@pytest.mark.parametrize(
    ("wire", "oddities"),
    [
        (b"a\nb\r\n.\r\n", [Oddity(OddityKind.BARE_LF, 1)]),
        (b"a\rb\r\n.\r\n", [Oddity(OddityKind.BARE_CR, 1)]),
        (b"\0\0\r\n.\r\n", [Oddity(OddityKind.NUL, 0, 2)]),
        (b"a\n.\nb\r\n.\r\n", [Oddity(OddityKind.BARE_LF, 1, 2), Oddity(OddityKind.LF_LF, 2)]),
        (b"a\n.\r\nb\r\n.\r\n", [Oddity(OddityKind.BARE_LF, 1), Oddity(OddityKind.LF_CRLF, 2)]),
        (b"a\r\n.\nb\r\n.\r\n", [Oddity(OddityKind.CRLF_LF, 3), Oddity(OddityKind.BARE_LF, 4)]),
        (b"a\r.\rb\r\n.\r\n", [Oddity(OddityKind.BARE_CR, 1, 2), Oddity(OddityKind.CR_CR, 2)]),
        (b"a\r.\r\nb\r\n.\r\n", [Oddity(OddityKind.BARE_CR, 1), Oddity(OddityKind.CR_CRLF, 2)]),
        (b"a\r\n.\rb\r\n.\r\n", [Oddity(OddityKind.CRLF_CR, 3), Oddity(OddityKind.BARE_CR, 4)]),
        (
            b"a\r.\nb\r\n.\r\n",
            [Oddity(OddityKind.BARE_CR, 1), Oddity(OddityKind.CR_LF, 2), Oddity(OddityKind.BARE_LF, 3)],
        ),
        (
            b"a\n.\rb\r\n.\r\n",
            [Oddity(OddityKind.BARE_LF, 1), Oddity(OddityKind.LF_CR, 2), Oddity(OddityKind.BARE_CR, 3)],
        ),
        (
            b".\n.\r\n\r\n.\r\n",
            [Oddity(OddityKind.CRLF_LF, 0), Oddity(OddityKind.BARE_LF, 1), Oddity(OddityKind.LF_CRLF, 2)],
        ),
        (b"\xff.x\r\n..\r\n.\r\n", []),
    ],
)
def test_oddities(wire, oddities):
    for places in ((), range(len(wire))):
        assert list(read(wire, places)[4]) == oddities


def test_an_odd_end_is_no_end():
    for before in (b"\n", b"\r", b"\r\n"):
        for after in (b"\n", b"\r", b"\r\n"):
            done = read(b"a" + before + b"." + after + b"b")[2]
            assert done == (before == after == b"\r\n")


@given(BYTES | st.binary(), st.data())
def test_cutting_changes_nothing(data, draw):
    assert read(data, draw.draw(cuts(data))) == read(data)


@given(BYTES)
def test_the_end_is_where_a_plain_search_finds_it(data):
    message, raw, done, rest, _ = read(data)
    head, mark, tail = (b"\r\n" + data).partition(b"\r\n.\r\n")
    assert done == bool(mark)
    if done:
        assert rest == tail
        assert raw == (head + b"\r\n")[2:]
        assert message == (head + b"\r\n").replace(b"\r\n.", b"\r\n")[2:]


@given(BYTES)
def test_oddities_are_what_a_plain_search_finds(data):
    _, raw, _, _, oddities = read(data + b"\r\n.\r\n")
    lines = b"\r\n" + raw
    counts = {
        OddityKind.BARE_CR: len(re.findall(rb"\r(?!\n)", lines)),
        OddityKind.BARE_LF: len(re.findall(rb"(?<!\r)\n", lines)),
        OddityKind.NUL: lines.count(b"\0"),
    }
    names = {b"\r": "CR", b"\n": "LF", b"\r\n": "CRLF"}
    for before, after in re.findall(rb"(\r\n|\r|\n)\.(?=(\r\n|\r|\n))", lines):
        kind = OddityKind(f"{names[before]}.{names[after]}")
        counts[kind] = counts.get(kind, 0) + 1
    assert {oddity.kind: oddity.count for oddity in oddities} == {kind: n for kind, n in counts.items() if n}


@given(st.binary() | BYTES)
def test_what_was_stuffed_is_read_back(message):
    got, _, done, rest, _ = read(stuff(message) + b"QUIT\r\n")
    whole = message if not message or message.endswith(b"\r\n") else message + b"\r\n"
    assert (got, done, rest) == (whole, True, b"QUIT\r\n")


def test_everything_after_the_end_is_rest():
    reader = DataReader()
    assert reader.feed(b".\r\nx").rest == b"x"
    assert reader.feed(b"y").rest == b"y"


def test_linear_time_and_constant_memory():
    reader = DataReader()
    begun = time.process_time()
    for _ in range(100):
        assert len(reader.feed(b"\n.\n" * 10_000 + b"\r").data) >= 29_999
    for _ in range(100_000):
        reader.feed(b"\n")
    assert len(reader.oddities) <= len(OddityKind)
    assert time.process_time() - begun < 5

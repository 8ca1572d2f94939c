# SPDX-License-Identifier: Apache-2.0
"""A dialogue reads the same however its bytes came in (Law 1, seen from the reader's side)."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fumidai.evidence.transcript import Direction, Transcript
from fumidai.evidence.verdict import Verdict, VerdictReason
from fumidai.report.dialogue import LINE_LIMIT, dialogue_lines, said
from fumidai.report.voice import Voice
from tests.report.results import entry

REPLIES = st.binary() | st.text(alphabet="25 -\r\na").map(str.encode)


def lines(transcript: Transcript) -> list[tuple[Direction, bytes]]:
    """Directions and bytes of what was said."""
    return [(line.direction, line.data) for line in said(transcript)]


@given(REPLIES, st.lists(st.integers(0, 60)))
def test_any_chunking_gives_the_same_lines(data, cuts):
    whole, pieces = Transcript(1), Transcript(1)
    whole.add(0.0, Direction.PEER, data)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in pairwise(edges):
        pieces.add(0.0, Direction.PEER, data[start:end])
    assert lines(pieces) == lines(whole)


@given(st.lists(st.tuples(st.sampled_from([Direction.PEER, Direction.US]), REPLIES)))
def test_nothing_said_is_lost(turns):
    transcript = Transcript(1)
    for direction, data in turns:
        transcript.add(0.0, direction, data)
    for speaker in (Direction.PEER, Direction.US):
        told = b"".join(data for direction, data in turns if direction is speaker)
        shown = b"".join(data for direction, data in lines(transcript) if direction is speaker)
        assert shown.translate(None, b"\r\n") == told.translate(None, b"\r\n")


def test_an_unfinished_line_ends_with_its_turn():
    transcript = Transcript(1)
    transcript.add(0.1, Direction.PEER, b"220 half a gree")
    transcript.add(0.2, Direction.US, b"QUIT\r\n")
    transcript.add(0.3, Direction.NOTE, b"closed")
    assert lines(transcript) == [
        (Direction.PEER, b"220 half a gree"),
        (Direction.US, b"QUIT"),
        (Direction.NOTE, b"closed"),
    ]


def test_a_line_is_stamped_when_it_is_whole():
    transcript = Transcript(1)
    transcript.add(0.1, Direction.PEER, b"250 o")
    transcript.add(4.5, Direction.PEER, b"k\r\n")
    assert [line.seconds for line in said(transcript)] == [4.5]


def test_an_endless_line_is_cut_for_people_and_counted():
    transcript = Transcript(1)
    transcript.add(0.1, Direction.PEER, b"x" * 10_000_000)
    shown = dialogue_lines(entry(Verdict.CLOSED, VerdictReason.ALL_REFUSED, transcripts=(transcript,)), Voice())
    assert shown[1] == "    0.100 <<< " + "x" * LINE_LIMIT + f"...(+{10_000_000 - LINE_LIMIT})"

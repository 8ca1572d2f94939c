# SPDX-License-Identifier: Apache-2.0
"""The dialogue as people read it: every line with its time and direction, escaped.

A transcript's pieces are what went over the wire in one go; here they are put together per direction and cut into
lines, so that a reply that came in three packets reads as one.

Limits: a line is stamped with the time at which its last byte came.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fumidai.evidence.result import Entry
from fumidai.evidence.transcript import Direction, Transcript
from fumidai.report.escape import clip, lines_of
from fumidai.report.voice import Voice
from fumidai.texts import N_

ARROWS = {Direction.PEER: "<<<", Direction.US: ">>>", Direction.NOTE: "###"}

# A screen's worth: a line of ten megabytes stays in the run folder.
LINE_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class SaidLine:
    """One line: seconds since the session's start, direction, bytes without CRLF."""

    seconds: float
    direction: Direction
    data: bytes


def said(transcript: Transcript) -> Iterator[SaidLine]:
    """The lines of a session in order; a line that its speaker never ended is ended by the other's turn."""
    rest, last, at = b"", Direction.NOTE, 0.0
    for piece in transcript.pieces():
        if piece.direction is not last and rest:
            yield SaidLine(at, last, rest)
            rest = b""
        last, at = piece.direction, piece.seconds
        *whole, rest = _split(rest + piece.data, piece.direction)
        for line in whole:
            yield SaidLine(at, last, line)
    if rest:
        yield SaidLine(at, last, rest)


def _split(data: bytes, direction: Direction) -> list[bytes]:
    """Whole lines, and what is left of one that may go on in the next piece."""
    lines = lines_of(data)
    if direction is Direction.NOTE or data.endswith(b"\n") or not lines:
        return [*lines, b""]
    return lines


def dialogue_lines(entry: Entry, voice: Voice) -> list[str]:
    """All sessions of an entry."""
    lines = []
    for transcript in entry.transcripts:
        text = (
            N_("session {number} of {endpoint}: {label}") if transcript.label else N_("session {number} of {endpoint}")
        )
        lines.append(voice.say(text, number=transcript.session, endpoint=str(entry.endpoint), label=transcript.label))
        for line in said(transcript):
            shown = clip(voice.show(line.data), LINE_LIMIT)
            lines.append(f"{line.seconds:9.3f} {ARROWS[line.direction]} {shown}")
        lines.append("")
    return lines

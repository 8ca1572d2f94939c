# SPDX-License-Identifier: Apache-2.0
"""The dialogue as people read it: every line with its time and direction, escaped.

A transcript's pieces are what went over the wire in one go; here they are put together per direction and cut into
lines, so that a reply that came in three packets reads as one.

Limits: a line is stamped with the time at which its last byte came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from fumidai.evidence.result import Entry
from fumidai.evidence.transcript import Direction, Transcript
from fumidai.report.escape import lines_of
from fumidai.report.voice import Voice
from fumidai.texts import N_

ARROWS = {Direction.PEER: "<<<", Direction.US: ">>>", Direction.NOTE: "###"}

# A screen's worth: a line of ten megabytes stays in the run folder.
LINE_LIMIT = 2000
# So does a reply of thousands of lines: no honest one is that long.
MOST_LINES = 200


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


def bounded(lines: Iterable[SaidLine], most: int = MOST_LINES) -> Iterator[SaidLine]:
    """The lines, but of what one side said in one go only the first ``most``; those left out are counted in a note."""
    count, turn, at = 0, Direction.NOTE, 0.0
    for line in lines:
        if line.direction is not turn:
            yield from _left_out(count - most, at)
            count, turn = 0, line.direction
        count, at = count + 1, line.seconds
        if count <= most:
            yield replace(line, data=_cut(line.data))
    yield from _left_out(count - most, at)


def _left_out(count: int, at: float) -> Iterator[SaidLine]:
    if count > 0:
        yield SaidLine(at, Direction.NOTE, f"(+{count} lines; the run folder has them)".encode())


def _cut(data: bytes) -> bytes:
    return data if len(data) <= LINE_LIMIT else data[:LINE_LIMIT] + f"...(+{len(data) - LINE_LIMIT})".encode()


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
        lines += [
            f"{line.seconds:9.3f} {ARROWS[line.direction]} {voice.show(line.data)}"
            for line in bounded(said(transcript))
        ]
        lines.append("")
    return lines

# SPDX-License-Identifier: Apache-2.0
"""The dialogue of a session: both directions, timed, raw bytes kept.

Kept as one growing bytearray and packed arrays of marks, because a list of line objects costs several times as
much at ten thousand sessions. ``lines()`` cuts it for people; nothing in here is escaped, that is the
task of whoever shows it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class Direction(StrEnum):
    """Who spoke."""

    PEER = "<"
    US = ">"
    NOTE = "#"


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing said in one go: seconds since the session's start, direction, raw bytes."""

    seconds: float
    direction: Direction
    data: bytes


@dataclass(slots=True)
class Transcript:
    """A session's record; ``add`` appends, ``pieces`` reads back in order.

    Attributes:
        session: number of the session within its endpoint (1-based).
        label: what the session is for, for a reader (``controls``, test ids …).
    """

    session: int
    label: str = ""
    _data: bytearray = field(default_factory=bytearray)
    _times: array[float] = field(default_factory=lambda: array("d"))
    _ends: array[int] = field(default_factory=lambda: array("Q"))
    _speakers: bytearray = field(default_factory=bytearray)

    def add(self, seconds: float, direction: Direction, data: bytes) -> None:
        """Append what was said; ``seconds`` since the session began."""
        self._data += data
        self._times.append(seconds)
        self._ends.append(len(self._data))
        self._speakers += direction.value.encode("ascii")

    def pieces(self) -> Iterator[Piece]:
        """All pieces in the order in which they were said."""
        start = 0
        for seconds, end, speaker in zip(self._times, self._ends, self._speakers, strict=True):
            yield Piece(seconds, Direction(chr(speaker)), bytes(self._data[start:end]))
            start = end

    def __len__(self) -> int:
        return len(self._data)

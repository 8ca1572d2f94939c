# SPDX-License-Identifier: Apache-2.0
"""A text put together from parts of another one, that knows where each octet came from.

    rebuilt = Rebuilt(text)
    rebuilt.copy(3, 9)
    rebuilt.insert(b" ")
    rebuilt.span(2, 4)        # (5, 7)

What was inserted counts as standing at the end of the part before it; what was put in place of a part covers it.

Limits: parts are found by bisection, one entry each.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Part:
    """``start`` here; ``[first, last)`` in the source; ``length`` here: another one where it was replaced."""

    start: int
    first: int
    last: int
    length: int

    def before(self, index: int) -> int:
        """Place in the source before the octet at ``index``."""
        offset = index - self.start
        if offset >= self.length:
            return self.last
        return self.first + offset if self.length == self.last - self.first else self.first

    def behind(self, index: int) -> int:
        """Place in the source behind the octet at ``index``."""
        offset = index - self.start + 1
        if offset > self.length or self.length != self.last - self.first:
            return self.last
        return self.first + offset


class Rebuilt:
    """See above.

    Args:
        source: the text that parts are taken from.
    """

    __slots__ = ("_length", "_parts", "_pieces", "_source", "_starts")

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._pieces: list[bytes] = []
        self._length = 0
        self._parts = [_Part(0, 0, 0, 0)]
        self._starts = [0]

    def __len__(self) -> int:
        return self._length

    def __bytes__(self) -> bytes:
        return b"".join(self._pieces)

    def copy(self, start: int, end: int) -> None:
        """Add ``source[start:end]``."""
        self.replace(start, end, self._source[start:end])

    def replace(self, start: int, end: int, data: bytes) -> None:
        """Add ``data`` in place of ``source[start:end]``."""
        self._parts.append(_Part(self._length, start, end, len(data)))
        self._starts.append(self._length)
        self.insert(data)

    def insert(self, data: bytes) -> None:
        """Add what does not stand in the source."""
        self._pieces.append(data)
        self._length += len(data)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where ``[start, end)`` stood in the source, with whatever was left out inside."""
        first = self._part(start).before(start)
        return first, max(self._part(end - 1).behind(end - 1), first) if end > start else first

    def _part(self, index: int) -> _Part:
        return self._parts[bisect_right(self._starts, index) - 1]

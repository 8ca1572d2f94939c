# SPDX-License-Identifier: Apache-2.0
"""What is traced: a message and where it was found, so that every offset leads back to what the user has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from fumidai.received.hop import Span
from fumidai.received.read import Head
from fumidai.received.trace import Report


class How(StrEnum):
    """In what form a message was found."""

    MESSAGE = "message"
    """It is the message itself."""
    ATTACHED = "attached"
    """It is attached: the original of an abuse report (RFC 5965, X-ARF), or a forwarded one."""
    PASTED = "pasted"
    """Its head was put together again out of pasted text."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message was found.

    Attributes:
        source: file as the user named it or as it was found below a folder he named; ``-`` is standard input.
        number: of several messages in one text or report, from 1 on; 0 where there is only one.
        offset: where what the message was found in begins, in bytes from the file's beginning: not 0 in a mailbox.
        how: see ``How``.
    """

    source: str
    number: int = 0
    offset: int = 0
    how: How = How.MESSAGE

    def __str__(self) -> str:
        place = f"{self.source}@{self.offset}" if self.offset else self.source
        return f"{place}#{self.number}" if self.number else place


def _same(start: int, end: int) -> tuple[int, int]:
    return start, end


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to be traced.

    Attributes:
        message: its bytes: head, and as much of the body as was needed; head: as ``received`` reads it.
        around: what stood around a pasted one.
        place: from a span in ``message`` to one in what it was found in (add ``origin.offset`` for the file). For a
            message out of an encoded attachment the second one counts in the decoded attachment.
    """

    origin: Origin
    message: bytes
    head: Head
    around: Report | None = None
    place: Callable[[int, int], tuple[int, int]] = field(default=_same, compare=False)

    def span(self, span: Span) -> Span:
        """Where in the file a span of the message stands."""
        start, end = self.place(span.start, span.end)
        return Span(start + self.origin.offset, end + self.origin.offset)


class Why(StrEnum):
    """Why something could not be traced."""

    UNREADABLE = "unreadable"
    MISSING = "missing"
    NO_FILE = "no-file"
    LOOP = "loop"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A place that could not be read; the rest goes on.

    Attributes:
        source: as in ``Origin``; ``text``: the system's words (escape them).
    """

    source: str
    why: Why
    text: str = ""

# SPDX-License-Identifier: Apache-2.0
"""One piece of work: some files, or a part of a mailbox, read and weighed.

Limits: a message file is read up to 32 MiB; of what is behind that nothing is needed. A file that vanishes or breaks
off meanwhile is a trouble, not an end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fumidai.received.trace import Trace
from fumidai.received.weigh import Ours, weigh
from fumidai.trace.letter import Letter, Trouble, Why
from fumidai.trace.letters import WHOLE_AT_MOST, letters
from fumidai.trace.mbox import Part, messages
from fumidai.trace.places import Place


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every message.

    Attributes:
        ours: hosts whose lines are believed; None: the border is inferred.
        relay_address: the relay's, where the user knows it.
    """

    ours: Ours | None = None
    relay_address: str = ""


@dataclass(frozen=True, slots=True)
class Traced:
    """A message and its trace."""

    letter: Letter
    trace: Trace


@dataclass(frozen=True, slots=True)
class Piece:
    """Files, or a part of one that is a mailbox."""

    places: tuple[Place, ...]
    part: Part | None = None

    @property
    def size(self) -> int:
        """In octets."""
        return self.part.end - self.part.start if self.part else sum(place.size for place in self.places)


def trace_piece(piece: Piece, question: Question) -> Iterator[Traced | Trouble]:
    """Trace everything in a piece, in its order."""
    for found in _found(piece):
        if isinstance(found, Trouble):
            yield found
        else:
            yield Traced(found, trace_letter(found, question))


def trace_letter(letter: Letter, question: Question) -> Trace:
    """Trace one message."""
    return weigh(
        letter.head.hops,
        letter.head.headers,
        ours=question.ours,
        relay_address=question.relay_address,
        around=letter.around,
        left_out=letter.head.left_out,
        message=letter.message,
    )


def _found(piece: Piece) -> Iterator[Letter | Trouble]:
    for place in piece.places:
        try:
            with open(place.path, "rb") as file:
                if piece.part is None:
                    yield from letters(file.read(WHOLE_AT_MOST), place.source)
                    continue
                for offset, message in messages(file, piece.part, WHOLE_AT_MOST):
                    yield from letters(message, place.source, offset)
        except OSError as problem:
            yield Trouble(place.source, Why.UNREADABLE, problem.strerror or str(problem))

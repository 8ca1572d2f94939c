# SPDX-License-Identifier: Apache-2.0
"""Lines of a report, and colour for those who asked for it.

Colour never carries meaning of its own: it only underlines a word or a sign that stands there anyway, and red, yellow
and cyan stay apart for colour-blind readers, unlike red and green.

Limits: knows the eight colours of every terminal (ECMA-48 SGR), nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fumidai.evidence.outcome import Word
from fumidai.evidence.verdict import Verdict


class Ink(StrEnum):
    """SGR parameters (ECMA-48 §8.3.117)."""

    NONE = ""
    BAD = "1;31"
    WARN = "1;33"
    GOOD = "1;36"
    FAINT = "2"


OF_VERDICT = {
    Verdict.OPEN: Ink.BAD,
    Verdict.REFLECTS: Ink.WARN,
    Verdict.ACCEPTS: Ink.WARN,
    Verdict.INCONCLUSIVE: Ink.WARN,
    Verdict.UNREACHABLE: Ink.WARN,
    Verdict.CLOSED: Ink.GOOD,
}
OF_WORD = {
    Word.DELIVERED: Ink.BAD,
    Word.ACCEPTED: Ink.WARN,
    Word.REFUSED: Ink.GOOD,
    Word.DEFERRED: Ink.WARN,
    Word.UNTESTED: Ink.WARN,
    Word.NOT_APPLICABLE: Ink.FAINT,
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its line end; the characters from `start` to `stop` may be inked."""

    text: str = ""
    ink: Ink = Ink.NONE
    start: int = 0
    stop: int = 0

    def painted(self, colour: bool) -> str:
        """The line as it goes out."""
        if not colour or self.ink is Ink.NONE:
            return self.text
        marked = f"\x1b[{self.ink}m{self.text[self.start : self.stop]}\x1b[0m"
        return self.text[: self.start] + marked + self.text[self.stop :]


def plain(texts: list[str]) -> list[Line]:
    """Lines without ink."""
    return [Line(text) for text in texts]


def headed(texts: list[str], ink: Ink, start: int, stop: int) -> list[Line]:
    """Lines of which the first has an inked stretch."""
    return [Line(texts[0], ink, start, stop), *plain(texts[1:])]

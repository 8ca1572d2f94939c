# SPDX-License-Identifier: Apache-2.0
"""The few signs of a report, each with a plain one to fall back on, one by one.

`x delivered`, `! accepted`, `+ refused`, `~ deferred`, `? untested`, `- not applicable`: a sign never stands without
its word, so neither a colour-blind reader nor a terminal without the nicer sign loses anything.

A nicer sign is taken only where the output can encode it and shows it in one column: EUC-JP and CP932 lack some, and
many Japanese terminals give two columns to those whose width Unicode leaves open (UAX #11, class A).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, fields

from fumidai.evidence.outcome import Word
from fumidai.report.escape import Encodable, always


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One sign for each use; the defaults are ASCII."""

    delivered: str = "x"
    accepted: str = "!"
    refused: str = "+"
    deferred: str = "~"
    untested: str = "?"
    not_applicable: str = "-"
    full: str = "#"
    empty: str = "-"
    between: str = "-"

    def of(self, word: Word) -> str:
        """The sign of an outcome."""
        return str(getattr(self, word.name.lower()))


PLAIN = Glyphs()
_NICER = Glyphs(delivered="✗", refused="✓", full="█", empty="░", between="·")


def choose_glyphs(encodable: Encodable = always, *, ambiguous_is_wide: bool = False) -> Glyphs:
    """The nicest signs that the output can show in one column.

    Args:
        encodable: tells whether the output can write a text.
        ambiguous_is_wide: the terminal gives two columns to characters of ambiguous width (Japanese ones often do).
    """

    def pick(name: str) -> str:
        nicer, plain = str(getattr(_NICER, name)), str(getattr(PLAIN, name))
        wide = ambiguous_is_wide and unicodedata.east_asian_width(nicer) == "A"
        return nicer if encodable(nicer) and not wide else plain

    return Glyphs(**{field.name: pick(field.name) for field in fields(Glyphs)})

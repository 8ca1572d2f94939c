# SPDX-License-Identifier: Apache-2.0
"""A Received line cut into its clauses, as places in the text.

RFC 5321 §4.4: ``from``, ``by``, ``via``, ``with``, ``id``, ``for``, a semicolon and the date. A clause word counts only
outside of comments and quotes, and only once; the word after ``from`` or ``by`` is a name whatever it is.

Two ways lead to the same result. Nine lines in ten have the usual order, and one expression cuts them, whose parts
never give anything back (possessive quantifiers): it is linear, and either fits or doesn't. The others are cut by their
``tokens``. tests/received hold the two against each other.

A clause has a *value* (its first words) and *remarks* (from its first comment to the end of its last one).

Limits: as in ``tokens``. In remarks of several comments there may stand words between them; nobody reads those.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Protocol

from fumidai.received.tokens import places

Place = tuple[int, int]
NOWHERE: Final[Place] = (-1, -1)

_C: Final = r"\((?:[^()\\\x1b]++|\((?:[^()\\\x1b]++|\([^()\\\x1b]*+\))*+\))*+\)"
_REMARKS: Final = rf"{_C}(?:\s*+{_C})*+"
_W: Final = r'[^\s();"\\]++'
# A word is over only here: "[192.0.2.7]by" is one.
_END: Final = r"(?=[\s();])"
_NO_KEY: Final = r"(?!(?i:from|by|via|with|id|for|envelope-from)(?![^\s();]))"
_PHRASE: Final = rf"{_NO_KEY}{_W}(?:\s++{_NO_KEY}{_W})*+"
_DAY: Final = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH: Final = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_USUAL: Final = re.compile(
    rf"(?:from\s++(mail\x20pickup\x20service{_END}|{_W}(?:\s++\[[^\s\[\]();\"\\]++\]{_END})?+))?+"
    rf"\s*+({_REMARKS})?+\s*+"
    rf"(?:by\s++({_W})\s*+({_REMARKS})?+"
    rf"(?:\s*+(?:with|via)\s++({_PHRASE})\s*+({_REMARKS}(?:\s*+tls\s++{_W}\s*+{_REMARKS})?+)?+(?:\s*+tls\s++{_W})?+)?+"
    rf"(?:\s*+id\s++({_NO_KEY}{_W})\s*+({_REMARKS})?+(?(5)(?:\s*+via\s++{_PHRASE})?+))?+"
    rf"(?:\s*+for\s++({_NO_KEY}{_W})\s*+({_REMARKS})?+)?+)?+"
    rf"\s*+;\s*+((?:{_DAY},?+\s++)?+(\d{{1,2}})\s++({_MONTH})\s++(\d{{4}}|\d\d)\s++(\d\d:\d\d:\d\d)\s++"
    rf"([+-]\d{{4}}|{_NO_KEY}[A-Z]{{2,5}}))(?:\s++({_REMARKS}))?+\Z((?!))?+",
    re.ASCII,
)
#: The groups of a cut, in this order; only the usual date is cut into pieces.
GROUPS: Final = (
    "from", "from_remarks", "by", "by_remarks", "with", "with_remarks", "id", "id_remarks", "for", "for_remarks",
    "date", "day", "month", "year", "clock", "zone", "date_remarks", "envelope_from",
)  # fmt: skip
_WORDS: Final = ("from", "by", "via", "with", "id", "for", "envelope-from")
_CLAUSES: Final = {form: word for word in _WORDS for form in (word, word.upper(), word.title())} | {";": ";"}


class Cut(Protocol):
    """A line in clauses: a match, or what the tokens gave. Numbers of groups begin at 1, as in a match."""

    def groups(self) -> tuple[str | None, ...]:
        """The text of each of ``GROUPS``; None where the line has none."""

    @property
    def regs(self) -> tuple[Place, ...]:
        """The place of the whole, and of each of ``GROUPS``; -1 where the line has none."""


class _Pieces:
    """What the tokens gave."""

    __slots__ = ("regs", "text")

    def __init__(self, text: str, regs: tuple[Place, ...]) -> None:
        self.text = text
        self.regs = regs

    def groups(self) -> tuple[str | None, ...]:
        return tuple(self.text[start:end] if start >= 0 else None for start, end in self.regs[1:])


def cut(text: str) -> Cut:
    """The clauses of a line without blanks (and line ends) at its ends."""
    return _USUAL.match(text) or cut_by_tokens(text)


def cut_by_tokens(text: str) -> Cut:
    """As ``cut``, for lines of any order and form."""
    where = places(text)
    found = [text[first:last] for first, last in where]
    marks = _marks(found)
    bounds = sorted({*marks.values(), len(found)})
    ends = dict(pairwise(bounds))
    regs = dict.fromkeys(GROUPS, NOWHERE)
    for word, index in marks.items():
        if word not in {";", "via"}:
            name = word.replace("-", "_")
            regs[name], regs[f"{name}_remarks"] = _clause(found, where, index + 1, ends[index], word)
    if "via" in marks and "with" not in marks:
        regs["with"], regs["with_remarks"] = _clause(found, where, marks["via"] + 1, ends[marks["via"]], "with")
    if "from" not in marks:
        regs["from_remarks"] = _clause(found, where, 0, bounds[0], "from")[1]
    if ";" in marks and marks[";"] + 1 < len(found):
        regs["date"], regs["date_remarks"] = _clause(found, where, marks[";"] + 1, len(found), "date")
    return _Pieces(text, ((0, len(text)), *(regs[name] for name in GROUPS)))


def _marks(found: Sequence[str]) -> dict[str, int]:
    """The token of each clause word, and of the last semicolon."""
    marks: dict[str, int] = {}
    last = -1
    for index, token in enumerate(found):
        word = _CLAUSES.get(token)
        if word == ";":
            marks[word] = index
        elif word is not None and word not in marks and not (index and index - 1 == last and _names(found[last])):
            marks[word] = last = index
    return marks


def _names(token: str) -> bool:
    """The word after it is a name, even if a client calls itself "by"."""
    return token.lower() in {"from", "by"}


def _clause(found: Sequence[str], where: Sequence[Place], index: int, end: int, word: str) -> tuple[Place, Place]:
    """Value and remarks of the clause whose tokens are from ``index`` up to ``end``."""
    comments = [at for at in range(index, end) if found[at][0] == "(" and len(found[at]) > 1]
    # qpsmtpd and Axigen: with (AES128-SHA encrypted) ESMTPSA.
    if word == "with" and comments[:1] == [index]:
        index += 1
    last = index
    while last < end and found[last][0] not in "();":
        last += 1
    if word not in {"from", "with", "date"}:
        last = min(last, index + 1)
    value = (where[index][0], where[last - 1][1]) if last > index else NOWHERE
    return value, (where[comments[0]][0], where[comments[-1]][1]) if comments else NOWHERE

# SPDX-License-Identifier: Apache-2.0
"""Mend a Received line that was wrapped where it should not have been: which breaks stood inside a word?

A page, a form or a mail program breaks lines at a width of its own, sometimes in the middle of a name, an address or
a date. Two pieces are put together only where that makes something which could stand there, and the first piece alone
could not: ``216.76.21`` ``6.45``, ``20`` ``00``, ``ns.a.c`` ``o.jp``. Everything else was a blank.

Each question looks at the two pieces and at what was read before (clause, depth of comments): linear in the line.

Limits: a name that was broken where two may stand stays broken (``mail.exam`` ``ple.com`` behind a HELO in a
comment). Then the line says less.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_NAME: Final = re.compile(rb"[A-Za-z0-9._-]+")
_ADDRESS_PIECE: Final = re.compile(rb"[0-9a-fA-F.:*]+")
_VERSION: Final = re.compile(rb"[0-9./]+")
_TIME_PIECE: Final = re.compile(rb"\d{1,2}(?::\d{0,2}){0,2}")
_TIME: Final = re.compile(rb"\d{1,2}:\d\d:\d\d")
_ZONE: Final = re.compile(rb"[+-]\d{4}")
_YEAR: Final = re.compile(rb"(?:19|20)\d\d")
_DAY: Final = re.compile(rb"[0-3]?\d")
_MONTHS: Final = frozenset(b"jan feb mar apr may jun jul aug sep oct nov dec".split())
_DAYS: Final = frozenset(b"mon, tue, wed, thu, fri, sat, sun,".split())
_KEYWORDS: Final = frozenset((b"from", b"by", b"via", b"with", b"id", b"for"))
_PROTOCOLS: Final = frozenset(b"smtp esmtp esmtps esmtpa esmtpsa lmtp http local internal".split())
#: Words that stand before a name in a comment.
_LABELS: Final = frozenset(b"helo ehlo lhlo account user ident authenticated from".split())
#: Clauses of which one word stands outside comments.
_ONE_WORD: Final = frozenset((b"from", b"by", b"id"))
#: Words that stand in comments of many lines.
_SAID: Final = frozenset(
    b"""qmail invoked network from by uid alias postfix exim sendmail helo ehlo unknown may be forged authenticated
    verified bits jst gmt utc est edt cst cdt mst mdt pst pdt cet cest bst""".split()
)
_OPENING: Final = (b"(", b"[", b"<")
_CLOSING: Final = (b")", b"]", b">", b";", b",")
_MORE_BEHIND: Final = b".@-_/"
_MORE_BEFORE: Final = b".@/"
#: Longest word that two pieces may make: a domain's 255 (RFC 5321 §4.5.3.1.2) and an address around it.
_AT_MOST: Final = 400


class Place(StrEnum):
    """Where in a line one reads."""

    CLAUSE = "clause"
    COMMENT = "comment"
    DATE = "date"


@dataclass(slots=True)
class Reader:
    """What was read of one line so far.

    Attributes:
        clause: word that began the clause one is in, lower case; ``words``: how many came in it.
        depth: of comments.
        dated: the semicolon before the date has come.
    """

    clause: bytes = b""
    words: int = 0
    depth: int = 0
    dated: bool = False

    @property
    def place(self) -> Place:
        """Where one is."""
        if self.depth:
            return Place.COMMENT
        return Place.DATE if self.dated else Place.CLAUSE

    def take(self, word: bytes) -> None:
        """Read one whole word."""
        lowered = word.lower()
        opened = word.count(b"(")
        if not self.depth and not opened and lowered in _KEYWORDS:
            self.clause, self.words = lowered, 0
        elif not self.depth and not opened:
            self.words += 1
        self.depth = max(self.depth + opened - word.count(b")"), 0)
        if not self.depth and word.endswith(b";"):
            self.dated = True


def one_word(reader: Reader, before: bytes, after: bytes, following: bytes) -> bool:
    """True if a break between two pieces stood inside a word.

    Args:
        reader: has read what came before ``before``.
        before, after: the pieces; ``following``: the word behind them.
    """
    joined = before + after
    if len(joined) > _AT_MOST:
        return False
    if before[-1:] in _OPENING or after[:1] in _CLOSING:
        return True
    if before[-1:] in _CLOSING:
        return False
    if reader.place is Place.DATE:
        return _in_date(before, after, following)
    if _unclosed(before, b"[", b"]"):
        return _ADDRESS_PIECE.fullmatch(after.rstrip(b"]),;")) is not None
    if _unclosed(before, b"<", b">") or _in_comment(reader, before, after):
        return True
    if _keyword_or_protocol(reader, before, joined):
        return True
    whole = joined.strip(b"()[]<>;,")
    if joined.lower().startswith(b"(helo="):
        return b"=" not in after or b"=" not in before
    if not (_NAME.fullmatch(before.lstrip(b"([<")) or before.endswith(b"/")) or not whole:
        return False
    if before[-1:] in _MORE_BEHIND and not before.endswith(b"--"):
        return True
    if after[:1] in _MORE_BEFORE:
        return True
    return _second_half(reader, before, after, following)


def _second_half(reader: Reader, before: bytes, after: bytes, following: bytes) -> bool:
    """Where one word has its place, a second one is its other half."""
    if not _NAME.fullmatch(after.rstrip(b");,")) or after.lower() in _KEYWORDS:
        return False
    if reader.place is Place.CLAUSE and not before.startswith(b"("):
        return reader.clause in _ONE_WORD and reader.words == 0 and before.lower() not in _KEYWORDS
    # "(host.dab.bell" "south.net" "[192.0.2.1])": one name stands before an address, or a word that says what it is.
    return before.startswith(b"(") and following.startswith(b"[") and before[1:].lower() not in _LABELS


def _in_comment(reader: Reader, before: bytes, after: bytes) -> bool:
    """Known words, versions, masked addresses: ``(q`` ``mail``, ``(8.7.1/8`` ``.7.1)``, ``***.*`` ``**``."""
    if reader.place is not Place.COMMENT and not before.startswith(b"("):
        return False
    first, second = before.lstrip(b"("), after.rstrip(b");,")
    if b"*" in first + second and not (first + second).strip(b"@*."):
        return True
    if first.isdigit() and second.isdigit():
        return True
    if first[:1].isdigit() and _VERSION.fullmatch(first) and _VERSION.fullmatch(second):
        return b"." in first or b"." in second
    return (first + second).lower() in _SAID and first.lower() not in _SAID


def _keyword_or_protocol(reader: Reader, before: bytes, joined: bytes) -> bool:
    if reader.place is not Place.CLAUSE:
        return False
    whole, first = joined.lower().rstrip(b";"), before.lower()
    if whole in _KEYWORDS:
        return first not in _KEYWORDS
    if reader.clause != b"with" or reader.words or whole not in _PROTOCOLS:
        return False
    # RFC 3848: S and A alone are no word, they belong to the protocol before them.
    return first not in _PROTOCOLS or joined[len(before) :] in (b"S", b"A", b"SA")


def _in_date(before: bytes, after: bytes, following: bytes) -> bool:
    joined, first = before + after, before.lower()
    lowered = joined.lower()
    if lowered in _MONTHS or lowered in _DAYS:
        return first not in _MONTHS
    if before.startswith(b"(") or after.endswith(b")"):
        return lowered.strip(b"()") in _SAID
    if _ZONE.fullmatch(joined):
        return before[:1] in b"+-"
    if _TIME.fullmatch(joined):
        return _TIME_PIECE.fullmatch(before) is not None and not _TIME.fullmatch(before)
    if before.isdigit() and after.isdigit():
        if _YEAR.fullmatch(joined):
            return True
        return _DAY.fullmatch(joined) is not None and following[:3].lower() in _MONTHS
    return False


def _unclosed(word: bytes, opening: bytes, closing: bytes) -> bool:
    return word.rfind(opening) > word.rfind(closing)

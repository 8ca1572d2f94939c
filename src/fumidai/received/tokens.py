# SPDX-License-Identifier: Apache-2.0
"""A Received line cut into clauses: ``from``, ``by``, ``via``, ``with``, ``id``, ``for`` and the date.

RFC 5321 §4.4 gives the order; comments in parentheses may stand anywhere and may be nested (RFC 5322 §3.2.2). One pass
over the text, no looking back: a clause word counts only outside comments and quotes, and only once.

Limits: lines longer than 8 KiB are cut; a comment that never ends takes the rest of the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

LINE_AT_MOST: Final = 8192


class Kind(StrEnum):
    """What a piece of a line is."""

    WORD = "word"
    COMMENT = "comment"
    SEMICOLON = "semicolon"


@dataclass(frozen=True, slots=True)
class Token:
    """One piece: a comment is without its outer parentheses; ``end`` is where the text goes on after it."""

    kind: Kind
    text: str
    end: int


@dataclass(slots=True)
class Clause:
    """The words and comments that belong to one clause, in order."""

    words: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)


# "tls" and "group" are later additions (RFC 8314 §7); "envelope-from" stands so in Haraka's lines.
_CLAUSES: Final = frozenset({"from", "by", "via", "with", "id", "for", "tls", "group", "envelope-from"})
_NEXT: Final = re.compile(r'[^\s();"]+|[();"]')
_IN_COMMENT: Final = re.compile(r"[()\\]")
_QUOTED: Final = re.compile(r'(?:[^"\\]|\\.)*"?', re.DOTALL)


def tokens(line: str) -> Iterator[Token]:
    """The pieces of a line."""
    line = line[:LINE_AT_MOST]
    at = 0
    while (found := _NEXT.search(line, at)) is not None:
        at = found.end()
        piece = found[0]
        if piece == "(":
            text, at = _comment(line, at)
            yield Token(Kind.COMMENT, text, at)
        elif piece == ";":
            yield Token(Kind.SEMICOLON, piece, at)
        elif piece == '"':
            quoted = _QUOTED.match(line, at)
            at = quoted.end() if quoted else len(line)
            yield Token(Kind.WORD, line[found.start() : at], at)
        elif piece != ")":
            yield Token(Kind.WORD, piece, at)


def _comment(line: str, at: int) -> tuple[str, int]:
    """Text of the comment that begins at ``at`` (after its parenthesis), and where the line goes on."""
    start, depth = at, 1
    while (found := _IN_COMMENT.search(line, at)) is not None:
        at = found.end() + (found[0] == "\\")
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth == 0:
            return line[start : found.start()], at
    return line[start:], len(line)


def clauses(line: str) -> tuple[dict[str, Clause], str]:
    """The clauses of a line by their word ("" holds what stands before the first), and the text of its date."""
    found: dict[str, Clause] = {"": Clause()}
    here, date_at = found[""], -1
    for token in tokens(line):
        word = token.text.lower()
        if token.kind is Kind.SEMICOLON:
            date_at = token.end
        elif token.kind is Kind.COMMENT:
            here.comments.append(token.text)
        elif word in _CLAUSES and word not in found:
            here = found[word] = Clause()
        elif date_at < 0 or word in _CLAUSES:
            here.words.append(token.text)
    return found, line[date_at:LINE_AT_MOST] if date_at >= 0 else ""

# SPDX-License-Identifier: Apache-2.0
"""A Received line cut into clauses: ``from``, ``by``, ``via``, ``with``, ``id``, ``for``, comments and the date.

RFC 5321 §4.4 gives the order; comments in parentheses may stand anywhere and may be nested (RFC 5322 §3.2.2). One pass
over the text, no looking back: a clause word counts only outside comments and quotes, and only once. Everything is
handed on as places in the text, so that nobody has to look for a part again.

Limits: lines longer than 8 KiB are cut. Where quotes or comments don't end, a client has played with them (his HELO
stands in the line as he sent it): the line is read once more with quotes as letters and comments that end at the first
parenthesis.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

LINE_AT_MOST: Final = 8192

# "tls" and "group" are later additions (RFC 8314 §7); "envelope-from" stands so in Haraka's lines.
_MARK: Final = re.compile(
    r'[\s:)](?:from|by|via|with|id|for|tls|group|envelope-from)(?=[\s(])|\\[\\()"]|[();"]', re.IGNORECASE
)
_NAMES: Final = frozenset({"from", "by"})


class Clauses(NamedTuple):
    """The parts of one line as places in the text.

    Attributes:
        values: for each clause word in small letters, what stands between it and the next comment, clause or ``;``.
        comments: clause word ("" before the first), start and end of each comment without its parentheses.
        date: where the text behind the last ``;`` begins; -1 without one.
        end: where the line ends, or was cut.
    """

    values: dict[str, tuple[int, int]]
    comments: list[tuple[str, int, int]]
    date: int
    end: int


def clauses(text: str, start: int, end: int) -> Clauses:
    """The clauses of ``text[start:end]``; ``start`` is at the colon or blank before the first word."""
    end = min(end, start + LINE_AT_MOST)
    found, whole = _cut(text, start, end, nested=True)
    return found if whole else _cut(text, start, end, nested=False)[0]


def _cut(text: str, start: int, end: int, *, nested: bool) -> tuple[Clauses, bool]:
    """The clauses, and whether all quotes and comments ended."""
    values: dict[str, tuple[int, int]] = {}
    comments: list[tuple[str, int, int]] = []
    word, value_at, date, depth, comment_at = "", -1, -1, 0, 0
    quoted = False
    for found in _MARK.finditer(text, start, end):
        mark = found[0]
        first = mark[0]
        if first == '"':
            quoted = nested and depth == 0 and not quoted
            continue
        if quoted or first == "\\":
            continue
        at = found.start()
        if first == "(":
            if depth == 0:
                comment_at = at + 1
                if value_at >= 0:
                    values[word], value_at = (value_at, at), -1
            depth = depth + 1 if nested else 1
            continue
        if first == ")" and depth:
            depth -= 1
            if depth == 0:
                comments.append((word, comment_at, at))
        if depth:
            continue
        if first == ";":
            date = at + 1
        elif len(mark) == 1:
            continue
        if value_at >= 0:
            # The word after "from" or "by" is a name, even if a client calls itself "by".
            if first != ";" and word in _NAMES and not text[value_at:at].strip():
                continue
            values[word], value_at = (value_at, at), -1
        if first != ";" and (new := mark[1:].lower()) not in values:
            word, value_at = new, found.end()
    if value_at >= 0:
        values[word] = (value_at, end)
    return Clauses(values, comments, date, end), not depth and not quoted

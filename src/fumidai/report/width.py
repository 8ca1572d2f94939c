# SPDX-License-Identifier: Apache-2.0
"""How many columns a text takes, and breaking it into lines: never cut, never in the middle of a wide character.

Lines break at spaces and, as Japanese has none, between wide characters, but not before a closing mark. A word that is
longer than a line (an address, a path) is broken where the line ends and loses nothing.

Limits: characters of ambiguous width (UAX #11) count as one column unless told otherwise; emoji sequences are counted
character by character. Text must have been escaped before (`report.escape`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

# Marks that must not begin a line (JIS X 4051, the common ones).
_CLOSING = "、。，．・：；？！）」』】〕》ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ"
# Marks that must not end a line.
_OPENING = "（「『【〔《"

_SPACES = re.compile(r"( +)")


def cells(text: str, *, ambiguous: int = 1) -> int:
    """Columns that `text` takes; `ambiguous`: columns of a character whose width Unicode leaves open."""
    if text.isascii():
        return len(text)
    return sum(_cell(character, ambiguous) for character in text)


def pad(text: str, width: int) -> str:
    """`text` followed by spaces up to `width` columns; a longer one stays as it is."""
    return text + " " * max(0, width - cells(text))


def wrap(text: str, width: int, *, first: str = "", rest: str = "") -> list[str]:
    """`text` as lines of at most `width` columns, the first begun by `first` and the others by `rest`.

    A prefix that leaves fewer than ten columns is used all the same; the text then gets ten.
    """
    lines: list[str] = []
    line, used, room = "", 0, max(10, width - cells(first))
    for piece, gap in _pieces(text):
        need = cells(piece)
        # What is longer than a line is broken anyway: it may as well begin here.
        fits = used + len(gap) + need <= room or (need > room and used + len(gap) < room // 2)
        if line and not fits:
            lines.append(line)
            line, used, gap, room = "", 0, "", max(10, width - cells(rest))
        if not line:
            gap = ""
        line += gap + piece
        used += len(gap) + need
        while used > room:
            head, line = _split(line, room)
            lines.append(head)
            used, room = cells(line), max(10, width - cells(rest))
    lines.append(line)
    return [first + lines[0], *(rest + line for line in lines[1:])]


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Unbreakable pieces with the spaces before each."""
    gap = ""
    for part in _SPACES.split(text):
        if part.startswith(" "):
            gap = part
            continue
        for piece in _words(part):
            yield piece, gap
            gap = ""


def _words(part: str) -> Iterator[str]:
    """A part without spaces, cut where Japanese may break."""
    piece = ""
    for character in part:
        if piece and _may_break(piece[-1], character):
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece


def _may_break(before: str, after: str) -> bool:
    if after in _CLOSING or before in _OPENING:
        return False
    return _cell(before, 1) == 2 or _cell(after, 1) == 2


def _split(text: str, room: int) -> tuple[str, str]:
    """`text` cut after as many characters as fit into `room` columns, at least one."""
    used = 0
    for index, character in enumerate(text):
        used += _cell(character, 1)
        if used > room and index:
            return text[:index], text[index:]
    return text, ""


def _cell(character: str, ambiguous: int) -> int:
    if unicodedata.combining(character):
        return 0
    kind = unicodedata.east_asian_width(character)
    if kind in "WF":
        return 2
    return ambiguous if kind == "A" else 1

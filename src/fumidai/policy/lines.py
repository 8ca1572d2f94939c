# SPDX-License-Identifier: Apache-2.0
"""On which line of a TOML file each key stands, because tomllib doesn't tell.

``key_lines`` walks once over a text that tomllib has taken already and writes down, for every key and every
element of an array, the line it begins on. A path is a tuple of names and positions, as pydantic's ``loc`` is:
``("policy", "relay", "networks", 0)``, ``("host", 1, "name")``.

Limits: the text must be valid TOML; of anything else the index is merely incomplete, never an error.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Final

Place = tuple[str | int, ...]

# Strings first, so that nothing inside them counts; then comments, bare keys and values, signs, line ends.
_TOKEN: Final = re.compile(
    r'(?P<string>"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\')'
    r"|(?P<comment>#[^\n]*)"
    r"|(?P<bare>[A-Za-z0-9_+:-]+)"
    r"|(?P<sign>[\[\]{}=,.])"
    r"|(?P<end>\n)",
    re.DOTALL,
)


def key_lines(text: str) -> Mapping[Place, int]:
    """Line (from 1) of every key and array element."""
    return _Walk(text).run()


class _Walk:
    def __init__(self, text: str) -> None:
        self._tokens = [found for found in _TOKEN.finditer(text) if found.lastgroup != "comment"]
        self._ends = [place for place, letter in enumerate(text) if letter == "\n"]
        self._at = 0
        self._lines: dict[Place, int] = {}
        self._tables: dict[Place, int] = {}
        self._table: Place = ()

    def run(self) -> Mapping[Place, int]:
        while self._at < len(self._tokens):
            if self._is("\n"):
                self._at += 1
            elif self._is("["):
                self._header()
            else:
                before = self._at
                self._pair(self._table)
                self._at = max(self._at, before + 1)
        return self._lines

    def _is(self, sign: str) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at][0] == sign

    def _line(self) -> int:
        place = self._tokens[self._at].start() if self._at < len(self._tokens) else len(self._tokens)
        low, high = 0, len(self._ends)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._ends[middle] < place else (low, middle)
        return low + 1

    def _header(self) -> None:
        """``[a.b]`` or ``[[a.b]]``, the second of which counts its elements."""
        line = self._line()
        self._at += 1
        several = self._is("[")
        self._at += several
        keys = self._dotted()
        self._at += 1 + several
        place = self._inside(keys)
        if several:
            place = (*place, self._tables.setdefault(place, 0))
            self._tables[place[:-1]] += 1
        self._note(place, line)
        self._table = place

    def _inside(self, keys: Place) -> Place:
        """A dotted name, with the position of the last element where it leads through an array of tables."""
        place: Place = ()
        for count, key in enumerate(keys):
            place = (*place, key)
            if place in self._tables and count < len(keys) - 1:
                place = (*place, self._tables[place] - 1)
        return place

    def _note(self, place: Place, line: int) -> None:
        for length in range(1, len(place) + 1):
            self._lines.setdefault(place[:length], line)

    def _dotted(self) -> Place:
        """A key: bare or quoted words with dots between."""
        keys: list[str | int] = []
        while self._at < len(self._tokens) and self._tokens[self._at].lastgroup in ("string", "bare"):
            keys.append(_word(self._tokens[self._at]))
            self._at += 1
            if not self._is("."):
                break
            self._at += 1
        return tuple(keys)

    def _pair(self, table: Place) -> None:
        line = self._line()
        keys = self._dotted()
        if not keys or not self._is("="):
            return
        self._at += 1
        place = (*table, *keys)
        self._note(place, line)
        self._value(place)

    def _value(self, place: Place) -> None:
        if self._is("["):
            self._array(place)
        elif self._is("{"):
            self._inline(place)
        else:
            # A plain value; a number or a date may be several tokens (1.5).
            while self._at < len(self._tokens) and self._tokens[self._at][0] not in (",", "]", "}", "\n"):
                self._at += 1

    def _array(self, place: Place) -> None:
        self._at += 1
        count = 0
        while self._at < len(self._tokens) and not self._is("]"):
            if self._is("\n") or self._is(","):
                self._at += 1
                continue
            self._note((*place, count), self._line())
            self._value((*place, count))
            count += 1
        self._at += 1

    def _inline(self, place: Place) -> None:
        self._at += 1
        while self._at < len(self._tokens) and not self._is("}"):
            before = self._at
            if not (self._is(",") or self._is("\n")):
                self._pair(place)
            self._at = max(self._at, before + 1)
        self._at += 1


def _word(token: re.Match[str]) -> str:
    """A key as it is meant: a quoted one without its quotes and escapes."""
    if token.lastgroup == "bare":
        return token[0]
    try:
        return str(tomllib.loads(f"key = {token[0]}")["key"])
    except tomllib.TOMLDecodeError:
        return token[0]

# SPDX-License-Identifier: Apache-2.0
"""Numbered messages, each of which tells whether it is whole.

Their sizes go from a line to some tens of kilobytes; lines begin with dots.
"""

from __future__ import annotations

import hashlib

_LINE = b".a line that begins with a dot\r\n" + b"x" * 64 + b"\r\n"
_REPEATS = (1, 30, 3, 800)
_MARK = b"Subject: number "


def message(number: int) -> bytes:
    """A message with its number at both ends."""
    body = _LINE * _REPEATS[number % len(_REPEATS)]
    return _MARK + b"%d.\r\n\r\n" % number + body + b"end of %d\r\n" % number


def as_sent(text: bytes) -> bytes:
    """A message without the lines that were put on top of it on its way."""
    return text[max(0, text.find(_MARK)) :]


def number_of(text: bytes) -> int:
    """Which message it is, or begins as; 0 where that can't be seen."""
    found = text.partition(_MARK)[2].partition(b".")[0]
    return int(found) if found.isdigit() else 0


def digest(text: bytes) -> str:
    """What tells a whole message from a cut one."""
    return hashlib.sha256(text).hexdigest()

# SPDX-License-Identifier: Apache-2.0
"""What the person in front of us reads: language, width, colour, and which characters the terminal can show.

Everything is read from the environment once, at the edge; the rooms below get it as arguments.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import TextIO

from fumidai.texts import Language, catalogue, choose_language


@cache
def language() -> Language:
    """The language of LC_ALL, LC_MESSAGES, LANGUAGE or LANG, the first that is set."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANGUAGE", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return choose_language(value)
    return "en"


def say(text: str, **fields: object) -> str:
    """A text in the person's language, its fields filled in."""
    spoken = catalogue([language()]).gettext(text)
    return spoken.format(**fields) if fields else spoken


@dataclass(frozen=True, slots=True)
class Screen:
    """One output stream.

    Attributes:
        stream: where it goes; ``terminal``: a person reads it as it comes.
        width, height: in columns and lines.
        colour: ink may be used (a terminal, and NO_COLOR is not set).
    """

    stream: TextIO
    terminal: bool
    width: int
    height: int
    colour: bool

    def encodable(self, text: str) -> bool:
        """Can this stream show these characters?"""
        try:
            text.encode(self.stream.encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def write(self, text: str) -> None:
        """Write text; characters that the stream can't show were replaced before, a closed pipe is no matter."""
        data = text if text.endswith("\n") else f"{text}\n"
        self.stream.write(
            data.encode(self.stream.encoding or "ascii", "backslashreplace").decode(self.stream.encoding or "ascii")
        )
        self.stream.flush()


def screen_of(stream: TextIO) -> Screen:
    """What this stream can show."""
    terminal = stream.isatty()
    size = shutil.get_terminal_size((80, 24))
    # https://no-color.org: any value but the empty one.
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Screen(stream, terminal, max(40, size.columns) if terminal else 80, size.lines, colour)


def local_zone() -> tzinfo:
    """The time zone of this machine, with its name."""
    return datetime.now().astimezone().tzinfo or UTC


def output() -> Screen:
    """Standard output."""
    return screen_of(sys.stdout)


def complaints() -> Screen:
    """Standard error."""
    return screen_of(sys.stderr)

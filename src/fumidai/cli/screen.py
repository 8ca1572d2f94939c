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

from fumidai.errors import StorageError
from fumidai.texts import N_, Language, catalogue, choose_language


@cache
def language() -> Language:
    """The language of LC_ALL, LC_MESSAGES, LANGUAGE or LANG, the first that is set; English where Japanese can't
    be written.
    """
    for name in ("LC_ALL", "LC_MESSAGES", "LANGUAGE", "LANG"):
        value = os.environ.get(name, "")
        if value:
            chosen = choose_language(value)
            return chosen if chosen == "en" or all(screen.encodable("踏み台") for screen in _both()) else "en"
    return "en"


def say(text: str, /, **fields: object) -> str:
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

    def fitting(self, text: str) -> str:
        """The text with what this stream can't show written as escapes."""
        encoding = self.stream.encoding or "ascii"
        return text.encode(encoding, "backslashreplace").decode(encoding)

    def write(self, text: str, *, ended: bool = True) -> None:
        """Write text, a line end after it unless told otherwise; a reader who has gone is no matter.

        Raises:
            StorageError: it can't be written (a full disk behind a redirection).
        """
        data = text if text.endswith("\n") or not ended else f"{text}\n"
        try:
            self.stream.write(self.fitting(data))
            self.stream.flush()
        except BrokenPipeError:
            _forget(self.stream)
        except OSError as problem:
            _forget(self.stream)
            if self.stream is sys.stderr:
                return
            raise StorageError(
                N_("The output can't be written: {why}"),
                mend=N_("The run itself is kept; print it again with fumidai show."),
                why=problem.strerror or str(problem),
            ) from problem


def _forget(stream: TextIO) -> None:
    """Nobody takes what we write: let the rest, and what Python flushes at its end, go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


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
    return screen_of(sys.stdout or _nowhere())


def complaints() -> Screen:
    """Standard error."""
    return screen_of(sys.stderr or _nowhere())


def _both() -> tuple[Screen, Screen]:
    return output(), complaints()


@cache
def _nowhere() -> TextIO:
    """A stream for who has closed his (Python has None there)."""
    return open(os.devnull, "w", encoding="utf-8")

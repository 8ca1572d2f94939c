# SPDX-License-Identifier: Apache-2.0
"""A message between DATA and its dot: stuffed by the side that sends, unstuffed by the side that takes.

Only CR LF "." CR LF ends a message, and only CR LF begins a line that may be stuffed (RFC 5321 §4.1.1.4, §4.5.2);
the CR LF that ended the DATA line counts as the first one. Everything that some other server may take for an end,
or that changes under way (bare CR, bare LF, NUL, a dot between other line ends), stays in the message and is
counted as an ``Oddity``: two servers that disagree about it can be made to see two messages in one (smuggling).

``DataReader`` holds back at most four bytes and works with searches over whole chunks, so that 10 KiB cost hardly
more than 1 KiB; the same bytes give the same message and oddities, however they are cut.

Limits: length of lines and bytes above 127 are not looked at; they are legal or not by what was announced.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: What ends a message.
END: Final = b"\r\n.\r\n"
_STARTS: Final = tuple(END[:length] for length in (4, 3, 2, 1))


def stuff(message: bytes) -> bytes:
    """The message as it goes over the wire: dots doubled at the beginning of lines, its end added.

    A last line without CR LF gets one. Nothing else is changed: bare CR and LF stay what they are.
    """
    # RFC 5321 §4.5.2
    wire = (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]
    return wire + (END[2:] if not message or message.endswith(b"\r\n") else END)


class OddityKind(StrEnum):
    """What is unusual; for a dot alone on a line, the line ends before and after it."""

    BARE_CR = "CR without LF"
    BARE_LF = "LF without CR"
    NUL = "NUL"
    LF_LF = "LF.LF"
    LF_CRLF = "LF.CRLF"
    LF_CR = "LF.CR"
    CR_LF = "CR.LF"
    CR_CRLF = "CR.CRLF"
    CR_CR = "CR.CR"
    CRLF_LF = "CRLF.LF"
    CRLF_CR = "CRLF.CR"


@dataclass(frozen=True, slots=True)
class Oddity:
    """One kind of unusual bytes in a message.

    Attributes:
        kind: which.
        offset: of the first one (for a dot: of the dot), in octets of the data as they came.
        count: how many there are.
    """

    kind: OddityKind
    offset: int
    count: int = 1


@dataclass(frozen=True, slots=True)
class Fed:
    """What became certain by some more bytes.

    Attributes:
        data: part of the message, unstuffed.
        raw: the same as it came; without the end, so that ``raw`` of all and ``.CRLF`` is what was sent.
        done: the end has come.
        rest: bytes after the end.
    """

    data: bytes
    raw: bytes
    done: bool = False
    rest: bytes = b""


_NAMES: Final = {b"\r": "CR", b"\n": "LF", b"\r\n": "CRLF"}
_BARE_CR: Final = re.compile(rb"\r(?!\n)")
_BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_NUL: Final = re.compile(rb"\0")
_LONE_DOT: Final = re.compile(rb"(\r\n|\r|\n)\.(?=(\r\n|\r|\n))")


class DataReader:
    """Incremental reader of one message; after its end everything fed is ``rest``."""

    __slots__ = ("_before", "_held", "_oddities", "_offset", "_virtual", "done")

    def __init__(self) -> None:
        self.done = False
        # The line end of the DATA line stands before the data; it is no part of them.
        self._held = b"\r\n"  # may be the beginning of the end
        self._virtual = 2
        self._offset = -2  # of the first byte of what is held
        self._before = b""  # last bytes before it: line end and dot may be cut apart
        self._oddities: dict[OddityKind, Oddity] = {}

    @property
    def oddities(self) -> tuple[Oddity, ...]:
        """One for each kind seen so far, in the order of their first places."""
        return tuple(sorted(self._oddities.values(), key=lambda oddity: oddity.offset)) if self._oddities else ()

    @property
    def odd(self) -> bool:
        """Something odd was seen so far."""
        return bool(self._oddities)

    def feed(self, data: bytes) -> Fed:
        """Take some more bytes."""
        if self.done:
            return Fed(b"", b"", True, data)
        buffer = self._held + data
        # Both the end and a stuffed line begin with this; most messages have it nowhere but at their end.
        dot = buffer.find(b"\r\n.")
        end = buffer.find(END, dot) if dot >= 0 else -1
        self.done = end >= 0
        cut = end + 2 if self.done else len(buffer) - _held_back(buffer)
        raw, self._held = buffer[:cut], b"" if self.done else buffer[cut:]
        self._look(raw)
        skip = min(self._virtual, cut)
        self._virtual -= skip
        # A line is never cut before its dot: CR LF "." would have been held back.
        unstuffed = raw.replace(b"\r\n.", b"\r\n")[skip:] if 0 <= dot < cut - 2 else raw[skip:]
        return Fed(unstuffed, raw[skip:], self.done, buffer[end + len(END) :] if self.done else b"")

    def _look(self, raw: bytes) -> None:
        """Count what is odd in the next stretch of data. It never begins or ends between CR and LF."""
        pairs = raw.count(b"\r\n")
        if count := raw.count(b"\r") - pairs:
            self._note(OddityKind.BARE_CR, count, _BARE_CR, raw)
        if count := raw.count(b"\n") - pairs:
            self._note(OddityKind.BARE_LF, count, _BARE_LF, raw)
        if b"\0" in raw:
            self._note(OddityKind.NUL, raw.count(b"\0"), _NUL, raw)
        # Every odd dot has a bare CR or LF beside it.
        if self._oddities and (OddityKind.BARE_CR in self._oddities or OddityKind.BARE_LF in self._oddities):
            self._look_for_dots(raw)
        self._before = (self._before + raw[-3:])[-3:]
        self._offset += len(raw)

    def _note(self, kind: OddityKind, count: int, first: re.Pattern[bytes], raw: bytes) -> None:
        found = None if kind in self._oddities else first.search(raw)
        self._add(kind, self._offset + (found.start() if found else 0), count)

    def _look_for_dots(self, raw: bytes) -> None:
        """Find dots alone between line ends; a dot counts when the line end after it comes."""
        before = len(self._before)
        for match in _LONE_DOT.finditer(self._before + raw):
            if match.end() >= before and match[1] + match[2] != b"\r\n\r\n":
                kind = OddityKind(f"{_NAMES[match[1]]}.{_NAMES[match[2]]}")
                self._add(kind, self._offset - before + match.end() - 1, 1)

    def _add(self, kind: OddityKind, offset: int, count: int) -> None:
        seen = self._oddities.get(kind)
        self._oddities[kind] = Oddity(kind, seen.offset, seen.count + count) if seen else Oddity(kind, offset, count)


class ChunkReader(DataReader):
    """Incremental reader of a message that comes in chunks (RFC 3030): no dot ends it, and none is doubled.

    A CR at the end of one chunk and an LF at the start of the next are one line end.
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        self._held, self._virtual, self._offset = b"", 0, 0
        # A dot at the beginning stands on a line, as in a message that follows DATA.
        self._before = END[:2]

    def feed(self, data: bytes) -> Fed:
        """Take some more octets, of whichever chunk."""
        buffer = self._held + data
        self._held = b"\r" if buffer.endswith(b"\r") else b""
        raw = buffer[:-1] if self._held else buffer
        self._look(raw)
        return Fed(raw, raw)

    def end(self) -> bytes:
        """The last chunk was read: what was held back."""
        raw, self._held = self._held, b""
        self._look(raw)
        self.done = True
        return raw


def _held_back(buffer: bytes) -> int:
    """How many bytes at the end of the buffer may be the beginning of the message's end."""
    return next((len(start) for start in _STARTS if buffer.endswith(start)), 0) if buffer.endswith(_STARTS) else 0

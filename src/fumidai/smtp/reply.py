# SPDX-License-Identifier: Apache-2.0
"""Cut a server's stream of bytes into replies, and keep what is no reply as evidence.

A reply is one or more lines, each with the same three digits, a hyphen after them on all but the last
(RFC 5321 §4.2). ``ReplyReader`` is lenient about everything that leaves the meaning alone (bare LF as line end,
a code without text, a tab for the blank) and keeps every byte in ``raw``.

What does not fit is reported by itself, and what is left still makes a reply, so that no later answer is
taken for an earlier one:

- a line without a code is a ``Garbled`` of its own, also in the middle of a reply, which then goes on;
- where the code changes inside a reply, the lines before are a ``Garbled`` and the new code begins a reply;
- a line longer than ``MAX_LINE`` is reported cut; with a code it then counts as the cut line;
- a reply longer than ``MAX_REPLY`` is reported as far as it came; the rest is dropped, its last line is the reply.

Time is linear in the bytes fed, memory at most ``MAX_REPLY`` + 2 * ``MAX_LINE`` beyond what is returned.

Limits: a server that forgets the last line of a reply swallows its next answer; only a timer can see that.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

#: Octets of one line, its end included. RFC 5321 §4.5.3.1.5 says 512; what real servers send is not always that short.
MAX_LINE = 64 * 1024
#: Octets of one reply, all lines and their ends.
MAX_REPLY = 1024 * 1024

# RFC 3463 §2: class "." subject "." detail, at the head of the text (RFC 2034 §4).
_ENHANCED = re.compile(rb"([245]\.\d{1,3}\.\d{1,3})(?=\s|\Z)")
# RFC 5321 §4.2: the hyphen says that more lines follow. A blank is due after the last code; a tab, a stray CR or
# nothing at all are taken for it.
_SEPARATORS = (b"", b" ", b"\t", b"\r", b"-")


class Why(StrEnum):
    """Why some bytes are no reply."""

    NO_CODE = "a line without a reply code"
    CODE_CHANGED = "the code changes within a reply"
    LINE_TOO_LONG = "a line without end"
    REPLY_TOO_LONG = "a reply without end"
    INJECTED = "said in clear, after STARTTLS was agreed"


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole reply.

    Attributes:
        code: the three digits as a number (not checked for being one that SMTP knows).
        lines: text of each line, without code, separator and line end.
        raw: everything as it came.
    """

    code: int
    lines: tuple[bytes, ...]
    raw: bytes

    def __hash__(self) -> int:
        # The same bytes are the same reply, and their hash alone is cheaper than that of all fields.
        return hash(self.raw)

    @property
    def enhanced(self) -> str:
        """Enhanced status code of the first line that carries one, ``""`` if none does (RFC 3463)."""
        found = filter(None, map(_ENHANCED.match, self.lines))
        return next((match[1].decode("ascii") for match in found), "")

    @property
    def text(self) -> str:
        """All lines joined by a blank, latin-1, enhanced codes left in. Not escaped: whoever shows it has to."""
        return b" ".join(self.lines).decode("latin-1")

    @property
    def positive(self) -> bool:
        """2yz: done."""
        return self.code // 100 == 2

    @property
    def intermediate(self) -> bool:
        """3yz: go on."""
        return self.code // 100 == 3

    @property
    def transient(self) -> bool:
        """4yz: not now."""
        return self.code // 100 == 4

    @property
    def permanent(self) -> bool:
        """5yz: no."""
        return self.code // 100 == 5


#: Octets of a reply that may be kept for the next of its kind: servers say the same few things all day.
KEPT = 512
_USUAL = re.compile(rb"([0-9]{3}) ([^\r\n]*)\r\n")


@lru_cache(256)
def _usual(line: bytes) -> Reply | None:
    """A line of at most ``KEPT`` octets that is a whole reply in its usual form; None for all others."""
    found = _USUAL.fullmatch(line)
    return Reply(int(found[1]), (found[2],), line) if found else None


@dataclass(frozen=True, slots=True)
class Garbled:
    """Bytes that are no reply, and why (one of ``Why``)."""

    raw: bytes
    why: str


# RFC 5321 §4.5.3.1.5: a reply line has at most 512 octets, its end included.
_WIDTH = 512 - len(b"250-") - len(b"\r\n")


def write_reply(code: int, text: str, enhanced: str = "") -> bytes:
    """Make a reply, of several lines where the text holds line feeds or is too long for one.

    Nothing in the text can end a line or reach a terminal as a command: control characters become ``?``,
    what is not ASCII is written as a backslash escape (Law 6).

    Args:
        code: three digits.
        text: what to say.
        enhanced: enhanced status code, put at the head of every line (RFC 2034 §4); "" for none.
    """
    if len(text) <= _SHORT:
        return _written(code, text, enhanced)
    return _write(code, text, enhanced)


def _write(code: int, text: str, enhanced: str) -> bytes:
    head = f"{enhanced} ".encode() if enhanced else b""
    width = _WIDTH - len(head)
    if len(text) <= width and text.isascii() and text.isprintable():
        return b"%03d %b%b\r\n" % (code, head, text.encode())
    lines: list[bytes] = []
    for line in text.split("\n"):
        plain = "".join("?" if ord(char) < 32 or 127 <= ord(char) < 160 else char for char in line)
        escaped = plain.encode("ascii", "backslashreplace")
        lines += [escaped[start : start + width] for start in range(0, len(escaped) or 1, width)]
    last = len(lines) - 1
    return b"".join(b"%03d%c%b%b\r\n" % (code, b" -"[index < last], head, line) for index, line in enumerate(lines))


#: Characters of a reply that is kept for the next time it is said.
_SHORT = 512
_written = lru_cache(256)(_write)


class ReplyReader:
    """Incremental reader; the same bytes give the same items, however they are cut.

    Args:
        max_line, max_reply: bounds in octets.
    """

    __slots__ = (
        "_buffer",
        "_code",
        "_cut",
        "_dropping",
        "_kept",
        "_lines",
        "_max_line",
        "_max_reply",
        "_out",
        "_raw",
        "_scanned",
    )

    def __init__(self, max_line: int = MAX_LINE, max_reply: int = MAX_REPLY) -> None:
        self._max_line = max_line
        self._max_reply = max_reply
        self._kept = min(KEPT, max_reply)
        self._out: deque[Reply | Garbled] = deque()
        self._buffer = bytearray()
        self._scanned = 0  # no LF before this place
        self._cut = b""  # head of a line that was too long, while its rest is skipped
        self._code = b""  # of the reply that is being collected
        self._raw = bytearray()
        self._lines: list[bytes] = []
        self._dropping = False  # that reply was too long: only its last line counts

    def feed(self, data: bytes) -> list[Reply | Garbled]:
        """Take bytes and give everything that is whole now."""
        self.push(data)
        return list(iter(self.next, None))

    def push(self, data: bytes) -> None:
        """Take bytes without reading them yet."""
        self._buffer += data

    def whole(self, data: bytes) -> Reply | None:
        """The reply that these bytes are, if nothing came before them and they are one in its usual form.

        None: nothing was taken; ``push`` them.
        """
        if self._buffer or self._code or self._cut or self._out or len(data) > self._kept:
            return None
        return _usual(data)

    def next(self) -> Reply | Garbled | None:
        """The next item, or None until more bytes come. One at a time, for whom a reply changes what follows (TLS)."""
        while not self._out and (line := self._line()) is not None:
            if not self._code and len(line) <= self._kept and (reply := _usual(line)) is not None:
                return reply
            self._take(line)
        return self._out.popleft() if self._out else None

    def drain(self) -> bytes:
        """Forget everything that is not yet an item, and return it."""
        pending = self.pending
        self._buffer.clear()
        self._scanned = 0
        self._cut = b""
        self._forget()
        return pending

    @property
    def pending(self) -> bytes:
        """What came of an incomplete reply (without what was dropped or already reported as too long a reply)."""
        return bytes(self._raw) + self._cut + bytes(self._buffer)

    @property
    def started(self) -> bool:
        """Something of an incomplete reply is there."""
        return bool(self._code or self._cut or self._buffer)

    def _line(self) -> bytes | None:
        """Cut the next line off the buffer, its end included; of one that is too long the head, once its end came."""
        while True:
            end = self._buffer.find(b"\n", self._scanned) + 1
            if self._cut:
                return self._end_of_cut(end)
            if (end or len(self._buffer)) > self._max_line:
                self._cut = bytes(self._buffer[: self._max_line])
                self._out.append(Garbled(self._cut, Why.LINE_TOO_LONG))
                self._scanned = 0
                del self._buffer[: self._max_line]
                continue
            self._scanned = 0 if end else len(self._buffer)
            return self._shift(end) if end else None

    def _end_of_cut(self, end: int) -> bytes | None:
        """Skip to the end of a line that was too long, then give its head."""
        del self._buffer[: end or len(self._buffer)]
        if not end:
            return None
        head, self._cut = self._cut, b""
        return head

    def _shift(self, length: int) -> bytes:
        line = bytes(self._buffer[:length])
        del self._buffer[:length]
        return line

    def _take(self, line: bytes) -> None:
        """Add one line to the reply that is being collected, and end that where the line says so."""
        text = line.removesuffix(b"\n").removesuffix(b"\r")
        code, separator = text[:3], text[3:4]
        if len(code) < 3 or not code.isdigit() or separator not in _SEPARATORS:
            if line.endswith(b"\n"):  # else it is the head of a long line, and reported already
                self._out.append(Garbled(line, Why.NO_CODE))
            return
        if code != self._code:
            self._report(Why.CODE_CHANGED)
            self._forget()
            self._code = code
        if len(self._raw) + len(line) > self._max_reply:
            self._report(Why.REPLY_TOO_LONG)
            self._dropping = True
        if separator == b"-" and self._dropping:
            return
        self._raw += line
        self._lines.append(text[4:])
        if separator != b"-":
            self._out.append(Reply(int(code), tuple(self._lines), bytes(self._raw)))
            self._forget()

    def _report(self, why: Why) -> None:
        """Give up the lines collected so far, as evidence."""
        if self._raw:
            self._out.append(Garbled(bytes(self._raw), why))
        self._raw.clear()
        self._lines.clear()

    def _forget(self) -> None:
        """Begin a new reply."""
        self._code = b""
        self._raw.clear()
        self._lines.clear()
        self._dropping = False

# SPDX-License-Identifier: Apache-2.0
"""The head of a message as fields, each with the place where it stands.

RFC 5322 §2.2: a field is ``name: value``, lines that begin with a blank continue it (§2.2.3), an empty line ends the
head. Bare LF ends a line as well as CRLF does, because files often hold messages that way.

How it works: the head is read as Latin-1, one character for each byte, and the line ends of continued lines become
blanks in their place. So a field is one line, and every offset in the text is an offset in the message.

Limits: at most 512 KiB and 2,000 fields are read; what is no field (an mbox ``From `` line, a stray line) is left out.
The character set of a value is anybody's guess: Latin-1 here means "the bytes".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from fumidai.received.hop import Span

HEAD_AT_MOST: Final = 512 * 1024
FIELDS_AT_MOST: Final = 2000
_NAME_AT_MOST: Final = 200
# RFC 5322 §2.2.3: unfolding takes a line end away and leaves the blank; here it leaves blanks, so that nothing moves.
_FOLDS: Final = (("\r\n\t", "  \t"), ("\r\n ", "   "), ("\n\t", " \t"), ("\n ", "  "))
_ENDS: Final = (b"\n\r\n", b"\n\n")


class Field(NamedTuple):
    """One field: its text without outer blanks, and where in the message that stands."""

    text: str
    span: Span


Headers = Mapping[str, Field]
"""Fields by their name in small letters; of several with one name the topmost."""


def head_text(message: bytes) -> str:
    """The head of a message as text of the same length, each field on one line; what is too long is cut."""
    head = message[:HEAD_AT_MOST]
    ends = [at + 1 for mark in _ENDS if (at := head.find(mark)) >= 0]
    if ends:
        head = head[: min(ends)]
    text = "" if head.startswith((b"\n", b"\r\n")) else head.decode("latin-1")
    for fold, blank in _FOLDS:
        if fold in text:
            text = text.replace(fold, blank)
    return text


def fields(text: str) -> Iterator[tuple[str, int, int]]:
    """Name as written, and start and end of the value, of each field of ``head_text``; the topmost first."""
    at = count = 0
    for line in text.split("\n"):
        colon = line.find(":")
        if colon > 0 and (name := _name(line[:colon])):
            count += 1
            if count > FIELDS_AT_MOST:
                return
            yield name, at + colon + 1, at + len(line)
        at += len(line) + 1


def _name(written: str) -> str:
    """A field's name; "" where this is none."""
    name = written.rstrip(" \t")
    # RFC 5322 §3.6.8: a name is printable and has neither colon nor blank.
    if name.isascii() and name.isprintable() and " " not in name and len(name) <= _NAME_AT_MOST:
        return name
    return ""


def stripped(text: str, start: int, end: int) -> Span:
    """The span without blanks (and line ends) at its ends."""
    while start < end and text[start] in " \t\r\n":
        start += 1
    while end > start and text[end - 1] in " \t\r\n":
        end -= 1
    return Span(start, end)


def header_fields(message: bytes) -> tuple[tuple[str, bytes], ...]:
    """Name (as written) and unfolded value of each field of the head, the topmost first."""
    found = []
    for name, start, end in fields(head_text(message)):
        lines = message[start:end].split(b"\n")
        found.append((name, b"".join(line.removesuffix(b"\r") for line in lines).strip()))
    return tuple(found)

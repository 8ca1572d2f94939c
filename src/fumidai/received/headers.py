# SPDX-License-Identifier: Apache-2.0
"""The head of a message as fields, each with the place where it stands.

RFC 5322 §2.2: a field is ``name: value``, lines that begin with a blank continue it (§2.2.3), an empty line ends the
head. Bare LF ends a line as well as CRLF does, because files often hold messages that way.

How it works: values are read as Latin-1, one character for each byte, and line ends in a value become blanks in their
place (RFC 5322 §2.2.3 takes them away and leaves the blanks). So every offset in the text is an offset in the message.

Limits: at most 512 KiB and 2,000 fields are read; what is no field (an mbox ``From `` line, a stray line) is left out.
The character set of a value is anybody's guess: Latin-1 here means "the bytes".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final, NamedTuple

from fumidai.received.hop import Span

HEAD_AT_MOST: Final = 512 * 1024
FIELDS_AT_MOST: Final = 2000
_NAME_AT_MOST: Final = 200
_BLANKS: Final = b" \t"
_TO_BLANKS: Final = bytes.maketrans(b"\t\n\v\f\r", b"     ")
OUTER: Final = b" \t\r\n"
_FIELDS: Final = (
    "received", "date", "from", "list-id", "mailing-list", "message-id", "precedence", "reply-to", "resent-from",
    "return-path", "sender", "subject", "to", "x-loop", "x-originating-ip",
)  # fmt: skip
#: Fields that say "this is an abuse report": RFC 5965 §2 in its Content-Type, X-ARF by names of its own.
OF_REPORTS: Final = ("content-type", "x-arf", "x-xarf")
#: The fields that are looked for, as they are written most and in small letters.
CHOSEN: Final = {form.encode(): name for name in (*_FIELDS, *OF_REPORTS) for form in (name, name.title())}
_INITIALS: Final = "".join(sorted({letter for name in CHOSEN.values() for letter in (name[0], name[0].upper())}))
# RFC 5322 §4.5.9: before the colon there may be blanks. Most lines of a head are of no interest, which their first
# letter tells faster than twenty names do.
_BEGIN: Final = (
    rf"(?:(?=[{_INITIALS}])({'|'.join((*_FIELDS, *OF_REPORTS))})[ \t]*+:(?:[ \t]++|\r?\n[ \t]++)*+"
    rf"([^\n]*+(?:\n[ \t][^\n]*+)*+)|\r?\n)"
).encode()
_FIELD: Final = re.compile(rb"\n" + _BEGIN, re.IGNORECASE)
_FIRST: Final = re.compile(_BEGIN, re.IGNORECASE)


class Field(NamedTuple):
    """One field: its value without outer blanks, as it stands in the message from ``start`` on."""

    value: bytes
    start: int

    @property
    def text(self) -> str:
        """The value as text, see ``blanked``."""
        return blanked(self.value)

    @property
    def span(self) -> Span:
        """Where in the message it stands."""
        return Span(self.start, self.start + len(self.value))


Headers = Mapping[str, Field]
"""Fields by their name in small letters; of several with one name the topmost."""


def blanked(value: bytes) -> str:
    """A value that may be folded as text of the same length; every kind of blank is a space."""
    # A full-width blank in UTF-8, as it comes along with text pasted in Japan. One byte is looked for much faster.
    if b"\x80" in value:
        value = value.replace(b"\xe3\x80\x80", b"   ")
    return value.translate(_TO_BLANKS).decode("latin-1")


def words(text: str) -> list[str]:
    """The words of ``blanked`` text."""
    return [word for word in text.split(" ") if word]


def chosen_fields(message: bytes) -> Iterator[re.Match[bytes]]:
    """Name (as written) and value of each field that is looked for, in order; then the end of the head, without a name.

    One expression finds them and the end of the head: a head of today is 10 kB and has a hundred lines nobody wants.
    """
    first = _FIRST.match(message, 0, HEAD_AT_MOST)
    if first is None:
        return _FIELD.finditer(message, 0, HEAD_AT_MOST)
    return chain((first,), _FIELD.finditer(message, first.end(), HEAD_AT_MOST))


def header_fields(message: bytes) -> tuple[tuple[str, bytes], ...]:
    """Name (as written) and unfolded value of each field of the head, the topmost first."""
    fields: list[tuple[str, list[bytes]]] = []
    running = False
    for line in message[:HEAD_AT_MOST].split(b"\n"):
        line = line.removesuffix(b"\r")
        if not line:
            break
        if line[:1] in _BLANKS:
            if running:
                fields[-1][1].append(line)
            continue
        name, value = _cut(line)
        running = bool(name) and len(fields) < FIELDS_AT_MOST
        if running:
            fields.append((name, [value]))
    # RFC 5322 §2.2.3: unfolding takes the line ends away and leaves the blanks.
    return tuple((name, b"".join(lines).strip()) for name, lines in fields)


def _cut(line: bytes) -> tuple[str, bytes]:
    """Name and value of a line that begins a field; the name "" where it is none."""
    name, colon, _ = line[: _NAME_AT_MOST + 1].partition(b":")
    name = name.rstrip(_BLANKS)
    # RFC 5322 §3.6.8: a name is printable and has neither colon nor blank.
    if not colon or not name or not name.isascii() or any(byte <= 32 or byte == 127 for byte in name):
        return "", b""
    return name.decode("ascii"), line.partition(b":")[2]

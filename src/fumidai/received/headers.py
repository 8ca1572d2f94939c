# SPDX-License-Identifier: Apache-2.0
"""The head of a message as fields: name and unfolded value, in order.

RFC 5322 §2.2: a field is ``name: value``, lines that begin with a blank continue it (§2.2.3), an empty line ends the
head. Bare LF ends a line as well as CRLF does, because files often hold messages that way.

Limits: at most 512 KiB and 2,000 fields are read; what is no field (an mbox ``From `` line, a stray line) is left out.
Values stay bytes: their character set is anybody's guess.
"""

from __future__ import annotations

from typing import Final

HEAD_AT_MOST: Final = 512 * 1024
FIELDS_AT_MOST: Final = 2000
_NAME_AT_MOST: Final = 200
_BLANKS: Final = b" \t"


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

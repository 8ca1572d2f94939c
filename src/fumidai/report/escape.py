# SPDX-License-Identifier: Apache-2.0
"""Text from outside, made safe to show: what a peer said can neither move a cursor nor turn a line around.

`show` keeps every printable character that the output can encode and writes all others as escapes: `\\x1b` for a byte
or a character below 256, `\\u202e` and `\\U000e0001` above. That covers C0, DEL and C1 controls, line and paragraph
separators, everything of Unicode's format class (bidi overrides and isolates, zero-width characters, tags), invisible
fillers and variation selectors, surrogates, private and unassigned characters, and bytes that are not UTF-8 (Law 6).

`show` is idempotent, so a text that went through two hands reads the same. The price is that a peer who really wrote a
backslash and `x1b` looks like one who sent the control character; the run folder has the bytes.

Limits: not for HTML, where `<` and `&` need their own escape on top.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

Encodable = Callable[[str], bool]

# Categories of characters that have no shape of their own (Unicode Standard, table 4-4).
_SHAPELESS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})

# Default_Ignorable_Code_Point (UAX #44) outside these categories: they have a letter's class and show nothing.
_INVISIBLE = re.compile(
    "[\u00a0\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)

# Python's surrogateescape keeps an undecodable byte 0x80–0xff as U+DC80–U+DCFF (PEP 383).
_BYTE_LOW, _BYTE_HIGH = 0xDC80, 0xDCFF


def always(text: str) -> bool:
    """For outputs that can encode everything, such as UTF-8."""
    return True


def encodable_in(encoding: str) -> Encodable:
    """Whether a text can be written in `encoding`; an unknown encoding counts as ASCII."""

    def check(text: str) -> bool:
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            return False
        except LookupError:
            return text.isascii()
        return True

    return check


def show(data: bytes | str, *, encodable: Encodable = always, limit: int = 0) -> str:
    """`data` with everything that is not plainly printable written as an escape.

    Args:
        data: bytes are read as UTF-8.
        encodable: tells whether the output can write a character.
        limit: longest result in characters, 0 for no bound; what is cut is counted in the result.
    """
    text = data.decode("utf-8", "surrogateescape") if isinstance(data, bytes) else data
    if not (text.isascii() and text.isprintable()):
        text = "".join(_shown(character, encodable, index == 0) for index, character in enumerate(text))
    return clip(text, limit)


def raw(text: str) -> bytes | str:
    """Raw bytes that were kept as Latin-1 text (the arguments of a test's commands), as bytes again."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text


def lines_of(data: bytes) -> list[bytes]:
    """`data` cut after each LF, CRLF taken away; a line that ended in a bare LF keeps it, so that it can be seen.

    RFC 5321 §2.3.8 knows CRLF only.
    """
    return [line.removesuffix(b"\r\n") for line in re.split(rb"(?<=\n)", data) if line]


def clip(text: str, limit: int) -> str:
    """`text`, or its first `limit` characters with the number of those left out; 0 for no bound."""
    if limit <= 0 or len(text) <= limit:
        return text
    return f"{text[:limit]}...(+{len(text) - limit})"


def _shown(character: str, encodable: Encodable, first: bool) -> str:
    code = ord(character)
    if _BYTE_LOW <= code <= _BYTE_HIGH:
        return f"\\x{code - 0xDC00:02x}"
    # A combining mark with nothing before it would join whatever we printed last.
    joins = first and unicodedata.combining(character) != 0
    # Blanks of other widths look like the one blank that everybody knows.
    shapeless = character != " " and (unicodedata.category(character) in _SHAPELESS or _INVISIBLE.match(character))
    if joins or shapeless or not encodable(character):
        return escaped(character)
    return character


def escaped(character: str) -> str:
    """One character as its escape."""
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

# SPDX-License-Identifier: Apache-2.0
"""A Received line cut into tokens: words, comments and semicolons.

RFC 5321 §4.4 and RFC 5322 §3.2.2: comments stand in parentheses, may stand anywhere and may be nested; quotes and
backslashes take the meaning of what they hold. One expression does it whose parts never give anything back (possessive
quantifiers), so the work is linear in the line. Comments nested deeper than it knows are put together by ``_nest``.

Japanese in ISO-2022-JP may stand in a comment; its bytes can be parentheses, so it is taken as a whole from its
``ESC $ B`` to its ``ESC ( B``.

Limits: a parenthesis or quote without its partner is no mark (a client has played with its HELO, which stands in the
line as he sent it): it is a token of its own, and nobody reads it.
"""

from __future__ import annotations

import re
from typing import Final

LINE_AT_MOST: Final = 8192

_JIS: Final = r"\x1b\$[@B][^\x1b]*+\x1b\([BJ]|\x1b"
_INNER: Final = rf"[^()\\\x1b]++|\\.|{_JIS}"
_COMMENT: Final = rf"\((?:{_INNER}|\((?:{_INNER}|\((?:{_INNER})*+\))*+\))*+\)"
# A backslash before a blank takes nothing: a full-width blank would be cut in two.
_WORD: Final = r'(?:[^\s();"\\]++|\\\S|"(?:[^"\\]++|\\.)*+")++'
_TOKEN: Final = re.compile(rf'{_WORD}|{_COMMENT}|[();"\\]', re.ASCII | re.DOTALL)


def places(text: str) -> list[tuple[int, int]]:
    """Where each token of a line stands; a comment is with its parentheses, and a lone one is a token of one letter."""
    spans = [match.span() for match in _TOKEN.finditer(text, 0, LINE_AT_MOST)]
    return _nest(spans, [text[start:end] for start, end in spans])


def _nest(spans: list[tuple[int, int]], found: list[str]) -> list[tuple[int, int]]:
    """Tokens between a lone ``(`` and its own ``)`` become one comment; what has no partner stays."""
    if "(" not in found or ")" not in found:
        return spans
    closes: dict[int, int] = {}
    opened: list[int] = []
    for index, token in enumerate(found):
        if token == "(":
            opened.append(index)
        elif token == ")" and opened:
            closes[opened.pop()] = index
    nested = []
    index = 0
    while index < len(found):
        last = closes.get(index, index)
        nested.append((spans[index][0], spans[last][1]))
        index = last + 1
    return nested

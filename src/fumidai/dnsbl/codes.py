# SPDX-License-Identifier: Apache-2.0
"""Which of a list's codes count: ``127.0.0.2``, ``127.0.0.[2..11]``, ``127.0.[0;2].[4;6..8]``.

The pattern is Postfix's (postconf(5), reject_rbl_client): each octet is a number, or in brackets numbers and ranges
with semicolons between.

Limits: bit masks are not known as such; their values can be written out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

_NUMBER: Final = re.compile(r"[0-9]{1,3}")
_OCTETS: Final = re.compile(r"([0-9]+|\[[0-9.;]*\])(?:\.|\Z)")
_Octets = tuple[frozenset[int], ...]


@dataclass(frozen=True, slots=True)
class CodeFilter:
    """Codes that count; ``code in filter`` tells.

    Attributes:
        texts: the patterns as they were written.
        patterns: for each pattern four sets of octets.
    """

    texts: tuple[str, ...]
    patterns: tuple[_Octets, ...]

    def __contains__(self, code: IPv4Address) -> bool:
        octets = code.packed
        return any(all(map(_holds, pattern, octets)) for pattern in self.patterns)


def _holds(choice: frozenset[int], octet: int) -> bool:
    return octet in choice


def read_codes(texts: Sequence[str]) -> CodeFilter | None:
    """Read patterns; None where one of them has no form that is known, or can't match a code (all are in 127/8)."""
    patterns = [_pattern(text) for text in texts]
    found = [pattern for pattern in patterns if pattern is not None]
    return CodeFilter(tuple(texts), tuple(found)) if found and len(found) == len(patterns) else None


def _pattern(text: str) -> _Octets | None:
    octets: list[frozenset[int]] = []
    at = 0
    while at < len(text):
        found = _OCTETS.match(text, at)
        choice = _choice(found[1]) if found else None
        if found is None or choice is None:
            return None
        octets.append(choice)
        at = found.end()
    # RFC 5782 §2.1: a code is an address in 127/8.
    return tuple(octets) if len(octets) == 4 and 127 in octets[0] and not text.endswith(".") else None


def _choice(text: str) -> frozenset[int] | None:
    """The numbers of one octet; None for nonsense."""
    chosen: set[int] = set()
    for part in text.removeprefix("[").removesuffix("]").split(";"):
        first, dots, last = part.partition("..")
        if not all(_NUMBER.fullmatch(number) for number in ((first, last) if dots else (first,))):
            return None
        numbers = range(int(first), int(last if dots else first) + 1)
        if not numbers or numbers[-1] > 255:
            return None
        chosen.update(numbers)
    return frozenset(chosen)

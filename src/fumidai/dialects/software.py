# SPDX-License-Identifier: Apache-2.0
"""Which software is it? From its banner, else from its EHLO reply, else from its wording.

A banner that names a product is believed: it is for choosing the right page of cures, never for a verdict. Without one,
marks in the EHLO reply and the replies add up, and a name is given only where one leads clearly.

Limits: says nothing rather than guess. A gateway in front speaks for itself, not for what stands behind it. What it
returns is the peer's own text (the version): escape it before you show it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from fumidai.dialects.marks import BANNERS, HELLOS, REPLIES
from fumidai.evidence.result import Software

READ_AT_MOST: Final = 1024
REPLIES_AT_MOST: Final = 100
# One mark that nobody else has, or several weaker ones.
ENOUGH: Final = 3


def identify(banner: str, ehlo_lines: Sequence[str], replies: Sequence[str]) -> Software:
    """The software and, where it says so, its version; ``Software()`` where nothing tells.

    Args:
        banner: the greeting's text, all lines, with or without codes.
        ehlo_lines: lines of the EHLO or HELO reply.
        replies: other replies, as many as are at hand.
    """
    return _from_banner(banner[:READ_AT_MOST]) or Software(_from_wording(ehlo_lines, replies))


def _from_banner(banner: str) -> Software | None:
    banner = _without_host(banner)
    for name, pattern in BANNERS:
        found = pattern.search(banner)
        if found is not None:
            version = found[1] if pattern.groups else ""
            return Software(name, version.rstrip("./-"))
    return None


def _without_host(banner: str) -> str:
    """The greeting without the server's host name, which may be called anything (RFC 5321 §4.2)."""
    words = banner.split()
    if words and words[0][:3].isdigit() and len(words[0]) <= 4:
        words = words[1:]
    elif words and words[0][:3].isdigit() and words[0][3] == "-":
        words[0] = words[0][4:]
    host, rest = words[:1], words[1:]
    return " ".join(rest if host and "." in host[0] else words)


def _from_wording(ehlo_lines: Sequence[str], replies: Sequence[str]) -> str:
    weights: Counter[str] = Counter()
    _weigh(weights, "\n".join(line[:READ_AT_MOST] for line in ehlo_lines[:REPLIES_AT_MOST]), HELLOS)
    _weigh(weights, "\n".join(reply[:READ_AT_MOST] for reply in replies[:REPLIES_AT_MOST]), REPLIES)
    leaders = weights.most_common(2)
    if not leaders or leaders[0][1] < ENOUGH:
        return ""
    if len(leaders) == 2 and leaders[0][1] - leaders[1][1] < 2:
        return ""
    return leaders[0][0]


def _weigh(weights: Counter[str], text: str, marks: Iterable[tuple[str, str, int]]) -> None:
    lower = text.lower()
    for piece, name, weight in marks:
        if piece in lower:
            weights[name] += weight

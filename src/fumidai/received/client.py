# SPDX-License-Identifier: Apache-2.0
"""Who the client of a Received line was: its HELO, its name, its address.

The three change places with the software that wrote the line. Postfix, sendmail, OpenSMTPD, Haraka, Gmail and Courier
write ``HELO (name [address])``; Exim ``name ([address] helo=HELO)`` or ``[address] (helo=HELO)``; qmail ``name (HELO
HELO) (ident@address)``, leaving out a HELO that equals the name; James ``name (EHLO HELO) ([address])``; Exchange and
its SMTPSVC ``HELO (address)`` and ``HELO ([address])``. So it is the marks inside that decide, not the software.

Limits: a client may write brackets and parentheses into its HELO; then the parts may be taken for each other, as they
may be by everybody else. Whether the line's writer is to be believed is not asked here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from fumidai.evidence.vantage import plain
from fumidai.received.tokens import Clause

_LITERAL: Final = re.compile(r"\[\s{0,2}(?:ipv6:)?([\w:.%-]{2,70})\s{0,2}\]", re.IGNORECASE)
_HELO: Final = re.compile(r"(?:^|\s)(?:helo=|helo\s|ehlo\s|lhlo\s)\s{0,3}(\S{1,300})", re.IGNORECASE)
_UNKNOWN: Final = frozenset({"unknown", "softdnserr", "unverified", "nobody"})


@dataclass(frozen=True, slots=True)
class Client:
    """HELO, name and address; "" where the line doesn't say."""

    helo: str = ""
    name: str = ""
    address: str = ""


def read_client(clause: Clause) -> Client:
    """The client that a ``from`` clause names."""
    first = clause.words[0] if clause.words else ""
    claimed, comments = _claimed_helo(clause.comments)
    address, at = _peer(comments)
    if claimed:
        return Client(claimed, _name(first), address or read_address(first))
    if not address:
        own = read_address(first)
        return Client("" if own else first, "", own)
    return Client(first, _name_beside(at, first), address)


def read_address(text: str) -> str:
    """An address, in brackets or bare, with or without a tag, port or zone, in its usual form; "" if it is none."""
    bare = text.strip().strip("[]<>,;")
    if bare[:5].lower() == "ipv6:":
        bare = bare[5:]
    bare = bare.partition("%")[0]
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    bare = bare.rstrip("]")
    try:
        return str(plain(ip_address(bare)))
    except ValueError:
        return ""


def _peer(comments: Sequence[str]) -> tuple[str, str]:
    """The address in the comments, and the comment's text before it."""
    for comment in comments:
        for found in _LITERAL.finditer(comment):
            address = read_address(found[1])
            if address:
                return address, comment[: found.start()]
    for comment in comments:
        # qmail: (ident@192.0.2.7) or (192.0.2.7); Exchange: (192.0.2.7).
        word = comment.strip().split(maxsplit=1)[0] if comment.strip() else ""
        ident, at_sign, behind = word.rpartition("@")
        address = read_address(behind)
        if address:
            return address, f"{ident}@" if at_sign else ""
    return "", ""


def _claimed_helo(comments: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The HELO that a comment marks as such, and the comments without it: a claim must not be read as the address."""
    for number, comment in enumerate(comments):
        found = _HELO.search(comment)
        if found is not None:
            rest = comment[: found.start()] + " " + comment[found.end() :]
            return found[1].rstrip(",;"), [*comments[:number], rest, *comments[number + 1 :]]
    return "", comments


def _name_beside(before: str, first: str) -> str:
    """The name that stands before the address in its comment; qmail leaves it where the HELO is."""
    words = before.split()
    if before.endswith("@") and len(words) == 1:
        return _name(first)
    return _name(words[-1].rpartition("@")[2]) if words else ""


def _name(word: str) -> str:
    name = word.strip("[]<>").rstrip(".,")
    return "" if name.lower() in _UNKNOWN or read_address(name) else name

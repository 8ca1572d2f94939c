# SPDX-License-Identifier: Apache-2.0
"""Who the client of a Received line was: its HELO, its name, its address, its user.

They change places with the software that wrote the line. Postfix, sendmail, OpenSMTPD, Haraka, Gmail and Courier write
``HELO (ident@name [address])``; Exim ``name ([address] helo=HELO ident=user)`` or ``[address] (helo=HELO)``; qmail
``name (HELO HELO) (ident@address)``, leaving out a HELO that equals the name; James ``name (EHLO HELO) ([address])``;
Exchange and its SMTPSVC ``HELO (address)`` and ``HELO ([address])``; smap ``name(address)``. So it is the marks inside
that decide, not the software.

Limits: a client may write brackets and parentheses into its HELO; then the parts may be taken for each other, as they
may be by everybody else. Whether the line's writer is to be believed is not asked here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, NamedTuple

from fumidai.evidence.vantage import plain
from fumidai.received.headers import stripped
from fumidai.received.hop import Span

_HELO: Final = re.compile(r"(?<=[\s(])(?:helo=|(?:helo|ehlo|lhlo)\s{1,4})([^\s,;]{1,300})", re.IGNORECASE)
_IDENT: Final = re.compile(r"(?<=[\s(])ident=([^\s,;]{1,200})", re.IGNORECASE)
_UNKNOWN: Final = frozenset({"unknown", "softdnserr", "unverified", "nobody"})
_MASKS: Final = frozenset("*xX?.:#")
NOWHERE: Final = Span(-1, -1)


class Places(NamedTuple):
    """Where the parts of a client stand; ``NOWHERE`` for what the line doesn't say."""

    helo: Span = NOWHERE
    rdns: Span = NOWHERE
    ip: Span = NOWHERE
    ident: Span = NOWHERE
    masked: Span = NOWHERE


def find_client(text: str, value: tuple[int, int], comments: Sequence[tuple[int, int]]) -> Places:
    """The client that a ``from`` clause names.

    Args:
        value: what stands between ``from`` and the first comment.
        comments: those of the clause, without their parentheses.
    """
    first = _first_word(text, *value)
    helo = ident = NOWHERE
    for number, (start, end) in enumerate(comments):
        found = _HELO.search(text, start, end)
        if found is not None:
            helo = stripped(text, found.start(1), found.end(1))
            # A claim must not be read as the address.
            comments = [*comments[:number], (start, found.start()), (found.end(), end), *comments[number + 1 :]]
            break
    address, masked, before = _peer(text, comments)
    for start, end in comments:
        if (said := _IDENT.search(text, start, end)) is not None:
            ident = Span(said.start(1), said.end(1))
    if address is NOWHERE and masked is NOWHERE:
        address, masked = _address_at(text, first)
        if address is not NOWHERE or masked is not NOWHERE:
            return Places(helo, NOWHERE, address, ident, masked)
    if helo is not NOWHERE:
        return Places(helo, _name(text, first), address, ident, masked)
    rdns, user = _beside(text, before, first)
    return Places(first, rdns, address, user if ident is NOWHERE else ident, masked)


def _first_word(text: str, start: int, end: int) -> Span:
    start, end = stripped(text, start, end)
    quoted = text.find('"', start + 1, end) if text.startswith('"', start, end) else -1
    for at in range(max(start, quoted), end):
        if text[at] in " \t":
            end = at
            break
    return Span(start, end) if start < end else NOWHERE


def _peer(text: str, comments: Sequence[tuple[int, int]]) -> tuple[Span, Span, Span]:
    """The address in the comments, or a masked one, and the place in its comment before it."""
    for start, end in comments:
        at = text.find("[", start, end)
        while at >= 0:
            close = text.find("]", at, end)
            address, masked = _address_at(text, Span(at + 1, close if close >= 0 else end))
            if address is not NOWHERE or masked is not NOWHERE:
                return address, masked, Span(start, at)
            at = text.find("[", at + 1, end)
    for start, end in comments:
        # qmail: (ident@192.0.2.7) or (192.0.2.7); Exchange: (192.0.2.7).
        word = _first_word(text, start, end)
        if word is NOWHERE:
            continue
        behind = text.rfind("@", *word) + 1
        address, masked = _address_at(text, Span(behind or word.start, word.end))
        if address is not NOWHERE or masked is not NOWHERE:
            return address, masked, Span(word.start, behind or word.start)
    return NOWHERE, NOWHERE, NOWHERE


def _address_at(text: str, span: Span) -> tuple[Span, Span]:
    """The span as an address or as a masked address."""
    written = text[span.start : span.end] if span.start >= 0 else ""
    if not written or len(written) > 90:
        return NOWHERE, NOWHERE
    if read_address(written):
        return stripped(text, *span), NOWHERE
    return NOWHERE, stripped(text, *span) if is_masked(written) else NOWHERE


def is_masked(written: str) -> bool:
    """Somebody made an address unreadable: ``***.***.***.***``, ``x.x.x.x``, ``192.0.2.***``."""
    bare = written.strip(" []()")
    parts = bare.split(".")
    if len(parts) == 4 and all(part and (part.isdigit() or set(part) <= _MASKS) for part in parts):
        return not bare.replace(".", "").isdigit()
    return len(bare) > 1 and set(bare) <= {"*", ".", ":"} and "*" in bare


@lru_cache(maxsize=16384)
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


def _beside(text: str, before: Span, first: Span) -> tuple[Span, Span]:
    """Name and ident that stand before the address in its comment; qmail leaves the name where the HELO is."""
    start, end = stripped(text, *before) if before is not NOWHERE else NOWHERE
    if start < 0 or start == end:
        return NOWHERE, NOWHERE
    at_sign = text.rfind("@", start, end)
    if at_sign == end - 1:
        ident = Span(start, at_sign)
        return _name(text, first), ident if start < at_sign and " " not in text[start:at_sign] else NOWHERE
    for at in range(end - 1, max(start, at_sign) - 1, -1):
        if text[at] in " \t":
            return _name(text, Span(at + 1, end)), NOWHERE
    if at_sign < 0:
        return _name(text, Span(start, end)), NOWHERE
    user = max(text.rfind(" ", start, at_sign) + 1, start)
    return _name(text, Span(at_sign + 1, end)), Span(user, at_sign) if user < at_sign else NOWHERE


def _name(text: str, span: Span) -> Span:
    """The span as a host's name, without brackets and the last dot."""
    start, end = span
    while start < end and text[start] in "[]<>":
        start += 1
    while end > start and text[end - 1] in "[]<>.,":
        end -= 1
    name = text[start:end]
    return NOWHERE if not name or name.lower() in _UNKNOWN or read_address(name) else Span(start, end)

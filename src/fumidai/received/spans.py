# SPDX-License-Identifier: Apache-2.0
"""Where in its message each part of a hop stands.

A mailbox holds millions of hops and somebody looks at a few of them, so places are found when they are asked for: the
line is cut again, and of the places where a part may stand the first is taken that holds it.

Limits: none are known of; tests/received hold ``message[span] == part`` for every part of every line they make up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from fumidai.received.address import read_address
from fumidai.received.clauses import GROUPS, Place, cut
from fumidai.received.headers import blanked
from fumidai.received.hop import Hop, Kind, Span
from fumidai.received.line import ADDRESS_WITHIN, first_word
from fumidai.received.remarks import as_name, read_remarks
from fumidai.received.tokens import LINE_AT_MOST

_WORD: Final = re.compile(r"[^ ]+")
_REMARKS = ("from_remarks", "by_remarks", "with_remarks", "id_remarks", "for_remarks", "date_remarks")


def spans(hop: Hop) -> Mapping[str, Span]:
    """A span for each part that the line says; none for a line of unknown form (``hop.span`` is the whole line).

    Keys: ``helo``, ``rdns``, ``ip``, ``ident``, ``masked``, ``by``, ``with``, ``id``, ``for``, ``envelope_from``,
    ``auth``, ``date``. The bytes there are the part (blanks and line breaks inside are one blank in ``with``); an
    address and a date stand there as their writer spelt them.
    """
    if not hop.known:
        return {}
    text = blanked(hop.raw)[:LINE_AT_MOST]
    client = hop.client
    said = {
        "helo": client.helo, "rdns": client.rdns, "ident": client.ident, "masked": client.masked, "by": hop.by,
        "id": hop.id, "for": hop.for_, "envelope_from": hop.envelope_from, "auth": hop.auth,
    }  # fmt: skip
    found: dict[str, Span] = {}
    for name, (start, end) in _candidates(text, hop):
        if name not in found and (name not in said or said[name] == text[start:end] != ""):
            found[name] = Span(hop.span.start + start, hop.span.start + end)
    return found


def _candidates(text: str, hop: Hop) -> Iterator[tuple[str, Place]]:
    """Places where parts may stand, the likelier first."""
    regs = dict(zip(GROUPS, cut(text).regs[1:], strict=False))
    here = {name: place for name, place in regs.items() if place[0] >= 0}
    for name in _REMARKS:
        if name in here:
            yield from _in_remarks(text, here[name], hop, client=name == "from_remarks")
    if "from" in here:
        yield from _in_from(text, here["from"], hop)
    for name in ("by", "id", "for", "envelope_from"):
        if name in here:
            yield name, _trimmed(text, here[name], "<>,")
    if "with" in here:
        yield "with", here["with"]
        yield "auth", (text.rfind(" ", *here["with"]) + 1 or here["with"][0], here["with"][1])
    if hop.date is not None:
        yield "date", here.get("date", (max(0, len(text) - 90), len(text)))


def _in_remarks(text: str, place: Place, hop: Hop, *, client: bool) -> Iterator[tuple[str, Place]]:
    remarks = read_remarks(text[slice(*place)])
    for name, (start, end) in remarks.places.items():
        if client or name in {"auth", "envelope_from"}:
            if name == "ip" and remarks.address != hop.client.ip:
                continue
            yield name, (place[0] + start, place[0] + end)
    if hop.kind is Kind.LOCAL:
        yield "ident", _trimmed(text, (place[0] + 6, place[1]), " )")


def _in_from(text: str, place: Place, hop: Hop) -> Iterator[tuple[str, Place]]:
    """The words after ``from``: the first is HELO, name, user, sender or address."""
    start, end = place
    first = (start, start + len(first_word(text[start:end])))
    yield "helo", first
    yield "rdns", as_name(text, *first)
    yield "ident", first
    yield "masked", first
    yield "envelope_from", first
    if not hop.client.ip:
        return
    # The first word may be a quoted one that the next touches. As many words are looked at as when the line was read.
    for word in islice(_WORD.finditer(text, first[1], end), ADDRESS_WITHIN):
        if read_address(word[0]) == hop.client.ip:
            yield "ip", word.span()
    if read_address(text[slice(*first)]) == hop.client.ip:
        yield "ip", first


def _trimmed(text: str, place: Place, letters: str) -> Place:
    start, end = place
    while start < end and text[start] in letters:
        start += 1
    while end > start and text[end - 1] in letters:
        end -= 1
    return start, end

# SPDX-License-Identifier: Apache-2.0
"""Read the head of a message: its Received lines as hops, newest first, and the fields that a trace looks at.

RFC 5321 §4.4: whoever receives a message puts its line on top and alters none below, so the order of the lines is the
way backwards.

Limits: at most 200 lines of a message are read (``Head.left_out`` counts the others), each cut at 8 KiB. A line of
unknown form is kept raw. Which lines can be believed is not judged here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from fumidai.received.client import NOWHERE, Places, find_client, read_address
from fumidai.received.date import read_date
from fumidai.received.headers import Field, Headers, fields, head_text, stripped
from fumidai.received.hop import Client, Hop, Kind, Span
from fumidai.received.tokens import Clauses, clauses

HOPS_AT_MOST: Final = 200
# qmail's notes about itself: "(qmail 17970 invoked by uid 407); 16 Oct 2000 08:54:41 -0000".
_QMAIL_NOTE: Final = re.compile(r"\s{0,20}\(qmail \d{1,10} invoked ")
_WANTED: Final = frozenset({
    "date", "from", "list-id", "mailing-list", "message-id", "precedence", "reply-to", "resent-from", "return-path",
    "sender", "subject", "to", "x-loop", "x-originating-ip",
})  # fmt: skip

__all__ = ["HOPS_AT_MOST", "Head", "client_seen", "read_head", "read_hop", "read_received", "spans"]


class Head(NamedTuple):
    """What the head of a message tells of its way.

    Attributes:
        hops: the newest (topmost) first.
        headers: the fields that clues rest on.
        left_out: Received lines beyond ``HOPS_AT_MOST``.
    """

    hops: tuple[Hop, ...]
    headers: Headers
    left_out: int


def read_head(message: bytes) -> Head:
    """The head of a message; any bytes will do, and nothing is read behind the first empty line."""
    text = head_text(message)
    hops: list[Hop] = []
    headers: dict[str, Field] = {}
    left_out = 0
    for name, start, end in fields(text):
        low = name.lower()
        if low == "received":
            if len(hops) < HOPS_AT_MOST:
                hops.append(_hop(text, message, start, end))
            else:
                left_out += 1
        elif low in _WANTED and low not in headers:
            span = stripped(text, start, end)
            headers[low] = Field(text[span.start : span.end], span)
    return Head(tuple(hops), headers, left_out)


def read_received(message: bytes) -> tuple[Hop, ...]:
    """The hops of a message, newest (topmost) first; any bytes will do."""
    return read_head(message).hops


def read_hop(line: bytes) -> Hop:
    """One Received line without its name; its spans are places in ``line``."""
    text = "".join(" " if letter in "\r\n" else letter for letter in f":{line.decode('latin-1')}")
    return _hop(text, b":" + line, 1, len(text), shift=-1)


def spans(hop: Hop) -> Mapping[str, Span]:
    """Where in the message each part of a hop stands: a span for each part that the line says.

    Of a line of unknown form there is none but ``hop.span``.

    Keys: ``helo``, ``rdns``, ``ip``, ``ident``, ``masked``, ``by``, ``with``, ``id``, ``for``, ``date``.
    """
    if not hop.known:
        return {}
    text = "".join(" " if letter in "\r\n" else letter for letter in f":{hop.raw.decode('latin-1')}")
    shift = hop.span.start - 1
    return {name: Span(start + shift, end + shift) for name, (start, end) in _places(text, 0, len(text)).items()}


def _places(text: str, start: int, end: int) -> dict[str, Span]:
    found = clauses(text, start, end)
    places = _client_places(text, found)._asdict() if "from" in found.values else {}
    places |= {
        "by": _word(text, found, "by"),
        "with": _phrase(text, found, "with"),
        "id": _word(text, found, "id"),
        "for": _bare(text, _word(text, found, "for")),
    }
    if found.date >= 0:
        places["date"] = stripped(text, found.date, found.end)
    return {name: span for name, span in places.items() if span.start < span.end}


def _hop(text: str, message: bytes, start: int, end: int, shift: int = 0) -> Hop:
    """One line; ``start`` is behind the colon of the field."""
    span = stripped(text, start, end)
    raw, span = message[span.start : span.end], Span(span.start + shift, span.end + shift)
    found = clauses(text, start - 1, end)
    note = _QMAIL_NOTE.match(text, start, end) is not None
    if not note and "by" not in found.values and not ("from" in found.values and found.date >= 0):
        return Hop(raw=raw, span=span)
    places = _client_places(text, found) if "from" in found.values else Places()
    by, with_, id_, for_ = (
        _said(text, place)
        for place in (
            _word(text, found, "by"),
            _phrase(text, found, "with"),
            _word(text, found, "id"),
            _bare(text, _word(text, found, "for")),
        )
    )
    return Hop(
        kind=Kind.NOTE if note else Kind.TRANSFER if "from" in found.values else Kind.LOCAL,
        client=_client(text, places),
        by=by,
        with_=" ".join(with_.split()),
        id=id_,
        for_=for_,
        date=read_date(text[found.date : found.end]) if found.date >= 0 else None,
        raw=raw,
        span=span,
    )


def _client_places(text: str, found: Clauses) -> Places:
    return find_client(text, found.values["from"], [(a, b) for word, a, b in found.comments if word == "from"])


def _client(text: str, places: Places) -> Client:
    helo, rdns, ip, ident, masked = (_said(text, place) for place in places)
    return Client(helo, rdns, read_address(ip), ident, masked)


def _said(text: str, span: Span) -> str:
    return text[span.start : span.end] if span.start >= 0 else ""


def _word(text: str, found: Clauses, clause: str) -> Span:
    """The first word of a clause."""
    if clause not in found.values:
        return NOWHERE
    span = stripped(text, *found.values[clause])
    word = _said(text, span).split(None, 1)
    if not word:
        return NOWHERE
    return Span(span.start, span.start + len(word[0].rstrip(",")))


def _phrase(text: str, found: Clauses, clause: str) -> Span:
    """The first words of a clause: "Microsoft SMTP Server", "RC4-SHA encrypted SMTP"."""
    if clause not in found.values:
        return NOWHERE
    return stripped(text, *found.values[clause])


def _bare(text: str, span: Span) -> Span:
    start, end = span
    while start < end and text[start] in "<>":
        start += 1
    while end > start and text[end - 1] in "<>":
        end -= 1
    return Span(start, end)


def client_seen(hops: Sequence[Hop], by_names: Sequence[str]) -> str | None:
    """The address that a server wrote down for us, who handed it the message; None where it can't be told.

    We write no Received line ourselves, so the oldest one was made by whoever took the message from us. It only counts
    where one of the lines is by the server itself: else its lines were taken out on the way, and those that are left
    speak of others.

    Args:
        hops: of the message that came out, newest first.
        by_names: names and addresses of the server.
    """
    names = {_plain_name(name) for name in by_names if name}
    read = [hop for hop in hops if hop.known and (hop.by or hop.client.ip)]
    if not read or not any(_plain_name(hop.by) in names for hop in read if hop.by):
        return None
    first = next((hop for hop in reversed(read) if hop.client.ip), None)
    return first.client.ip if first is not None else None


def _plain_name(name: str) -> str:
    return read_address(name) or name.strip("[]").rstrip(".").lower()

# SPDX-License-Identifier: Apache-2.0
"""The originals attached to a report, each with its own bytes and its place.

How it works: Python's ``email`` says which parts there are and of what kind; the bytes are then cut out of the report
between the lines of its boundary, so an original is what was attached, octet for octet, whatever a library makes of its
head. Where the two see different parts, or a part is encoded, the library's reading is taken and the place is unknown.

Limits: parts inside each other by the thousand end the library's reading (``originals`` raises what it raises).
"""

from __future__ import annotations

import email.errors
import email.policy
import re
from collections.abc import Iterator, Sequence
from email.message import Message
from typing import Final, NamedTuple

from fumidai.received.hop import Span

#: How MIME's library says that something is broken: charsets nobody has, letters where octets should be, thousands of
#: parts inside each other.
BROKEN: Final = (
    email.errors.MessageError,
    UnicodeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    RecursionError,
)
#: Below that many multiparts inside each other no places are looked for: each would be a pass over the report.
_DEPTH_AT_MOST: Final = 10
_ENCODED: Final = ("base64", "quoted-printable")
# An empty line ends a part's own fields; a part may have none (RFC 2046 §5.1).
_FIELDS_END: Final = re.compile(rb"\A\r?\n|\n\r?\n")


class Original(NamedTuple):
    """One original.

    Attributes:
        message: its bytes.
        at: where in the report they begin; None where they don't stand there as they are.
    """

    message: bytes
    at: int | None = None


def originals(report: Message, found: bytes) -> Iterator[Original]:
    """The originals: whole messages, or their heads alone (RFC 5965 §2: text/rfc822-headers).

    Args:
        report: as the library reads ``found``.
    """
    return _below(report, found, Span(0, len(found)))


def _below(report: Message, found: bytes, span: Span, depth: int = 0) -> Iterator[Original]:
    if not report.is_multipart():
        return
    parts = report.get_payload()
    places = _places(report, found, span) if depth < _DEPTH_AT_MOST else ()
    for number, part in enumerate(parts):
        if not isinstance(part, Message):
            continue
        kind = part.get_content_type()
        place = places[number] if len(places) == len(parts) else None
        if kind.startswith("multipart/"):
            yield from _below(part, found, place or Span(0, 0), depth + 1)
        elif kind in ("message/rfc822", "text/rfc822-headers", "text/rfc822"):
            body = _body(part, found, place) if place is not None else None
            yield Original(found[body.start : body.end], body.start) if body is not None else _read(part, kind)


def _places(report: Message, found: bytes, span: Span) -> Sequence[Span]:
    """Where the parts of a multipart stand: between the lines of its boundary (RFC 2046 §5.1.1)."""
    boundary = report.get_boundary()
    if not boundary or report.get_content_maintype() != "multipart":
        return ()
    mark = re.compile(re.escape(b"--" + boundary.encode("utf-8", "surrogateescape")) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
    places: list[Span] = []
    begin: int | None = None
    for line in mark.finditer(found, span.start, span.end):
        if found[max(span.start, line.start() - 1) : line.start()] not in (b"", b"\n"):
            continue
        if begin is not None:
            places.append(Span(begin, max(begin, _without_line_end(found, line.start()))))
        if line[1]:
            return places
        begin = line.end()
    return places if begin is None else [*places, Span(begin, span.end)]


def _without_line_end(found: bytes, end: int) -> int:
    """The line end before a boundary's line belongs to it."""
    return end - 2 if found[max(0, end - 2) : end] == b"\r\n" else end - 1


def _body(part: Message, found: bytes, place: Span) -> Span | None:
    """Where what a part holds stands; None where it is encoded, or its own fields are in disorder."""
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if encoding in _ENCODED or part.defects:
        return None
    end = _FIELDS_END.search(found[place.start : place.end])
    return Span(place.start + end.end(), place.end) if end is not None else None


def _read(part: Message, kind: str) -> Original:
    """An original as the library reads it."""
    if kind == "message/rfc822":
        return Original(_inner(part))
    payload = part.get_payload(decode=True)
    return Original(payload if isinstance(payload, bytes) else b"")


def _inner(part: Message) -> bytes:
    payload = part.get_payload()
    # RFC 2046 §5.2.1 forbids base64 for message/rfc822, and reporters do it all the same: then the message that was
    # read in there is one that has only a body.
    inner = payload[0] if isinstance(payload, list) and payload else None
    if not isinstance(inner, Message):
        return b""
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if encoding in _ENCODED and not inner.keys():
        inner["Content-Transfer-Encoding"] = encoding
        decoded = inner.get_payload(decode=True)
        return decoded if isinstance(decoded, bytes) else b""
    return _written(inner)


def _written(inner: Message) -> bytes:
    """A message as bytes; of one that the library can read and not write, its head."""
    try:
        return inner.as_bytes(policy=email.policy.compat32.clone(max_line_length=0))
    except BROKEN:
        head = "".join(f"{name}: {value}\n" for name, value in inner.raw_items())
        return head.encode("utf-8", "surrogateescape") + b"\n"

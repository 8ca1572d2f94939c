# SPDX-License-Identifier: Apache-2.0
"""Find the message that is meant in what was found: itself, the original in a report, or one in pasted text.

    an abuse report (RFC 5965 ARF, X-ARF)      its attached originals, not the report
    Received lines in the head                 itself
    none there, but messages attached          those
    none there, but in the text                what ``unpaste`` finds

A head whose Received lines lost their wraps reads badly, and has lines that are no field; where ``unpaste`` then finds
more lines with a date, it is that.

Limits: MIME is read by Python's ``email`` up to 32 MiB; at most 100 originals of one report. What it can't read (parts
nested by the thousand) has no attached original here.
"""

from __future__ import annotations

import contextlib
import email
import email.policy
import re
from collections.abc import Iterator
from email.message import Message
from itertools import islice
from typing import Final

from fumidai.received.headers import HEAD_AT_MOST
from fumidai.received.hop import Kind, Span
from fumidai.received.paste import Pasted, unpaste
from fumidai.received.read import read_head
from fumidai.received.stamp import read_stamp
from fumidai.received.trace import Report
from fumidai.trace.attached import BROKEN, Original, originals
from fumidai.trace.letter import How, Letter, Origin

#: Octets of a message that may be read for what is attached to it.
WHOLE_AT_MOST: Final = 32 * 1024 * 1024
_ATTACHED_AT_MOST: Final = 100
#: A line of a head that neither goes on nor begins with a name and a colon (RFC 5322 §2.2), nor is an mbox's.
_STRAY: Final = re.compile(rb"(?m)^(?![ \t\r\n]|[!-9;-~]++[ \t]*+:|>?From )")


def letters(found: bytes, source: str, offset: int = 0) -> tuple[Letter, ...]:
    """The messages that are meant; one without Received lines if there is no better.

    Args:
        found: what was found, from its first octet on.
        source, offset: see ``Origin``.
    """
    origin = Origin(source, 0, offset)
    itself = Letter(origin, found, read_head(found))
    if itself.head.reports and (attached := _attached(found, origin, of_report=True)):
        return attached
    hops = itself.head.hops
    dated = _dated(itself)
    if hops and dated == len(hops):
        return (itself,)
    if not hops and b"message/rfc822" in found.lower() and (attached := _attached(found, origin, of_report=False)):
        return attached
    pasted = _pasted(found, origin) if not hops or _is_damaged(itself) else ()
    return pasted if sum(map(_dated, pasted)) > dated else (itself,)


def _is_damaged(letter: Letter) -> bool:
    """Has the head been through something? Then there are lines in it that are no field, or fields inside a line."""
    head = letter.message[: _head_end(letter.message)]
    if _STRAY.search(head):
        return True
    return any(b"eceived: " in hop.raw for hop in letter.head.hops)


def _dated(letter: Letter) -> int:
    """How many Received lines read well: they have a date, or are notes that need none."""
    return sum(hop.date is not None or hop.kind in (Kind.NOTE, Kind.FETCH) for hop in letter.head.hops)


def _head_end(found: bytes) -> int:
    """Where the head ends, at most its bound."""
    # Where there is no end, find says -1, and that counts from the bound.
    return min(found.find(b"\n\r\n") % HEAD_AT_MOST, found.find(b"\n\n") % HEAD_AT_MOST)


def _is_report(message: Message) -> bool:
    """RFC 5965 §2, or X-ARF by its header field."""
    if message.get_content_type() == "multipart/report":
        return str(message.get_param("report-type", "")).lower() == "feedback-report"
    return "X-ARF" in message or "X-XARF" in message


def _attached(found: bytes, origin: Origin, *, of_report: bool) -> tuple[Letter, ...]:
    """The originals in a message; none where it can't be read as MIME."""
    try:
        message = email.message_from_bytes(found[:WHOLE_AT_MOST], policy=email.policy.compat32)
        if of_report and not _is_report(message):
            return ()
        inside = [*islice(originals(message, found), _ATTACHED_AT_MOST)]
    except BROKEN:
        return ()
    many = len(inside) > 1
    return tuple(
        _placed(part, found, Origin(origin.source, number if many else origin.number, origin.offset, How.ATTACHED))
        for number, part in enumerate(inside, 1)
    )


def _placed(original: Original, found: bytes, origin: Origin) -> Letter:
    """The letter, with its place in what was found where it stands there as it is."""
    part = original.message
    at = original.at
    if at is None:
        # Decoded or written anew: its first line may lead to the place.
        at = found.find(part.split(b"\n", 1)[0].rstrip(b"\r")) if part.strip() else 0
    shift = max(at, 0)
    return Letter(origin, part, read_head(part), None, lambda start, end: (start + shift, end + shift))


def _pasted(found: bytes, origin: Origin) -> tuple[Letter, ...]:
    heads = unpaste(found)
    if not any(heads) and b"base64" in found[:HEAD_AT_MOST].lower():
        with contextlib.suppress(*BROKEN):
            heads = tuple(head for text in _decoded(found) for head in unpaste(text))
    many = len(heads) > 1
    return tuple(
        Letter(
            Origin(origin.source, number if many else origin.number, origin.offset, How.PASTED),
            head.message,
            read_head(head.message),
            _around(head),
            head.span,
        )
        for number, head in enumerate(heads, 1)
    )


def _decoded(found: bytes) -> Iterator[bytes]:
    """The text parts of a message, decoded."""
    for part in email.message_from_bytes(found[:WHOLE_AT_MOST], policy=email.policy.compat32).walk():
        payload = part.get_payload(decode=True) if part.get_content_maintype() == "text" else None
        if isinstance(payload, bytes):
            yield payload


def _around(head: Pasted) -> Report:
    filed, text = read_stamp(head.before.decode("latin-1"))
    body = head.message.find(b"\r\n\r\n") + 4
    return Report(filed, text, Span(body, len(head.message)) if head.quoted else None)

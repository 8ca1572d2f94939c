# SPDX-License-Identifier: Apache-2.0
"""Read the head of a message: its Received lines as hops, newest first, and the fields that a trace looks at.

RFC 5321 §4.4: whoever receives a message puts its line on top and alters none below, so the order of the lines is the
way backwards. ``headers`` cuts the head into fields, ``line`` makes a hop of each Received line, ``spans`` tells
where its parts stand.

Limits: at most 200 lines of a message are read (``Head.left_out`` counts the others), each cut at 8 KiB. A line of
unknown form is kept raw. Which lines can be believed is not judged here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from fumidai.received.address import read_address
from fumidai.received.headers import CHOSEN, OF_REPORTS, OUTER, Field, Headers, blanked, chosen_fields
from fumidai.received.hop import Hop, Span
from fumidai.received.line import read_line
from fumidai.received.spans import spans
from fumidai.received.tokens import LINE_AT_MOST

HOPS_AT_MOST: Final = 200
__all__ = ["HOPS_AT_MOST", "Head", "client_seen", "read_head", "read_hop", "read_received", "spans"]


class Head(NamedTuple):
    """What the head of a message tells of its way.

    Attributes:
        hops: the newest (topmost) first.
        headers: the fields that clues rest on.
        left_out: Received lines beyond ``HOPS_AT_MOST``.
        reports: the head may be that of an abuse report (RFC 5965, X-ARF).
    """

    hops: tuple[Hop, ...]
    headers: Headers
    left_out: int
    reports: bool


def read_head(message: bytes) -> Head:
    """The head of a message; any bytes will do, and nothing is read behind the first empty line."""
    hops: list[Hop] = []
    headers: dict[str, Field] = {}
    left_out = 0
    reports = False
    for found in chosen_fields(message):
        written, value = found.groups()
        if written is None:
            break
        name = CHOSEN.get(written) or CHOSEN[written.lower()]
        if name == "received":
            if len(hops) < HOPS_AT_MOST:
                value = value.rstrip(OUTER)
                start = found.start(2)
                hops.append(read_line(blanked(value[:LINE_AT_MOST]), value, Span(start, start + len(value))))
            else:
                left_out += 1
        elif name in headers:
            continue
        elif name in OF_REPORTS:
            reports = reports or name != "content-type" or b"report" in value.lower()
        else:
            headers[name] = Field(value.rstrip(OUTER), found.start(2))
    return Head(tuple(hops), headers, left_out, reports)


def read_received(message: bytes) -> tuple[Hop, ...]:
    """The hops of a message, newest (topmost) first; any bytes will do."""
    return read_head(message).hops


def read_hop(line: bytes) -> Hop:
    """One Received line without its name; its spans are places in ``line``."""
    raw = line.strip(OUTER)
    start = line.find(raw)
    return read_line(blanked(raw[:LINE_AT_MOST]), raw, Span(start, start + len(raw)))


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

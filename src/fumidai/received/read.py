# SPDX-License-Identifier: Apache-2.0
"""Read the Received lines of a message as hops, newest first, and find what a server wrote down for its client.

RFC 5321 §4.4: whoever receives a message puts its line on top and alters none below, so the order of the lines is the
way backwards.

Limits: at most 200 lines of a message, each cut at 8 KiB. A line of unknown form is kept raw. Which lines can be
believed is not judged here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from fumidai.received.client import Client, read_address, read_client
from fumidai.received.date import read_date
from fumidai.received.headers import header_fields
from fumidai.received.hop import Hop
from fumidai.received.tokens import LINE_AT_MOST, Clause, clauses

HOPS_AT_MOST: Final = 200
# qmail's notes about itself: "(qmail 17970 invoked by uid 407); 16 Oct 2000 08:54:41 -0000".
_QMAIL_NOTE: Final = re.compile(r"\s{0,20}\(qmail \d{1,10} invoked ")

__all__ = ["HOPS_AT_MOST", "client_seen", "read_hop", "read_received"]


def read_received(message: bytes) -> tuple[Hop, ...]:
    """The hops of a message, newest (topmost) first; any bytes will do."""
    lines = (value for name, value in header_fields(message) if name.lower() == "received")
    return tuple(read_hop(value) for value, _ in zip(lines, range(HOPS_AT_MOST), strict=False))


def read_hop(line: bytes) -> Hop:
    """One unfolded Received line without its name."""
    text = line[:LINE_AT_MOST].decode("latin-1")
    found, date_text = clauses(text)
    known = "by" in found or _QMAIL_NOTE.match(text) is not None
    if not known and not ("from" in found and date_text):
        return Hop(raw=line)
    client = read_client(found["from"]) if "from" in found else Client()
    return Hop(
        from_helo=client.helo,
        from_name=client.name,
        from_ip=client.address,
        by=_first(found.get("by")),
        with_=_protocol(found.get("with")),
        id=_first(found.get("id")),
        for_=_first(found.get("for")).strip("<>"),
        date=read_date(date_text),
        raw=line,
        known=True,
    )


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
    read = [hop for hop in hops if hop.known and (hop.by or hop.from_ip)]
    if not read or not any(_plain_name(hop.by) in names for hop in read if hop.by):
        return None
    first = next((hop for hop in reversed(read) if hop.from_ip), None)
    return first.from_ip if first is not None else None


def _plain_name(name: str) -> str:
    return read_address(name) or name.strip("[]").rstrip(".").lower()


def _first(clause: Clause | None) -> str:
    return clause.words[0].rstrip(",") if clause is not None and clause.words else ""


def _protocol(clause: Clause | None) -> str:
    # "Microsoft SMTP Server", "RC4-SHA encrypted SMTP": names of several words.
    return " ".join(clause.words[:6]) if clause is not None else ""

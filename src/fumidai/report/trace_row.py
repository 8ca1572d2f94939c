# SPDX-License-Identifier: Apache-2.0
"""One message's trace as a row of a table: what tools count and sort by.

The columns are stable, like the keys of the JSON. Text out of a message is escaped (`report.escape`); a cell that a
spreadsheet would take for a formula gets an apostrophe before it.

Limits: one row tells no path; the JSON does.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from fumidai.received.trace import Trace, TraceVerdict
from fumidai.report.escape import raw, show

#: Characters with which a spreadsheet begins a formula (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Row(NamedTuple):
    """One message.

    Attributes:
        file, offset, number: where it was found.
        date: when the border took it, UTC, ISO 8601; "" where it doesn't say.
        verdict, confidence: words of `received.trace`.
        relay, relay_ip, software: the stepping stone; clock: seconds that its clock is wrong at least.
        source, source_name: address of the source and its name.
    """

    file: str
    offset: int
    number: int
    date: str
    verdict: str
    confidence: str
    relay: str
    relay_ip: str
    software: str
    clock: int
    source: str
    source_name: str


COLUMNS: Final = Row._fields


def row_of(trace: Trace, file: str, offset: int = 0, number: int = 0) -> Row:
    """A trace as a row."""
    relay, source = trace.relay, trace.source
    relayed = trace.verdict is TraceVerdict.RELAY and relay is not None
    return Row(
        file=show(file),
        offset=offset,
        number=number,
        date=_date(trace),
        verdict=trace.verdict.value,
        confidence=trace.confidence.value,
        relay=_shown(relay.name) if relayed and relay else "",
        relay_ip=_shown(relay.ip or relay.masked) if relayed and relay else "",
        software=_shown(f"{relay.software} {relay.version}".strip()) if relayed and relay else "",
        clock=relay.clock.certain if relayed and relay and relay.clock else 0,
        source=_shown(source.ip or source.masked) if source else "",
        source_name=_shown(source.rdns or source.helo) if source else "",
    )


def csv_head() -> str:
    """The line with the names of the columns."""
    return _line(COLUMNS)


def csv_line(row: Row) -> str:
    """A row as a line of CSV (RFC 4180), ended by CR LF."""
    return _line([_cell(value) for value in row])


def _line(cells: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _shown(latin: str) -> str:
    return show(raw(latin))


def _date(trace: Trace) -> str:
    """By the clock of the last host that is believed; of others nobody knows."""
    if trace.border_hop is None:
        return ""
    date: datetime | None = trace.hops[trace.border_hop].hop.date
    try:
        return date.astimezone(UTC).isoformat().replace("+00:00", "Z") if date is not None else ""
    except OverflowError:  # year 1 or 9999 in a zone that leaves the calendar
        return ""

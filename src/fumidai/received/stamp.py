# SPDX-License-Identifier: Apache-2.0
"""The stamp of its filing that a list or a ticket system puts before evidence: ``Tue Oct 17 10:41:25 2000 ----``.

Read are the form of C's asctime, ISO 8601, and that of a Received line.

Limits: the first date counts. A stamp without a zone gives a naive datetime, for nobody knows whose clock it was.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from fumidai.received.date import read_date

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ASCTIME: Final = re.compile(
    r"\b([A-Z][a-z]{2}) {1,2}([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d{2}):(\d{2}):(\d{2}) (?:[A-Z]{3,5} )?(\d{4})\b"
)
_ISO: Final = re.compile(r"\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:?\d{2})?")
_READ_AT_MOST: Final = 400


def read_stamp(text: str) -> tuple[datetime | None, str]:
    """The first date in ``text``, and how it stands there; None and "" where there is none."""
    text = text[-_READ_AT_MOST:]
    if found := _ASCTIME.search(text):
        return _asctime(found), found[0]
    if found := _ISO.search(text):
        return _iso(found[0]), found[0]
    date = read_date(text)
    return date, text.strip() if date else ""


def _asctime(found: re.Match[str]) -> datetime | None:
    _, month, day, hour, minute, second, year = found.groups()
    if month.lower() not in _MONTHS:
        return None
    try:
        return datetime(int(year), _MONTHS.index(month.lower()) + 1, int(day), int(hour), int(minute), int(second))
    except ValueError:
        return None


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None

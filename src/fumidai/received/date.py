# SPDX-License-Identifier: Apache-2.0
"""The date of a Received line (RFC 5322 §3.3, and the obsolete forms of §4.3), as an aware datetime.

Limits: English month names only; a zone by letters other than those of the standard is read as UTC, as the standard
says (§4.3), for nobody knows what it means. ``-0000`` (no zone known) is UTC as well.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE: Final = re.compile(
    r"(?<!\d)(\d{1,2})[\s-]{1,9}([A-Za-z]{3})[a-z]{0,6}[\s-]{1,9}(\d{2,4})[\s,]{1,9}(\d{1,2}):(\d{2})(?::(\d{2}))?"
    r"(?:\.\d{1,9})?\s{0,9}([+-]\d{4}(?!\d)|[A-Za-z]{1,5})?"
)
# RFC 5322 §4.3; JST is not in it, but stands alone in Japanese lines of its time.
_ZONES: Final = {
    "edt": -4,
    "est": -5,
    "cdt": -5,
    "cst": -6,
    "mdt": -6,
    "mst": -7,
    "pdt": -7,
    "pst": -8,
    "jst": 9,
}
_READ_AT_MOST: Final = 200


def read_date(text: str) -> datetime | None:
    """The first date in ``text``; None where there is none or it names no real day."""
    found = _DATE.search(text[:_READ_AT_MOST])
    if found is None or found[2].lower() not in _MONTHS:
        return None
    day, hour, minute, second = int(found[1]), int(found[4]), int(found[5]), int(found[6] or 0)
    month = _MONTHS.index(found[2].lower()) + 1
    zone = _zone(found[7] or "")
    try:
        # RFC 5322 §3.3 allows a leap second, datetime doesn't.
        return datetime(_year(found[3]), month, day, hour, minute, 59 if second == 60 else second, tzinfo=zone)
    except ValueError:
        return None


def _year(digits: str) -> int:
    """RFC 5322 §4.3: two digits below 50 are 20xx, other two and three digits count from 1900."""
    year = int(digits)
    if len(digits) == 2 and year < 50:
        return year + 2000
    return year + 1900 if len(digits) < 4 else year


def _zone(text: str) -> timezone:
    if text[:1] in {"+", "-"}:
        minutes = int(text[1:3]) * 60 + int(text[3:5])
        if minutes >= 24 * 60:
            return UTC
        return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
    return timezone(timedelta(hours=_ZONES.get(text.lower(), 0)))

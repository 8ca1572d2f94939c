# SPDX-License-Identifier: Apache-2.0
"""The date of a Received line (RFC 5322 §3.3, the obsolete forms of §4.3, ISO 8601's and ctime's), as a datetime.

Limits: English month names only; a zone by letters other than those of the standard is read as UTC, as the standard
says (§4.3), for nobody knows what it means. ``-0000`` (no zone known) is UTC as well.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NUMBERS: Final = {form: number for number, name in enumerate(_MONTHS, 1) for form in (name, name.title())}
_TWO_DIGITS: Final = {name.title(): f"{number:02}" for number, name in enumerate(_MONTHS, 1)}
_DATE: Final = re.compile(
    r"(?<!\d)(\d{1,2})[\s-]{1,40}([A-Za-z]{3})[a-z]{0,6}[\s-]{1,40}(\d{2,4})[\s,]{1,40}(\d{1,2}):(\d{2})(?::(\d{2}))?"
    r"(?:\.\d{1,9})?\s{0,40}([+-]\d{2}:\d{2}(?!\d)|[+-]\d{3,4}(?!\d)|[A-Za-z]{1,5})?"
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
# SendGrid and other Go programs: 2023-09-09 11:08:19.722287449 +0000 UTC.
_ISO: Final = re.compile(
    r"(?<!\d)(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})[ T](?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})"
    r"(?:\.\d{1,9})?\s?(?P<zone>[+-]\d{4}(?!\d)|Z)?"
)
# C's ctime, as in mbox lines and old servers' dates: Tue Oct 17 10:41:25 2000.
_CTIME: Final = re.compile(
    r"\b[A-Z][a-z]{2}\s{1,40}(?P<month>[A-Z][a-z]{2})\s{1,40}(?P<day>\d{1,2})\s{1,40}(?P<hour>\d{2}):(?P<minute>\d{2})"
    r":(?P<second>\d{2})\s{1,40}(?P<zone>[A-Z]{2,5}\s{1,40}|[+-]\d{4}\s{1,40})?(?P<year>\d{4})\b"
)
_READ_AT_MOST: Final = 200


def read_date(text: str) -> datetime | None:
    """The first date in ``text``; None where there is none or it names no real day."""
    found = _DATE.search(text[:_READ_AT_MOST])
    if found is None:
        return _read_other(text)
    if found[2].lower() not in _MONTHS:
        return None
    day, hour, minute, second = int(found[1]), int(found[4]), int(found[5]), int(found[6] or 0)
    month = _MONTHS.index(found[2].lower()) + 1
    zone = _zone(found[7] or "")
    try:
        # RFC 5322 §3.3 allows a leap second, datetime doesn't.
        return datetime(_year(found[3]), month, day, hour, minute, 59 if second == 60 else second, tzinfo=zone)
    except ValueError:
        return None


def _read_other(text: str) -> datetime | None:
    """ISO 8601's order, or ctime's."""
    found = _ISO.search(text[:_READ_AT_MOST]) or _CTIME.search(text[:_READ_AT_MOST])
    if found is None:
        return None
    said = found.groupdict()
    month = _NUMBERS.get(said["month"]) or (int(said["month"]) if said["month"].isdigit() else 0)
    day, hour, minute, second, year = (int(said[name]) for name in ("day", "hour", "minute", "second", "year"))
    try:
        return datetime(year, month, day, hour, minute, min(second, 59), 0, _zone((said["zone"] or "").strip()))
    except ValueError:
        return None


def read_usual_date(day: str, month: str, year: str, clock: str, zone: str) -> datetime | None:
    """The date of ``16 Oct 2000 18:07:18 +0900``, cut into its words; None where it names no real day."""
    try:
        # Put in ISO 8601's order, most dates are read by the library's own, in half the time.
        return datetime.fromisoformat(f"{year}-{_TWO_DIGITS[month]}-{day:0>2}T{clock}{zone}")
    except (ValueError, KeyError):
        return read_date(f"{day} {month} {year} {clock} {zone}")


def _year(digits: str) -> int:
    """RFC 5322 §4.3: two digits below 50 are 20xx, other two and three digits count from 1900."""
    year = int(digits)
    if len(digits) == 2 and year < 50:
        return year + 2000
    return year + 1900 if len(digits) < 4 else year


@lru_cache(maxsize=256)
def _zone(text: str) -> timezone:
    if text[:1] in {"+", "-"}:
        # MailEnable writes -08:00, SurgeMail -500.
        text = text[0] + text[1:].replace(":", "").zfill(4)
        minutes = int(text[1:3]) * 60 + int(text[3:5])
        if minutes >= 24 * 60:
            return UTC
        return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
    return timezone(timedelta(hours=_ZONES.get(text.lower(), 0)))

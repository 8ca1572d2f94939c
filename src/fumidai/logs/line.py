# SPDX-License-Identifier: Apache-2.0
"""One line of a log: when, which program, what it said.

    Oct 16 18:07:18 ns sendmail[13665]: SAA13665: from=<…>         syslog (RFC 3164)
    2026-11-24T03:12:09.214+09:00 ns postfix/smtpd[77]: …          syslog with ISO 8601 time (RFC 5424's, rsyslog's)
    {"__REALTIME_TIMESTAMP": "…", "SYSLOG_IDENTIFIER": "…", …}     journalctl -o json
    2024-02-14 00:00:59 1abCdE-0001xy-Ab <= …                      Exim's own, time first and no program
    @4000000039eac8d0… status: local 0/10                          multilog (TAI64N)

Limits: a line is cut at 16 KiB. A time of syslog has neither year nor zone: ``time`` is "" for nobody and kept as it
stands; ordering is by the lines themselves.
"""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

LINE_AT_MOST: Final = 16 * 1024
_SYSLOG: Final = re.compile(
    r"(?:<\d{1,3}>)?([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT[\d:.]{8,15}(?:Z|[+-]\d\d:?\d\d)?)"
    r" (\S{1,255}) ([^\s:\[]{1,100})(?:\[(\d{1,10})\])?: ?"
)
_EXIM: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?(?: [+-]\d{4})?) (?:\[(\d{1,10})\] )?")
_MULTILOG: Final = re.compile(r"(@[0-9a-f]{24}|\d{9,10}\.\d{1,9}) ")


class Line(NamedTuple):
    """What a line is made of.

    Attributes:
        time: as it stands there, "" where there is none.
        program: for example ``postfix/smtpd``; "" where the log is one program's own.
        pid: as text, "" where it doesn't say.
        text: what was said.
    """

    time: str
    program: str
    pid: str
    text: str


def read_line(data: bytes) -> Line:
    """One line, without or with its end; whatever it is, there is a ``Line``."""
    text = data[:LINE_AT_MOST].decode("utf-8", "surrogateescape").rstrip("\r\n")
    if text.startswith("{"):
        return _journal(text)
    if found := _SYSLOG.match(text):
        return Line(found[1], found[3], found[4] or "", text[found.end() :])
    if found := _EXIM.match(text):
        return Line(found[1], "", found[2] or "", text[found.end() :])
    if found := _MULTILOG.match(text):
        return Line(found[1], "", "", text[found.end() :])
    return Line("", "", "", text)


def _journal(text: str) -> Line:
    """A line of ``journalctl -o json``."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return Line("", "", "", text)
    if not isinstance(fields, dict):
        return Line("", "", "", text)

    def said(name: str) -> str:
        value = fields.get(name)
        # What is not UTF-8 comes as a list of numbers (systemd's journal export of JSON).
        if isinstance(value, list):
            octets = bytes(one for one in value if isinstance(one, int) and 0 <= one < 256)
            return octets.decode("utf-8", "surrogateescape")
        return value if isinstance(value, str) else ""

    return Line(said("__REALTIME_TIMESTAMP"), said("SYSLOG_IDENTIFIER") or said("_COMM"), said("_PID"), said("MESSAGE"))

# SPDX-License-Identifier: Apache-2.0
"""One line for each decision: JSON for programs, a sentence for people.

    {"time": "2026-11-24T03:12:09.214+09:00", "event": "rcpt", "session": "4Kq1", "client": "203.0.113.77", …}
    refused 203.0.113.77  <> for <v%evil.test@a.com>: also reads as v@evil.test (ambiguous-recipient)

Events: ``rcpt`` (a recipient was decided), ``policy`` (the same for a Postfix that asked), ``message`` (what became of
a message), ``auth`` (somebody said to be a user), ``session`` (a client was sent away), ``blocklist`` (what a list is
worth). Each line is counted (``counts``), so that log and metrics tell the same.

Lines wait at most ``WAIT`` for others and are written with them, whole. An end in order writes what waits (``flush``);
who is killed takes the lines of his last milliseconds with him, but no mail: what was acknowledged is at the backend.

JSON is ASCII and the sentences are escaped, so nothing a client said reaches a terminal as a command (Law 6).

What can't be written (a full disk, a reader who has gone) is lost and stops no mail: it is said once when it begins
and once when it is over, and counted.

Limits: the writer is called on the loop's thread; whoever reads a pipe too slowly slows the guard.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from json.encoder import encode_basestring_ascii as _text
from typing import Final, Protocol

from fumidai.guard.counts import Counts
from fumidai.report.escape import show
from fumidai.texts import N_

Write = Callable[[str], None]


class Unwritten(OSError):
    """The log could not be written.

    Attributes:
        lines: that are not there, or not whole.
    """

    def __init__(self, lines: int, problem: OSError) -> None:
        super().__init__(problem.errno, problem.strerror)
        self.lines = lines


class Tell(Protocol):
    """Says a sentence about the guard itself: msgid and fields."""

    def __call__(self, message: str, **params: object) -> None: ...


def silent(message: str, **params: object) -> None:
    """Says nothing."""


_encode: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
#: Seconds that a line waits for others, so that a busy guard writes hundreds of times a second and not thousands.
WAIT: Final = 0.005
#: Lines that are written without waiting for more.
_MOST: Final = 128
_VERBS: Final = {"permit": "permitted", "refuse": "refused", "defer": "deferred"}


class LogFormat(StrEnum):
    """How a line is written."""

    JSON = "json"
    TEXT = "text"


class DecisionLog:
    """Writes the lines.

    Args:
        write: takes whole lines, the last one ended too; raises Unwritten where it can't write them.
        clock: seconds since the epoch.
        counts: where the lines are counted.
        tell: told when the log can't be written, and when it can again.

    Attributes:
        format: how the next lines are written.
    """

    def __init__(
        self,
        write: Write,
        format_: LogFormat = LogFormat.JSON,
        clock: Callable[[], float] = time.time,
        counts: Counts | None = None,
        tell: Tell = silent,
    ) -> None:
        self._write = write
        self._tell = tell
        self._lost = 0  # lines since the log can't be written
        self.format = format_
        self._clock = clock
        self._counts = counts or Counts()
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._second = -1
        self._stamp = ("", "")

    def note(self, event: str, fields: Mapping[str, object]) -> None:
        """One line. ``fields`` are written as they stand, in their order; text of peers may be in them."""
        self._count(event, fields)
        if self.format is LogFormat.JSON:
            self._lines.append(json_line(self._time(), event, fields))
        else:
            self._lines.append(sentence(event, fields))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WAIT, self.flush)
        elif len(self._lines) >= _MOST:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines:
            text = "\n".join((*self._lines, ""))
            self._lines.clear()
            try:
                self._write(text)
            except Unwritten as problem:
                self._lose(problem)
            else:
                if self._lost:
                    lost, self._lost = self._lost, 0
                    self._tell(N_("The log of decisions is written again; {count} lines of it are lost."), count=lost)

    def _lose(self, problem: Unwritten) -> None:
        if not self._lost:
            words = N_("The log of decisions can't be written ({why}). Mail goes on; its lines are lost until it can.")
            self._tell(words, why=problem.strerror)
        self._lost += problem.lines
        self._counts.add(("log-lost",), problem.lines)

    def _count(self, event: str, fields: Mapping[str, object]) -> None:
        counts = self._counts
        match event:
            case "rcpt" | "policy":
                counts.decided(str(fields["action"]), str(fields["rule"]))
            case "auth":
                counts.logged_in(str(fields["action"]))
            case "message":
                counts.ended(str(fields["outcome"]))
            case "lost-client-address":
                counts.add(("lost-clients", str(fields["veil"])))
            case "pause":
                counts.add(("held-back", str(fields["rule"])))
            case "session" if fields["action"] == "held back":
                counts.add(("held-back", str(fields["rule"])))
            case "blocklist":
                pass  # a number of its own shows it (``lists``)
            case _:
                counts.sent_away(str(fields.get("rule", event)))

    def _time(self) -> str:
        now = self._clock()
        second = int(now)
        if second != self._second:
            whole = datetime.fromtimestamp(second).astimezone().isoformat()
            self._second, self._stamp = second, (whole[:19], whole[19:])
        return f"{self._stamp[0]}.{int((now - second) * 1000):03d}{self._stamp[1]}"


def json_line(time: str, event: str, fields: Mapping[str, object]) -> str:
    """A line for programs: ASCII. ``event`` and the names of ``fields`` are ours and need no escape.

    Put together by hand: the encoder of a whole object costs five times as much as the escaping of its texts.
    """
    told = [
        f'"{name}":{_text(value) if isinstance(value, str) else value if type(value) is int else _encode(value)}'
        for name, value in fields.items()
    ]
    return f'{{"time":"{time}","event":"{event}",{",".join(told)}}}'


def sentence(event: str, fields: Mapping[str, object]) -> str:
    """A line for people."""

    def shown(name: str) -> str:
        return show(str(fields.get(name, "")))

    if event in ("rcpt", "policy"):
        head = f"{_VERBS.get(shown('action'), shown('action'))} {shown('client')}  {shown('from')} for {shown('to')}"
        return f"{head}: {shown('why')} ({shown('rule')})"
    if event == "auth":
        head = f"{_VERBS.get(shown('action'), shown('action'))} {shown('client')}  login of {shown('user')}"
        return f"{head}: {shown('why')} ({shown('rule')})"
    if event == "message":
        count = fields.get("recipients", 0)
        whom = "1 recipient" if count == 1 else f"{count} recipients"
        head = f"{shown('outcome')} {shown('client')}  {shown('from')} for {whom}, {shown('size')} octets"
        return f"{head}: {shown('reply')}{' ' if fields.get('why') else ''}{shown('why')}"
    whom = "list" if event == "blocklist" else "client"
    return f"{shown('action')} {shown(whom)}: {shown('why')} ({shown('rule')})"

# SPDX-License-Identifier: Apache-2.0
"""How far a long trace is: one line on a terminal, written over.

Limits: how much there is in all is counted beforehand by the sizes of the files, without reading them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fumidai.cli.screen import Screen, say
from fumidai.texts import N_

#: Seconds before anything is shown, and between two drawings.
_PATIENCE = 1.0
_REDRAW = 0.2


@dataclass(slots=True)
class TraceProgress:
    """The line.

    Attributes:
        total: octets in all; 0 where that is not known.
    """

    screen: Screen
    total: int = 0
    octets: int = 0
    messages: int = 0
    _began: float = field(default_factory=time.monotonic)
    _drawn: float = 0.0

    def add(self, octets: int, messages: int) -> None:
        """So much more is read."""
        self.octets += octets
        self.messages += messages
        now = time.monotonic()
        if self.screen.terminal and now - self._began > _PATIENCE and now - self._drawn > _REDRAW:
            self._drawn = now
            self._draw(self._line(now - self._began))

    def end(self) -> None:
        """Take the line away."""
        if self._drawn:
            self._draw("")

    def _line(self, seconds: float) -> str:
        rate = self.messages / seconds
        if not self.total:
            return say(N_("{count} messages, {rate} a second"), count=f"{self.messages:,}", rate=f"{rate:,.0f}")
        part = min(self.octets / self.total, 1.0)
        left = seconds / part - seconds if part > 0.01 else 0.0
        bar = "#" * round(part * 30) + "-" * (30 - round(part * 30))
        text = say(N_("{count} messages, {rate} a second"), count=f"{self.messages:,}", rate=f"{rate:,.0f}")
        rest = say(N_("about {seconds} s left"), seconds=f"{left:.0f}") if left else ""
        return f"[{bar}] {part:4.0%}  {text}  {rest}".rstrip()

    def _draw(self, text: str) -> None:
        self.screen.write(f"\r{text[: self.screen.width - 1]}\x1b[K", ended=False)


def total_size(names: Iterable[str]) -> int:
    """Octets of all files of these names; 0 where one is standard input."""
    total = 0
    for name in names:
        if name == "-":
            return 0
        path = Path(name)
        if path.is_dir():
            total += sum(_size(os.path.join(folder, file)) for folder, _, files in os.walk(path) for file in files)
        else:
            total += _size(name)
    return total


def _size(name: str) -> int:
    try:
        return os.stat(name).st_size
    except OSError:
        return 0

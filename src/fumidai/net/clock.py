# SPDX-License-Identifier: Apache-2.0
"""Time of day that never runs backwards, and time spans that no change of the clock touches.

Somebody may set the system's clock while a run is going on. Waits and durations are measured by the monotonic clock;
a stamp is the time of day at which this clock was made, plus what has gone by since. So stamps of one run keep
their order, and a jump is seen (``jumped``) instead of suffered.

Limits: a machine that sleeps may stop the monotonic clock (Linux does); stamps are then late by the sleep.
"""

from __future__ import annotations

import time


class Clock:
    """A clock of one run."""

    __slots__ = ("_began", "_day")

    def __init__(self) -> None:
        self._day = time.time()
        self._began = time.monotonic()

    def now(self) -> float:
        """Seconds since the epoch (UTC)."""
        return self._day + self.seconds()

    def seconds(self) -> float:
        """Seconds since this clock was made."""
        return time.monotonic() - self._began

    def jumped(self) -> float:
        """By how many seconds the system's clock was set forward (negative: back) since then."""
        return time.time() - self.now()

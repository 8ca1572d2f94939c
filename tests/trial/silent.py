# SPDX-License-Identifier: Apache-2.0
"""Listeners that hear everything and say nothing, or stop a run once enough is answered."""

from __future__ import annotations

import asyncio
from typing import Any

from fumidai.trial.listener import Listeners


def silent() -> Listeners:
    """No listener at all."""
    return Listeners(())


class Stopper:
    """Interrupts a run after so many answers; does nothing else."""

    def __init__(self, stop: asyncio.Event, after: int) -> None:
        self._stop, self._left = stop, after

    def answered(self, *_: Any) -> None:
        """One answer."""
        self._left -= 1
        if self._left <= 0:
            self._stop.set()

    def ignored(self, *_: Any) -> None:
        """Everything else."""

    asking = session_ended = arrived = proven = putting_off = waiting = ignored


def stopping(stop: asyncio.Event, after: int) -> Listeners:
    """A listener that interrupts after so many answers."""
    return Listeners((Stopper(stop, after),))

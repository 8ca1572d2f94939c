# SPDX-License-Identifier: Apache-2.0
"""What is done at the end of a turn of the event loop, once all that came in it was met.

    turn = Turn(loop)
    turn.at_end(self.write_due)

Whoever answers a peer as soon as it has read from it wakes that peer, and where both share a machine the kernel often
takes the processor away for it at once, or rouses another one: with a few dozen connections that is most of what a
write costs. Written together, behind all reading of the turn, one waking serves several of them.

What is asked for twice is done twice; whoever does it may find that his connection is gone meanwhile. What raises goes
to the loop's exception handler and keeps the others from nothing.

Limits: nobody waits behind more than ``MOST`` others; then they are done in the middle of the turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

#: Things that are put off at once.
MOST: Final = 64

Act = Callable[[], None]


class Turn:
    """The end of the turn that a loop is in.

    Attributes:
        loop: whose turn it is.
    """

    __slots__ = ("_due", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._due: list[Act] = []

    def at_end(self, act: Act) -> None:
        """Do this at the end of the turn."""
        due = self._due
        if not due:
            self.loop.call_soon(self._end)
        due.append(act)
        if len(due) >= MOST:
            self._end()

    def _end(self) -> None:
        due, self._due = self._due, []
        due.reverse()
        self._do(due)

    def _do(self, due: list[Act]) -> None:
        """The last one first."""
        try:
            while due:
                due.pop()()
        finally:
            if due:
                self.loop.call_soon(self._do, due)

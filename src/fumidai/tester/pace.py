# SPDX-License-Identifier: Apache-2.0
"""Space out connections: at most so many a second, and so many at once, over everything that shares one pace.

Beside the user's own ``--rate`` it keeps what a server taught: one that turns us away while no other session is open
counts connections over a time, so the number that it bore in the last minute becomes the number a minute.

Limits: it paces connections, not commands; what a session bears is the budget's concern. What was learned is never
unlearned within a run.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

#: Sessions at once to one host (DESIGN §8: a few); a run begins with half of them.
MOST_SESSIONS: Final = 8
#: Seconds over which servers count a client's connections (sendmail's ratecontrol, Postfix's anvil: a minute).
WINDOW: Final = 60.0


@dataclass(slots=True)
class Pace:
    """``turn()`` returns when the next connection may be opened.

    Attributes:
        per_second: connections a second; 0 for no limit.
        places: one for each session that may be open at once.
        learned: seconds between two connections that a server taught us; 0 for none.
    """

    per_second: float = 0.0
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_SESSIONS))
    learned: float = 0.0
    _next: float = 0.0
    _turns: deque[float] = field(default_factory=deque)

    async def turn(self) -> None:
        """Wait for our turn."""
        now = time.monotonic()
        at = max(now, self._next) if self.gap else now
        self._next = at + self.gap
        self._note(at)
        if at > now:
            await asyncio.sleep(at - now)

    @property
    def gap(self) -> float:
        """Seconds between two connections."""
        return max(1.0 / self.per_second if self.per_second > 0 else 0.0, self.learned)

    def too_fast(self) -> None:
        """The last connection was turned away for coming too soon: the ones of this minute were all it bears."""
        now = time.monotonic()
        borne = sum(now - turn < WINDOW for turn in self._turns) - 1
        # One or two say nothing about a rate: somebody else may have used it up before us.
        if borne > 2:
            self.learned = max(self.learned, WINDOW / borne)

    def _note(self, at: float) -> None:
        self._turns.append(at)
        while self._turns[0] < at - WINDOW:
            self._turns.popleft()

# SPDX-License-Identifier: Apache-2.0
"""Space out connections: at most so many a second, over everything that shares one pace.

Limits: it paces connections, not commands; what a session bears is the budget's concern.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """``turn()`` returns when the next connection may be opened.

    Attributes:
        per_second: connections a second; 0 for no limit.
    """

    per_second: float = 0.0
    _next: float = 0.0

    async def turn(self) -> None:
        """Wait for our turn."""
        if self.per_second <= 0:
            return
        now = time.monotonic()
        at = max(now, self._next)
        self._next = at + 1.0 / self.per_second
        await asyncio.sleep(at - now)

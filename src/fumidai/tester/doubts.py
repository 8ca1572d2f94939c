# SPDX-License-Identifier: Apache-2.0
"""Hang-ups without a word: a row's refusal, or a server that lets nobody in just then?

A row that alters something and is hung up on again and again has its refusal only if the server served others
meanwhile. Where no session that came later was answered anything, the row stays in doubt: it is asked once more, right
after something harmless was.

Limits: it only keeps count; who is asked again, and what, is the interview's concern.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fumidai.battery.attempt import Attempt
from fumidai.evidence.outcome import Outcome


@dataclass(slots=True)
class Doubts:
    """What is known of hang-ups.

    Attributes:
        open: attempts that were hung up on too often, with nothing to show that others were served.
    """

    open: list[tuple[Attempt, Outcome]] = field(default_factory=list)
    _served: int = 0
    _since: dict[int, int] = field(default_factory=dict)

    def served(self, session: int) -> None:
        """Something was answered in this session."""
        self._served = max(self._served, session)

    def lost(self, attempt: Attempt, session: int) -> None:
        """The connection was lost on this attempt; the first time counts."""
        self._since.setdefault(attempt.number, session)

    def settled(self, attempt: Attempt) -> bool:
        """Was another session served since?"""
        return self._served > self._since.get(attempt.number, 0)

# SPDX-License-Identifier: Apache-2.0
"""The attempts that have no final answer: in which order they are handed out, and to what kind of session.

Most share a session; some need one of their own: those whose script says so, and those in whose face the connection
was cut twice. What a session was given and did not answer comes back here, so that none is ever lost.

Limits: it opens nothing and asks nothing; what one session bears is the budget's word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from fumidai.battery.attempt import Attempt
from fumidai.judge.record import Record
from fumidai.tester.budget import FIRST_SESSIONS, Budget
from fumidai.tester.session import Session

#: Losses in a row after which an attempt is asked in a session of its own, and after which it is given up.
_ISOLATE: Final = 2
_GIVE_UP: Final = 3


@dataclass(slots=True)
class Waiting:
    """The waiting list of one endpoint and domain.

    Attributes:
        record, budget: what is known of the server.
        lockstep: one session, one command at a time (the 2001 service's way).
        skip: True for an attempt that need not be asked any more.
        attempts: from the head of which is taken; may be set and added to.
        opening: sessions being opened that will take shared attempts; ``alone``: sessions of one attempt each.
    """

    record: Record
    budget: Budget
    lockstep: bool
    skip: Callable[[Attempt], bool]
    attempts: list[Attempt] = field(default_factory=list)
    opening: int = 0
    alone: int = 0
    _losses: dict[int, int] = field(default_factory=dict)

    def work_left(self) -> bool:
        """True where another session has something to do: what opening ones will take is theirs already."""
        return self._shared_waits() or any(self.asks_alone(attempt) for attempt in self.attempts)

    def asks_alone(self, attempt: Attempt) -> bool:
        """Does it need a session of its own?"""
        odd = attempt.test.own_session or any(step.lines > 1 for step in attempt.script)
        return odd or self._losses.get(attempt.number, 0) >= _ISOLATE

    def groups(self, session: Session) -> bool:
        """May commands go out together in this session?"""
        return session.pipelining and not self.lockstep and not self.record.pipelining_broken

    def long_ones_first(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Those with a session of their own in the order of their length, each still in a place of its kind.

        The longest that began last would be waited for alone.
        """
        if self.lockstep:
            return list(attempts)
        longest = iter(sorted(filter(self.asks_alone, attempts), key=lambda attempt: -len(attempt.script)))
        return [next(longest) if self.asks_alone(attempt) else attempt for attempt in attempts]

    def sessions_left(self) -> int:
        """How many more sessions what waits will need, each as long as the budget allows now."""
        shared = [attempt for attempt in self.attempts if not self.asks_alone(attempt)]
        prices = [self.budget.price(attempt) for attempt in shared]
        errors, syntax = sum(price for price, _ in prices), sum(rude for _, rude in prices)
        groups = max(-(-errors // self.budget.errors), -(-syntax // self.budget.syntax))
        return len(self.attempts) - len(shared) + groups

    # -- handing out --------------------------------------------------------------------------------------------

    def take_own(self, opened: int) -> Attempt | None:
        """The next attempt that needs a session of its own, where it is its turn; None for a shared session.

        Half of the places are theirs once the first sessions have gone to the plain rows, which tell more.

        Args:
            opened: sessions that were opened so far.
        """
        turn = opened >= FIRST_SESSIONS and self.alone < max(1, self.budget.sessions // 2)
        if not turn and self._shared_waits():
            return None
        for index, attempt in enumerate(self.attempts):
            if self.asks_alone(attempt):
                return self.attempts.pop(index)
        return None

    def take_group(self, session: Session, most: int | None = None) -> list[Attempt]:
        """Take what this session may be asked next, at most so many."""
        self.attempts = [attempt for attempt in self.attempts if not self.skip(attempt)]
        shared = [attempt for attempt in self.attempts if not self.asks_alone(attempt)]
        group = self.budget.take(shared, session.spent)[:most]
        if not self.groups(session):
            group = group[: self._share(len(shared))]
        numbers = {attempt.number for attempt in group}
        self.attempts = [attempt for attempt in self.attempts if attempt.number not in numbers]
        return group

    def take_more(self, session: Session) -> list[Attempt]:
        """What else this session may be asked; little more is left to a fresh one, which costs less than waiting."""
        left = self.budget.errors - session.spent.errors
        shared = sum(not self.asks_alone(attempt) for attempt in self.attempts)
        if left < min(shared, self.budget.errors // 3):
            return []
        return self.take_group(session)

    # -- coming back --------------------------------------------------------------------------------------------

    def put_first(self, attempts: Sequence[Attempt]) -> None:
        """They were not asked, through no fault of theirs."""
        self.attempts[:0] = attempts

    def put_last(self, attempt: Attempt) -> None:
        """It is asked after all others."""
        self.attempts.append(attempt)

    def lose(self, attempt: Attempt) -> bool:
        """The connection was lost on it: have it asked again; False where it was lost often enough to be given up."""
        self._losses[attempt.number] = self._losses.get(attempt.number, 0) + 1
        if self._losses[attempt.number] >= _GIVE_UP:
            return False
        self.attempts.append(attempt)
        return True

    # -- counting -----------------------------------------------------------------------------------------------

    def _shared_waits(self) -> bool:
        shared = sum(not self.asks_alone(attempt) for attempt in self.attempts)
        return shared > self.opening * self._share(shared)

    def _share(self, shared: int) -> int:
        """How many of the rows that wait one session asks.

        Where commands can't go out together, waiting for answers is what costs: the rows are spread over the sessions.
        """
        if self.lockstep or ("PIPELINING" in self.record.extensions and not self.record.pipelining_broken):
            return self.budget.errors
        return min(self.budget.errors, max(2, -(-shared // self.budget.sessions)))

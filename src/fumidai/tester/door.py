# SPDX-License-Identifier: Apache-2.0
"""Open sessions with one endpoint and end them: when the next may come, how often it is tried, what that taught.

Places and turns are the pace's, shared with all who ask the same host; after a session that brought nothing the
next ones are opened one by one, each after the budget's pause. Ending a session gives its place back and tells the
budget what it cost, so that the next ones are sized by it.

Limits: what is asked in a session is the interview's concern; a session that does not open is a value
(``OpenFailure``), and the questions meant for it stay where they were.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fumidai.dialects.wording import classify, counts_over_time
from fumidai.evidence.endpoint import TlsState
from fumidai.evidence.outcome import Reason, Stage
from fumidai.judge.record import Failure, Record
from fumidai.smtp.reply import Reply
from fumidai.tester.announced import hear_address
from fumidai.tester.budget import LONG_PAUSES, Budget
from fumidai.tester.dialogue import LossKind
from fumidai.tester.pace import Pace
from fumidai.tester.questions import Listener
from fumidai.tester.session import Manners, OpenFailure, Session, open_session

#: Times the first session is tried, by how it failed; others once.
_FIRST_TRIES: Final = {Failure.NO_GREETING: 3, Failure.NO_HELLO: 3, Failure.TURNED_AWAY: 5}
_TRIES_AT_A_LIMIT: Final = 6
#: Sessions cut at their first question, and none ever answered, after which we believe that it hears only TLS.
_MUTE: Final = 3
#: Sessions turned away in a row, with no other open, that make a rate.
_TWICE: Final = 2
#: Seconds that open sessions get to end after an interrupt.
_WIND_UP: Final = 2.0


@dataclass(slots=True)
class Door:
    """Where the sessions of one endpoint come in and go out.

    Attributes:
        record: learns of failures, connections and transcripts.
        manners: how a session introduces itself; a server that answers late lengthens its grace.
        pace, budget: when the next session may come, and what was learned of it.
        deadline: monotonic time at which the sending ends; ``stop``: set by the user's interrupt.
        opened: sessions that were tried; the number of the last one.
        give_up_reason: why the last one was turned away.
    """

    record: Record
    manners: Manners
    pace: Pace
    budget: Budget
    listener: Listener
    deadline: float
    stop: asyncio.Event
    opened: int = 0
    give_up_reason: Reason = Reason.CLOSED
    _dialling: int = 0
    _failed_at: float = 0.0
    _mute: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _sessions: set[Session] = field(default_factory=set)
    _entering: set[Session] = field(default_factory=set)

    def over(self) -> bool:
        """No further session: the server gives nothing more, or the time is up."""
        return self.budget.spent_out or self.hears_only_tls() or time.monotonic() >= self.deadline

    def hears_only_tls(self) -> bool:
        """It offers STARTTLS, and in clear it hung up on whatever else was asked first, whoever it was for."""
        wanted = self.record.endpoint.tls is TlsState.CLEAR and "STARTTLS" in self.record.extensions
        return wanted and self._mute >= _MUTE and not any(outcome.code for outcome in self.record.outcomes.values())

    # -- coming in ----------------------------------------------------------------------------------------------

    async def first(self) -> Session | None:
        """Open the first session, again where that may help; None where none came, and the record says why."""
        for attempt in range(1, 1 + _TRIES_AT_A_LIMIT):
            opened = await self._open_or_stop()
            if opened is None or isinstance(opened, Session):
                return opened
            self._note_failure(opened)
            if attempt >= _tries(opened) or self.over():
                return None
            await self._rest()
            if self.over():
                return None
        return None

    async def open(self, *, introduce: bool = True, early: bytes = b"") -> Session | OpenFailure:
        """Open a session, when there is a place and it is time; ``end`` gives the place back.

        Args:
            introduce: say EHLO; False where the row brings its own introduction.
            early: bytes said before the greeting is read.
        """
        await self.pace.places.acquire()
        opened: Session | OpenFailure = OpenFailure(Failure.TIMEOUT)
        try:
            opened = await self._open_in_turn(introduce=introduce, early=early)
        finally:
            if isinstance(opened, OpenFailure):
                self.pace.places.release()
        return opened

    async def _open_or_stop(self) -> Session | OpenFailure | None:
        """Open a session; None where the user stopped us meanwhile. What the server had said by then is kept."""
        stopped, opening = asyncio.ensure_future(self.stop.wait()), asyncio.ensure_future(self.open())
        try:
            await asyncio.wait({opening, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                return opening.result()
            await self.wind_up({opening})
            return None
        finally:
            stopped.cancel()
            opening.cancel()

    async def _open_in_turn(self, *, introduce: bool, early: bytes) -> Session | OpenFailure:
        """After a session that was turned away they are opened one by one."""
        async with self._turn:
            await self._rest()
            if self.opened and (self.over() or self.stop.is_set()):
                return OpenFailure(Failure.TIMEOUT)
            await self.pace.turn()
            if self.budget.fruitless:
                return await self._dial(introduce=introduce, early=early)
        return await self._dial(introduce=introduce, early=early)

    async def _dial(self, *, introduce: bool, early: bytes) -> Session | OpenFailure:
        self.opened += 1
        self._dialling += 1
        number = self.opened
        entering: list[Session] = []

        def enter(session: Session) -> None:
            entering.append(session)
            self._entering.add(session)

        try:
            opened = await open_session(
                self.record.endpoint,
                number,
                self.manners,
                self.deadline,
                introduce=introduce,
                early=early,
                entered=enter,
            )
        finally:
            self._dialling -= 1
            self._entering.difference_update(entering)
        self.record.connections += 1
        if isinstance(opened, OpenFailure):
            self._learn_turned_away(opened)
        else:
            self._sessions.add(opened)
        return opened

    async def _rest(self) -> None:
        """Let the time pass that lies behind a session which brought nothing."""
        now = time.monotonic()
        left = min(self._failed_at + self.budget.pause, self.deadline) - now
        if left > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), left)

    # -- turned away --------------------------------------------------------------------------------------------

    def _note_failure(self, failed: OpenFailure) -> None:
        self.record.failure = failed.failure
        self.record.failure_reply = failed.reply.raw if failed.reply else failed.heard or failed.text.encode()
        self.record.failure_how = failed.loss.value if failed.loss else ""
        if failed.failure is Failure.TLS_FAILED:
            said = f"{failed.reply.code} {failed.reply.text}" if failed.reply else ""
            self.record.tls_failure = failed.text or said
        if failed.reply is not None:
            hear_address(self.record, failed.reply.text)

    def _learn_turned_away(self, failed: OpenFailure) -> None:
        came_in = failed.failure not in {Failure.TURNED_AWAY, Failure.NO_GREETING}
        self._turned_away(_turned_away_reason(failed), failed.reply, came_in=came_in)
        if failed.transcript is not None:
            self.record.transcripts.append(failed.transcript)
            self.listener.session_ended(self.record, failed.transcript)

    def _turned_away(self, reason: Reason, reply: Reply | None, *, came_in: bool) -> None:
        """A session brought nothing, because it was not let in or was told at its first question that it came too soon.

        Args:
            came_in: it failed for something behind the greeting, which the number of connections is not to blame for.
        """
        others = len(self._sessions) + self._dialling
        self.budget.turned_away(others)
        self._failed_at = time.monotonic()
        limit = reply is not None and reason is Reason.LIMIT
        # A rate is told by its words, also while other sessions stand: those are asked more. Where the words are others
        # it may be their number that the server minds.
        if (not others and not came_in) or (limit and reply is not None and counts_over_time(reply.text)):
            self.budget.scarce()
        # Once may be a session of ours that the server has not yet seen the end of; twice in a row is a rate.
        if limit and not others and self.budget.fruitless >= _TWICE:
            self.pace.too_fast()
            self.budget.patient = self.deadline - time.monotonic() > sum(LONG_PAUSES)
            self.record.limited = True
        self.record.turned_away += 1
        self.give_up_reason = reason

    # -- going out ----------------------------------------------------------------------------------------------

    async def end(self, session: Session, *, blameless: bool) -> None:
        """Leave a session, give its place back, and learn from what it cost.

        Args:
            blameless: a cut says nothing of the server's limits, for what was asked may have been the reason.
        """
        if session.dialogue.alive:
            self.budget.bear(session.spent)
        await session.leave()
        self.pace.places.release()
        self._sessions.discard(session)
        for standing in self._sessions:
            if standing.dialogue.alive:
                self.budget.bear(standing.spent)
        self.record.let_in += session.limited is None and session.spent.answered > 0
        self._mute += bool(session.spent.mails and not session.spent.answered and not session.dialogue.alive)
        self._learn_end(session, blameless=blameless)
        self.record.round_trips += session.dialogue.round_trips
        self.record.transcripts.append(session.transcript)
        self.listener.session_ended(self.record, session.transcript)

    def _learn_end(self, session: Session, *, blameless: bool) -> None:
        if session.dot_unanswered:
            # It was given its ten minutes once.
            self.manners = replace(self.manners, dot_patience=self.manners.patience)
        if session.limited is not None:
            self._turned_away(Reason.LIMIT, session.limited, came_in=False)
        elif session.dialogue.slowing:
            self.budget.learn_slowing(session.spent)
            # A line that may be read as two draws a second answer, which is a refusal where the server is sound.
            self.manners = replace(self.manners, grace=max(self.manners.grace, 1.5 * session.dialogue.punishment))
        elif not session.dialogue.alive and (session.spent.answered or not blameless):
            self.budget.learn_cut(session.spent)
            self._failed_at = time.monotonic()
        elif session.spent.answered:
            self.budget.ended_in_peace()

    async def wind_up(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        """End what still runs: hang up, so that answers already here are kept, then cancel."""
        for session in (*self._sessions, *self._entering):
            session.dialogue.connection.abort()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_WIND_UP)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _tries(failure: OpenFailure) -> int:
    """How often the first session is tried, by how this one failed."""
    if failure.reply is not None and failure.reply.permanent:
        return 2
    # Servers count over a minute: whoever says that we come too often may let us in after that.
    if failure.reply is not None and _turned_away_reason(failure) is Reason.LIMIT:
        return _TRIES_AT_A_LIMIT
    if failure.failure is Failure.NO_GREETING and (failure.heard or failure.loss is LossKind.SILENT):
        return 1
    return _FIRST_TRIES.get(failure.failure, 1)


def _turned_away_reason(failed: OpenFailure) -> Reason:
    if failed.reply is None:
        return Reason.CLOSED if failed.failure is not Failure.TIMEOUT else Reason.TIMEOUT
    reason = classify(failed.reply.code, failed.reply.text, Stage.GREETING)
    return reason if reason in {Reason.TESTER_BLOCKED, Reason.CLIENT, Reason.LIMIT} else Reason.TESTER_BLOCKED

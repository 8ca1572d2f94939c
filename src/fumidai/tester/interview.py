# SPDX-License-Identifier: Apache-2.0
"""Ask one endpoint a whole battery: open sessions, hand out questions, gather answers, lose none.

A waiting list holds every attempt that has no final answer. Workers, each one session, take from its head as
much as the budget lets a session bear, and put back what was not answered. So a connection that is cut, a 421
or a silence only moves questions to a fresh session; a refusal is never asked twice. An attempt in whose face
the connection is cut twice is asked once more in a session of its own; cut again, that is its answer.

The end is certain: every session ends by its deadline, and after several sessions in a row without an answer
the rest stays untested, with the reason.

Limits: temporary failures are only gathered here (``deferred``); the caller waits for all endpoints together
and calls ``again``. It knows nothing of proofs; ``skip`` tells it which questions are answered already.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from fumidai.battery.attempt import Attempt, Inapplicable
from fumidai.battery.row import RowClass, StepKind
from fumidai.dialects.echo import echoed_address
from fumidai.dialects.wording import classify
from fumidai.evidence.endpoint import Endpoint, TlsState
from fumidai.evidence.outcome import Answer, Outcome, Reason, Stage, Word
from fumidai.evidence.transcript import Transcript
from fumidai.judge.record import Failure, Record
from fumidai.judge.verdict import BASELINES
from fumidai.smtp.reply import Reply
from fumidai.tester.budget import FIRST_SESSIONS, LONG_PAUSES, Budget
from fumidai.tester.dialogue import LossKind
from fumidai.tester.message import Letterhead
from fumidai.tester.pace import Pace
from fumidai.tester.reading import Again, Reading, refuses_by_closing
from fumidai.tester.session import Manners, OpenFailure, Session, open_session
from fumidai.tester.transaction import Course, ask_alone, ask_group

#: Times the first session is tried, by how it failed; others once.
_FIRST_TRIES = {Failure.NO_GREETING: 3, Failure.NO_HELLO: 3, Failure.TURNED_AWAY: 5}
_TRIES_AT_A_LIMIT = 6
#: Sessions cut at their first question, and none ever answered, after which we believe that it hears only TLS.
_MUTE = 3
#: Losses in a row after which an attempt is asked in a session of its own, and after which it is given up.
_ISOLATE = 2
_GIVE_UP = 3
#: How the service of 2001 ended each of its tests.
_RSET_OF_2001 = b"rset\r\n"
#: Sessions turned away in a row, with no other open, that make a rate.
_TWICE = 2
#: Seconds that open sessions get to end after an interrupt.
_WIND_UP = 2.0


@dataclass(frozen=True, slots=True)
class Learned:
    """What the first session taught: names and extensions, and our own end of the connection."""

    host: str
    extensions: frozenset[str]
    source: str


@dataclass(frozen=True, slots=True)
class Questions:
    """What is to be asked here, once the ground is known."""

    controls: tuple[Attempt, ...]
    attempts: tuple[Attempt, ...]
    inapplicable: tuple[Inapplicable, ...]


class Listener(Protocol):
    """Hears of everything as it happens; must not block."""

    def asking(self, record: Record, questions: Questions) -> None:
        """The questions are known."""

    def answered(self, record: Record, attempt: Attempt, outcome: Outcome) -> None:
        """An attempt has an outcome (it may get another one later)."""

    def session_ended(self, record: Record, transcript: Transcript) -> None:
        """A session's dialogue is complete."""


Prepare = Callable[[Record, Learned], Questions]
Decoy = Callable[[Record, Attempt], Attempt | None]


@dataclass(slots=True)
class Interview:
    """All questions to one endpoint and domain.

    Attributes:
        record: what the judge will read.
        prepare: makes the questions from what the first session taught.
        decoy: makes the same-shape decoy of an attempt that was taken.
        head: what messages say about us (source is filled in from the connection).
        deadline: monotonic time at which the sending ends.
        stop: set by the user's interrupt.
        lockstep: one session, one command at a time, with labels (the 2001 service's way).
        skip: True for an attempt that need not be asked any more.
        baseline_known: set once the plain question has an outcome, or nothing more will come.
    """

    record: Record
    prepare: Prepare
    decoy: Decoy
    head: Letterhead
    manners: Manners
    pace: Pace
    listener: Listener
    deadline: float
    stop: asyncio.Event
    lockstep: bool = False
    skip: Callable[[Attempt], bool] = lambda attempt: False
    baseline_known: asyncio.Event = field(default_factory=asyncio.Event)
    budget: Budget = field(default_factory=Budget)
    deferred: list[tuple[Attempt, float | None]] = field(default_factory=list)
    last_first_asking: float = 0.0
    _waiting: list[Attempt] = field(default_factory=list)
    _losses: dict[int, int] = field(default_factory=dict)
    _opened: int = 0
    _opening: int = 0
    _alone: int = 0
    _priced: asyncio.Event = field(default_factory=asyncio.Event)
    _dialling: int = 0
    _failed_at: float = 0.0
    _mute: int = 0
    _door: asyncio.Lock = field(default_factory=asyncio.Lock)
    _sessions: set[Session] = field(default_factory=set)
    _entering: set[Session] = field(default_factory=set)
    _controls_apart: tuple[Attempt, ...] = ()
    _give_up_reason: Reason = Reason.CLOSED

    @property
    def endpoint(self) -> Endpoint:
        """Where it asks."""
        return self.record.endpoint

    async def first(self) -> None:
        """Open the first session, learn the ground, ask everything once, then the decoys that became needed."""
        began = time.monotonic()
        session = await self._open_first()
        if session is not None:
            self._learn(session)
            await self._drain(session)
            await self._ask_controls_apart()
            self.last_first_asking = time.monotonic()
            await self._ask_decoys()
        self.baseline_known.set()
        self.record.seconds += time.monotonic() - began

    async def complete(self) -> None:
        """Ask what an earlier part of the run left unanswered or put off."""
        began = time.monotonic()
        outcomes = self.record.outcomes
        self._waiting = [a for a in self.record.all_attempts().values() if _unanswered(outcomes.get(a.number))]
        self.record.time_up = False
        self.baseline_known.set()
        await self._drain(None)
        self.last_first_asking = time.monotonic()
        await self._ask_decoys()
        self.record.seconds += time.monotonic() - began

    async def again(self) -> None:
        """Ask once more what was refused for the moment, with the same triplets."""
        began = time.monotonic()
        self._waiting = [attempt for attempt, _ in self.deferred]
        self.deferred = []
        self.budget.fruitless = 0
        await self._drain(None)
        await self._ask_decoys()
        self.record.seconds += time.monotonic() - began

    # -- opening ------------------------------------------------------------------------------------------------

    async def _open_first(self) -> Session | None:
        for attempt in range(1, 1 + _TRIES_AT_A_LIMIT):
            opened = await self._open_or_stop()
            if opened is None or isinstance(opened, Session):
                return opened
            self._note_failure(opened)
            if attempt >= self._tries(opened) or self._over():
                return None
            await self._rest()
            if self._over():
                return None
        return None

    async def _open_or_stop(self) -> Session | OpenFailure | None:
        """Open a session; None where the user stopped us meanwhile. What the server had said by then is kept."""
        stopped, opening = asyncio.ensure_future(self.stop.wait()), asyncio.ensure_future(self._open())
        try:
            await asyncio.wait({opening, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                return opening.result()
            await self._wind_up({opening})
            return None
        finally:
            stopped.cancel()
            opening.cancel()

    def _tries(self, failure: OpenFailure) -> int:
        if failure.reply is not None and failure.reply.permanent:
            return 2
        # Servers count over a minute: whoever says that we come too often may let us in after that.
        if failure.reply is not None and _turned_away_reason(failure) is Reason.LIMIT:
            return _TRIES_AT_A_LIMIT
        if failure.failure is Failure.NO_GREETING and (failure.heard or failure.loss is LossKind.SILENT):
            return 1
        return _FIRST_TRIES.get(failure.failure, 1)

    def _note_failure(self, failed: OpenFailure) -> None:
        self.record.failure = failed.failure
        self.record.failure_reply = failed.reply.raw if failed.reply else failed.heard or failed.text.encode()
        self.record.failure_how = failed.loss.value if failed.loss else ""
        if failed.failure is Failure.TLS_FAILED:
            said = f"{failed.reply.code} {failed.reply.text}" if failed.reply else ""
            self.record.tls_failure = failed.text or said
        if failed.reply is not None:
            self._hear_text(failed.reply.text)

    async def _open(self, *, introduce: bool = True, early: bytes = b"") -> Session | OpenFailure:
        """Open a session, when there is a place and it is time; ``_end`` gives the place back."""
        await self.pace.places.acquire()
        opened: Session | OpenFailure = OpenFailure(Failure.TIMEOUT)
        try:
            opened = await self._open_in_turn(introduce=introduce, early=early)
        finally:
            if isinstance(opened, OpenFailure):
                self.pace.places.release()
        return opened

    async def _open_in_turn(self, *, introduce: bool, early: bytes) -> Session | OpenFailure:
        """After a session that was turned away they are opened one by one."""
        async with self._door:
            await self._rest()
            if self._opened and (self._over() or self.stop.is_set()):
                return OpenFailure(Failure.TIMEOUT)
            await self.pace.turn()
            if self.budget.fruitless:
                return await self._dial(introduce=introduce, early=early)
        return await self._dial(introduce=introduce, early=early)

    async def _dial(self, *, introduce: bool, early: bytes) -> Session | OpenFailure:
        self._opened += 1
        self._dialling += 1
        number = self._opened
        entering: list[Session] = []

        def enter(session: Session) -> None:
            entering.append(session)
            self._entering.add(session)

        try:
            opened = await open_session(
                self.endpoint,
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

    def _learn_turned_away(self, failed: OpenFailure) -> None:
        others = len(self._sessions) + self._dialling
        self.budget.turned_away(others)
        self._failed_at = time.monotonic()
        if not others and failed.failure in {Failure.TURNED_AWAY, Failure.NO_GREETING}:
            self.budget.scarce()
        reason = _turned_away_reason(failed)
        # Once may be a session of ours that the server has not yet seen the end of; twice in a row is a rate.
        if not others and failed.reply is not None and reason is Reason.LIMIT and self.budget.fruitless >= _TWICE:
            self.pace.too_fast()
            self.budget.patient = self.deadline - time.monotonic() > sum(LONG_PAUSES)
        self.record.turned_away += 1
        if failed.transcript is not None:
            self.record.transcripts.append(failed.transcript)
            self.listener.session_ended(self.record, failed.transcript)
        self._give_up_reason = reason

    def _learn(self, session: Session) -> None:
        record = self.record
        record.failure = None
        record.greeting = session.greeting.raw if session.greeting else b""
        record.hello = session.hello
        for line in session.hello:
            self._hear_text(line)
        extensions = session.dialogue.machine.extensions
        record.extensions = frozenset(extensions.keywords)
        self.budget.mails = extensions.limits.get("MAILMAX", 0)
        source = str(session.dialogue.connection.local_address)
        if source not in record.sources:
            record.sources.append(source)
        self.head = replace(self.head, source=source)
        host = announced_name(session.greeting, session.hello_reply)
        questions = self.prepare(record, Learned(host, record.extensions, source))
        # The dialogue of 2001 has no controls: they are asked after it, in a session of their own.
        self._controls_apart = questions.controls if self.lockstep else ()
        if not self.lockstep:
            record.controls.update({a.number: a for a in questions.controls})
        record.attempts.update({a.number: a for a in questions.attempts})
        record.inapplicable.extend(questions.inapplicable)
        self._waiting = [*record.controls.values(), *self._long_ones_first(questions.attempts)]
        self.listener.asking(record, questions)
        if self.lockstep:
            self.budget.errors = self.budget.resets = self.budget.syntax = len(self._waiting) + 1
            self.budget.sessions = self.budget.most = 1

    # -- handing out --------------------------------------------------------------------------------------------

    async def _drain(self, opened: Session | None) -> None:
        """Run workers until nothing waits, time is up, the user stops us, or the server gives nothing more."""
        if opened is None or self.lockstep:
            self._priced.set()
        tasks: set[asyncio.Task[None]] = set()
        stopped = asyncio.ensure_future(self.stop.wait())
        try:
            while (self._waiting or tasks) and not self.stop.is_set():
                while len(tasks) < self.budget.sessions and self._work_left() and not self._over():
                    tasks.add(asyncio.create_task(self._work(self._own_turn(opened), opened)))
                    opened = None
                    await asyncio.sleep(0)
                if not tasks:
                    break
                done, _ = await asyncio.wait({*tasks, stopped}, return_when=asyncio.FIRST_COMPLETED)
                tasks -= done
                for task in done - {stopped}:
                    task.result()
        finally:
            stopped.cancel()
            await self._wind_up(tasks)
            if opened is not None:
                await self._end(opened, blameless=True)
        self._finish()

    async def _wind_up(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        """End what still runs: hang up, so that answers already here are kept, then cancel."""
        for session in (*self._sessions, *self._entering):
            session.dialogue.connection.abort()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_WIND_UP)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _work_left(self) -> bool:
        """True where another session has something to do: what opening ones will take is theirs already."""
        return self._shared_waits() or any(self._asks_alone(attempt) for attempt in self._waiting)

    def _long_ones_first(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Those with a session of their own in the order of their length, each still in a place of its kind.

        The longest that began last would be waited for alone.
        """
        if self.lockstep:
            return list(attempts)
        longest = iter(sorted(filter(self._asks_alone, attempts), key=lambda attempt: -len(attempt.script)))
        return [next(longest) if self._asks_alone(attempt) else attempt for attempt in attempts]

    def _shared_waits(self) -> bool:
        shared = sum(not self._asks_alone(attempt) for attempt in self._waiting)
        return shared > self._opening * self._share(shared)

    def _share(self, shared: int) -> int:
        """How many of the rows that wait one session asks.

        Where commands can't go out together, waiting for answers is what costs: the rows are spread over the sessions.
        """
        if self.lockstep or ("PIPELINING" in self.record.extensions and not self.record.pipelining_broken):
            return self.budget.errors
        return min(self.budget.errors, max(2, -(-shared // self.budget.sessions)))

    def _asks_alone(self, attempt: Attempt) -> bool:
        odd = attempt.test.own_session or any(step.lines > 1 for step in attempt.script)
        return odd or self._losses.get(attempt.number, 0) >= _ISOLATE

    def _own_turn(self, opened: Session | None) -> Attempt | None:
        """The next attempt that needs a session of its own, where it is its turn; None for a shared session.

        Half of the places are theirs once the first sessions have gone to the plain rows, which tell more.
        """
        turn = self._opened >= FIRST_SESSIONS and self._alone < max(1, self.budget.sessions // 2)
        if opened is not None or not (turn or not self._shared_waits()):
            return None
        for index, attempt in enumerate(self._waiting):
            if self._asks_alone(attempt):
                return self._waiting.pop(index)
        return None

    async def _work(self, attempt: Attempt | None, opened: Session | None) -> None:
        """One session: one attempt of its own, or as many shared ones as it bears."""
        if attempt is None:
            await self._work_shared(opened)
            return
        self._alone += 1
        try:
            await self._work_alone(attempt, opened)
        finally:
            self._alone -= 1

    async def _work_alone(self, attempt: Attempt, opened: Session | None) -> None:
        if self.skip(attempt):
            return
        introduce = attempt.script[0].kind is not StepKind.HELO and not attempt.early
        session = opened or await self._open(introduce=introduce, early=attempt.early)
        if isinstance(session, OpenFailure):
            self._opening_lost(attempt, session)
            return
        course = Course(session, self._groups(session))
        try:
            self._settle(attempt, await ask_alone(course, attempt, self.head, self._reopen), innocent=False)
        finally:
            await self._end(course.session, blameless=refuses_by_closing(attempt))

    async def _reopen(self, session: Session) -> Session | OpenFailure:
        """End a session and open another, for a script that comes back."""
        await self._end(session, blameless=True)
        return await self._open()

    async def _work_shared(self, opened: Session | None) -> None:
        self._opening += 1
        try:
            session = opened or await self._open()
            group = await self._first_group(session, opened) if isinstance(session, Session) else []
        finally:
            self._opening -= 1
        if isinstance(session, OpenFailure):
            return
        try:
            while group:
                if self._groups(session):
                    await self._group(session, group)
                else:
                    await self._each(session, group)
                self._priced.set()
                group = self._next_group(session)
        finally:
            self._priced.set()
            await self._end(session, blameless=False)

    async def _first_group(self, session: Session, opened: Session | None) -> list[Attempt]:
        """What a session is asked first: in the very first one the controls and the baseline, which price the rest."""
        if opened is not None and not self.lockstep:
            return self._take_group(session, len(self.record.controls) + 1)
        await self._priced.wait()
        return self._take_group(session)

    def _groups(self, session: Session) -> bool:
        """May commands go out together in this session?"""
        return session.pipelining and not self.lockstep and not self.record.pipelining_broken

    def _next_group(self, session: Session) -> list[Attempt]:
        """What else this session may be asked; little more is left to a fresh one, which costs less than waiting."""
        if not session.dialogue.alive or session.dialogue.confused or self.stop.is_set():
            return []
        left = self.budget.errors - session.spent.errors
        shared = sum(not self._asks_alone(attempt) for attempt in self._waiting)
        if left < min(shared, self.budget.errors // 3):
            return []
        return self._take_group(session)

    def _take_group(self, session: Session, most: int | None = None) -> list[Attempt]:
        """Take from the waiting list what this session may be asked next, at most so many."""
        self._waiting = [attempt for attempt in self._waiting if not self.skip(attempt)]
        shared = [attempt for attempt in self._waiting if not self._asks_alone(attempt)]
        group = self.budget.take(shared, session.spent)[:most]
        if not self._groups(session):
            group = group[: self._share(len(shared))]
        numbers = {attempt.number for attempt in group}
        self._waiting = [attempt for attempt in self._waiting if attempt.number not in numbers]
        return group

    async def _group(self, session: Session, group: list[Attempt]) -> None:
        """Ask a group in one write, then open again alone what was taken."""
        plain = [a for a in group if a.plain]
        readings = await ask_group(session, plain) if plain else {}
        if session.dialogue.confused:
            # More answers than questions: no telling which belongs to which. One by one, in a fresh session.
            self.record.pipelining_broken = True
            self._waiting[:0] = group
            return
        taken: list[Attempt] = [a for a in group if not a.plain]
        lost = _slows(session)
        for attempt in plain:
            reading = readings[attempt.number]
            if reading.again is Again.ALONE:
                self._keep(attempt, reading.outcome)
                taken.append(attempt)
            else:
                lost = self._settle(attempt, reading, innocent=lost) or lost
        if session.dialogue.lost is not None and session.dialogue.lost.kind is LossKind.SILENT:
            self.record.pipelining_broken = True
        await self._each(session, taken)

    async def _each(self, session: Session, attempts: list[Attempt]) -> None:
        for index, attempt in enumerate(attempts):
            if not session.dialogue.alive or self.stop.is_set():
                self._waiting[:0] = attempts[index:]
                return
            if attempt.label:
                session.dialogue.note(f":Relay test: {attempt.label}")
            reading = await ask_alone(Course(session, self._groups(session)), attempt, self.head, self._reopen)
            self._settle(attempt, reading, innocent=index > 0 and _slows(session))
            if self.lockstep and session.transaction and session.dialogue.alive:
                await session.dialogue.ask(_RSET_OF_2001)
                session.transaction = False

    async def _end(self, session: Session, *, blameless: bool) -> None:
        if session.dialogue.alive:
            self.budget.bear(session.spent)
        await session.leave()
        self.pace.places.release()
        self._sessions.discard(session)
        for standing in self._sessions:
            if standing.dialogue.alive:
                self.budget.bear(standing.spent)
        self._mute += bool(session.spent.mails and not session.spent.answered and not session.dialogue.alive)
        if _slows(session):
            self.budget.learn_slowing(session.spent)
            # A line that may be read as two draws a second answer, which is a refusal where the server is sound.
            self.manners = replace(self.manners, grace=max(self.manners.grace, 1.5 * session.dialogue.punishment))
        elif not session.dialogue.alive and (session.spent.answered or not blameless):
            self.budget.learn_cut(session.spent)
            self._failed_at = time.monotonic()
        elif session.spent.answered:
            self.budget.ended_in_peace()
        self.record.round_trips += session.dialogue.round_trips
        self.record.transcripts.append(session.transcript)
        self.listener.session_ended(self.record, session.transcript)

    # -- gathering ----------------------------------------------------------------------------------------------

    def _settle(self, attempt: Attempt, reading: Reading, *, innocent: bool) -> bool:
        """Keep a reading or put the attempt back; True where the connection was lost on it."""
        if attempt.control is not None or attempt.test.id in BASELINES:
            self._hear_text(reading.outcome.reply.decode("latin-1"))
        if reading.outcome.reason is Reason.SYNTAX:
            self.budget.rude.add(attempt.test.family)
        if reading.outcome.stage is Stage.MAIL and reading.outcome.word is Word.REFUSED:
            self.budget.mail_refused = True
            self.budget.all_refused |= "sender" not in attempt.test.alters
        if reading.again is Again.FRESH_SESSION:
            self._put_back(attempt, reading.outcome, innocent=innocent)
            return True
        if reading.again is Again.LATER:
            self.deferred.append((attempt, reading.wait))
        self._keep(attempt, reading.outcome)
        self._want_decoy(attempt)
        return False

    def _put_back(self, attempt: Attempt, outcome: Outcome, *, innocent: bool) -> None:
        if outcome.reason is Reason.TIME_UP:
            self._keep(attempt, outcome)
            return
        if innocent:
            self._waiting.insert(0, attempt)
            return
        self._losses[attempt.number] = self._losses.get(attempt.number, 0) + 1
        if self._losses[attempt.number] < _GIVE_UP:
            self._waiting.append(attempt)
            return
        if refuses_by_closing(attempt) and outcome.reason in {Reason.CLOSED, Reason.LIMIT}:
            outcome = replace(outcome, word=Word.REFUSED, reason=Reason.CLOSED)
        self._keep(attempt, outcome)

    def _opening_lost(self, attempt: Attempt, failed: OpenFailure) -> None:
        """Its own session did not open: not the attempt's fault, unless it spoke before the greeting."""
        reply = failed.reply
        if attempt.early and failed.failure in {Failure.NO_GREETING, Failure.TURNED_AWAY}:
            outcome = Outcome(
                attempt.number,
                Word.REFUSED,
                Stage.GREETING,
                reply.code if reply else 0,
                reply.raw if reply else b"",
                Reason.PROTOCOL if reply else Reason.CLOSED,
                self._opened,
            )
            self.budget.fruitless = max(0, self.budget.fruitless - 1)
            self._keep(attempt, outcome)
            return
        if failed.failure is Failure.NO_HELLO:
            # It came in and was dropped then: perhaps what the row said first was the reason.
            self._put_back(attempt, _untold(attempt, self._opened), innocent=False)
            return
        self._waiting.append(attempt)

    def _keep(self, attempt: Attempt, outcome: Outcome) -> None:
        """Write an outcome down; an earlier answer to the same attempt is kept beside it."""
        if attempt.test.id in BASELINES:
            self.baseline_known.set()
        known = self.record.outcomes.get(attempt.number)
        if known is not None and known.code:
            before = Answer(known.stage, known.code, known.reply, known.session, pipelined=not known.completed)
            outcome = replace(outcome, earlier=(*known.earlier, before))
        self.record.outcomes[attempt.number] = outcome
        if outcome.completed:
            self.record.last_dot = time.monotonic()
        self.listener.answered(self.record, attempt, outcome)

    def _finish(self) -> None:
        """What still waits stays untested, with the reason; an answer it already has is not lost."""
        if self.stop.is_set():
            reason = Reason.INTERRUPTED
        elif time.monotonic() >= self.deadline:
            reason = Reason.TIME_UP
            self.record.time_up = True
        else:
            reason = self._give_up_reason
        # As good as 530: nobody's mail passes there in clear, and the questions are asked again inside.
        word, stage = Word.UNTESTED, Stage.CONNECT
        only_tls = self._hears_only_tls()
        if only_tls:
            word, stage, reason = Word.REFUSED, Stage.MAIL, Reason.TLS
        self._waiting = []
        for attempt in self.record.all_attempts().values():
            if (only_tls or attempt.number not in self.record.outcomes) and not self.skip(attempt):
                self._keep(attempt, Outcome(attempt.number, word, stage, reason=reason))

    async def _ask_controls_apart(self) -> None:
        self.record.controls.update({a.number: a for a in self._controls_apart})
        self._waiting, self._controls_apart = list(self._controls_apart), ()
        if self._waiting:
            await self._drain(None)

    async def _ask_decoys(self) -> None:
        """Ask the decoys that are still wanting (DESIGN §3 "Controls")."""
        for attempt in list(self.record.attempts.values()):
            self._want_decoy(attempt)
        if self._waiting and not self._over() and not self.stop.is_set():
            await self._drain(None)

    def _want_decoy(self, attempt: Attempt) -> None:
        """Have the same-shape decoy of an L or N row asked as soon as the row was taken."""
        outcome = self.record.outcomes.get(attempt.number)
        known = attempt.number not in self.record.attempts or attempt.number in self.record.decoys
        if known or outcome is None or outcome.word is not Word.ACCEPTED:
            return
        if attempt.test.row_class not in {RowClass.LOCAL, RowClass.MALFORMED}:
            return
        decoy = self.decoy(self.record, attempt)
        if decoy is not None:
            self.record.decoys[attempt.number] = decoy
            self._waiting.append(decoy)

    # -- small things -------------------------------------------------------------------------------------------

    def _over(self) -> bool:
        return self.budget.spent_out or self._hears_only_tls() or time.monotonic() >= self.deadline

    def _hears_only_tls(self) -> bool:
        """It offers STARTTLS, and in clear it hung up on whatever else was asked first, whoever it was for."""
        wanted = self.endpoint.tls is TlsState.CLEAR and "STARTTLS" in self.record.extensions
        return wanted and self._mute >= _MUTE and not any(outcome.code for outcome in self.record.outcomes.values())

    async def _rest(self) -> None:
        """Let the time pass that lies behind a session which brought nothing."""
        now = time.monotonic()
        left = min(self._failed_at + self.budget.pause, self.deadline) - now
        if left > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), left)

    def _hear_text(self, text: str) -> None:
        seen = echoed_address(text)
        if seen and seen not in self.record.seen_addresses:
            self.record.seen_addresses.append(seen)


def _slows(session: Session) -> bool:
    """We left because the server keeps each refusal back longer: not the fault of what was still to be asked."""
    return session.dialogue.lost is not None and session.dialogue.lost.kind is LossKind.SLOWING


def _untold(attempt: Attempt, session: int) -> Outcome:
    """Nothing was answered to it, for the connection was gone."""
    return Outcome(attempt.number, Word.UNTESTED, Stage.HELO, reason=Reason.CLOSED, session=session)


def _unanswered(outcome: Outcome | None) -> bool:
    """Was this attempt left for later, by time, interrupt or the server?"""
    return outcome is None or outcome.word in {Word.UNTESTED, Word.DEFERRED}


def announced_name(greeting: Reply | None, hello: Reply | None) -> str:
    """The host name a server calls itself: first word of the EHLO reply, else of the greeting; "" if none.

    RFC 5321 §4.2 has the domain as first word of both.
    """
    for reply in (hello, greeting):
        words = reply.lines[0].decode("latin-1").split() if reply and reply.lines else []
        if words and _is_host_name(words[0]):
            return words[0].rstrip(".").lower()
    return ""


def _is_host_name(word: str) -> bool:
    labels = word.rstrip(".").split(".")
    if len(labels) < 2 or len(word) > 253 or labels[-1].isdigit():
        return False
    return all(label and label.isascii() and label.replace("-", "a").replace("_", "a").isalnum() for label in labels)


def _turned_away_reason(failed: OpenFailure) -> Reason:
    if failed.reply is None:
        return Reason.CLOSED if failed.failure is not Failure.TIMEOUT else Reason.TIMEOUT
    reason = classify(failed.reply.code, failed.reply.text, Stage.GREETING)
    return reason if reason in {Reason.TESTER_BLOCKED, Reason.CLIENT, Reason.LIMIT} else Reason.TESTER_BLOCKED

# SPDX-License-Identifier: Apache-2.0
"""Ask one endpoint a whole battery: hand questions out to sessions, gather answers, lose none.

A waiting list (``waiting``) holds every attempt that has no final answer. Workers, each one session, take from its
head as much as the budget lets a session bear; sessions come and go through the ``door``; ``answers`` keeps what came
and puts back what did not. So a connection that is cut, a 421 or a silence only moves questions to a fresh session.

The end is certain: every session ends by its deadline, and after several sessions in a row without an answer
the rest stays untested, with the reason.

Limits: temporary failures are only gathered here (``deferred``); the caller waits for all endpoints together
and calls ``again``. It knows nothing of proofs; ``skip`` tells it which questions are answered already.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field, replace
from typing import Final

from fumidai.battery.attempt import Attempt, ControlKind
from fumidai.battery.row import StepKind
from fumidai.evidence.outcome import Reason, Word
from fumidai.judge.record import Record
from fumidai.tester.announced import announced_name, hear_address
from fumidai.tester.answers import Answers, unanswered
from fumidai.tester.budget import Budget
from fumidai.tester.dialogue import LossKind
from fumidai.tester.door import Door
from fumidai.tester.message import Letterhead
from fumidai.tester.pace import Pace
from fumidai.tester.questions import Decoy, Learned, Listener, Prepare
from fumidai.tester.reading import Again, refuses_by_closing
from fumidai.tester.session import Manners, OpenFailure, Session
from fumidai.tester.transaction import Course, ask_alone, ask_group
from fumidai.tester.waiting import Waiting

#: How the service of 2001 ended each of its tests.
_RSET_OF_2001: Final = b"rset\r\n"


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
        last_first_asking: monotonic time at which everything had been asked once.
    """

    record: Record
    prepare: Prepare
    decoy: InitVar[Decoy]
    head: Letterhead
    manners: InitVar[Manners]
    pace: InitVar[Pace]
    listener: Listener
    deadline: float
    stop: asyncio.Event
    lockstep: bool = False
    skip: Callable[[Attempt], bool] = lambda attempt: False
    baseline_known: asyncio.Event = field(default_factory=asyncio.Event)
    budget: Budget = field(default_factory=Budget)
    last_first_asking: float = 0.0
    _door: Door = field(init=False)
    _waiting: Waiting = field(init=False)
    _answers: Answers = field(init=False)
    _priced: asyncio.Event = field(default_factory=asyncio.Event)
    _controls_apart: tuple[Attempt, ...] = ()

    def __post_init__(self, decoy: Decoy, manners: Manners, pace: Pace) -> None:
        self._door = Door(self.record, manners, pace, self.budget, self.listener, self.deadline, self.stop)
        self._waiting = Waiting(self.record, self.budget, self.lockstep, self.skip)
        self._answers = Answers(self.record, self._waiting, self.budget, decoy, self.listener, self.baseline_known)

    @property
    def deferred(self) -> list[tuple[Attempt, float | None]]:
        """What was refused for the moment, each with the seconds that the server hinted at."""
        return self._answers.deferred

    async def first(self) -> None:
        """Open the first session, learn the ground, ask everything once, then the decoys that became needed."""
        began = time.monotonic()
        session = await self._door.first()
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
        self._waiting.attempts = [a for a in self.record.all_attempts().values() if unanswered(outcomes.get(a.number))]
        self.record.time_up = self.record.limited = False
        self.record.sessions_left = 0
        self.baseline_known.set()
        await self._drain(None)
        self.last_first_asking = time.monotonic()
        await self._ask_decoys()
        self.record.seconds += time.monotonic() - began

    async def again(self) -> None:
        """Ask once more what was refused for the moment, with the same triplets."""
        began = time.monotonic()
        self._waiting.attempts = [attempt for attempt, _ in self.deferred]
        self._answers.deferred = []
        self.budget.fruitless = 0
        await self._drain(None)
        await self._ask_decoys()
        self.record.seconds += time.monotonic() - began

    def _learn(self, session: Session) -> None:
        """Learn the ground from the first session, and have the questions made."""
        record = self.record
        self._note_first(session)
        host = announced_name(session.greeting, session.hello_reply)
        questions = self.prepare(record, Learned(host, record.extensions, self.head.source))
        # The dialogue of 2001 has no controls: they are asked after it, in a session of their own.
        self._controls_apart = questions.controls if self.lockstep else ()
        if not self.lockstep:
            record.controls.update({a.number: a for a in questions.controls})
        record.attempts.update({a.number: a for a in questions.attempts})
        record.inapplicable.extend(questions.inapplicable)
        ordered = self._waiting.long_ones_first(questions.attempts)
        self._waiting.attempts = [*record.controls.values(), *ordered]
        self.listener.asking(record, questions)
        if self.lockstep:
            self.budget.errors = self.budget.resets = self.budget.syntax = len(ordered) + 1
            self.budget.sessions = self.budget.most = 1

    def _note_first(self, session: Session) -> None:
        """Write down what the first session said of the server and of us."""
        record = self.record
        record.failure = None
        record.greeting = session.greeting.raw if session.greeting else b""
        record.hello = session.hello
        for line in session.hello:
            hear_address(record, line)
        extensions = session.dialogue.machine.extensions
        record.extensions = frozenset(extensions.keywords)
        self.budget.mails = extensions.limits.get("MAILMAX", 0)
        source = str(session.dialogue.connection.local_address)
        if source not in record.sources:
            record.sources.append(source)
        self.head = replace(self.head, source=source)

    # -- handing out --------------------------------------------------------------------------------------------

    async def _drain(self, opened: Session | None) -> None:
        """Run workers until nothing waits, time is up, the user stops us, or the server gives nothing more."""
        if opened is None or self.lockstep:
            self._priced.set()
        tasks: set[asyncio.Task[None]] = set()
        stopped = asyncio.ensure_future(self.stop.wait())
        try:
            while (self._waiting.attempts or tasks) and not self.stop.is_set():
                while len(tasks) < self.budget.sessions and self._waiting.work_left() and not self._door.over():
                    own = None if opened is not None else self._waiting.take_own(self._door.opened)
                    tasks.add(asyncio.create_task(self._work(own, opened)))
                    opened = None
                    await asyncio.sleep(0)
                if not tasks:
                    break
                done, _ = await asyncio.wait({*tasks, stopped}, return_when=asyncio.FIRST_COMPLETED)
                tasks -= done
                for task in done - {stopped}:
                    task.result()
            if self._answers.doubts.open and not self.stop.is_set():
                tasks.add(asyncio.create_task(self._settle_doubts()))
                done, _ = await asyncio.wait({*tasks, stopped}, return_when=asyncio.FIRST_COMPLETED)
                for task in done - {stopped}:
                    task.result()
        finally:
            stopped.cancel()
            await self._door.wind_up(tasks)
            if opened is not None:
                await self._door.end(opened, blameless=True)
        self._finish()

    async def _work(self, attempt: Attempt | None, opened: Session | None) -> None:
        """One session: one attempt of its own, or as many shared ones as it bears."""
        if attempt is None:
            await self._work_shared(opened)
            return
        self._waiting.alone += 1
        try:
            await self._work_alone(attempt)
        finally:
            self._waiting.alone -= 1

    async def _work_alone(self, attempt: Attempt) -> None:
        if self.skip(attempt):
            return
        introduce = attempt.script[0].kind is not StepKind.HELO and not attempt.early
        session = await self._door.open(introduce=introduce, early=attempt.early)
        if isinstance(session, OpenFailure):
            self._answers.opening_lost(attempt, session, self._door.opened)
            return
        course = Course(session, self._waiting.groups(session))
        try:
            reading = await ask_alone(course, attempt, self.head, self._reopen)
            self._answers.settle(attempt, reading, innocent=course.session.counted_out())
        finally:
            await self._door.end(course.session, blameless=refuses_by_closing(attempt))

    async def _reopen(self, session: Session) -> Session | OpenFailure:
        """End a session and open another, for a script that comes back."""
        await self._door.end(session, blameless=True)
        return await self._door.open()

    async def _work_shared(self, opened: Session | None) -> None:
        self._waiting.opening += 1
        try:
            session = opened or await self._door.open()
            group = await self._first_group(session, opened) if isinstance(session, Session) else []
        finally:
            self._waiting.opening -= 1
        if isinstance(session, OpenFailure):
            return
        try:
            while group:
                if self._waiting.groups(session):
                    await self._group(session, group)
                else:
                    await self._each(session, group)
                self._priced.set()
                group = self._next_group(session)
        finally:
            self._priced.set()
            await self._door.end(session, blameless=False)

    async def _first_group(self, session: Session, opened: Session | None) -> list[Attempt]:
        """What a session is asked first: in the very first one the controls and the baseline, which price the rest."""
        if opened is not None and not self.lockstep:
            return self._waiting.take_group(session, len(self.record.controls) + 1)
        await self._priced.wait()
        return self._waiting.take_group(session)

    def _next_group(self, session: Session) -> list[Attempt]:
        over = session.dialogue.confused or session.counted_out() or self.stop.is_set()
        if over or not session.dialogue.alive:
            return []
        return self._waiting.take_more(session)

    # -- doubts -------------------------------------------------------------------------------------------------

    async def _settle_doubts(self) -> None:
        """Ask what was hung up on without a word once more, each right after something harmless was answered."""
        doubts, harmless = self._answers.doubts, self._harmless()
        while doubts.open and not self._door.over():
            attempt, outcome = doubts.open.pop(0)
            if harmless is None:
                self._answers.keep_closing(attempt, outcome)
            elif await self._serves(harmless):
                await self._work_alone(attempt)
            else:
                return

    def _harmless(self) -> Attempt | None:
        """The postmaster, where he was taken: no refusal is asked for twice."""
        for number, attempt in self.record.controls.items():
            outcome = self.record.outcomes.get(number)
            if attempt.control is ControlKind.POSTMASTER and outcome is not None and outcome.word is Word.ACCEPTED:
                return attempt
        return None

    async def _serves(self, harmless: Attempt) -> bool:
        """Does the server answer anybody now?"""
        session = await self._door.open()
        if isinstance(session, OpenFailure):
            return False
        try:
            reading = await ask_alone(Course(session), harmless, self.head, self._reopen)
        finally:
            await self._door.end(session, blameless=False)
        served = bool(reading.outcome.code) and reading.again is not Again.FRESH_SESSION
        if served:
            self._answers.doubts.served(session.number)
        return served

    # -- asking -------------------------------------------------------------------------------------------------

    async def _group(self, session: Session, group: list[Attempt]) -> None:
        """Ask a group in one write, then open again alone what was taken."""
        plain = [a for a in group if a.plain]
        readings = await ask_group(session, plain) if plain else {}
        if session.dialogue.confused:
            # More answers than questions: no telling which belongs to which. One by one, in a fresh session.
            self.record.pipelining_broken = True
            self._waiting.put_first(group)
            return
        taken: list[Attempt] = [a for a in group if not a.plain]
        lost = session.dialogue.slowing or session.counted_out()
        for attempt in plain:
            reading = readings[attempt.number]
            if reading.again is Again.ALONE:
                self._answers.keep(attempt, reading.outcome)
                taken.append(attempt)
            else:
                lost = self._answers.settle(attempt, reading, innocent=lost) or lost
        if session.dialogue.lost is not None and session.dialogue.lost.kind is LossKind.SILENT:
            self.record.pipelining_broken = True
        await self._each(session, taken)

    async def _each(self, session: Session, attempts: list[Attempt]) -> None:
        """Ask one after the other, each with its whole script."""
        for index, attempt in enumerate(attempts):
            if not session.dialogue.alive or session.counted_out() or self.stop.is_set():
                self._waiting.put_first(attempts[index:])
                return
            if attempt.label:
                session.dialogue.note(f":Relay test: {attempt.label}")
            course = Course(session, self._waiting.groups(session))
            reading = await ask_alone(course, attempt, self.head, self._reopen)
            innocent = session.counted_out() or (index > 0 and session.dialogue.slowing)
            self._answers.settle(attempt, reading, innocent=innocent)
            if self.lockstep and session.transaction and session.dialogue.alive:
                await session.dialogue.ask(_RSET_OF_2001)
                session.transaction = False

    async def _ask_controls_apart(self) -> None:
        self.record.controls.update({a.number: a for a in self._controls_apart})
        self._waiting.attempts, self._controls_apart = list(self._controls_apart), ()
        if self._waiting.attempts:
            await self._drain(None)

    async def _ask_decoys(self) -> None:
        self._answers.want_decoys()
        if self._waiting.attempts and not self._door.over() and not self.stop.is_set():
            await self._drain(None)

    def _finish(self) -> None:
        """Say why what still waits stays untested."""
        if self.stop.is_set():
            reason = Reason.INTERRUPTED
        elif time.monotonic() >= self.deadline:
            reason = Reason.TIME_UP
            self.record.time_up = True
        else:
            reason = self._door.give_up_reason
        self.record.sessions_left = max(self.record.sessions_left, self._waiting.sessions_left())
        self._answers.finish(reason, only_tls=self._door.hears_only_tls())

# SPDX-License-Identifier: Apache-2.0
"""Ask attempts in an open session: several plain ones in one group, or one alone with its whole script.

In a group only RSET, MAIL and RCPT go out together (RFC 2920 §3.1 lets them); DATA is never sent blindly. A
recipient that is taken in a group is opened again alone, with the same tokens, through DATA: only then did the
server take the message, and the second answer is the outcome (DESIGN §3 "Replies").

Each function returns readings by attempt number; an attempt that got no answer is among them with
``Again.FRESH_SESSION``, so that none is ever lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from fumidai.battery.attempt import Attempt, Step
from fumidai.battery.row import StepKind
from fumidai.dialects.wording import counts_connections
from fumidai.evidence.outcome import Answer, Outcome, Reason, Stage, Word
from fumidai.smtp import command
from fumidai.smtp.data import stuff
from fumidai.smtp.reply import Reply
from fumidai.tester.dialogue import Line, LossKind, Lost
from fumidai.tester.message import Letterhead, compose
from fumidai.tester.reading import Again, Reading, read_loss, read_refusal, read_taken
from fumidai.tester.session import OpenFailure, Session, shake_hands

_STAGES = {
    StepKind.HELO: Stage.HELO,
    StepKind.MAIL: Stage.MAIL,
    StepKind.RCPT: Stage.RCPT,
    StepKind.SETUP: Stage.SETUP,
    StepKind.NOTE: Stage.SETUP,
    StepKind.STARTTLS: Stage.STARTTLS,
    StepKind.DATA: Stage.DATA,
    StepKind.MESSAGE: Stage.MESSAGE,
}
_LOSS_REASONS = {
    LossKind.DROPPED: Reason.CLOSED,
    LossKind.SILENT: Reason.TIMEOUT,
    LossKind.OVERDUE: Reason.TIME_UP,
    LossKind.SLOWING: Reason.TIMEOUT,
    LossKind.FLOOD: Reason.PROTOCOL,
    LossKind.NOT_GIVEN: Reason.TIMEOUT,
}
#: A 2xx (or 354) to one of these is a promise.
_PROMISING = frozenset({StepKind.RCPT, StepKind.DATA, StepKind.MESSAGE})


async def ask_group(session: Session, attempts: Sequence[Attempt]) -> dict[int, Reading]:
    """Ask plain attempts in one write."""
    lines: list[Line] = []
    places: list[tuple[Attempt, int]] = []
    for attempt in attempts:
        if session.transaction:
            lines.append(Line(command.RSET))
            session.spent.resets += 1
        mail, rcpt = attempt.script[0], attempt.script[1]
        places.append((attempt, len(lines)))
        lines += [Line(mail.data), Line(rcpt.data)]
        session.transaction = True
        session.spent.mails += 1
    answers = await session.dialogue.ask_group(lines)
    return {attempt.number: _read_pair(session, attempt, answers[at], answers[at + 1]) for attempt, at in places}


def _read_pair(session: Session, attempt: Attempt, mail: Reply | Lost, rcpt: Reply | Lost) -> Reading:
    """Read the answers to MAIL and RCPT of a grouped attempt."""
    if isinstance(mail, Lost):
        return _lost(session, attempt, Stage.MAIL, mail)
    session.spent.answered += 1
    if not mail.positive:
        # RFC 5321 §3.3: the RCPT behind a refused MAIL is out of sequence, which is a second error for the server.
        session.spent.errors += isinstance(rcpt, Reply)
        return _refused(session, attempt, Stage.MAIL, mail, pipelined=True)
    if isinstance(rcpt, Lost):
        return _lost(session, attempt, Stage.RCPT, rcpt)
    session.spent.answered += 1
    if not rcpt.positive:
        return _refused(session, attempt, Stage.RCPT, rcpt, pipelined=True)
    reading = read_taken(attempt, Answer(Stage.RCPT, rcpt.code, rcpt.raw, session.number, True), completed=False)
    return replace(reading, again=Again.ALONE) if sends(attempt) else reading


def sends(attempt: Attempt) -> bool:
    """True where the script hands a message over."""
    return any(step.kind is StepKind.MESSAGE for step in attempt.script)


@dataclass(slots=True)
class Course:
    """Where a script stands.

    Attributes:
        session: the session it speaks in; another one after a ``reconnect`` step.
        grouping: MAIL and RCPT may go out together.
        stage, reply: the last deciding reply that was positive.
        completed: a message was taken.
    """

    session: Session
    grouping: bool = False
    stage: Stage = Stage.RCPT
    reply: Reply | None = None
    completed: bool = False


Reopen = Callable[[Session], Awaitable[Session | OpenFailure]]


async def ask_alone(course: Course, attempt: Attempt, head: Letterhead, reopen: Reopen) -> Reading:
    """Run the whole script of one attempt.

    Args:
        course: fresh, with the session to speak in.
        reopen: ends a session and opens another, for scripts that come back.
    """
    session = course.session
    if session.transaction:
        reset = await session.dialogue.ask(command.RSET)
        session.spent.resets += 1
        if isinstance(reset, Lost):
            return _lost(session, attempt, Stage.MAIL, reset)
        session.transaction = False
    for steps in _writes(attempt.script, grouping=course.grouping and attempt.plain):
        if steps[0].pause:
            await asyncio.sleep(steps[0].pause)
        reading = await _say(course, attempt, steps, head, reopen)
        if reading is not None:
            return reading
    if _answers_may_shift(attempt) and not course.completed and not await course.session.dialogue.in_step():
        return read_loss(attempt, course.stage, course.session.number, Reason.PROTOCOL)
    return _taken(course.session, attempt, course)


def _writes(script: Sequence[Step], *, grouping: bool) -> Iterator[tuple[Step, ...]]:
    """Cut a script into writes: glued steps together, and MAIL with RCPT where the server allows it."""
    group: list[Step] = []
    for step in script:
        group.append(step)
        if step.glued or (grouping and step.kind is StepKind.MAIL):
            continue
        yield tuple(group)
        group = []
    if group:
        yield tuple(group)


async def _say(
    course: Course, attempt: Attempt, steps: tuple[Step, ...], head: Letterhead, reopen: Reopen
) -> Reading | None:
    """Say one write's steps; a reading where it ends the attempt, None where the script goes on."""
    session, first = course.session, steps[0]
    if first.kind is StepKind.RECONNECT:
        return await _come_back(course, attempt, reopen)
    if not first.data and first.kind is not StepKind.MESSAGE:
        return await _said_nothing(course, attempt, first)
    if any(step.kind is StepKind.MAIL for step in steps):
        session.transaction = True
        session.spent.mails += 1
    if any(step.kind is StepKind.STARTTLS for step in steps):
        return await _say_around_tls(course, attempt, steps)
    replies = await _exchange(course, attempt, steps, head)
    return _read_steps(course, attempt, steps, replies)


async def _say_around_tls(course: Course, attempt: Attempt, steps: tuple[Step, ...]) -> Reading | None:
    """Say STARTTLS, perhaps with more glued behind it; shake hands at its answer, then hear the rest inside."""
    dialogue = course.session.dialogue
    lines = [_line(step) for step in steps]
    upto = 1 + next(index for index, step in enumerate(steps) if step.kind is StepKind.STARTTLS)
    dialogue.say(lines)
    reading = _read_steps(course, attempt, steps[:upto], await dialogue.hear(lines[:upto]))
    reading = reading or await _encrypt(course, attempt)
    if reading is None and steps[upto:]:
        reading = _read_steps(course, attempt, steps[upto:], await dialogue.hear(lines[upto:]))
    return reading


def _read_steps(
    course: Course, attempt: Attempt, steps: Sequence[Step], replies: Sequence[Reply | Lost]
) -> Reading | None:
    for step, reply in zip(steps, replies, strict=True):
        reading = _read_step(course.session, attempt, step, reply, course)
        if reading is not None:
            return reading
    return None


async def _exchange(course: Course, attempt: Attempt, steps: tuple[Step, ...], head: Letterhead) -> list[Reply | Lost]:
    dialogue = course.session.dialogue
    if steps[0].kind is StepKind.MESSAGE:
        course.session.transaction = False
        return [await _hand_over(course.session, attempt, steps[0], head)]
    if steps[0].dribble:
        return [await dialogue.dribble(_line(step)) for step in steps]
    lines = [_line(step) for step in steps if step.kind is not StepKind.MESSAGE]
    replies = await dialogue.ask_group(lines)
    # A message glued to its DATA is only sent where 354 came: DATA is never followed blindly (DESIGN §8).
    if steps[-1].kind is StepKind.MESSAGE:
        last = replies[-1]
        told = isinstance(last, Reply) and last.intermediate
        replies.append(await _hand_over(course.session, attempt, steps[-1], head) if told else last)
    return replies


async def _hand_over(session: Session, attempt: Attempt, step: Step, head: Letterhead) -> Reply | Lost:
    """Send the message of an attempt behind a 354, or as one chunk."""
    message, patience = compose(attempt, head, step.header_lines, time.time()), session.manners.dot_patience
    if step.chunked:
        return await session.dialogue.hand_over_chunk(message + step.tail, patience)
    return await session.dialogue.hand_over(stuff(message), patience)


def _line(step: Step) -> Line:
    """The step's line, with as many answers as a lax server may find lines in it."""
    return Line(step.data, (step.answers[0], max(step.answers[1], step.lines)))


async def _said_nothing(course: Course, attempt: Attempt, step: Step) -> Reading | None:
    """A step without a line: nobody is greeted, or the answer to what was said before the greeting."""
    if step.kind is not StepKind.NOTE or not attempt.early:
        return None
    await course.session.dialogue.early_answer()
    return None


async def _come_back(course: Course, attempt: Attempt, reopen: Reopen) -> Reading | None:
    opened = await reopen(course.session)
    if isinstance(opened, OpenFailure):
        raw = opened.reply.raw if opened.reply else b""
        return read_loss(attempt, Stage.CONNECT, course.session.number, Reason.CLOSED, partial=raw)
    course.session = opened
    return None


async def _encrypt(course: Course, attempt: Attempt) -> Reading | None:
    error = await shake_hands(course.session)
    if not error:
        return None
    return read_loss(attempt, Stage.STARTTLS, course.session.number, Reason.TLS, partial=error.encode())


def _read_step(session: Session, attempt: Attempt, step: Step, reply: Reply | Lost, course: Course) -> Reading | None:
    # RFC 3030 §2: BDAT without a recipient is refused as DATA is, which says nothing about the message.
    early = step.chunked and course.reply is None
    stage = Stage.DATA if early else _STAGES[step.kind]
    if isinstance(reply, Lost):
        return None if reply.kind is LossKind.NOT_GIVEN else _lost(session, attempt, stage, reply)
    session.spent.answered += 1
    if step.kind is StepKind.NOTE:
        return None
    good = reply.intermediate if step.kind is StepKind.DATA else reply.positive
    if good:
        if step.kind in _PROMISING:
            course.stage, course.reply = stage, reply
            course.completed = course.completed or step.kind is StepKind.MESSAGE
        return None
    if step.kind in {StepKind.SETUP, StepKind.STARTTLS}:
        return _setup_refused(session, attempt, reply, step.kind)
    return _refused(session, attempt, stage, reply, pipelined=False)


def _refused(session: Session, attempt: Attempt, stage: Stage, reply: Reply, *, pipelined: bool) -> Reading:
    session.spent.errors += 1
    reading = read_refusal(attempt, stage, reply, session.number, pipelined=pipelined)
    if reading.outcome.reason is Reason.SYNTAX:
        session.spent.syntax += 1
    if reading.again is Again.FRESH_SESSION and counts_connections(reply.text):
        session.limited = reply
    return reading


def _setup_refused(session: Session, attempt: Attempt, reply: Reply, kind: StepKind) -> Reading:
    """A step that had to be taken was not: the server can't be brought into the row's state, which is no hole."""
    reading = _refused(session, attempt, Stage.SETUP, reply, pipelined=False)
    # RFC 3207 §4: 454 says that TLS does not work now; minutes later it will not either, and nothing is greylisted.
    without_tls = kind is StepKind.STARTTLS and reading.again is Again.LATER
    if not without_tls and (reading.again is not None or reading.outcome.word is Word.UNTESTED):
        return reading
    return Reading(replace(reading.outcome, word=Word.NOT_APPLICABLE, reason=Reason.NO_STATE))


def _lost(session: Session, attempt: Attempt, stage: Stage, lost: Lost) -> Reading:
    reading = read_loss(attempt, stage, session.number, _LOSS_REASONS[lost.kind], partial=lost.partial)
    # RFC 5321 §4.5.3.2.6: the message may be on its way all the same; asked again it would go out twice.
    if not reading.outcome.at_large:
        return reading
    session.dot_unanswered = True
    return replace(reading, again=None)


def _answers_may_shift(attempt: Attempt) -> bool:
    """Some step may draw more or fewer answers than are waited for, so that a yes may belong to the step before."""
    return bool(attempt.early) or any(step.lines > 1 or step.answers[0] != step.answers[1] for step in attempt.script)


def _taken(session: Session, attempt: Attempt, course: Course) -> Reading:
    if course.reply is None:
        # A script without a deciding step that was taken: nothing was promised.
        return Reading(
            Outcome(attempt.number, Word.UNTESTED, Stage.SETUP, reason=Reason.UNCLEAR, session=session.number)
        )
    answer = Answer(course.stage, course.reply.code, course.reply.raw, session.number)
    return read_taken(attempt, answer, completed=course.completed)

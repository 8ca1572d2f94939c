# SPDX-License-Identifier: Apache-2.0
"""Gather the answers of one endpoint: keep each, put back what got none, have decoys asked, end with a reason.

A refusal is kept and never asked twice. An attempt in whose face the connection is cut twice is asked once more in a
session of its own; cut again, that is its answer, where the server served others meanwhile (``doubts``). Temporary
failures are kept and noted in ``deferred``.

Limits: what a reply means is said by ``reading``; what the outcomes mean together is the judge's concern.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace

from fumidai.battery.attempt import Attempt
from fumidai.battery.row import RowClass
from fumidai.dialects.wording import blames_commands, counts_connections
from fumidai.evidence.outcome import Answer, Outcome, Reason, Stage, Word
from fumidai.judge.record import Failure, Record
from fumidai.judge.rows import BASELINES
from fumidai.tester.announced import hear_address
from fumidai.tester.budget import Budget
from fumidai.tester.doubts import Doubts
from fumidai.tester.questions import Decoy, Listener
from fumidai.tester.reading import Again, Reading, refuses_by_closing
from fumidai.tester.session import OpenFailure
from fumidai.tester.waiting import Waiting


@dataclass(slots=True)
class Answers:
    """Where the readings of one endpoint and domain go.

    Attributes:
        record: what the judge will read; ``waiting``: where what was not answered is put back.
        budget: learns what rows cost; ``decoy``: makes the same-shape decoy of an attempt that was taken.
        baseline_known: set once the plain question has an outcome.
        deferred: what was refused for the moment, each with the seconds that the server hinted at.
    """

    record: Record
    waiting: Waiting
    budget: Budget
    decoy: Decoy
    listener: Listener
    baseline_known: asyncio.Event
    deferred: list[tuple[Attempt, float | None]] = field(default_factory=list)
    doubts: Doubts = field(default_factory=Doubts)

    def settle(self, attempt: Attempt, reading: Reading, *, innocent: bool) -> bool:
        """Keep a reading or put the attempt back; True where the connection was lost on it.

        Args:
            innocent: if the connection was lost, it was not this attempt that it was lost for.
        """
        self._learn(attempt, reading)
        if reading.again is Again.FRESH_SESSION:
            self._put_back(attempt, reading.outcome, innocent=innocent)
            return True
        if reading.outcome.code:
            self.doubts.served(reading.outcome.session)
        if reading.again is Again.LATER:
            self.deferred.append((attempt, reading.wait))
        self.keep(attempt, reading.outcome)
        self.want_decoy(attempt)
        return False

    def _learn(self, attempt: Attempt, reading: Reading) -> None:
        outcome = reading.outcome
        if attempt.control is not None or attempt.test.id in BASELINES:
            hear_address(self.record, outcome.reply.decode("latin-1"))
        if outcome.reason is Reason.SYNTAX:
            self.budget.rude.add(attempt.test.family)
        if outcome.stage is Stage.MAIL and outcome.word is Word.REFUSED:
            self.budget.mail_refused = True
            self.budget.all_refused |= "sender" not in attempt.test.alters

    def _put_back(self, attempt: Attempt, outcome: Outcome, *, innocent: bool) -> None:
        if outcome.reason is Reason.TIME_UP:
            self.keep(attempt, outcome)
            return
        if innocent:
            self.waiting.put_first([attempt])
            return
        self.doubts.lost(attempt, outcome.session)
        if self.waiting.lose(attempt):
            return
        if not refuses_by_closing(attempt) or not _closed_over_it(outcome):
            self.keep(attempt, outcome)
        elif outcome.code or self.doubts.settled(attempt):
            self.keep_closing(attempt, outcome)
        else:
            self.keep(attempt, outcome)
            self.doubts.open.append((attempt, outcome))

    def keep_closing(self, attempt: Attempt, outcome: Outcome) -> None:
        """Hanging up was the server's answer to what the row itself altered."""
        self.keep(attempt, replace(outcome, word=Word.REFUSED, reason=Reason.CLOSED))

    def opening_lost(self, attempt: Attempt, failed: OpenFailure, session: int) -> None:
        """Its own session did not open: not the attempt's fault, unless it spoke before the greeting.

        Args:
            session: number of the session that was tried last.
        """
        spoke = attempt.early and failed.failure in {Failure.NO_GREETING, Failure.TURNED_AWAY}
        if spoke and not (failed.reply is not None and counts_connections(failed.reply.text)):
            self.budget.fruitless = max(0, self.budget.fruitless - 1)
            self.keep(attempt, _refused_at_greeting(attempt, failed, session))
            return
        if failed.failure is Failure.NO_HELLO:
            # It came in and was dropped then: perhaps what the row said first was the reason.
            self._put_back(attempt, _untold(attempt, session), innocent=False)
            return
        self.waiting.put_last(attempt)

    def keep(self, attempt: Attempt, outcome: Outcome) -> None:
        """Write an outcome down; an earlier answer to the same attempt is kept beside it."""
        if attempt.test.id in BASELINES:
            self.baseline_known.set()
        known = self.record.outcomes.get(attempt.number)
        if known is not None and known.code:
            before = Answer(known.stage, known.code, known.reply, known.session, pipelined=not known.completed)
            outcome = replace(outcome, earlier=(*known.earlier, before))
        self.record.outcomes[attempt.number] = outcome
        if outcome.completed or outcome.at_large:
            self.record.last_dot = time.monotonic()
        self.listener.answered(self.record, attempt, outcome)

    # -- decoys -------------------------------------------------------------------------------------------------

    def want_decoys(self) -> None:
        """Have the decoys that are still wanting asked (DESIGN §3 "Controls")."""
        for attempt in list(self.record.attempts.values()):
            self.want_decoy(attempt)

    def want_decoy(self, attempt: Attempt) -> None:
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
            self.waiting.put_last(decoy)

    # -- the end ------------------------------------------------------------------------------------------------

    def finish(self, reason: Reason, *, only_tls: bool) -> None:
        """What still waits stays untested, with the reason; an answer it already has is not lost.

        Args:
            only_tls: the server hears nothing in clear.
        """
        word, stage = Word.UNTESTED, Stage.CONNECT
        if only_tls:
            # As good as 530: nobody's mail passes there in clear, and the questions are asked again inside.
            word, stage, reason = Word.REFUSED, Stage.MAIL, Reason.TLS
        self.waiting.attempts = []
        for attempt in self.record.all_attempts().values():
            wanting = only_tls or attempt.number not in self.record.outcomes
            if wanting and not self.waiting.skip(attempt):
                self.keep(attempt, Outcome(attempt.number, word, stage, reason=reason))


def unanswered(outcome: Outcome | None) -> bool:
    """Was this attempt left for later, by time, interrupt or the server?"""
    return outcome is None or outcome.word in {Word.UNTESTED, Word.DEFERRED}


def _closed_over_it(outcome: Outcome) -> bool:
    """It hung up without a word, or said that it had heard too much of this kind.

    Any other 421 closes the channel for a reason of the server's own (RFC 5321 §3.8), which is no answer.
    """
    if outcome.reason not in {Reason.CLOSED, Reason.LIMIT}:
        return False
    return outcome.code == 0 or blames_commands(outcome.reply.decode("latin-1"))


def _refused_at_greeting(attempt: Attempt, failed: OpenFailure, session: int) -> Outcome:
    reply = failed.reply
    code, raw = (reply.code, reply.raw) if reply else (0, b"")
    reason = Reason.PROTOCOL if reply else Reason.CLOSED
    return Outcome(attempt.number, Word.REFUSED, Stage.GREETING, code, raw, reason, session)


def _untold(attempt: Attempt, session: int) -> Outcome:
    """Nothing was answered to it, for the connection was gone."""
    return Outcome(attempt.number, Word.UNTESTED, Stage.HELO, reason=Reason.CLOSED, session=session)

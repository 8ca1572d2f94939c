# SPDX-License-Identifier: Apache-2.0
"""Read the deciding reply of an attempt: what it means for the row, or that the row must be asked again.

A refusal counts by its reason (DESIGN §3 "Replies"): a server that refuses what the row itself altered has
refused the row; one that refuses what the row left clean (our sender, address, HELO or words), that blocks the
tester or says 421 has not been asked. 454 "Relay access denied" is a refusal although 4xx (Postfix's default,
``defer_unauth_destination``); any other 4xx is temporary and asked again later, with the same triplet.

Limits: wording is classified by ``dialects``; where it can't tell, the code and the stage speak.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fumidai.battery.attempt import Attempt
from fumidai.battery.row import RowClass
from fumidai.dialects.echo import retry_hint
from fumidai.dialects.wording import classify, is_refusal
from fumidai.evidence.outcome import Answer, Outcome, Reason, Stage, Word
from fumidai.smtp.reply import Reply


class Again(StrEnum):
    """Why an attempt has no outcome yet."""

    FRESH_SESSION = "fresh-session"
    LATER = "later"
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply means: an outcome, and whether it must be asked again before that outcome counts.

    Attributes:
        outcome: what stands if it is never asked again.
        again: None where the outcome is final.
        wait: seconds the server asked us to wait, where it said so.
    """

    outcome: Outcome
    again: Again | None = None
    wait: float | None = None


def read_taken(attempt: Attempt, answer: Answer, *, completed: bool) -> Reading:
    """A 2xx to the last step that was asked: a promise."""
    return Reading(_outcome(attempt, Word.ACCEPTED, answer, None, completed=completed))


def read_refusal(attempt: Attempt, stage: Stage, reply: Reply, session: int, *, pipelined: bool) -> Reading:
    """A 4xx or 5xx (or a reply of no meaning at this place) to one of the attempt's steps."""
    answer = Answer(stage, reply.code, reply.raw, session, pipelined)
    reason = _of_its_own(attempt, classify(reply.code, reply.text, stage))
    # RFC 5321 §3.8: 421 closes the channel; it says nothing about the command it answers.
    if reply.code == 421 or reason is Reason.LIMIT:
        untested = _outcome(attempt, Word.UNTESTED, answer, _limit_reason(reply, reason))
        return Reading(untested, Again.FRESH_SESSION)
    if not is_refusal(reply.code, reason) and 400 <= reply.code < 500:
        return Reading(_outcome(attempt, Word.DEFERRED, answer, reason), Again.LATER, retry_hint(reply.text))
    if _is_clean_part(attempt, reason):
        return Reading(_outcome(attempt, Word.UNTESTED, answer, reason))
    return Reading(_outcome(attempt, Word.REFUSED, answer, reason))


def read_loss(attempt: Attempt, stage: Stage, session: int, reason: Reason, *, partial: bytes = b"") -> Reading:
    """No reply: the connection was dropped, or nothing came in time."""
    answer = Answer(stage, 0, partial, session)
    return Reading(_outcome(attempt, Word.UNTESTED, answer, reason), Again.FRESH_SESSION)


def refuses_by_closing(attempt: Attempt) -> bool:
    """True where a dropped connection, twice and alone, is the server's answer to what the row itself altered.

    Only for rows whose own bytes are at fault (malformed ones, odd states, forged senders and HELO names): a
    server may answer those by hanging up, and nothing was promised. A clean row that loses its connection
    stays untested.
    """
    return attempt.test.row_class is RowClass.MALFORMED or bool(attempt.test.alters)


def _of_its_own(attempt: Attempt, reason: Reason) -> Reason:
    """What leads nowhere in a domain of the server's own is a user that it does not know.

    Exim calls both "Unrouteable address": a domain without an exchanger, and a local part that no router takes.
    """
    if reason is not Reason.UNRESOLVED or not attempt.domain:
        return reason
    domain = attempt.rcpt_to.rpartition("@")[2].strip("<> \t\r\n").lower()
    return Reason.USER if domain == attempt.domain.lower() else reason


def _limit_reason(reply: Reply, reason: Reason) -> Reason:
    if reason in {Reason.TESTER_BLOCKED, Reason.CLIENT}:
        return Reason.TESTER_BLOCKED
    return Reason.LIMIT if reply.code != 421 or reason is Reason.LIMIT else Reason.CLOSED


def _is_clean_part(attempt: Attempt, reason: Reason) -> bool:
    """The server refused something that this row sends as an honest client would."""
    # What a filter says of our words is no answer about relaying: the words are the same in every row.
    if reason in {Reason.CLIENT, Reason.TESTER_BLOCKED, Reason.CONTENT}:
        return True
    if reason is Reason.SENDER:
        return "sender" not in attempt.test.alters
    return reason is Reason.HELO and "helo" not in attempt.test.alters


def _outcome(
    attempt: Attempt, word: Word, answer: Answer, reason: Reason | None, *, completed: bool = False
) -> Outcome:
    return Outcome(
        attempt=attempt.number,
        word=word,
        stage=answer.stage,
        code=answer.code,
        reply=answer.reply,
        reason=reason,
        session=answer.session,
        completed=completed,
    )

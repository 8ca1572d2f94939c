# SPDX-License-Identifier: Apache-2.0
"""What becomes of an attempt whose session did not open."""

from __future__ import annotations

import asyncio

import pytest

from fumidai.evidence.outcome import Reason, Stage, Word
from fumidai.judge.record import Failure, Record
from fumidai.smtp.reply import Reply, ReplyReader
from fumidai.tester.answers import Answers
from fumidai.tester.budget import Budget
from fumidai.tester.session import OpenFailure
from fumidai.tester.waiting import Waiting
from tests.judge.cases import new_record
from tests.trial.silent import silent


def reply(raw: bytes) -> Reply:
    reader = ReplyReader()
    reader.push(raw)
    read = reader.next()
    assert isinstance(read, Reply)
    return read


def lose(test: str, failed: OpenFailure) -> tuple[Record, Waiting, int]:
    """Have the opening of a row's own session fail; record, waiting list and the row's number."""
    record = new_record(tests=(test,))
    record.outcomes.clear()
    waiting = Waiting(record, Budget(), lockstep=False, skip=lambda attempt: False)
    answers = Answers(record, waiting, Budget(), lambda record, attempt: None, silent(), asyncio.Event())
    (attempt,) = record.attempts.values()
    answers.opening_lost(attempt, failed, 7)
    return record, waiting, attempt.number


@pytest.mark.parametrize("said", [b"554 5.5.1 Protocol error\r\n", b"421 4.7.0 You talk before my greeting\r\n"])
async def test_a_refusal_of_whoever_speaks_too_early_is_the_rows_own(said: bytes) -> None:
    record, waiting, number = lose("state-early-talk", OpenFailure(Failure.TURNED_AWAY, reply(said)))
    outcome = record.outcomes[number]
    assert (outcome.word, outcome.stage, outcome.reason) == (Word.REFUSED, Stage.GREETING, Reason.PROTOCOL)
    assert not waiting.attempts


async def test_a_limit_of_connections_is_none_of_its_fault() -> None:
    said = reply(b"421 4.3.2 Connection rate limit exceeded.\r\n")
    record, waiting, number = lose("state-early-talk", OpenFailure(Failure.TURNED_AWAY, said))
    assert number not in record.outcomes
    assert [attempt.number for attempt in waiting.attempts] == [number]


async def test_a_row_that_waited_for_the_greeting_is_asked_again() -> None:
    failed = OpenFailure(Failure.TURNED_AWAY, reply(b"554 5.7.1 go away\r\n"))
    record, waiting, number = lose("plain-foreign", failed)
    assert number not in record.outcomes
    assert [attempt.number for attempt in waiting.attempts] == [number]

# SPDX-License-Identifier: Apache-2.0
"""What waits, and how many sessions it wants."""

from __future__ import annotations

import pytest

from fumidai.tester.budget import Budget
from fumidai.tester.waiting import Waiting
from tests.judge.cases import new_record

ROWS = ("plain-foreign", "pct-domain", "lex-two-angles", "lex-unclosed", "helo-own-domain", "state-rset-leak")


@pytest.mark.parametrize(
    ("errors", "syntax", "sessions"),
    # Two rows want a session of their own; of the other four two are malformed.
    [(9, 3, 3), (2, 3, 4), (1, 3, 6), (9, 1, 4)],
)
def test_how_many_sessions_are_left(errors: int, syntax: int, sessions: int) -> None:
    record = new_record(tests=ROWS)
    waiting = Waiting(record, Budget(errors=errors, syntax=syntax), lockstep=False, skip=lambda attempt: False)
    assert waiting.sessions_left() == 0
    waiting.attempts = list(record.attempts.values())
    assert waiting.sessions_left() == sessions


def test_an_attempt_is_asked_alone_after_two_losses_and_given_up_after_three() -> None:
    record = new_record(tests=("plain-foreign",))
    waiting = Waiting(record, Budget(), lockstep=False, skip=lambda attempt: False)
    (attempt,) = record.attempts.values()
    assert (waiting.lose(attempt), waiting.asks_alone(attempt)) == (True, False)
    assert (waiting.lose(attempt), waiting.asks_alone(attempt)) == (True, True)
    assert not waiting.lose(attempt)
    assert waiting.attempts == [attempt, attempt]

# SPDX-License-Identifier: Apache-2.0
"""What a budget learns from how sessions end."""

from __future__ import annotations

from fumidai.tester.budget import FIRST_ERRORS, FIRST_RESETS, FIRST_SYNTAX, MOST_ERRORS, Budget, Spent


def test_a_cut_is_not_blamed_on_what_another_session_bore() -> None:
    budget = Budget()
    budget.bear(Spent(resets=8, answered=16))
    budget.learn_cut(Spent(errors=0, resets=3, answered=6))
    assert (budget.errors, budget.resets) == (FIRST_ERRORS, FIRST_RESETS)


def test_a_cut_is_blamed_on_what_no_session_bore() -> None:
    budget = Budget()
    budget.bear(Spent(errors=3, resets=3, answered=6))
    budget.learn_cut(Spent(errors=5, resets=3, answered=9))
    assert (budget.errors, budget.resets) == (5, FIRST_RESETS)


def test_a_number_that_was_come_back_to_in_vain_takes_longer_the_next_time() -> None:
    budget = Budget(sessions=2)
    took = []
    for _ in range(2):
        budget.turned_away(others=1)
        assert budget.sessions == 1
        took.append(0)
        while budget.sessions == 1:
            budget.ended_in_peace()
            took[-1] += 1
    assert took[1] == 2 * took[0]


def test_where_connections_are_scarce_more_of_everything_is_asked_in_each_up_to_what_is_dear() -> None:
    budget = Budget()
    budget.scarce()
    assert (budget.errors, budget.resets, budget.syntax) == (2 * FIRST_ERRORS, 2 * FIRST_RESETS, 2 * FIRST_SYNTAX)
    budget.learn_cut(Spent(errors=4, syntax=4, answered=9))
    assert (budget.errors, budget.syntax) == (2 * FIRST_ERRORS, 4)
    for _ in range(9):
        budget.scarce()
    assert (budget.errors, budget.syntax) == (MOST_ERRORS, MOST_ERRORS)

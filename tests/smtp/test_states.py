# SPDX-License-Identifier: Apache-2.0
"""The table that both ends follow."""

from __future__ import annotations

import itertools

import pytest

from fumidai.smtp.command import Verb
from fumidai.smtp.states import HELLOS, MOVES, State, follow


@pytest.mark.parametrize("state", State)
def test_only_the_rows_move(state):
    for verb, digit in itertools.product(Verb, range(1, 6)):
        after = follow(state, verb, digit * 100 + 50, greeted=True)
        assert after is ((MOVES[verb, digit] or State.GREETED) if (verb, digit) in MOVES else state)


def test_a_transaction_ends_where_it_began():
    assert follow(State.DATA, Verb.MESSAGE, 550, greeted=False) is State.READY
    assert follow(State.RCPT, Verb.RSET, 250, greeted=True) is State.GREETED


def test_a_refusal_moves_nothing_but_the_end_of_a_message():
    assert {verb for verb, digit in MOVES if digit > 3} == {Verb.MESSAGE, Verb.BDAT}
    assert {MOVES[verb, digit] for verb, digit in MOVES if digit > 3} == {None}


def test_every_state_but_the_first_is_reached():
    reached = {state for state in MOVES.values() if state}
    assert reached | {State.GREETING, State.READY} == set(State)
    assert {MOVES[verb, 2] for verb in HELLOS} == {State.GREETED}

# SPDX-License-Identifier: Apache-2.0
"""Guard and server are killed under load: what was acknowledged is there, whole; nothing came twice without a doubt.

The long form with hundreds of kills is ``python -m tests.guard.killing``; its figures are in docs/guard.md.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.guard.killing import run_once
from tests.guard.numbered import as_sent, digest, message, number_of
from tests.guard.senders import Tally


@pytest.mark.parametrize(
    ("victim", "kills", "workers"), [("guard", 5, 1), ("backend", 12, 1), ("both", 2, 2), ("maildir", 2, 1)]
)
async def test_nothing_acknowledged_is_lost(victim: str, kills: int, workers: int) -> None:
    tally = await run_once(victim, kills, workers)
    assert tally.sound, (tally, tally.lost, tally.unasked)
    assert tally.acknowledged > 5 * kills, "they were killed at work"
    assert tally.arrived == tally.acknowledged + tally.duplicates, "all that was begun is there in the end"


def test_what_would_not_be_sound() -> None:
    """The count itself: a loss, a cut and a second copy that nobody was in doubt about are seen."""
    assert Tally(acknowledged=2, arrived=3, doubts=1, duplicates=1).sound
    assert not Tally(lost=[1]).sound
    assert not Tally(unasked=[1]).sound
    assert not Tally(truncated=1).sound
    assert not Tally(duplicates=2, doubts=1).sound


def test_a_message_that_is_cut_anywhere_is_seen() -> None:
    seen = Counter(number_of(message(number)[:-1]) for number in range(1, 9))
    assert seen == Counter(range(1, 9))
    for number in range(1, 9):
        text = message(number)
        assert as_sent(b"Received: by x\r\n" + text) == text
        assert all(digest(text[:at]) != digest(text) for at in (0, 20, len(text) - 2))

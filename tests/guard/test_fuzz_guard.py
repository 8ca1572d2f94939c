# SPDX-License-Identifier: Apache-2.0
"""Every session that the guard's fuzz target has kept, a short walk from there, and that the target can fail at all."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from fumidai.guard import passage
from fumidai.guard.backend import Answer, Fate
from fumidai.guard.headers import HeaderCount
from fumidai.guard.passage import Passage
from fumidai.guard.session import Session
from fuzz import campaign, fuzz_guard

KEPT = campaign.corpus("guard")


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.name)
def test_kept_input(path):
    fuzz_guard.target(path.read_bytes())


def test_changed_inputs():
    dice = random.Random("guard")
    seeds = [path.read_bytes() for path in KEPT]
    for _ in range(400):
        fuzz_guard.target(campaign.changed(dice.choice(seeds), dice))


def test_the_corpus_has_what_it_is_for():
    """Messages that were ended and kept, ended and refused, given up; by DATA and in chunks."""
    seen = [fuzz_guard.run([data[2:]], data[1]) for path in KEPT if len(data := path.read_bytes()) > 2]
    states = {(sent.state, sent.code) for one in seen for sent in one.sent}
    assert states >= {("ended", 250), ("ended", 451), ("aborted", 0)}
    told = {code for one in seen for code in (250, 354, 421, 451, 452, 500, 501, 503, 550, 552, 554)
            if b"\r\n%d " % code in one.written}  # fmt: skip
    assert told == {250, 354, 421, 451, 452, 500, 501, 503, 550, 552, 554}


def passing(self: Passage, data: bytes, *, odd: bool = True) -> bytes:
    """A guard that lets every line end through."""
    self.size += len(data)
    return data


def kind(session: Session, asked: float, answer: Answer, told_end: Callable[..., None] = Session._told_end) -> None:
    """A guard that acknowledges what the server behind refuses."""
    told_end(session, asked, replace(answer, fate=Fate.ANSWERED, code=250, text="kept 0"))


def forgetful(self: Session, why: str = "") -> None:
    """A guard that forgets its transactions where it should give them up."""
    self._transaction = None


@pytest.mark.parametrize(
    ("broken", "name", "by"),
    [
        (Passage, "take", passing),
        (passage, "made_right", lambda data: data),
        (Session, "_told_end", kind),
        (Session, "_drop", forgetful),
        (HeaderCount, "feed", lambda self, data: setattr(self, "hops", self.hops + data.lower().count(b"received:"))),
    ],
    ids=["line-ends", "made-right", "own-word", "forgotten", "cut"],
)
def test_a_broken_guard_is_found(broken, name, by, monkeypatch):
    monkeypatch.setattr(broken, name, by)
    with pytest.raises(AssertionError):
        run_corpus()


def run_corpus() -> None:
    for path in KEPT:
        fuzz_guard.target(path.read_bytes())

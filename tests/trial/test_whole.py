# SPDX-License-Identifier: Apache-2.0
"""A whole run from end to end: kept, gone on with, and not confused by a clock that somebody sets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from fumidai.battery.attempt import Attempt
from fumidai.errors import TargetError
from fumidai.evidence.outcome import Outcome
from fumidai.evidence.proof import Arrival, Proof
from fumidai.evidence.token import TokenKey
from fumidai.evidence.verdict import Verdict
from fumidai.judge.record import Record
from fumidai.net.resolver import Resolver
from fumidai.policy.model import policy_for_domains
from fumidai.store.maildir import deliver, prepare
from fumidai.store.run import RunFolder
from fumidai.tester.questions import Questions
from fumidai.trial.hosts import parse_target
from fumidai.trial.order import Order, ProofPlan
from fumidai.trial.run import RunName, new_run_name
from fumidai.trial.scene import read_scene
from fumidai.trial.whole import Earlier, carry_out
from tests.tester.servers import Behaviour, serving

KEY = TokenKey(b"a key of the tests only")


def order(targets: list[str], **settings: Any) -> Order:
    """What is ordered: a declared policy, so that loopback is a place like any other."""
    given: dict[str, Any] = {
        "policy": policy_for_domains(["a.test"]),
        "key": KEY,
        "declared": True,
        "policy_text": '[policy]\nreceive_for = ["a.test"]\n',
        "domains": ("a.test",),
        "ehlo": "tester.test",
        "tests": ("plain-foreign",),
        "wait": 1.0,
    }
    return Order(targets=tuple(map(parse_target, targets)), **{**given, **settings})


@pytest.fixture
def resolver(tmp_path: Path) -> Resolver:
    """Knows the names of loopback."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost one.test two.test\n")
    return Resolver([], hosts=hosts)


@dataclass
class Hearing:
    """A listener that tells a test of each answer."""

    answered_by: Callable[[Attempt, Outcome], None]
    windows: list[float] = field(default_factory=list)

    def asking(self, record: Record, questions: Questions) -> None: ...
    def answered(self, record: Record, attempt: Attempt, outcome: Outcome) -> None:
        self.answered_by(attempt, outcome)

    def session_ended(self, record: Record, transcript: Any) -> None: ...
    def arrived(self, arrival: Arrival) -> None: ...
    def proven(self, proof: Proof, attempt: Attempt | None) -> None: ...
    def putting_off(self, count: int, until: float) -> None: ...
    def waiting(self, promises: int, until: float) -> None:
        self.windows.append(until)


@pytest.mark.parametrize("jump", [-3 * 3600.0, 3 * 3600.0])
async def test_a_clock_that_jumps(
    jump: float, tmp_path: Path, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock is set in the middle: durations, the window and the proofs stay what they are."""
    maildir = tmp_path / "maildir"
    prepare(maildir)
    really, began = time.time, time.time()
    jumped: list[float] = []

    def set_the_clock(attempt: Attempt, outcome: Outcome) -> None:
        if attempt.control is None and outcome.completed:
            monkeypatch.setattr(time, "time", lambda: really() + jump)
            jumped.append(jump)
            recipient = attempt.rcpt_to.strip("<>")
            arrival = Arrival(
                "", time.time(), "127.0.0.1", "mail.a.test", attempt.mail_from.strip("<>"), (recipient,), b"x"
            )
            deliver(maildir, replace(arrival, message=b"Subject: x\r\n\r\nx\r\n"), "mail.a.test")

    hearing = Hearing(set_the_clock)
    plan = ProofPlan("proof.test", maildir=maildir)
    async with serving(Behaviour(everything=True)) as port:
        with RunFolder.create("jump", tmp_path / "runs") as folder:
            result = await carry_out(
                order([f"127.0.0.1:{port}"], proof=plan, wait=1.0),
                new_run_name(began),
                folder,
                [hearing],
                asyncio.Event(),
                resolver=resolver,
            )
    monkeypatch.undo()
    assert jumped
    assert result.verdict is Verdict.OPEN
    # The unknown user's message stays open, so the window runs to its end, and no longer.
    assert 0.9 < result.waited < 5
    assert result.waited <= result.seconds < 8
    assert abs(result.started - began) < 5
    assert began <= result.window_closed <= time.time()
    assert all(began < until < began + 8 for until in hearing.windows)


async def test_what_an_earlier_part_learned_is_not_lost(tmp_path: Path, resolver: Resolver) -> None:
    """Going on, the name leads elsewhere and one target is not come to: both earlier results stand."""
    async with serving(Behaviour()) as one, serving(Behaviour()) as two:
        ordered = order([f"one.test:{one}", f"two.test:{two}"])
        name = new_run_name(time.time())
        with RunFolder.create("first", tmp_path / "runs") as folder:
            before = await carry_out(ordered, name, folder, [], asyncio.Event(), resolver=resolver)
        assert [entry.verdict for entry in before.entries] == [Verdict.CLOSED] * 2

        moved = tmp_path / "moved"
        moved.write_text("127.0.0.2 one.test\n127.0.0.1 two.test\n")
        stopped = asyncio.Event()
        stopped.set()
        folder, kept = RunFolder.open("first", tmp_path / "runs")
        with folder:
            scene = read_scene(kept.header, "first")
            after = await carry_out(
                ordered,
                RunName(scene.raw, scene.id),
                folder,
                [],
                stopped,
                earlier=Earlier(scene, kept),
                resolver=Resolver([], hosts=moved),
            )
    assert sorted(str(entry.endpoint) for entry in after.entries) == sorted(str(e.endpoint) for e in before.entries)
    assert [entry.verdict for entry in after.entries] == [Verdict.CLOSED] * 2
    assert after.seconds >= before.seconds


async def test_going_on_waits_anew(tmp_path: Path, resolver: Resolver) -> None:
    """A queue tries again for days: who goes on with a run has its promises waited for again."""
    maildir = tmp_path / "maildir"
    prepare(maildir)
    plan = ProofPlan("proof.test", maildir=maildir)
    async with serving(Behaviour(everything=True)) as port:
        ordered = order([f"127.0.0.1:{port}"], proof=plan, wait=0.0)
        name = new_run_name(time.time())
        with RunFolder.create("again", tmp_path / "runs") as folder:
            first = await carry_out(ordered, name, folder, [], asyncio.Event(), resolver=resolver)
        assert first.verdict is Verdict.ACCEPTS
        folder, kept = RunFolder.open("again", tmp_path / "runs")
        with folder:
            scene = read_scene(kept.header, "again")
            began = time.monotonic()
            await carry_out(
                replace(ordered, wait=0.7),
                name,
                folder,
                [],
                asyncio.Event(),
                earlier=Earlier(scene, kept),
                resolver=resolver,
            )
    assert 0.7 <= time.monotonic() - began < 5


async def test_of_several_names_the_known_ones_are_asked(tmp_path: Path, resolver: Resolver) -> None:
    async with serving(Behaviour()) as port:
        with RunFolder.create("some", tmp_path / "runs") as folder:
            result = await carry_out(
                order(["nosuch.test", f"127.0.0.1:{port}"]),
                new_run_name(time.time()),
                folder,
                [],
                asyncio.Event(),
                resolver=resolver,
            )
    assert result.verdicts == {"nosuch.test": Verdict.INCONCLUSIVE, f"127.0.0.1:{port}": Verdict.CLOSED}
    with RunFolder.create("none", tmp_path / "runs") as folder, pytest.raises(TargetError):
        await carry_out(
            order(["nosuch.test"]), new_run_name(time.time()), folder, [], asyncio.Event(), resolver=resolver
        )

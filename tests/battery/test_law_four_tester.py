# SPDX-License-Identifier: Apache-2.0
"""Law 4 again, asked by the tester itself: what ``test_law_four`` says with a driver of its own, an interview says too.

Rows that wait (``pause``) do so for no time here, and the row of one byte a second is left to the plain driver.

Limits: ``state-starttls-inject`` on the server that falls for it is left to the plain driver too: the tester reads the
answer to the injected command before the handshake, where it has not come yet, and is one reply behind from then on.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from fumidai.battery.attempt import Attempt
from fumidai.battery.load import used_words
from fumidai.battery.row import RelayTest, StepKind
from fumidai.evidence.endpoint import Endpoint, TlsState
from fumidai.evidence.outcome import Outcome, Word
from fumidai.judge.record import Record
from fumidai.tester.interview import Interview
from fumidai.tester.message import Letterhead
from fumidai.tester.pace import Pace
from fumidai.tester.questions import Questions
from fumidai.tester.session import Manners
from tests.battery.gullible import TAKEN_BY_THE_SOUND, fault_for
from tests.battery.scripted import SOUND, Fault, Sink, running
from tests.battery.test_law_four import FOREIGN, NOT_DELIVERED, ROWS, attempt_for, certificate
from tests.trial.silent import silent

__all__ = ["certificate"]
ASKED = [test for test in ROWS if test.id != "state-slow-dribble"]


async def interview(fault: Fault, attempt: Attempt, certificate: ssl.SSLContext) -> tuple[Outcome, Sink]:
    """Have the tester ask one attempt at a server with a fault."""
    hurried = replace(attempt, script=tuple(replace(step, pause=0) for step in attempt.script))
    questions = Questions((), (hurried,), ())
    async with running(fault, certificate) as (port, _, sink):
        record = Record(Endpoint("t", "gate", IPv4Address("127.0.0.1"), port, TlsState.CLEAR), attempt.domain, "full")
        asked = Interview(
            record=record,
            prepare=lambda record, learned: questions,
            decoy=lambda record, attempt: None,
            head=Letterhead("tester.example", "", "run", "gate"),
            manners=Manners("tester.example", patience=5.0),
            pace=Pace(0.0),
            listener=silent(),
            deadline=time.monotonic() + 30,
            stop=asyncio.Event(),
        )
        await asked.first()
    return record.outcomes[attempt.number], sink


@pytest.mark.parametrize("test", ASKED, ids=lambda test: test.id)
async def test_the_tester_finds_it(test: RelayTest, certificate: ssl.SSLContext):
    attempt = attempt_for(test)
    outcome, sink = await interview(fault_for(test) or SOUND, attempt, certificate)
    assert outcome.word is Word.ACCEPTED, outcome
    if attempt.script[-1].kind is StepKind.MESSAGE:
        assert outcome.completed
        if used_words(test) & FOREIGN and test.id not in NOT_DELIVERED:
            assert sink.has(*attempt.tokens.values()), sink.arrived


@pytest.mark.parametrize("test", ASKED, ids=lambda test: test.id)
async def test_the_tester_calls_a_sound_refusal_refused(test: RelayTest, certificate: ssl.SSLContext):
    outcome, sink = await interview(SOUND, attempt_for(test), certificate)
    expected = Word.ACCEPTED if test.id in TAKEN_BY_THE_SOUND else Word.REFUSED
    assert outcome.word is expected, outcome
    assert not sink.arrived

# SPDX-License-Identifier: Apache-2.0
"""Silence behind the end of a message: waited for once as long as the standard asks, and nothing is sent twice.

RFC 5321 §4.5.3.2.6 gives a server ten minutes there; here the minutes are fractions of a second.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fumidai.evidence.outcome import Reason, Stage, Word
from fumidai.evidence.proof import Arrival
from fumidai.evidence.result import Entry
from fumidai.evidence.token import TokenKey
from fumidai.evidence.verdict import Verdict
from fumidai.net.resolver import Resolver
from fumidai.policy.model import policy_for_domains
from fumidai.store.maildir import deliver, prepare
from fumidai.store.run import RunFolder
from fumidai.trial.hosts import parse_target
from fumidai.trial.order import Order, ProofPlan
from fumidai.trial.run import new_run_name
from fumidai.trial.whole import carry_out
from tests.tester.servers import Behaviour, Reader, Writer, serving

TESTS = ("plain-foreign", "sender-null", "pct-domain", "q-domain")


@dataclass
class Thinker:
    """Takes every recipient, thinks about each message, and then may say something or pass it on.

    Attributes:
        thinks: seconds before it answers; None for never.
        maildir: where it passes messages on to, before it answers; None to keep them.
        heard: how often each message came, by its token.
    """

    thinks: float | None
    maildir: Path | None = None
    heard: Counter[bytes] = field(default_factory=Counter)

    async def talk(self, behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
        """One session."""
        writer.write(b"220 mail.a.test ESMTP\r\n")
        path = b""
        while line := (await reader.readline()).rstrip(b"\r\n"):
            verb, answer = line[:4].upper(), b"250 mail.a.test"
            path = line[8:].strip(b"<> ") if verb == b"RCPT" else path
            if verb == b"RCPT" and path.endswith(b"@a.test") and not path.startswith(b"postmaster"):
                answer = b"550 5.1.1 No such user"
            elif verb == b"DATA":
                writer.write(b"354 go\r\n")
                await self._think(path, await reader.readuntil(b"\r\n.\r\n"))
            writer.write((b"221 bye" if verb == b"QUIT" else answer) + b"\r\n")
            if verb == b"QUIT":
                return

    async def _think(self, path: bytes, message: bytes) -> None:
        token = re.search(rb"X-Fumidai-Test: (\w+)", message)
        assert token is not None
        self.heard[token[1]] += 1
        if self.maildir is not None:
            arrival = Arrival("", time.time(), "127.0.0.1", "mail.a.test", "", (path.decode(),), message[:-3])
            deliver(self.maildir, arrival, "mail.a.test")
        await (asyncio.sleep(self.thinks) if self.thinks is not None else asyncio.Event().wait())


async def ask(server: Thinker, tmp_path: Path, *, dot_patience: float, max_time: float = 20.0) -> Entry:
    """Test it, with a patience of 0.5 s everywhere but behind a message."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    proofs = server.maildir or tmp_path / "proofs"
    prepare(proofs)
    async with serving(Behaviour(talk=server.talk)) as port:
        order = Order(
            targets=(parse_target(f"127.0.0.1:{port}"),),
            policy=policy_for_domains(["a.test"]),
            key=TokenKey(b"a key of the tests only"),
            declared=True,
            policy_text='[policy]\nreceive_for = ["a.test"]\n',
            domains=("a.test",),
            tests=TESTS,
            ehlo="tester.test",
            proof=ProofPlan("proof.test", maildir=proofs),
            wait=0.5,
            max_time=max_time,
            patience=0.5,
            dot_patience=dot_patience,
        )
        with RunFolder.create("silence", tmp_path / "runs") as folder:
            name = new_run_name(time.time())
            result = await carry_out(order, name, folder, [], asyncio.Event(), resolver=Resolver([], hosts=hosts))
    return result.entries[0]


async def test_a_server_that_thinks_longer_than_others_is_waited_for(tmp_path: Path) -> None:
    server = Thinker(thinks=1.2)
    entry = await ask(server, tmp_path, dot_patience=15.0)
    assert {row.id for row in entry.tests if row.outcome.completed} >= {"plain-foreign", "sender-null"}
    assert set(server.heard.values()) == {1}
    assert entry.verdict is Verdict.ACCEPTS


async def test_a_server_that_never_answers_gets_no_message_twice(tmp_path: Path) -> None:
    server = Thinker(thinks=None)
    entry = await ask(server, tmp_path, dot_patience=1.0)
    silent = [row for row in entry.tests if row.outcome.at_large]
    assert {row.id for row in silent} >= {"plain-foreign", "sender-null"}
    assert {(row.word, row.outcome.stage, row.outcome.reason) for row in silent} == {
        (Word.UNTESTED, Stage.MESSAGE, Reason.TIMEOUT)
    }
    assert set(server.heard.values()) == {1}
    assert entry.verdict is Verdict.INCONCLUSIVE


async def test_the_long_wait_ends_with_the_time_given(tmp_path: Path) -> None:
    server = Thinker(thinks=None)
    began = time.monotonic()
    entry = await ask(server, tmp_path, dot_patience=600.0, max_time=1.5)
    assert time.monotonic() - began < 10
    assert {row.outcome.reason for row in entry.tests if row.outcome.at_large} == {Reason.TIME_UP}
    assert set(server.heard.values()) == {1}


@pytest.mark.parametrize("dot_patience", [0.3, 600.0])
async def test_what_was_never_answered_and_comes_all_the_same_is_a_proof(tmp_path: Path, dot_patience: float) -> None:
    server = Thinker(thinks=None, maildir=tmp_path / "maildir")
    entry = await ask(server, tmp_path, dot_patience=dot_patience, max_time=1.5)
    assert entry.verdict is Verdict.OPEN
    assert set(server.heard.values()) == {1}

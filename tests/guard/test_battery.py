# SPDX-License-Identifier: Apache-2.0
"""Law 3: the whole battery, asked at a guard before an old relay that believes everything, delivers nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fumidai.demo.relay import Envelope
from fumidai.demo.story import POLICY, RELAY, raise_the_curtain
from fumidai.evidence.outcome import Word
from fumidai.evidence.token import TokenKey
from fumidai.evidence.verdict import Verdict
from fumidai.guard.smtp_backend import SmtpBackend
from fumidai.policy.read import read_policy
from tests.guard.guarded import guarding
from tests.guard.secured import keyring

KEY = TokenKey(b"a key of the tests only")


async def test_the_old_relay_behind_a_guard_is_closed(tmp_path: Path) -> None:
    """The policy is the one of the demo; the relay itself has none and would relay for everybody."""
    left: list[Envelope] = []
    async with raise_the_curtain(tmp_path, KEY) as host:
        send_on = host.server.send_on

        def outbox(envelope: Envelope) -> None:
            left.append(envelope)
            send_on(envelope)

        host.server.relay.outbox = outbox
        backend = SmtpBackend(str(RELAY), host.port, "gate.a.test")
        policy, _ = read_policy(POLICY, "fumidai.toml")
        async with guarding(backend, policy=policy, address=RELAY, name="ns.a.test", keyring=keyring()) as running:
            host.port = running.port
            result = await asyncio.wait_for(host.test(tmp_path / "guarded"), 100)
    entry, inside = result.entries
    assert result.verdict is Verdict.CLOSED, (entry.verdict_reason, [row.id for row in entry.tests if row.proofs])
    assert not left, [reading.mailbox for envelope in left for reading in envelope.recipients]
    assert not any(row.proofs for row in entry.tests)
    words = [row.word for row in entry.tests]
    assert words.count(Word.REFUSED) > 100, "the battery was really asked"
    assert running.rules().count("ambiguous-recipient") > 15
    assert inside.endpoint.tls is not entry.endpoint.tls, "and the quick one inside STARTTLS"
    assert not any(row.proofs for row in inside.tests)
    assert [row.word for row in inside.tests].count(Word.REFUSED) > 10
    assert any(line.get("tls") for line in running.lines)

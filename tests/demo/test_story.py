# SPDX-License-Identifier: Apache-2.0
"""The demo's story comes out as told: open and proven, then closed; and the fixture really relays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fumidai.demo.relay import OldRelay
from fumidai.demo.story import first_delivery, raise_the_curtain, shown_header
from fumidai.evidence.outcome import Word
from fumidai.evidence.token import TokenKey
from fumidai.evidence.verdict import Verdict, VerdictReason

KEY = TokenKey(b"a key of the tests only")


@pytest.fixture
def relay() -> OldRelay:
    """The old relay, its outbox thrown away."""
    return OldRelay("ns.a.test", frozenset({"a.test"}), frozenset({"postmaster"}), print, lambda: 0.0)


@pytest.mark.parametrize(
    ("path", "mailbox"),
    [
        (b"<v@proof.test>", "v@proof.test"),
        (b"<v%proof.test@a.test>", "v@proof.test"),
        (b"<proof.test!v@a.test>", "v@proof.test"),
        (b"<proof.test!v>", "v@proof.test"),
        (b"<@a.test:v@proof.test>", "v@proof.test"),
        (b"<postmaster@a.test>", "postmaster@a.test"),
        (b"<nobody@a.test>", "nobody@a.test"),
    ],
)
def test_the_old_relay_reads_what_a_sendmail_read(relay: OldRelay, path: bytes, mailbox: str) -> None:
    assert relay.route(path).mailbox == mailbox


async def test_the_story_comes_out_as_told(tmp_path: Path) -> None:
    async with raise_the_curtain(tmp_path, KEY) as host:
        before = await host.test(tmp_path / "before")
        left = host.server.relay.taken
        text = await host.put_guard_in_front()
        after = await host.test(tmp_path / "after")
        assert f'listen  = ["127.0.0.25:{host.port}"]' in text
        assert host.server.relay.policy is None, "the old server stays as it is"
        assert host.server.relay.taken == left, "no message reached it"
    assert (before.verdict, before.entries[0].verdict_reason) == (Verdict.OPEN, VerdictReason.DELIVERED)
    delivered = {row.id for row in before.entries[0].tests if row.word is Word.DELIVERED}
    assert {"plain-foreign", "pct-domain", "bang-domain", "sr-host", "sender-localhost"} <= delivered
    assert (after.verdict, after.entries[0].verdict_reason) == (Verdict.CLOSED, VerdictReason.ALL_REFUSED)
    assert not any(row.proofs for row in after.entries[0].tests)
    assert sum(line.startswith("refused ") for line in host.decisions) > 100
    proof = first_delivery(before)
    assert proof is not None
    assert any(line.startswith("Received: from tester.example") for line in shown_header(proof))


@pytest.mark.parametrize("language", ["C.UTF-8", "ja_JP.UTF-8"])
def test_the_command_tells_it_with_an_empty_home(tmp_path: Path, language: str) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": language}
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-m", "fumidai", "demo"],
        capture_output=True, text=True, encoding="utf-8", env=environment, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines if line.startswith(("OPEN ", "CLOSED "))] == ["OPEN"] * 2 + ["CLOSED"] * 2
    assert lines[-1] == "  fumidai test mail.example.com --domain example.com"
    assert list(tmp_path.iterdir()) == []

# SPDX-License-Identifier: Apache-2.0
"""A server that says no only after the message, and looks at the first recipient alone.

Without a mailbox of its own nobody can show the hole, so it is called closed; the sentence says what was left open and
what asks for it. With ``--local-user`` the same server is proven open, and one that looks at every recipient is closed
without a reservation.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fumidai.evidence.proof import Arrival
from fumidai.evidence.result import RunResult
from fumidai.evidence.token import TokenKey
from fumidai.evidence.verdict import Verdict
from fumidai.net.resolver import Resolver
from fumidai.policy.model import policy_for_domains
from fumidai.report.json import render_json
from fumidai.report.sentence import verdict_sentence
from fumidai.report.voice import Voice
from fumidai.store.maildir import deliver, prepare
from fumidai.store.run import RunFolder
from fumidai.texts import LANGUAGES
from fumidai.trial.hosts import parse_target
from fumidai.trial.order import Order, ProofPlan
from fumidai.trial.run import new_run_name
from fumidai.trial.whole import carry_out
from tests.tester.servers import Behaviour, Reader, Writer, serving

OWN = (b"postmaster@a.test", b"user@a.test")
TESTS = ("plain-foreign", "pct-domain", "state-local-then-foreign", "state-foreign-then-local", "scope-known-local")


@dataclass
class Late:
    """Takes every recipient but unknown users of its own, and judges at the dot.

    Attributes:
        first_alone: looks at the first recipient and delivers to all; else every recipient has to be its own.
        at_data: says its no at DATA already.
        maildir: where what it sends on arrives.
    """

    maildir: Path
    first_alone: bool
    at_data: bool = False
    left: list[bytes] = field(default_factory=list)

    async def talk(self, behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
        """One session."""
        writer.write(b"220 mail.a.test ESMTP\r\n")
        mail, recipients = b"", list[bytes]()
        while line := (await reader.readline()).rstrip(b"\r\n"):
            verb, answer = line[:4].upper(), b"250 2.0.0 Ok"
            if verb == b"MAIL":
                mail, recipients = line[10:].strip(b"<> "), []
            elif verb in (b"EHLO", b"HELO"):
                answer = b"250 mail.a.test"
            elif verb == b"RCPT":
                path = line[8:].strip(b"<> ")
                answer = b"250 2.1.5 Ok" if self._known(path) else b"550 5.1.1 No such user"
                recipients += [path] if answer.startswith(b"250") else []
            elif verb == b"DATA" and not recipients:
                answer = b"503 5.5.1 No recipients"
            elif verb == b"DATA" and self.at_data and not self._allows(recipients):
                answer = b"550 5.7.1 relay not permitted"
            elif verb == b"DATA":
                writer.write(b"354 go\r\n")
                answer = self._message(mail, recipients, await reader.readuntil(b"\r\n.\r\n"))
            elif verb == b"QUIT":
                answer = b"221 bye"
            writer.write(answer + b"\r\n")
            if verb == b"QUIT":
                return

    def _known(self, path: bytes) -> bool:
        return not path.endswith(b"@a.test") or path in OWN

    def _allows(self, recipients: list[bytes]) -> bool:
        looked_at = recipients[:1] if self.first_alone else recipients
        return all(path in OWN for path in looked_at)

    def _message(self, mail: bytes, recipients: list[bytes], message: bytes) -> bytes:
        if not self._allows(recipients):
            return b"550 5.7.1 relay not permitted"
        for path in recipients:
            if path not in OWN:
                self.left.append(path)
                arrival = Arrival(
                    "", time.time(), "127.0.0.1", "mail.a.test", mail.decode(), (path.decode(),), message[:-3]
                )
                deliver(self.maildir, arrival, "mail.a.test")
        return b"250 2.0.0 Queued"


async def ask(server: Late, tmp_path: Path, local_user: str) -> RunResult:
    """Test the server from a declared stranger's place, with proofs."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
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
            proof=ProofPlan("proof.test", maildir=server.maildir),
            wait=0.5,
            local_user=local_user,
        )
        with RunFolder.create("late", tmp_path / "runs") as folder:
            name = new_run_name(time.time())
            return await carry_out(order, name, folder, [], asyncio.Event(), resolver=Resolver([], hosts=hosts))


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    """Where proofs arrive."""
    prepare(tmp_path / "maildir")
    return tmp_path / "maildir"


@pytest.mark.parametrize("at_data", [False, True])
@pytest.mark.parametrize("first_alone", [False, True])
async def test_without_a_mailbox_it_is_closed_with_a_reservation(
    first_alone: bool, at_data: bool, tmp_path: Path, maildir: Path
) -> None:
    server = Late(maildir, first_alone, at_data)
    result = await ask(server, tmp_path, "")
    (entry,) = result.entries
    assert (entry.verdict, server.left) == (Verdict.CLOSED, [])
    said = {language: verdict_sentence(entry, Voice(language)) for language in LANGUAGES}
    assert "only after it had taken the recipients" in said["en"]
    assert "(2) were not made. To make them: --local-user ADDRESS" in said["en"]
    assert "2 通り) は試していません。試すには --local-user ADDRESS" in said["ja"]
    finding = next(each for each in entry.findings if each.id == "late-refusal-untried")
    assert set(finding.evidence) == {"state-local-then-foreign", "state-foreign-then-local"}
    document = render_json(result)
    assert '"id": "late-refusal-untried"' in document
    assert said["en"] in document


async def test_with_a_mailbox_the_first_recipient_alone_is_proven_open(tmp_path: Path, maildir: Path) -> None:
    server = Late(maildir, first_alone=True)
    (entry,) = (await ask(server, tmp_path, "user@a.test")).entries
    assert entry.verdict is Verdict.OPEN
    assert [row.id for row in entry.tests if row.word == "delivered"] == ["state-local-then-foreign"]
    assert server.left


async def test_with_a_mailbox_a_sound_one_is_closed_without_a_reservation(tmp_path: Path, maildir: Path) -> None:
    server = Late(maildir, first_alone=False)
    (entry,) = (await ask(server, tmp_path, "user@a.test")).entries
    assert (entry.verdict, server.left) == (Verdict.CLOSED, [])
    assert "--local-user" not in verdict_sentence(entry, Voice("en"))
    assert "late-refusal-untried" not in [finding.id for finding in entry.findings]

# SPDX-License-Identifier: Apache-2.0
"""Proof through the command line: what comes out is seen, where the proof domain leads is seen before a run, and what
only looks like a proof (an auto-reply, a challenge, a bounce) is none.

Limits: everything leads to loopback; port 25 of it is opened only where the system lets us.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import smtplib
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Runner, until
from tests.cli.street import PROOF_DOMAIN, Street, free_port
from tests.tester.servers import Behaviour


def proving(port: int, sink: int, *more: object) -> list[object]:
    """The words of a test with proof."""
    proof = ["--proof-domain", PROOF_DOMAIN, "--sink", f"127.0.0.1:{sink}"]
    return ["test", f"127.0.0.1:{port}", "--policy", "pol.toml", *proof, *more]


def test_a_stepping_stone(fumidai: Runner, street: Street) -> None:
    sink = free_port()
    port = street.relay(sink)
    done = fumidai(*proving(port, sink, "--battery", "quick", "--wait", "20", "-o", "a.json")).assert_tidy()
    assert done.code == 2
    assert done.out.startswith(f"OPEN   A stranger's message came out of 127.0.0.1:{port}.")
    assert "x plain-foreign" in done.out
    assert "docs/mend/sendmail.md" in done.out
    result = json.loads((fumidai.folder / "a.json").read_text())
    delivered = {row["id"] for row in result["targets"][0]["tests"] if row["outcome"] == "delivered"}
    assert {"plain-foreign", "pct-domain", "bang-domain"} <= delivered
    assert result["targets"][0]["software"]["name"] == "Sendmail"
    proof = result["targets"][0]["tests"][0]["proofs"][0]
    assert (fumidai.runs()[0] / proof["file"]).read_bytes().startswith(b"Received: from ")
    assert "can't be seen from here" in done.err, "port 25 of loopback is not our sink"


def test_a_folder_that_was_handed_on(fumidai: Runner, street: Street, tmp_path: Path) -> None:
    """Whoever has the folder sees what it proves, without a key; none is made for him."""
    sink = free_port()
    port = street.relay(sink)
    done = fumidai(*proving(port, sink, "--tests", "plain-foreign", "--wait", "20")).assert_tidy()
    assert done.code == 2
    handed = tmp_path / "evidence"
    shutil.copytree(fumidai.runs()[0], handed)
    shown = fumidai("show", handed, env={"FUMIDAI_STATE": str(tmp_path / "other")}).assert_tidy()
    assert shown.code == 2
    # The command that tests again is put together from the options that were kept, in their own order.
    printed, again = ([line for line in one.out.splitlines() if line[:6] != "Prove:"] for one in (done, shown))
    assert again == [line.replace(str(fumidai.runs()[0]), str(handed)) for line in printed]
    assert f"Prove:  fumidai test 127.0.0.1:{port} --policy pol.toml" in shown.out
    assert not (tmp_path / "other" / "token.key").exists()


def test_without_sending(fumidai: Runner, street: Street) -> None:
    sink = free_port()
    port = street.relay(sink)
    done = fumidai(*proving(port, sink, "--battery", "quick", "--rcpt-only", "--format", "json")).assert_tidy()
    assert done.code == 1
    assert "recipients were promised. Whether they leave the server only a proof can tell" in " ".join(done.err.split())
    assert "DATA" not in {line["text"] for line in json.loads(done.out)["targets"][0]["transcript"]}


def test_the_first_hole_is_enough(fumidai: Runner, street: Street) -> None:
    """A server that delivers before it says 250: after the first the family is left, by name of the option only."""
    sink = free_port()

    async def talk(behaviour: Behaviour, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.a.test ESMTP\r\n")
        recipient = ""
        while line := await reader.readline():
            if line[:4].upper() == b"RCPT":
                recipient = line.decode().partition(":")[2].strip().strip("<>").partition("@")[0].replace("%", "@")
            if line[:4].upper() == b"DATA":
                writer.write(b"354 go\r\n")
                message = await reader.readuntil(b"\r\n.\r\n")
                await asyncio.to_thread(deliver, recipient, message)
            writer.write(b"250 2.0.0 Ok\r\n")

    def deliver(to: str, message: bytes) -> None:
        with smtplib.SMTP("127.0.0.1", sink, timeout=10) as client:
            client.sendmail("x@a.test", [to], message.removesuffix(b".\r\n"))

    port = street.serve(Behaviour(talk=talk))
    rows = "pct-domain,pct-host,pct-quoted-domain"
    words = proving(port, sink, "--tests", rows, "--concurrency", "1", "--wait", "0", "--format", "json")

    def delivered(*more: str) -> int:
        found = json.loads(fumidai(*words, *more).assert_tidy().out)["targets"][0]["tests"]
        return sum(row["outcome"] == "delivered" for row in found)

    assert delivered("--first") == 1
    assert delivered() > 1


def test_a_policy_that_permits_it(fumidai: Runner, street: Street) -> None:
    """From a network that may relay, a delivery is no hole, and the verdict says that nothing can be told from here."""
    sink = free_port()
    port = street.relay(sink)
    with (fumidai.folder / "pol.toml").open("a") as file:
        file.write('[policy.relay]\nnetworks = ["127.0.0.0/8"]\n')
    done = fumidai(*proving(port, sink, "--tests", "plain-foreign", "--wait", "20")).assert_tidy()
    assert done.code == 3
    assert "a place that it may rightly trust" in " ".join(done.out.split())


def test_a_port_that_is_taken(fumidai: Runner) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = holder.getsockname()[1]
        done = fumidai(*proving(2, taken)).assert_tidy()
    assert done.code == 69
    assert f"Port {taken} on 127.0.0.1 is taken (pid {os.getpid()}, " in done.err
    assert "--proof-maildir DIR" in done.err
    assert fumidai.runs() == []


@pytest.mark.skipif(
    int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 25, reason="anybody may open port 25 here"
)
def test_a_port_that_we_may_not_open(fumidai: Runner) -> None:
    words = ["test", "127.0.0.1:2", "--policy", "pol.toml", "--proof-domain", PROOF_DOMAIN, "--sink", "127.0.0.1:25"]
    unprivileged = ["setpriv", "--bounding-set=-net_bind_service"] if os.geteuid() == 0 else []
    done = fumidai(*words, under=unprivileged).assert_tidy()
    assert done.code == 77, done.err
    assert "Port 25 on 127.0.0.1 needs more rights than this user has." in done.err
    assert "setcap cap_net_bind_service" in done.err
    assert fumidai.runs() == []


def test_a_proof_domain_that_leads_nowhere(fumidai: Runner) -> None:
    words = ["test", "127.0.0.1:2", "--policy", "pol.toml", "--proof-domain", "nosuch.invalid"]
    done = fumidai(*words, "--sink", f"127.0.0.1:{free_port()}").assert_tidy()
    # Where no name server answers nobody can tell, which is a warning.
    assert (done.code, "goes nowhere" in done.err) in ((64, True), (3, False))


def test_a_proof_domain_that_leads_elsewhere(fumidai: Runner, street: Street) -> None:
    try:
        stranger = street.do(_stranger())
    except PermissionError:
        pytest.skip("port 25 needs root")
    except OSError:
        pytest.skip("port 25 is in use")
    try:
        done = fumidai(*proving(2, free_port())).assert_tidy()
    finally:
        street.do(_end(stranger))
    assert done.code == 64
    assert f"Mail for {PROOF_DOMAIN} does not come to this sink" in done.err
    assert "greeted with “mail.stranger.test ESMTP \\x1b[2J”" in done.err
    assert fumidai.runs() == [], "said before anything is asked"


async def _stranger() -> asyncio.Server:
    """A mail server on port 25 that is not our sink."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.stranger.test ESMTP \x1b[2J\r\n")
        await reader.read()
        writer.close()

    return await asyncio.start_server(greet, "127.0.0.1", 25)


async def _end(server: asyncio.Server) -> None:
    server.close()


ANSWERS = {
    "an auto-reply": (
        lambda sender, recipient, own: (
            "",
            sender,
            f"Auto-Submitted: auto-replied\nSubject: Re: Relay test\nIn-Reply-To: {own}\n",
        ),
        "bounce",
    ),
    "a challenge": (
        lambda sender, recipient, own: (
            "challenge@a.test",
            sender,
            f"Subject: Please confirm that you wrote to us\nReferences: {own}\n",
        ),
        "bounce",
    ),
    "a vacation note to the recipient": (
        lambda sender, recipient, own: ("", recipient, "Auto-Submitted: auto-replied (vacation)\nSubject: Away\n"),
        "bounce",
    ),
    "the message itself": (lambda sender, recipient, own: (sender, recipient, f"Message-ID: {own}\n"), "delivery"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_comes_back(name: str, fumidai: Runner, street: Street) -> None:
    """Only the message itself is a delivery; what somebody wrote in answer to it came back to a sender of ours."""
    answer, kind = ANSWERS[name]
    sink = free_port()
    taken: list[tuple[str, str, str]] = []

    async def talk(behaviour: Behaviour, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.a.test ESMTP\r\n")
        sender = recipient = ""
        while line := await reader.readline():
            verb, path = line[:4].upper(), line.decode("latin-1").partition(":")[2].strip().strip("<>")
            sender, recipient = path if verb == b"MAIL" else sender, path if verb == b"RCPT" else recipient
            if verb == b"DATA":
                writer.write(b"354 go\r\n")
                message = (await reader.readuntil(b"\r\n.\r\n")).decode("latin-1")
                own = next(text for text in message.splitlines() if text.startswith("Message-ID:"))[11:].strip()
                taken.append(answer(sender, recipient, own))
            foreign = verb == b"RCPT" and recipient.endswith("@a.test") and "postmaster" not in recipient
            writer.write(b"550 5.1.1 No such user\r\n" if foreign else b"250 2.0.0 Ok\r\n")

    port = street.serve(Behaviour(talk=talk))
    words = proving(port, sink, "--tests", "plain-foreign", "--wait", "20", "--format", "json")
    with subprocess.Popen(
        fumidai.command(words),
        cwd=fumidai.folder,
        env=fumidai.env(None),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        until(lambda: bool(taken))
        reverse, forward, header = taken[0]
        with smtplib.SMTP("127.0.0.1", sink, timeout=10) as client:
            client.sendmail(reverse, [forward], f"From: x@a.test\n{header}\nHello.\n")
        out, _ = process.communicate(timeout=40)
    rows = json.loads(out)["targets"][0]["tests"]
    assert [proof["kind"] for row in rows for proof in row["proofs"]] == [kind]
    assert process.returncode == {"bounce": 1, "delivery": 2}[kind]
    verdict = json.loads(out)["verdict"]
    assert verdict == {"bounce": "reflects", "delivery": "open"}[kind]


@contextmanager
def running_sink(fumidai: Runner, words: Sequence[object]) -> Iterator[subprocess.Popen[str]]:
    """A sink of its own that listens."""
    process = subprocess.Popen(
        fumidai.command(words),
        cwd=fumidai.folder,
        env=fumidai.env(None),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        assert process.stderr.readline().startswith("Listening on ")
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


def test_a_sink_that_several_runs_share(fumidai: Runner, street: Street) -> None:
    sink = free_port()
    port = street.relay(sink)
    words: list[Any] = ["test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--tests", "plain-foreign", "--wait", "20"]
    words += ["--proof-domain", PROOF_DOMAIN, "--proof-maildir", "maildir"]
    with running_sink(fumidai, ["sink", "--listen", f"127.0.0.1:{sink}", "--maildir", "maildir"]) as process:
        done = [fumidai(*words).assert_tidy() for _ in range(2)]
        with smtplib.SMTP("127.0.0.1", sink, timeout=10) as client, pytest.raises(smtplib.SMTPException):
            client.sendmail("a@b.test", ["somebody@elsewhere.test"], "Subject: x\n\nno token\n")
    assert [one.code for one in done] == [2, 2]
    assert process.returncode == 0
    assert len(list((fumidai.folder / "maildir" / "new").iterdir())) == 2
    assert len(fumidai.runs()) == 2


def test_a_maildir_that_goes_away(fumidai: Runner, street: Street) -> None:
    """What was seen until then is judged and printed; that no more could be read is said."""
    for part in ("new", "cur", "tmp"):
        (fumidai.folder / "maildir" / part).mkdir(parents=True)
    seen = fumidai.folder / "maildir" / "new"

    async def talk(behaviour: Behaviour, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if seen.is_dir():
            seen.rmdir()
        writer.write(b"220 mail.a.test ESMTP\r\n")
        while line := await reader.readline():
            own = b"postmaster" in line
            writer.write(b"550 5.7.1 Relaying denied\r\n" if line[:4].upper() == b"RCPT" and not own else b"250 Ok\r\n")

    port = street.serve(Behaviour(talk=talk))
    words = ["test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--tests", "plain-foreign"]
    done = fumidai(*words, "--proof-domain", PROOF_DOMAIN, "--proof-maildir", "maildir").assert_tidy()
    assert done.code == 0, done.err
    assert "maildir is no Maildir: it has no folder new." in done.err
    assert "refused the one relay attempt" in done.out

# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C, once and twice, and going on afterwards: what was seen stays, and the exit code says what is known.

Limits: the waits are for what is on the disk, not for seconds, so that a busy machine changes nothing.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli import hostile
from tests.cli.conftest import Runner, until
from tests.cli.street import PROOF_DOMAIN, Street, free_port
from tests.tester.servers import Behaviour

FORMATS = ("text", "json", "jsonl", "maps")


def lines(fumidai: Runner, name: str) -> int:
    """How many lines a file of the newest run has."""
    runs = fumidai.runs()
    file = runs[-1] / name if runs else Path("/nonexistent")
    return file.read_bytes().count(b"\n") if file.is_file() else 0


def proofs(fumidai: Runner) -> int:
    """How many messages came back in the newest run."""
    return len(list(fumidai.runs()[-1].glob("proofs/*.json"))) if fumidai.runs() else 0


def untested(fumidai: Runner, run: str) -> int:
    """How many tests of a run have no answer."""
    entry = json.loads(fumidai("show", run, "--format", "json").out)["targets"][0]
    return int(entry["counts"]["untested"])


def test_in_the_middle(fumidai: Runner, street: Street) -> None:
    behaviour = Behaviour(slow=0.002, pipelining=False)
    port = street.serve(behaviour)
    words = ["test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--concurrency", "1"]
    done = fumidai.interrupted(words, lambda: lines(fumidai, "outcomes.jsonl") >= 5).assert_tidy()
    run = fumidai.runs()[0].name
    assert done.code == 3
    assert "Stopping; what is there is kept" in done.err
    assert "INCONCLUSIVE   Stopped by hand with" in done.out
    assert f"fumidai test --resume {run}" in done.out
    assert "stopped by hand; exit 3" in done.last
    for form in FORMATS:
        shown = fumidai("show", run, "--format", form).assert_tidy()
        assert (shown.code, bool(shown.out)) == (3, True), form
    assert fumidai("show", run).out == done.out

    left = untested(fumidai, run)
    assert left > 0
    behaviour.slow, refused = 0.0, dict(behaviour.refused)
    again = fumidai("test", "--resume", run).assert_tidy()
    assert again.code == 0, again.out
    assert "refused all 167 relay attempts" in again.out
    assert untested(fumidai, run) == 0
    assert len(fumidai.runs()) == 1, "the same run goes on"
    # A refusal is never asked for twice; the connection that was cut in the middle may have heard one more.
    assert sum(behaviour.refused[line] - count for line, count in refused.items()) <= 10


def test_in_silence(fumidai: Runner, street: Street) -> None:
    behaviour = Behaviour(talk=hostile.silent)
    port = street.serve(behaviour)
    words = ["test", f"127.0.0.1:{port}", "--policy", "pol.toml"]
    done = fumidai.interrupted(words, lambda: behaviour.sessions > 0).assert_tidy()
    assert done.code == 3
    assert "Stopped by hand before" in done.out


def test_twice(fumidai: Runner, street: Street) -> None:
    """The second one does not wait for a session that takes its time to end."""
    behaviour = Behaviour(slow=0.5, pipelining=False)
    port = street.serve(behaviour)
    words = ["test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--concurrency", "1"]
    done = fumidai.interrupted(words, lambda: behaviour.sessions > 0, 0.0).assert_tidy()
    assert done.code == 3
    assert done.last.startswith("INCONCLUSIVE")
    assert len(fumidai.runs()) == 1


@pytest.mark.parametrize("times", [1, 2])
def test_what_is_open_already_stays_open(times: int, fumidai: Runner, street: Street) -> None:
    sink = free_port()
    port = street.relay(sink)
    words = ["test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--battery", "quick"]
    words += ["--proof-domain", PROOF_DOMAIN, "--sink", f"127.0.0.1:{sink}", "--wait", "50"]
    later = [0.0] * (times - 1)
    done = fumidai.interrupted(words, lambda: proofs(fumidai) > 0, *later).assert_tidy()
    assert done.code == 2, done.err
    assert done.last.startswith("OPEN  ")
    assert "exit 2" in done.last
    shown = fumidai("show", fumidai.runs()[0].name)
    # A message that was on its way into the folder when we left may be counted there.
    assert (shown.code, shown.last.split()[0]) == (2, "OPEN")


def test_a_late_proof_is_collected(fumidai: Runner, street: Street, tmp_path: Path) -> None:
    """Something is delivered after the run has ended: going on with it takes the proof up, and says so."""
    port = street.relay(free_port())  # nobody listens where it hands on to: deliveries are made below
    maildir = tmp_path / "maildir"
    for part in ("new", "cur", "tmp"):
        (maildir / part).mkdir(parents=True)
    words = ["test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--tests", "plain-foreign"]
    words += ["--proof-domain", PROOF_DOMAIN, "--proof-maildir", "maildir", "--wait", "0"]
    done = fumidai(*words).assert_tidy()
    assert done.code == 1, done.out
    assert "nothing had arrived" in done.out or "nothing has arrived" in done.out
    run = fumidai.runs()[0].name
    row = json.loads(fumidai("show", run, "--format", "json").out)["targets"][0]["tests"][0]
    recipient = row["rcpt_to"].strip("<>")
    (maildir / "new" / "1.late").write_text(f"Return-Path: <>\nDelivered-To: {recipient}\nSubject: late\n\nx\n")
    again = fumidai("test", "--resume", run, "--wait", "0").assert_tidy()
    # A null sender and nothing of ours in the header: that is a bounce to our recipient, not a delivery.
    assert again.code == 1, again.out
    (maildir / "new" / "2.late").write_text(
        f"Return-Path: <x@{PROOF_DOMAIN}>\nDelivered-To: {recipient}\nSubject: later\n\nx\n"
    )
    again = fumidai("test", "--resume", run, "--wait", "0").assert_tidy()
    assert again.code == 2, again.out
    assert "A stranger's message came out" in again.out
    assert fumidai("show", run).code == 2


def test_a_run_that_is_being_written_is_left_alone(fumidai: Runner, street: Street) -> None:
    port = street.serve(Behaviour(talk=hostile.silent))
    command = fumidai.command(["test", f"127.0.0.1:{port}", "--policy", "pol.toml"])
    with subprocess.Popen(
        command, cwd=fumidai.folder, env=fumidai.env(None), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        until(lambda: bool(fumidai.runs()) and (fumidai.runs()[0] / "run.json").is_file())
        done = fumidai("test", "--resume", fumidai.runs()[0].name).assert_tidy()
        shown = fumidai("show", fumidai.runs()[0].name).assert_tidy()
        process.terminate()
        process.wait(timeout=20)
    assert done.code == 74
    assert "still being written" in done.err
    assert shown.code == 3


def test_terminated(fumidai: Runner, street: Street) -> None:
    port = street.serve(Behaviour(talk=hostile.silent))
    command = fumidai.command(["test", f"127.0.0.1:{port}", "--policy", "pol.toml"])
    with subprocess.Popen(
        command, cwd=fumidai.folder, env=fumidai.env(None), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        until(lambda: bool(fumidai.runs()) and (fumidai.runs()[0] / "run.json").is_file())
        process.terminate()
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 3
    assert b"stopped by hand; exit 3" in out

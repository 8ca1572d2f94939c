# SPDX-License-Identifier: Apache-2.0
"""Run folders: what is written is read back, whatever happens to the process, the disk or the last line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from fumidai.battery.attempt import Attempt, Inapplicable, Step
from fumidai.battery.row import RelayTest, RowClass, StepKind
from fumidai.errors import StorageError
from fumidai.evidence.endpoint import Endpoint, TlsState
from fumidai.evidence.outcome import Answer, Outcome, Reason, Stage, Word
from fumidai.evidence.proof import Arrival
from fumidai.evidence.token import Role
from fumidai.evidence.transcript import Direction, Transcript
from fumidai.judge.record import Failure, Record
from fumidai.policy.request import Action, Decision, Request
from fumidai.store.run import Part, RunFolder, find_run, read_run

ROW = RelayTest("pct-domain", "percent", RowClass.LOCAL, "percent", "<{sender}>", "<{pl}%{pd}@{domain}>")


def attempt(number: int, row: RelayTest = ROW, **more) -> Attempt:
    return Attempt(
        number=number,
        test=row,
        domain="a.test",
        script=(Step(StepKind.MAIL, b"MAIL FROM:<\xff>\r\n"), Step(StepKind.RCPT, b"RCPT TO:<x>\r\n", glued=True)),
        request=Request(client=IPv4Address("192.0.2.1"), forward_path=b"<x>"),
        expected=Decision(Action.REFUSE, "foreign-recipient", "why", {"a": "b"}),
        mail_from="<\xff>",
        rcpt_to="<x>",
        tokens={Role.RECIPIENT: "fmx"},
        **more,
    )


def outcome(number: int, word: Word = Word.REFUSED) -> Outcome:
    earlier = (Answer(Stage.RCPT, 450, b"450 later\r\n", 1, pipelined=True),)
    return Outcome(number, word, Stage.RCPT, 550, b"550 \xff no\r\n", Reason.RELAY, 2, earlier=earlier)


def arrival(**more) -> Arrival:
    return replace(Arrival("", 5.5, "192.0.2.25", "h", "", ("x@p.test",), b"Subject: x\r\n\r\n\xff\x00"), **more)


def record() -> Record:
    return Record(Endpoint("a.test", "mail.a.test", IPv4Address("192.0.2.25"), 25, TlsState.CLEAR), "a.test", "full")


def transcript(session: int = 1) -> Transcript:
    made = Transcript(session, "controls")
    made.add(0.25, Direction.PEER, b"220 \xff\r\n")
    made.add(0.5, Direction.US, b"QUIT\r\n")
    made.add(0.5, Direction.NOTE, b"")
    return made


def same(one: Record, other: Record) -> bool:
    def key(record: Record) -> object:
        return replace(record, transcripts=[], last_dot=0.0), [list(t.pieces()) for t in record.transcripts]

    return key(one) == key(other)


def fill(folder: RunFolder) -> Record:
    made = record()
    folder.write_header({"policy": "日本", "options": [1, 2]})
    folder.note_attempts(made, Part.TEST, [attempt(1), attempt(2)])
    folder.note_attempts(made, Part.CONTROL, [attempt(3, replace(ROW, title="other of this name"))])
    folder.note_attempts(made, Part.DECOY, [attempt(4, decoy_of=1)])
    folder.note_attempts(made, Part.APART, [Inapplicable(5, ROW, "a.test", Reason.NO_TLS)])
    for number in (1, 2, 3):
        folder.note_outcome(made, outcome(number, Word.UNTESTED))
        folder.note_outcome(made, outcome(number))
    folder.keep_transcript(made, transcript(1))
    folder.keep_transcript(made, transcript(2))
    made.attempts = {1: attempt(1), 2: attempt(2)}
    made.controls = {3: attempt(3, replace(ROW, title="other of this name"))}
    made.decoys = {1: attempt(4, decoy_of=1)}
    made.inapplicable = [Inapplicable(5, ROW, "a.test", Reason.NO_TLS)]
    made.outcomes = {number: outcome(number) for number in (1, 2, 3)}
    made.transcripts = [transcript(1), transcript(2)]
    made.greeting, made.failure, made.extensions = b"220 x\xff", Failure.TLS_FAILED, frozenset({"B", "A"})
    folder.note_record(made)
    return made


def test_all_comes_back(tmp_path):
    with RunFolder.create("2026-11-24-7f3k", tmp_path) as folder:
        made = fill(folder)
        other = record()
        folder.note_record(other)
        kept_as = folder.keep_proof(arrival())
        assert (folder.path / kept_as).read_bytes() == arrival().message
    path, kept = read_run("2026-11-24-7f3k", tmp_path)
    assert path == tmp_path / "2026-11-24-7f3k"
    assert kept.header == {"policy": "日本", "options": [1, 2]}
    assert kept.damaged == 0
    assert len(kept.records) == 2
    assert same(kept.records[0], made)
    assert same(kept.records[1], other)
    assert kept.arrivals == [arrival(file=kept_as)]


def test_everything_in_it_is_for_its_owner_alone(tmp_path):
    with RunFolder.create("r", tmp_path) as folder:
        fill(folder)
        folder.keep_proof(arrival())
    for path in (tmp_path / "r", *(tmp_path / "r").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_each_row_is_written_once(tmp_path):
    with RunFolder.create("r", tmp_path) as folder:
        fill(folder)
    assert (tmp_path / "r/attempts.jsonl").read_text().count('"mail_from":"<{sender}>"') == 2


def test_it_is_there_before_it_is_closed(tmp_path):
    folder = RunFolder.create("r", tmp_path)
    made = fill(folder)
    _, kept = read_run("r", tmp_path)
    assert same(kept.records[0], made)
    folder.close()


def test_a_run_can_be_gone_on_with(tmp_path):
    with RunFolder.create("r", tmp_path) as folder:
        fill(folder)
        folder.keep_proof(arrival())
    folder, kept = RunFolder.open("r", tmp_path)
    with folder:
        (again,) = kept.records
        again.outcomes[2] = outcome(2, Word.ACCEPTED)
        folder.note_outcome(again, again.outcomes[2])
        folder.note_attempts(again, Part.TEST, [attempt(9)])
        again.attempts[9] = attempt(9)
        folder.keep_transcript(again, transcript(1))
        again.transcripts.append(transcript(1))
        folder.note_record(record())
        folder.keep_proof(arrival(received=9.0))
    _, last = read_run("r", tmp_path)
    assert same(last.records[0], again)
    assert len(last.records) == 2
    assert [one.received for one in last.arrivals] == [5.5, 9.0]
    assert (tmp_path / "r/attempts.jsonl").read_text().count('"mail_from":"<{sender}>"') == 2


def test_two_can_not_write_at_once(tmp_path):
    with RunFolder.create("r", tmp_path):
        with pytest.raises(StorageError) as caught:
            RunFolder.open("r", tmp_path)
        assert "another process" in str(caught.value)
    RunFolder.open("r", tmp_path)[0].close()


@pytest.mark.parametrize("name", ["records", "attempts", "outcomes"])
@pytest.mark.parametrize("cut", [1, 2, 20])
def test_a_torn_last_line_costs_that_line_only(tmp_path, name, cut):
    with RunFolder.create("r", tmp_path) as folder:
        fill(folder)
    file = tmp_path / "r" / f"{name}.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[:-cut])
    _, kept = read_run("r", tmp_path)
    assert kept.damaged == (0 if cut == 1 else 1)
    assert len(kept.records) == 1
    folder, kept = RunFolder.open("r", tmp_path)
    with folder:
        folder.note_outcome(kept.records[0], outcome(1, Word.ACCEPTED))
        folder.note_record(kept.records[0])
        folder.note_attempts(kept.records[0], Part.TEST, [attempt(8)])
    _, last = read_run("r", tmp_path)
    assert last.damaged == 0
    assert last.records[0].outcomes[1].word is Word.ACCEPTED


@pytest.mark.parametrize(
    "line", ["", "{", "null", "[]", '{"record":7}', '{"record":0}', '{"record":0,"is":{}}', "[" * 5000]
)
def test_damaged_lines_are_counted_and_passed_over(tmp_path, line):
    with RunFolder.create("r", tmp_path) as folder:
        made = fill(folder)
    for name in ("records", "attempts", "outcomes", "transcripts/x"):
        with (tmp_path / "r" / f"{name}.jsonl").open("a") as file:
            file.write(f"{line}\n")
    (tmp_path / "r/proofs/x.json").write_text(line)
    _, kept = read_run("r", tmp_path)
    assert kept.damaged >= 2
    assert same(kept.records[0], made)


def test_a_proof_without_its_message_is_no_proof(tmp_path):
    with RunFolder.create("r", tmp_path) as folder:
        name = folder.keep_proof(arrival())
        (folder.path / name).unlink()
        _, kept = read_run("r", tmp_path)
        assert (kept.arrivals, kept.damaged) == ([], 1)


def test_a_name_in_a_folder_handed_on_does_not_lead_out_of_it(tmp_path):
    with RunFolder.create("r", tmp_path) as folder:
        name = folder.keep_proof(arrival())
        envelope = (folder.path / name).with_suffix(".json")
        envelope.write_text(envelope.read_text().replace(os.path.basename(name), "../../../etc/passwd"))
        _, kept = read_run("r", tmp_path)
        assert kept.arrivals[0].file == name


def test_runs_are_found_by_path_id_and_the_end_of_it(tmp_path):
    for name in ("2026-11-24-7f3k", "2026-11-25-7f3k", "2026-11-25-9c1a"):
        RunFolder.create(name, tmp_path).close()
    assert find_run("2026-11-24-7f3k", tmp_path).name == "2026-11-24-7f3k"
    assert find_run("9c1a", tmp_path).name == "2026-11-25-9c1a"
    assert find_run(tmp_path / "2026-11-25-7f3k").name == "2026-11-25-7f3k"
    with pytest.raises(StorageError, match="several"):
        find_run("7f3k", tmp_path)
    for missing in ("nothing", "", "..", "/", "a/b", "\x00", "*"):
        with pytest.raises(StorageError, match="no run"):
            find_run(missing, tmp_path)


def test_ids_that_are_no_names_and_names_that_are_taken(tmp_path):
    for bad in ("", ".", "..", "a/b", "-x", "x" * 101, "a\nb"):
        with pytest.raises(ValueError):
            RunFolder.create(bad, tmp_path)
    RunFolder.create("r", tmp_path).close()
    with pytest.raises(StorageError):
        RunFolder.create("r", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        RunFolder.create("r", tmp_path / "file")


# --- a disk that fails ---

FULL = """
import resource, signal, sys
from pathlib import Path
from fumidai.errors import StorageError
from tests.store.test_run import *
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = RunFolder.create("r", Path(sys.argv[1]))
made = fill(folder)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
for number in range(100, 400):
    folder.note_outcome(made, outcome(number))
print(folder.degraded, folder.error)
try:
    folder.keep_proof(arrival(message=b"x" * 30000))
except StorageError as problem:
    print("refused", problem)
folder.note_record(made)
folder.close()
"""


def test_a_full_disk_degrades_the_folder_and_stops_nothing(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("True The run folder")
    assert "goes on in memory" in first
    assert second.startswith("refused")
    _, kept = read_run("r", tmp_path)
    assert kept.damaged <= 1
    assert kept.arrivals == []
    assert 10 < len(kept.records[0].outcomes) < 300
    assert [path.name for path in (tmp_path / "r/proofs").iterdir()] == []


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.store.test_run import *
folder = RunFolder.create("r", Path(sys.argv[1]))
made = fill(folder)
print(folder.keep_proof(arrival()), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_has_lost_nothing_that_it_noted(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL
    _, kept = read_run("r", tmp_path)
    assert kept.damaged == 0
    assert (tmp_path / "r" / done.stdout.strip()).read_bytes() == arrival().message
    assert len(kept.arrivals) == 1
    assert set(kept.records[0].outcomes) == {1, 2, 3}
    assert len(kept.records[0].transcripts) == 2

# SPDX-License-Identifier: Apache-2.0
"""A disk that is full for a while: mail for it is put off, a log on it stops no mail; both recover by themselves."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.cli.guarding import Screen
from fumidai.guard.decision_log import DecisionLog, Unwritten


def on_a_small_disk(module: str, folder: Path) -> list[str]:
    """Run a module of the tests in a mount namespace of its own, where it may mount a disk; the lines it printed."""
    unshare = shutil.which("unshare")
    alone = [unshare or "unshare", "--mount", "--map-root-user"]
    if unshare is None or subprocess.run([*alone, "true"], capture_output=True).returncode:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must be able to mount a small disk")
        pytest.skip("mount namespaces are not allowed here")
    command = [*alone, sys.executable, "-m", module, str(folder)]
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert list(folder.iterdir()) == []
    return told.stdout.splitlines()


def test_a_full_disk_defers_and_recovers_by_itself(tmp_path: Path) -> None:
    told = on_a_small_disk("tests.guard.full_disk", tmp_path)
    assert told == ["250 2.0.0 1", "451 4.3.1 1", "451 4.3.1 1", "250 2.0.0 2", "250 2.0.0 4"]


def test_a_log_on_a_full_disk_stops_no_mail(tmp_path: Path) -> None:
    """With a Maildir on the same disk mail is put off, before a server it goes on; nothing is started again."""
    told = on_a_small_disk("tests.guard.full_log", tmp_path)
    said = f"The log of decisions can't be written ({os.strerror(errno.ENOSPC)}). Mail goes on; "
    said += "its lines are lost until it can."
    assert told[:6] == [
        *("room: 250 2.0.0", "full: 451 4.3.1", said, "room again: 250 2.0.0 250 2.0.0", "counted: True", "exit: 0")
    ]
    assert told[6].endswith("at most one torn kept: 3")
    assert told[7:12] == [
        *("room: 250 2.0.0", "full: 250 2.0.0", said, "room again: 250 2.0.0 250 2.0.0", "counted: True")
    ]
    assert told[14] == "at the server: 15"


class Disk:
    """A file that has room for so many octets; each call may take less than it is given."""

    def __init__(self) -> None:
        self.room = 0
        self.most = 1000
        self.text = b""

    def write(self, handle: int, data: bytes) -> int:
        taken = min(len(data), self.room, self.most)
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.text += data[:taken]
        self.room -= taken
        return taken


@given(st.lists(st.tuples(st.integers(0, 12_000), st.integers(1, 60)), max_size=12), st.booleans(), st.integers(1, 999))
def test_no_two_lines_run_together_and_every_lost_one_is_counted(
    turns: list[tuple[int, int]], shared: bool, most: int
) -> None:
    """Whatever the disk takes and when: each line is there whole, or counted as lost."""
    disk, lost, number = Disk(), 0, 0
    disk.most = most
    screen = Screen(shared)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fumidai.cli.guarding.os.write", disk.write)
        patch.setattr("sys.stdout", sys.__stdout__)
        for room, count in [*turns, (10**6, 1)]:
            disk.room = room
            lines = [f"{number + at} {'x' * 100} end\n" for at in range(count)]
            number += count
            try:
                screen.log("".join(lines))
            except Unwritten as problem:
                lost += problem.lines
    whole = [line for line in disk.text.decode().split("\n") if line.endswith("end") and line.count(" ") == 2]
    assert len(whole) == number - lost
    assert len(set(whole)) == len(whole)
    assert disk.text.endswith(b"end\n")


async def test_what_can_not_be_written_is_said_once_and_counted() -> None:
    said: list[str] = []
    broken = True

    def write(text: str) -> None:
        if broken:
            raise Unwritten(text.count("\n"), OSError(errno.EIO, "Input/output error"))

    def tell(message: str, **params: object) -> None:
        said.append(message.format(**params))

    log = DecisionLog(write, tell=tell)
    for turn in range(6):
        broken = turn in (1, 2, 3)
        for _ in range(2):
            log.note("session", {"action": "sent away", "rule": "too-slow"})
        log.flush()
    assert said == [
        "The log of decisions can't be written (Input/output error). Mail goes on; its lines are lost until it can.",
        "The log of decisions is written again; 6 lines of it are lost.",
    ]
    assert log._counts.numbers()[("log-lost",)] == 6

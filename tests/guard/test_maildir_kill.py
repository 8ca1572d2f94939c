# SPDX-License-Identifier: Apache-2.0
"""What is left of a Maildir when its writer is killed under load."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.guard.killed_maildir import message, recipients

KILLS = 40
#: Messages told 250 before each kill: at another point of the batches each time.
ACKNOWLEDGED = [1 + kill * 13 % KILLS for kill in range(KILLS)]


def killed_once(root: Path, first: int, after: int) -> list[int]:
    """Start a writer, kill it once so many messages were acknowledged; the numbers it acknowledged."""
    command = [sys.executable, "-m", "tests.guard.killed_maildir", str(root), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        said = b"".join(writer.stdout.readline() for _ in range(after))
        writer.kill()
        said += writer.stdout.read()
    return [int(line) for line in said.split(b"\n") if line]


def test_every_acknowledged_message_survives_a_kill_whole(tmp_path: Path) -> None:
    for user in ("u", "v"):
        for part in ("tmp", "new"):
            (tmp_path / "a.com" / user / part).mkdir(parents=True)
    acknowledged: list[int] = []
    for kill in range(KILLS):
        acknowledged += killed_once(tmp_path, 1 + kill * 100_000, ACKNOWLEDGED[kill])
    assert len(acknowledged) >= sum(ACKNOWLEDGED)
    kept = {user: whole_messages(tmp_path / "a.com" / user / "new") for user in ("u", "v")}
    lost = [n for n in acknowledged if n not in kept["u"] or (len(recipients(n)) == 2 and n not in kept["v"])]
    assert lost == []
    # What was not acknowledged may be there: its sender will send it again. At most one for each session and kill.
    assert len(kept["u"]) - len(acknowledged) <= KILLS * 20


def whole_messages(new: Path) -> set[int]:
    """The numbers of the messages in a folder, each of which must be complete."""
    numbers: set[int] = set()
    for path in new.iterdir():
        text = path.read_bytes()
        found = re.search(rb"^Subject: message (\d+)$", text, re.MULTILINE)
        assert found is not None, f"{path} is cut"
        number = int(found[1])
        assert text.endswith(b"".join(message(number)).replace(b"\r\n", b"\n")), f"{path} is cut"
        numbers.add(number)
    return numbers

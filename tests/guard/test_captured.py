# SPDX-License-Identifier: Apache-2.0
"""Law 5: whatever comes, nothing is connected to but the one backend, and nobody is asked but the resolver.

A packet capture around the real command, in a network namespace where every address leads to this machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guard.captured import opened

ALONE = ["unshare", "--net", "--mount", "--map-root-user"]
OPENED = {"smtp": ["TCP 127.0.0.1 the backend", "TCP 127.0.0.1 the guard"], "maildir": ["TCP 127.0.0.1 the guard"]}


def need_namespace() -> None:
    """Skip, with the reason, where there is none; under CI that is a failure."""
    able = shutil.which("unshare") and shutil.which("ip")
    if able and subprocess.run([*ALONE, "ip", "link", "set", "lo", "up"], capture_output=True).returncode == 0:
        return
    if os.environ.get("CI") == "true":
        pytest.fail("CI must be able to make a network namespace")
    pytest.skip("network namespaces are not allowed here")


@pytest.mark.parametrize("kind", OPENED)
def test_no_connection_but_to_the_backend_and_no_question_but_to_the_resolver(kind: str, tmp_path: Path) -> None:
    need_namespace()
    command = [*ALONE, sys.executable, "-m", "tests.guard.captured", str(tmp_path), kind]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    *places, enough = done.stdout.splitlines()
    assert places == [*OPENED[kind], "UDP 127.0.0.1 the resolver"]
    assert enough == "enough: True True True True"


def test_what_a_packet_opens() -> None:
    """The capture itself: a SYN of either family and a question are seen, answers and what goes on are not."""
    v4, v6 = bytes([0x45]) + bytes(8) + b"\6" + bytes(6) + bytes([192, 0, 2, 7]), b"\x60" + bytes(5) + b"\6" + bytes(33)
    ports = (4000).to_bytes(2) + (25).to_bytes(2)
    syn, ack = ports + bytes(9) + b"\2" + bytes(6), ports + bytes(9) + b"\x12" + bytes(6)
    assert list(opened(v4 + syn, 0x0800)) == [("TCP", "192.0.2.7", 25)]
    assert list(opened(v6 + syn, 0x86DD)) == [("TCP", "::", 25)]
    assert list(opened(v4 + ack, 0x0800)) == []
    assert list(opened(v4[:9] + b"\x11" + v4[10:] + ports + bytes(4), 0x0800)) == [("UDP", "192.0.2.7", 25)]
    answer = (53).to_bytes(2) + (40000).to_bytes(2) + bytes(4)
    assert list(opened(v4[:9] + b"\x11" + v4[10:] + answer, 0x0800)) == []
    assert list(opened(bytes(60), 0x0806)) == []

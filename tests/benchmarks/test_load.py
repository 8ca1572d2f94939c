# SPDX-License-Identifier: Apache-2.0
"""What the guard's benchmark counts with: CPU and memory of a process and its children, and clients by hand."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.arena import access_table, policy_file
from benchmarks.callers import Caller, timed
from benchmarks.guard_tables import GUARD, HARAKA, PLAIN, POSTFIX, SINK, WAYS, Load, Taken, part
from benchmarks.processes import cpu, family, named, pss
from fumidai.guard.settings import read_settings
from fumidai.policy.lines import key_lines
from fumidai.policy.notice import Source
from fumidai.policy.read import read_policy

BURN = "import time; end = time.process_time() + {seconds}\nwhile time.process_time() < end: pass\n"
PARENT = (
    "import subprocess, sys\n"
    f"subprocess.run([sys.executable, '-c', {BURN.format(seconds=0.2)!r}])\n"
    "child = subprocess.Popen([sys.executable, '-c', 'input()'])\n"
    "print('ready', flush=True); input(); child.kill(); child.wait()\n"
)


@contextmanager
def parent() -> Iterator[int]:
    """A process with one child that waits, and one that has burnt 0.2 s of CPU and ended."""
    words = [sys.executable, "-c", PARENT]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
        process.communicate(b"\n")


def test_children_count_those_that_have_ended_too() -> None:
    with parent() as pid:
        assert len(family(pid)) == 2
        assert cpu(pid) >= 0.2
        assert named(family(pid), "no such name") is None
        alone = pss(family(pid)[1])
        assert pss(pid) > alone > 1_000_000


def test_nobody_takes_nothing() -> None:
    with parent() as pid:
        pass
    assert cpu(pid) == pss(pid) == 0


@contextmanager
def server(answers: list[bytes]) -> Iterator[int]:
    """Says these one after the other, each after something was heard, to each client."""
    plug = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with plug.accept()[0] as client:
            for answer in answers:
                client.sendall(answer)
                client.recv(65536)

    thread = threading.Thread(target=serve)
    thread.start()
    yield plug.getsockname()[1]
    thread.join()
    plug.close()


def test_a_caller_takes_an_answer_of_several_lines_as_one() -> None:
    go = [b"250 Ok\r\n", b"250 Ok\r\n", b"354 Go\r\n", b"250 Ok\r\n"]
    with server([b"220 x\r\n", b"250-x\r\n250-SIZE\r\n250 DSN\r\n", *go]) as port:
        assert [len(times) for times in timed([port], 1)] == [1]


def test_a_caller_that_is_refused_says_so() -> None:
    with server([b"220 x\r\n", b"550 no\r\n"]) as port, pytest.raises(OSError, match="550 no"):
        Caller(port)


def test_the_guard_that_is_measured_has_its_policy_on() -> None:
    text = policy_file(2525)
    policy, warnings = read_policy(text, "bench.toml")
    settings = read_settings(policy, Source("bench.toml", key_lines(text)))
    assert not warnings
    assert len(access_table()) == 50
    assert settings.connections >= 5000
    assert policy.relay_networks


def test_tables_show_each_server_and_the_ratios() -> None:
    costs = {SINK: 10.0, GUARD: 100.0, PLAIN: 200.0, HARAKA: 1000.0, POSTFIX: 550.0}
    loads = {(name, way): [Load(cost / 1e6, 1e6 / cost)] for name, cost in costs.items() for way in WAYS}
    idle = {GUARD: [3000.0, 4097.0], HARAKA: [9000.0, 9000.0]}
    shown = part(Taken(loads, idle, {name: cost / 1e5 for name, cost in costs.items()}))
    met = {(one.unit): one.met for one in shown.targets}
    assert met["µs CPU a message"]
    assert met["times Haraka's messages/s"]
    assert met["times Postfix proxy's CPU economy"]
    assert met["ms added"]
    assert not met["octets"]
    assert shown.tables[0].rows[-1] == (f"{POSTFIX} over guard", *["5.5"] * 4)
    assert shown.tables[2].rows[0] == (SINK, "-", "-", "0.10", "-")

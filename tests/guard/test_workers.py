# SPDX-License-Identifier: Apache-2.0
"""Several processes: each serves, one that dies is replaced, their numbers are added up, none outlives its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from tests.guard.commanded import commanding, free_port, number, page, until
from tests.guard.faulty import behind
from tests.guard.guarded import calling, session
from tests.guard.senders import Senders

WORKERS = 3


def policy(port: int, backend: int, metrics: int, more: str = "") -> str:
    return (
        f'[policy]\nreceive_for = ["a.test"]\n[guard]\nlisten = "127.0.0.1:{port}"\nworkers = {WORKERS}\n'
        f'backend = "smtp://127.0.0.1:{backend}"\nmetrics = "127.0.0.1:{metrics}"\n{more}'
    )


async def until_number(port: int, name: str, wanted: float) -> bytes:
    async with asyncio.timeout(30):
        while number(text := await page(port), name) != wanted:  # noqa: ASYNC110  # a page has no event
            await asyncio.sleep(0.1)
    return text


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


async def test_all_serve_and_their_numbers_are_added_up(tmp_path: Path) -> None:
    port, metrics, messages = free_port(), free_port(), 40
    async with behind() as backend, commanding(tmp_path, policy(port, backend.port, metrics)) as command:
        for _ in range(messages):
            async with calling(port) as client:
                assert 250 in await client.all(session(b"x: y\r\n\r\nz"))
        delivered = 'fumidai_guard_messages_total{outcome="delivered"}'
        text = await until_number(metrics, delivered, messages)
        assert number(text, "fumidai_guard_sessions_total") == messages
        assert number(text, "fumidai_guard_workers") == WORKERS
        assert number(text, 'fumidai_guard_backend_answer_seconds_count{step="message"}') == messages
        async with AsyncExitStack() as stack:
            for _ in range(5):
                await stack.enter_async_context(calling(port))
            await until_number(metrics, "fumidai_guard_open_connections", 5)
        # One that dies takes no number with it but those of its last second.
        killed = command.children()[0]
        os.kill(killed, signal.SIGKILL)
        await command.hear(f"(pid {killed}) was ended by signal 9; another one starts in 0.25 s")
        await until_number(metrics, "fumidai_guard_workers", WORKERS)
        text = await page(metrics)
        assert number(text, delivered) == messages
        assert number(text, "fumidai_guard_worker_deaths_total") == 1
        command.signal(signal.SIGTERM)
        assert await command.end() == 0
    # Each session's id begins with its process' own mark.
    marks = {line["session"][:4] for line in command.decisions()}
    assert len(marks) == WORKERS
    assert len(command.decisions()) == 2 * messages


async def test_workers_are_killed_under_load_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    port, metrics = free_port(), free_port()
    async with behind() as backend, commanding(tmp_path, policy(port, backend.port, metrics)) as command:
        load = Senders(port)
        for _ in range(6):
            await asyncio.sleep(0.2)
            killed = command.children()[0]
            os.kill(killed, signal.SIGKILL)
            await until(lambda: killed not in command.children())  # noqa: B023  # it is called here
            before = len(load.acknowledged)
            await until(lambda: len(load.acknowledged) > before + 20)  # noqa: B023  # it is called here
        await load.finish()
        command.signal(signal.SIGTERM)
        assert await command.end() == 0
    tally = load.hold_against(taken.message for taken in backend.taken)
    assert tally.sound, (tally, tally.lost, tally.unasked)
    waits = [line.rpartition("in ")[2] for line in command.said if "was ended by signal 9" in line]
    assert waits[0] == "0.25 s."
    assert "0.5 s." in waits, "who dies again and again is waited for longer"


async def test_workers_do_not_outlive_their_parent(tmp_path: Path) -> None:
    port, metrics = free_port(), free_port()
    async with behind() as backend, commanding(tmp_path, policy(port, backend.port, metrics)) as command:
        children = command.children()
        assert len(children) == WORKERS
        command.signal(signal.SIGKILL)
        await until(lambda: not any(map(alive, children)))


#: A supervisor of two workers that are ready and then say nothing for ever, as one with a loop that is stuck.
STUCK = """
import sys, time
from fumidai.guard.places import Plugs
from fumidai.guard.settings import GuardSettings
from fumidai.guard.station import Setup
from fumidai.guard.supervisor import Supervisor
from fumidai.guard.worker_line import READY, say
from fumidai.policy.model import Policy

class Voice:
    def say(self, message, **params):
        print(message.format(**params), flush=True)

def work(setup, plugs, line):
    say(line, READY)
    time.sleep(1000)

setup = Setup(Policy(), GuardSettings(workers=2))
supervisor = Supervisor(setup, lambda **_: setup, [Plugs(), Plugs()], Voice(), work, lambda places: None, hangs=0.5)
sys.exit(supervisor.run())
"""


#: A supervisor whose workers break in a way that nobody foresaw, once they were ready.
BREAKING = STUCK.replace("time.sleep(1000)", "time.sleep(0.2); raise KeyboardInterrupt").replace(
    "hangs=0.5", "hangs=60"
)


async def test_one_that_breaks_takes_nobody_with_it() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BREAKING, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        said = [(await process.stdout.readline()).decode() for _ in range(4)]
        # One is enough for workers that end by themselves; a second one could meet a process that is over already.
        process.send_signal(signal.SIGTERM)
        _, complained = await process.communicate()
    assert process.returncode == 0
    assert b"KeyboardInterrupt" in complained
    assert all("ended with 70; another one starts" in line for line in said), "killed by none of the others"


async def test_one_that_hangs_is_killed_and_replaced() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", STUCK, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(30):
        said = [(await process.stdout.readline()).decode() for _ in range(4)]
        # One is enough for workers that sleep; a second one could meet a process that is over already.
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert sum("has given no sign of life for 0.5 s and is killed" in line for line in said) >= 1
    assert sum("was ended by signal 9; another one starts" in line for line in said) >= 1


async def test_one_that_is_asked_to_end_is_replaced(tmp_path: Path) -> None:
    port, metrics = free_port(), free_port()
    async with behind() as backend, commanding(tmp_path, policy(port, backend.port, metrics)) as command:
        old = set(command.children())
        os.kill(min(old), signal.SIGTERM)
        await command.hear("ended with 0; another one starts")
        await until(lambda: len(command.children()) == WORKERS and min(old) not in command.children())


async def test_a_second_signal_kills_them(tmp_path: Path) -> None:
    port, metrics = free_port(), free_port()
    more = "grace = 300\n"
    async with behind() as backend, commanding(tmp_path, policy(port, backend.port, metrics, more)) as command:
        children = command.children()
        async with calling(port) as client:
            for line in (b"EHLO c.test", b"MAIL FROM:<s@b.test>", b"RCPT TO:<u@a.test>"):
                assert await client.say(line) == 250
            command.signal(signal.SIGINT)
            await until(lambda: len(command.children()) == 1)  # the others had nothing to wait for
            command.signal(signal.SIGINT)
            assert await command.end() == 0
        assert not any(map(alive, children))
        assert not backend.taken


#: A supervisor whose workers can't begin.
HOPELESS = """
import sys
from fumidai.guard.places import Plugs
from fumidai.guard.settings import GuardSettings
from fumidai.guard.station import Setup
from fumidai.guard.supervisor import Supervisor
from fumidai.policy.model import Policy

setup = Setup(Policy(), GuardSettings(workers=2))
sys.exit(Supervisor(setup, lambda **_: setup, [Plugs(), Plugs()], None, lambda *_: 74, print).run())
"""


async def test_what_no_worker_can_begin_with_ends_all() -> None:
    """It is told once, by the worker, and not met again and again."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", HOPELESS)
    async with asyncio.timeout(30):
        assert await process.wait() == 74

# SPDX-License-Identifier: Apache-2.0
"""The guard is killed under load, again and again: what was acknowledged is at the backend, whole."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import socket
import sys
from pathlib import Path

from tests.guard.faulty import Faulty, behind
from tests.guard.guarded import calling, without_trace

KILLS = 20
CLIENTS = 8
BODY = b"Subject: number %d.\r\n\r\n" + b"line of a body\r\n" * 150 + b"the end"


def free_port() -> int:
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        port: int = plug.getsockname()[1]
        return port


class Load:
    """Clients that send without pause, and what was acknowledged to them."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.numbers = itertools.count(1)
        self.acknowledged: set[int] = set()
        self.refused: set[int] = set()
        self.doubtful = 0

    async def client(self) -> None:
        while True:
            try:
                async with calling(self.port) as client:
                    assert await client.say(b"EHLO c.test") == 250
                    while await self.message(client):
                        pass
            except (OSError, AssertionError):
                await asyncio.sleep(0.01)

    async def message(self, client) -> bool:
        number = next(self.numbers)
        for line in (b"MAIL FROM:<s@b.test>", b"RCPT TO:<u@a.test>", b"DATA"):
            code = await client.say(line)
            if code not in (250, 354):
                return False
        code = await client.say(BODY % number + b"\r\n.")
        if code == 250:
            self.acknowledged.add(number)
        elif code:
            self.refused.add(number)
        else:
            self.doubtful += 1
        return bool(code)


async def start(policy: Path) -> asyncio.subprocess.Process:
    """A guard that listens."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "fumidai", "guard", "--policy", str(policy)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LANG": "C.UTF-8"},
    )
    assert process.stderr is not None
    line = await asyncio.wait_for(process.stderr.readline(), 20)
    assert b"Guarding smtp://" in line, line
    return process


def check(load: Load, backend: Faulty) -> None:
    """Nothing that was acknowledged is missing, nothing is cut, nothing came twice that was not in doubt."""
    arrived: list[int] = []
    for taken in backend.taken:
        text = without_trace(taken.message)
        number = int(text.partition(b"number ")[2].partition(b".")[0])
        assert text == BODY % number + b"\r\n"
        arrived.append(number)
    assert not load.acknowledged - set(arrived), "lost"
    assert len(arrived) == len(set(arrived))
    assert len(set(arrived) - load.acknowledged) <= load.doubtful + len(load.refused)


async def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    chance, port = random.Random(12), free_port()
    policy = tmp_path / "fumidai.toml"
    async with behind() as backend:
        policy.write_text(
            '[policy]\nreceive_for = ["a.test"]\n'
            f'[guard]\nlisten = "127.0.0.1:{port}"\nbackend = "smtp://127.0.0.1:{backend.port}"\n'
        )
        load = Load(port)
        clients = [asyncio.create_task(load.client()) for _ in range(CLIENTS)]
        for _ in range(KILLS):
            process = await start(policy)
            await asyncio.sleep(chance.uniform(0.02, 0.3))
            process.send_signal(signal.SIGKILL)
            await process.wait()
        # And once in order: what is being sent is finished, and the exit code is 0.
        process = await start(policy)
        await asyncio.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 40) == 0
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        await asyncio.sleep(0.1)
    assert len(load.acknowledged) > KILLS
    check(load, backend)

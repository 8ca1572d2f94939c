# SPDX-License-Identifier: Apache-2.0
"""The real command as a process of its own, for tests that send it signals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

#: Seconds for anything that a busy machine may take its time for.
PATIENCE = 30.0


def free_port() -> int:
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        port: int = plug.getsockname()[1]
        return port


class Command:
    """A guard that runs, or has ended."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.log = log
        self.said: list[str] = []

    @property
    def pid(self) -> int:
        return self.process.pid

    def decisions(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def hear(self, text: str) -> str:
        """The next line on standard error with this text; those before it are kept in ``said``."""
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while line := (await self.process.stderr.readline()).decode():
                self.said.append(line.rstrip("\n"))
                if text in line:
                    return line
        raise AssertionError(f"never said {text!r}: {self.said}")

    async def end(self) -> int:
        """Its exit code, once it has ended; all it said is in ``said``."""
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            self.said += (await self.process.stderr.read()).decode().splitlines()
            return await self.process.wait()

    def children(self) -> list[int]:
        text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii")
        return [int(pid) for pid in text.split()]


async def launch(folder: Path, policy: str, *options: str, before: tuple[str, ...] = (), **environment: str) -> Command:
    """Start ``fumidai guard`` with a policy file of this text."""
    file, log = folder / "fumidai.toml", folder / "decisions"
    if policy:
        file.write_text(policy, encoding="utf-8")
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *(*before, sys.executable, "-m", "fumidai", "guard", "--policy", str(file), *options),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **environment},
        )
    return Command(process, log)


@asynccontextmanager
async def commanding(folder: Path, policy: str, *options: str, **environment: str) -> AsyncIterator[Command]:
    """A guard that is ready; it is killed at the end, if it still runs."""
    command = await launch(folder, policy, *options, before=(), **environment)
    try:
        await command.hear("Ctrl-C ends it")
        yield command
    finally:
        if command.process.returncode is None:
            command.signal(signal.SIGKILL)
            await command.process.wait()


async def until(true: Callable[[], bool]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110  # what is asked has no event
            await asyncio.sleep(0.01)


async def page(port: int, request: bytes = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n") -> bytes:
    """What the metrics page answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(PATIENCE):
        data = await reader.read()
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    return data


def number(text: bytes, name: str) -> float:
    """One number of the page; 0 where it is not there."""
    for line in text.decode().splitlines():
        if line.startswith(name + " "):
            return float(line.rpartition(" ")[2])
    return 0.0

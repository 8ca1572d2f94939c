# SPDX-License-Identifier: Apache-2.0
"""Kill guard and server behind it, again and again, while clients send; then count.

    python -m tests.guard.killing --guard 300 --backend 300 --both 200 --maildir 300 --workers 1 2

A guard of several processes is killed as a whole, or only its parent, or one worker. Everything is on loopback and in
a temporary folder; it ends by itself, with 1 where something was lost, cut, or came twice without a doubt. The tests
run the same with few kills; docs/guard.md has the figures of the long run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pwd
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.guard.commanded import free_port
from tests.guard.numbered import as_sent, digest, message, number_of
from tests.guard.recorder import read_records
from tests.guard.senders import Senders, Tally

#: Seconds that a process may take to begin or to end.
_PATIENCE = 40.0


class Process:
    """A program that is started again and again; what it says first is awaited.

    Args:
        sign: what a line holds that says it is ready; ``error``: on standard error.
    """

    def __init__(self, words: Sequence[str], sign: bytes, *, error: bool = False) -> None:
        self._words, self._sign, self._error = words, sign, error
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def start(self) -> None:
        pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, *self._words),
            stdin=null,
            stdout=null if self._error else pipe,
            stderr=pipe if self._error else None,
            env={**os.environ, "LANG": "C.UTF-8", "FUMIDAI_USER": pwd.getpwuid(os.geteuid()).pw_name},
        )
        said = self._process.stderr if self._error else self._process.stdout
        assert said is not None
        line = await asyncio.wait_for(said.readline(), _PATIENCE)
        assert self._sign in line, line

    def children(self) -> list[int]:
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]

    async def kill(self, *others: int) -> None:
        """End it at once, and these with it."""
        self.process.kill()
        for pid in others:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self.process.wait()

    async def end(self) -> int:
        """Ask it to end; its exit code."""
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), _PATIENCE)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None


class Campaign:
    """One guard, one server or Maildir behind it, clients before it, and somebody who kills.

    Args:
        folder: empty; ``workers``: of the guard; ``maildir``: that stands behind, instead of a server.
    """

    def __init__(self, folder: Path, workers: int, seed: int, *, maildir: bool = False) -> None:
        self._chance = random.Random(seed)
        self._workers = workers
        port, behind = free_port(), free_port()
        self._port = port
        self._records, self._mail = folder / "records", folder / "mail"
        self._records.mkdir()
        for part in ("tmp", "new"):
            (self._mail / "u" / part).mkdir(parents=True)
        backend = f"maildir://{self._mail}/{{local}}" if maildir else f"smtp://127.0.0.1:{behind}"
        policy = folder / "fumidai.toml"
        policy.write_text(
            f'[policy]\nreceive_for = ["a.test"]\n[guard]\nlisten = "127.0.0.1:{port}"\nbackend = "{backend}"\n'
            f"workers = {workers}\nerror_rate = 0\nrefusal_rate = 0\n",
            encoding="ascii",
        )
        self._guard = Process(["-m", "fumidai", "guard", "--policy", str(policy)], b"Guarding ", error=True)
        recorder = ["-m", "tests.guard.recorder", str(behind), str(self._records)]
        self._backend = None if maildir else Process(recorder, b"listening")
        self._arrived: Counter[int] = Counter()
        self._truncated = 0

    async def run(self, victim: str, kills: int) -> Tally:
        """Kill ``guard``, ``backend`` or ``both`` so many times; then let everything be sent, and count."""
        senders: Senders | None = None
        try:
            await asyncio.gather(*(process.start() for process in self._all()))
            senders = Senders(self._port)
            for _ in range(kills):
                await asyncio.sleep(self._chance.uniform(0.02, 0.3))
                await self._kill(victim)
            await senders.finish()
            assert await self._guard.end() == 0
            return self._count(senders)
        finally:
            if senders is not None:
                await senders.cancel()
            for process in self._all():
                if process.alive:
                    await process.kill()

    def _all(self) -> list[Process]:
        return [self._guard, *([self._backend] if self._backend is not None else [])]

    async def _kill(self, victim: str) -> None:
        chosen = {"guard": [self._guard], "backend": self._all()[1:], "both": self._all()}[victim]
        self._chance.shuffle(chosen)
        for process in chosen:
            if process is self._guard:
                await self._kill_guard()
            else:
                await process.kill()
        if self._backend is None:
            self._empty_maildir()
        await asyncio.gather(*(process.start() for process in chosen if not process.alive))

    async def _kill_guard(self) -> None:
        children = self._guard.children() if self._workers > 1 else []
        way = self._chance.choice(("whole", "parent", "worker")) if children else "whole"
        if way == "worker":
            with suppress(ProcessLookupError):
                os.kill(self._chance.choice(children), signal.SIGKILL)
        else:
            await self._guard.kill(*(children if way == "whole" else ()))

    def _empty_maildir(self) -> None:
        """Look at what was delivered and take it away."""
        for file in (self._mail / "u" / "new").iterdir():
            text = as_sent(file.read_bytes()).replace(b"\n", b"\r\n")
            whole = digest(text) == digest(message(number_of(text)))
            self._arrived[number_of(text)] += whole
            self._truncated += not whole
            file.unlink()

    def _count(self, senders: Senders) -> Tally:
        if self._backend is None:
            self._empty_maildir()
            return senders.tally(self._arrived, self._truncated)
        return senders.tally(*read_records(self._records))


async def run_once(victim: str, kills: int, workers: int, seed: int = 12) -> Tally:
    """One campaign in a folder of its own; ``victim``: guard, backend, both or maildir."""
    with tempfile.TemporaryDirectory(prefix="fumidai-killing-") as folder:
        campaign = Campaign(Path(folder), workers, seed, maildir=victim == "maildir")
        async with asyncio.timeout(120 + 20 * kills):
            return await campaign.run("guard" if victim == "maildir" else victim, kills)


def main() -> int:
    """All that is asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    victims = ("guard", "backend", "both", "maildir")
    for victim in victims:
        parser.add_argument(f"--{victim}", type=int, default=0, metavar="KILLS")
    parser.add_argument("--workers", type=int, nargs="+", default=[1])
    parser.add_argument("--seed", type=int, default=12)
    asked = parser.parse_args()
    sound = True
    for workers in asked.workers:
        for victim in victims:
            if kills := getattr(asked, victim):
                began = time.monotonic()
                tally = asyncio.run(run_once(victim, kills, workers, asked.seed))
                sound = sound and tally.sound
                seconds = time.monotonic() - began
                print(f"{victim}, {kills} kills, workers {workers}: {tally} ({seconds:.0f} s)", flush=True)
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())

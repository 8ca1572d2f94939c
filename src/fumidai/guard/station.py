# SPDX-License-Identifier: Apache-2.0
"""One process on duty: a guard, its reloads, its end.

    alone      signals come from outside: SIGHUP reloads, SIGTERM or SIGINT ends in order, a second one at once
    a worker   the parent says "reload" and "stop"; SIGTERM ends it too, what a terminal sends is left to the parent

A reload reads everything again in a thread, so that clients go on meanwhile. What is wrong is complained of, and the
old set-up stays.

Limits: reloads that are asked for while one is under way become one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from fumidai.errors import FumidaiError
from fumidai.guard.keyring import Keyring
from fumidai.guard.metrics import MetricsPage
from fumidai.guard.notify import notify, reloading
from fumidai.guard.places import Plugs
from fumidai.guard.run import Guard
from fumidai.guard.settings import GuardSettings
from fumidai.guard.worker_line import ALIVE, READY, STOP, Ear, counts_line, reload_of, reloaded_line, say
from fumidai.policy.model import Policy
from fumidai.texts import N_

#: Seconds between two signs of life of a worker, with its numbers where they have changed.
REPORT: Final = 1.0


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that was read.

    Attributes:
        files: which files it was read from; a reload needs them again.
        keyring: what the files for TLS and AUTH hold.
    """

    policy: Policy
    settings: GuardSettings
    files: tuple[Path, ...] = ()
    keyring: Keyring = field(default_factory=Keyring, repr=False)


class Load(Protocol):
    """Reads everything again."""

    def __call__(self, *, quiet: bool) -> Setup:
        """What was read; warnings are told unless ``quiet``.

        Raises:
            FumidaiError: it is wrong.
        """
        ...


class Voice(Protocol):
    """How a guard speaks to whoever runs it."""

    def log(self, text: str) -> None:
        """Lines of decisions; raises Unwritten where they can't be written."""
        ...

    def say(self, message: str, **params: object) -> None:
        """A sentence about itself: msgid and fields."""
        ...

    def complain(self, error: FumidaiError) -> None:
        """What went wrong, and what to do."""
        ...


class Station:
    """See above; ``Alone`` and ``Worker`` are the two kinds."""

    #: The parent has told the warnings already.
    _quiet = False

    def __init__(self, setup: Setup, load: Load, plugs: Plugs, voice: Voice) -> None:
        self._load = load
        self._plugs = plugs
        self._voice = voice
        self._guard = Guard(setup.policy, setup.settings, voice.log, keyring=setup.keyring, tell=voice.say)
        self._stop = asyncio.Event()
        self._reloading: asyncio.Task[None] | None = None
        self._again = False

    def _reload_begins(self) -> None:
        """Before everything is read again."""

    def _reloaded(self, stuck: Sequence[str]) -> None:
        """Everything was read and taken over, but for these keys."""

    def _reload_failed(self, error: FumidaiError) -> None:
        """What was read can't be used."""

    def flush(self) -> None:
        """Write what waits in the log, however it ends."""
        self._guard.flush()

    def reload(self) -> None:
        """Read everything again; see above."""
        if self._stop.is_set():
            return
        self._again = True
        if self._reloading is None:
            self._reloading = asyncio.get_running_loop().create_task(self._read_again())

    async def _read_again(self) -> None:
        try:
            while self._again:
                self._again = False
                self._reload_begins()
                try:
                    setup = await asyncio.to_thread(self._load, quiet=self._quiet)
                    self._reloaded(await self._guard.take_over(setup.policy, setup.settings, setup.keyring))
                except Exception as problem:
                    self._reload_failed(reload_error(problem))
        finally:
            self._reloading = None

    async def _end(self) -> None:
        if self._reloading is not None:
            self._reloading.cancel()
        with suppress(asyncio.CancelledError):
            await self._guard.stop()


class Alone(Station):
    """The only process."""

    async def serve(self, ready: Callable[[list[tuple[str, int]]], None]) -> None:
        """Serve until a signal ends it."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._asked_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        page = MetricsPage(self._guard.counts.numbers)
        await self._guard.start(self._plugs)
        servers = [await loop.create_server(page, sock=plug) for plug in self._plugs.metrics]
        ready(self._guard.addresses)
        notify("READY=1")
        await self._stop.wait()
        notify("STOPPING=1")
        await self._end()
        for server in servers:
            server.close()
        page.close()

    def _asked_to_stop(self) -> None:
        if self._stop.is_set():
            # Whoever asks twice does not want to wait. What was not acknowledged comes again.
            self.flush()
            os._exit(0)
        self._stop.set()

    def _reload_begins(self) -> None:
        reloading()

    def _reloaded(self, stuck: Sequence[str]) -> None:
        self._guard.counts.add(("reloads", "taken"))
        say_reloaded(self._voice, stuck)
        notify("READY=1")

    def _reload_failed(self, error: FumidaiError) -> None:
        self._guard.counts.add(("reloads", "refused"))
        say_refused(self._voice, error)
        notify("READY=1")


class Worker(Station):
    """One of several processes.

    Args:
        line: to the parent.
    """

    _quiet = True

    def __init__(self, setup: Setup, load: Load, plugs: Plugs, voice: Voice, line: socket.socket) -> None:
        super().__init__(setup, load, plugs, voice)
        self._line = line
        self._wanted = 0  # number of the last reload that was asked for

    async def serve(self) -> None:
        """Serve until the parent says so, or is gone."""
        loop, ear, line = asyncio.get_running_loop(), Ear(), self._line
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_reader(line.fileno(), self._hear, ear)
        await self._guard.start(self._plugs)
        say(line, counts_line(self._guard.counts.numbers()))
        say(line, READY)
        report = loop.create_task(self._report())
        await self._stop.wait()
        await self._end()
        report.cancel()
        say(line, counts_line(self._guard.counts.numbers()))

    def _hear(self, ear: Ear) -> None:
        try:
            data = self._line.recv(4096)
        except OSError:
            data = b""
        said = ear.hear(data) if data else [STOP]
        if number := max(map(reload_of, said), default=0):
            self._wanted = number
            self.reload()
        if STOP in said:
            asyncio.get_running_loop().remove_reader(self._line.fileno())
            self._stop.set()

    def _reload_begins(self) -> None:
        self._reading = self._wanted

    def _reloaded(self, stuck: Sequence[str]) -> None:
        say(self._line, reloaded_line(self._reading))

    def _reload_failed(self, error: FumidaiError) -> None:
        # The parent could read it: it has changed since.
        self._voice.complain(error)
        say(self._line, reloaded_line(self._reading))

    async def _report(self) -> None:
        """Tell the parent the numbers, or at least that the loop goes round."""
        before = self._guard.counts.numbers()
        while True:
            await asyncio.sleep(REPORT)
            numbers = self._guard.counts.numbers()
            say(self._line, ALIVE if numbers == before else counts_line(numbers))
            before = numbers


def reload_error(problem: Exception) -> FumidaiError:
    """What to tell of a reload that failed; a fault of ours is no reason to end, either."""
    if isinstance(problem, FumidaiError):
        return problem
    message = N_("What was to be read again could not be, by a fault of Fumidai itself: {what}")
    return FumidaiError(message, what=f"{type(problem).__name__}: {problem}")


def say_reloaded(voice: Voice, stuck: Sequence[str]) -> None:
    """What was read counts from now on, but for keys that can't change now."""
    if stuck:
        voice.say(N_("Not changed, because only a restart can change it: {keys}."), keys=", ".join(stuck))
    voice.say(N_("Everything was read again; it counts for every message that begins now."))


def say_refused(voice: Voice, error: FumidaiError) -> None:
    """What was read can't be used."""
    voice.complain(error)
    voice.say(N_("Nothing was changed: the guard goes on with what it had."))

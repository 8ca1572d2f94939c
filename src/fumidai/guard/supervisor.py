# SPDX-License-Identifier: Apache-2.0
"""The parent of several workers: starts them, replaces those that die, passes signals on, adds up their numbers.

    supervisor ── fork ─┬─ worker 1 ── a guard on its own sockets (SO_REUSEPORT)
       │                └─ worker 2 ── …
       └─ the page of metrics

It has no event loop and no thread, only a ``selectors`` loop: a fork copies nothing that is half done. It holds the
sockets of all workers, so that a client who comes while one is being replaced waits and is not refused.

A worker that dies is replaced after a quarter of a second, then twice as long each time, up to half a minute; one that
has lived a minute is forgiven. One that gives no sign of life for a minute is killed, and replaced as if it had died.
One that can't begin at all ends the whole guard with its exit code.

Signals: SIGHUP checks what is to be read and then tells every worker; SIGTERM or SIGINT ends in order (``grace``, and
ten seconds more), a second one at once.

Limits: what a worker counted in its last second is lost if it is killed.
"""

from __future__ import annotations

import gc
import math
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, NoReturn

from fumidai.errors import SystemTrouble
from fumidai.guard.counts import Counts, Numbers, summed
from fumidai.guard.metrics import counters_of
from fumidai.guard.metrics_port import MetricsPort
from fumidai.guard.notify import notify, reloading
from fumidai.guard.places import Plugs, addresses_of, close_all
from fumidai.guard.run import keep_fixed
from fumidai.guard.station import Load, Setup, Voice, reload_error, say_refused, say_reloaded
from fumidai.guard.worker_line import READY, STOP, Ear, counts_of, reload_line, reloaded_of, say
from fumidai.texts import N_

#: Seconds: the first wait before a worker is replaced, the longest, and a life after which its deaths are forgiven.
_FIRST_WAIT: Final = 0.25
_LONGEST_WAIT: Final = 30.0
_LONG_LIFE: Final = 60.0
#: Seconds without a sign of life after which a worker hangs; it gives one each second.
HANGS: Final = 60.0
#: Seconds that workers have beyond ``grace`` before they are killed.
_LENIENCE: Final = 10.0
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

Work = Callable[[Setup, Plugs, socket.socket], int]


@dataclass(slots=True)
class _Slot:
    """One worker's place: its sockets, and who fills it now."""

    number: int
    plugs: Plugs
    pid: int = 0
    line: socket.socket | None = None
    ear: Ear = field(default_factory=Ear)
    ready: bool = False
    began: float = 0.0
    heard: float = 0.0
    deaths: int = 0
    due: float = 0.0
    read: int = 0
    numbers: Numbers = field(default_factory=dict)


class Supervisor:
    """See above.

    Args:
        work: what a worker does, in its own process; gives its exit code.
        ready: told where the guard listens, once all workers do.
        hangs: seconds without a sign of life after which a worker is killed.
    """

    def __init__(
        self,
        setup: Setup,
        load: Load,
        sets: Sequence[Plugs],
        voice: Voice,
        work: Work,
        ready: Callable[[list[tuple[str, int]]], None],
        *,
        hangs: float = HANGS,
    ) -> None:
        self._setup = setup
        self._load = load
        self._voice = voice
        self._work = work
        self._hangs = hangs
        self._ready: Callable[[list[tuple[str, int]]], None] | None = ready
        self._slots = [_Slot(number, plugs) for number, plugs in enumerate(sets, 1)]
        self._selector = selectors.DefaultSelector()
        self._counts = Counts()
        self._counts.show(("workers",), lambda: sum(1 for slot in self._slots if slot.pid))
        self._retired: Numbers = {}
        self._came: list[int] = []
        self._stopping = False
        self._deadline = math.inf
        self._exit = 0
        self._reload_number = 0
        self._stuck: Sequence[str] | None = None  # while workers are reading again: what could not change
        self._page = MetricsPort(self._selector, sets[0].metrics, self.numbers)

    def run(self) -> int:
        """Supervise until the end; the exit code."""
        awake, poke = socket.socketpair()
        for plug in (awake, poke):
            plug.setblocking(False)
        self._selector.register(awake, selectors.EVENT_READ, lambda: _drain(awake))
        for name in _SIGNALS:
            signal.signal(name, self._note_signal)
        signal.set_wakeup_fd(poke.fileno(), warn_on_full_buffer=False)
        gc.freeze()  # what is there now stays shared with the workers
        try:
            for slot in self._slots:
                self._fork(slot)
            while not self._over():
                self._turn()
        finally:
            signal.set_wakeup_fd(-1)
            self._kill_all()
            self._page.close()
            self._selector.close()
        return self._exit

    def numbers(self) -> Numbers:
        """The numbers of all workers, those that have died too, and our own."""
        return summed((self._retired, self._counts.numbers(), *(slot.numbers for slot in self._slots)))

    def _turn(self) -> None:
        for key, _ in self._selector.select(self._patience()):
            key.data()
        while self._came:
            self._meet_signal(self._came.pop(0))
        self._bury()
        now = time.monotonic()
        self._page.drop_the_slow(now)
        if now >= self._deadline:
            self._kill_all()
        for slot in self._slots:
            if slot.ready and now >= slot.heard + self._hangs:
                self._kill_hanging(slot, now)
            if not slot.pid and not self._stopping and now >= slot.due:
                self._fork(slot)

    def _patience(self) -> float | None:
        """Seconds until something is due; None: nothing is."""
        due = [slot.due for slot in self._slots if not slot.pid and not self._stopping]
        silent = [slot.heard + self._hangs for slot in self._slots if slot.ready]
        first = min([self._deadline, self._page.due(), *due, *silent])
        return None if first == math.inf else max(0.0, first - time.monotonic())

    def _over(self) -> bool:
        return self._stopping and not any(slot.pid for slot in self._slots)

    # --- signals ---

    def _note_signal(self, number: int, frame: object) -> None:
        self._came.append(number)

    def _meet_signal(self, number: int) -> None:
        if number == signal.SIGHUP and not self._stopping:
            self._reload()
        elif number in (signal.SIGTERM, signal.SIGINT):
            if self._stopping:
                self._kill_all()
            else:
                notify("STOPPING=1")
                self._stop(0)

    def _stop(self, code: int) -> None:
        self._stopping, self._exit = True, code
        self._deadline = time.monotonic() + self._setup.settings.grace + _LENIENCE
        for slot in self._slots:
            close_all((*slot.plugs.own, *slot.plugs.policy))
            self._tell(slot, STOP)

    def _reload(self) -> None:
        reloading()
        try:
            setup = self._load(quiet=False)
        except Exception as problem:
            self._counts.add(("reloads", "refused"))
            say_refused(self._voice, reload_error(problem))
        else:
            settings, self._stuck = keep_fixed(self._setup.settings, setup.settings)
            self._setup = replace(setup, settings=settings)
            self._reload_number += 1
            for slot in self._slots:
                self._tell(slot, reload_line(self._reload_number))
            self._counts.add(("reloads", "taken"))
            self._see_whether_all_have_read()
            return
        notify("READY=1")

    def _see_whether_all_have_read(self) -> None:
        """Say so once every worker has read again; one that is being replaced will begin with the new."""
        reading = (slot for slot in self._slots if slot.line is not None and slot.read < self._reload_number)
        if self._stuck is not None and not any(reading):
            stuck, self._stuck = self._stuck, None
            say_reloaded(self._voice, stuck)
            notify("READY=1")

    def _tell(self, slot: _Slot, what: object) -> None:
        if slot.line is not None:
            say(slot.line, what)

    # --- workers ---

    def _fork(self, slot: _Slot) -> None:
        """Start a worker for a place."""
        ours, theirs = socket.socketpair()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        # No signal between the fork and the child's own handlers is taken for one of ours.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
        except OSError as problem:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            close_all((ours, theirs))
            self._put_off(slot)
            self._voice.complain(SystemTrouble(N_("No worker can be started: {why}."), why=problem.strerror))
            return
        if pid == 0:
            self._be_worker(slot, ours, theirs)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        theirs.close()
        ours.setblocking(False)
        slot.pid, slot.line, slot.ear, slot.ready, slot.began = pid, ours, Ear(), False, time.monotonic()
        slot.read, slot.heard = self._reload_number, slot.began
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._hear(slot))

    def _be_worker(self, slot: _Slot, ours: socket.socket, theirs: socket.socket) -> NoReturn:
        """In the child: forget everything that is the parent's, and work. Nothing may come out of here: above is the
        parent's code, which would end its workers.
        """
        code = 70
        try:
            signal.set_wakeup_fd(-1)
            # What a terminal sends to all is the parent's to pass on.
            for name in _SIGNALS:
                signal.signal(name, signal.SIG_IGN if name in (signal.SIGINT, signal.SIGHUP) else signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            self._selector.close()
            self._page.forget()
            ours.close()
            for other in self._slots:
                if other is not slot:
                    close_all(other.plugs.own)
                    close_all((other.line,) if other.line is not None else ())
            close_all(slot.plugs.metrics)
            code = self._work(self._setup, slot.plugs, theirs)
        except BaseException:
            traceback.print_exc()
        finally:
            try:
                for stream in (sys.stdout, sys.stderr):
                    stream.flush()
            finally:
                os._exit(code)

    def _hear(self, slot: _Slot) -> None:
        data = b""
        with suppress(OSError):
            data = slot.line.recv(65536) if slot.line is not None else b""
        if not data:
            self._hang_up(slot)
            return
        slot.heard = time.monotonic()
        for said in slot.ear.hear(data):
            if said == READY:
                self._is_ready(slot)
            elif (numbers := counts_of(said)) is not None:
                slot.numbers = numbers
            elif number := reloaded_of(said):
                slot.read = number
                self._see_whether_all_have_read()

    def _is_ready(self, slot: _Slot) -> None:
        slot.ready = True
        if self._ready is not None and all(one.ready for one in self._slots):
            ready, self._ready = self._ready, None
            ready(addresses_of(slot.plugs))
            notify("READY=1")

    def _hang_up(self, slot: _Slot) -> None:
        if slot.line is not None:
            self._selector.unregister(slot.line)
            slot.line.close()
            slot.line = None

    def _bury(self) -> None:
        """See which workers have ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            slot = next((one for one in self._slots if one.pid == pid), None)
            if slot is not None:
                self._mourn(slot, os.waitstatus_to_exitcode(status))

    def _mourn(self, slot: _Slot, code: int) -> None:
        while slot.line is not None:
            self._hear(slot)  # its last numbers
        pid, slot.pid, was_ready, slot.ready = slot.pid, 0, slot.ready, False
        self._see_whether_all_have_read()
        self._retired = summed((self._retired, counters_of(slot.numbers)))
        slot.numbers = {}
        if self._stopping:
            return
        if not was_ready and self._ready is not None and code > 0:
            # It has said why itself. Whatever it is, another one would meet it too.
            self._stop(code)
            return
        self._counts.add(("worker-deaths",))
        if time.monotonic() - slot.began > _LONG_LIFE:
            slot.deaths = 0
        wait = self._put_off(slot)
        how = N_("Worker {number} (pid {pid}) was ended by signal {code}; another one starts in {wait} s.")
        if code >= 0:
            how = N_("Worker {number} (pid {pid}) ended with {code}; another one starts in {wait} s.")
        self._voice.say(how, number=slot.number, pid=pid, code=abs(code), wait=f"{wait:g}")

    def _kill_hanging(self, slot: _Slot, now: float) -> None:
        """Its loop does not go round any more; clients whom the kernel gives to it would wait in vain."""
        slot.heard = now
        message = N_("Worker {number} (pid {pid}) has given no sign of life for {seconds} s and is killed.")
        self._voice.say(message, number=slot.number, pid=slot.pid, seconds=f"{self._hangs:g}")
        self._kill(slot)

    def _put_off(self, slot: _Slot) -> float:
        """When the place is filled again; the seconds until then."""
        wait: float = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0**slot.deaths)
        slot.deaths += 1
        slot.due = time.monotonic() + wait
        return wait

    def _kill_all(self) -> None:
        self._deadline = math.inf
        for slot in self._slots:
            self._kill(slot)

    @staticmethod
    def _kill(slot: _Slot) -> None:
        if slot.pid:
            with suppress(ProcessLookupError):
                os.kill(slot.pid, signal.SIGKILL)


def _drain(plug: socket.socket) -> None:
    with suppress(BlockingIOError):
        while plug.recv(4096):
            pass

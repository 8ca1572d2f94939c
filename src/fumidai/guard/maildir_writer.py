# SPDX-License-Identifier: Apache-2.0
"""The one thread of a process that writes messages into Maildirs, many at a time.

    loop's thread: write, commit, drop ──queue──▶ this thread ──one wake-up for a whole batch──▶ call-backs on the loop

Everything that waits in the queue becomes one batch: all files are written and flushed, then all are renamed into
``new``, then each folder ``new`` is flushed once, and only then is anybody told (group commit: the disk's flush is
what costs, docs/benchmarks.md). A message for several recipients is renamed only once each of its files is on disk.

Whatever goes wrong, the message's files are removed again and its sender is told to come back. A file whose flush
failed is never flushed again: the kernel may have thrown its pages away and would report success.

Limits: one thread: more only fight over the journal. A message dropped while its batch is being renamed may stay.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from fumidai.store.files import sync_folder
from fumidai.store.maildir import unique_name

#: Jobs of one batch; more wait for the next, so that the first are not told too late.
_BATCH: Final = 512
_COPY: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Addressee:
    """A Maildir, and the header lines that stand on top of the message in it."""

    folder: Path
    head: bytes


class Draft:
    """One message while it is written. The writer's thread alone touches it, except for ``dropped``.

    Attributes:
        dropped: set by the loop's thread: nobody wants it any more.
        failure: why it could not be written; None so far.
        left: a copy may have stayed although it failed.
        names: of the files in ``new``, relative to the Maildir, once it is published.

    Args:
        addressees: where to; at least one.
        host: our name, a part of the files' names (maildir(5)).
    """

    __slots__ = ("_addressees", "_files", "_handle", "_host", "dropped", "failure", "left", "names")

    def __init__(self, addressees: tuple[Addressee, ...], host: str) -> None:
        self._host = host
        self.dropped = False
        self.failure: OSError | None = None
        self.left = False
        self.names: list[str] = []
        self._addressees = addressees
        self._files: list[tuple[Path, str]] = []  # (Maildir, name), in the order of addressees
        self._handle = -1

    def write(self, data: bytes) -> None:
        """Append to the first recipient's file, which is made where it is not there yet."""
        if not self._files:
            self._handle = self._create(self._addressees[0])
            _write_all(self._handle, self._addressees[0].head)
        _write_all(self._handle, data)

    def flush(self) -> None:
        """Write the other recipients' files and flush all."""
        first = self._addressees[0]
        for addressee in self._addressees[1:]:
            handle = self._create(addressee)
            try:
                _write_all(handle, addressee.head)
                _copy(self._handle, len(first.head), handle)
                os.fsync(handle)
            finally:
                os.close(handle)
        os.fsync(self._handle)
        self._close()

    def publish(self) -> None:
        """Rename all files into ``new``."""
        for folder, name in self._files:
            os.rename(folder / "tmp" / name, folder / "new" / name)
            self.names.append(f"new/{name}")

    def folders(self) -> Iterator[Path]:
        """The ``new`` folders whose names have to be flushed."""
        return (addressee.folder / "new" for addressee in self._addressees)

    def discard(self) -> None:
        """Remove every file of it, wherever it stands."""
        with contextlib.suppress(OSError):
            self._close()
        for folder, name in self._files:
            for part in ("tmp", "new"):
                try:
                    (folder / part / name).unlink(missing_ok=True)
                except OSError:
                    self.left = self.left or part == "new"
        self._files.clear()

    def _create(self, addressee: Addressee) -> int:
        name = unique_name(self._host)
        path = addressee.folder / "tmp" / name
        # RDWR: the body is copied out of the first one.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._files.append((addressee.folder, name))
        return handle

    def _close(self) -> None:
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


@dataclass(frozen=True, slots=True)
class _Job:
    """A piece to write; ``last``: publish after it. ``told`` is called on the loop once that is done."""

    draft: Draft
    data: bytes
    last: bool
    told: Callable[[], None] | None


class MaildirWriter:
    """The thread; it starts with the first message and ends with ``close``.

    Args:
        loop: where call-backs are called.
        sweep: files that are left over from a crash, folder by folder; removed while there is nothing else to do.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, sweep: Iterable[list[Path]] = ()) -> None:
        self._loop = loop
        self._sweep = iter(sweep)
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="fumidai-maildir", daemon=True)
        self._thread.start()

    def write(self, draft: Draft, data: bytes, told: Callable[[], None]) -> None:
        """Append a piece; a failure is kept in the draft."""
        self._queue.put(_Job(draft, data, False, told))

    def commit(self, draft: Draft, data: bytes, told: Callable[[], None]) -> None:
        """Append the last piece and deliver; ``draft.failure`` tells whether it is there when ``told`` is called."""
        self._queue.put(_Job(draft, data, True, told))

    def drop(self, draft: Draft) -> None:
        """Nobody wants it any more; its files go unless they are delivered already."""
        draft.dropped = True
        self._queue.put(_Job(draft, b"", False, None))

    async def close(self) -> None:
        """Finish what is queued and end the thread."""
        self._queue.put(None)
        await self._loop.run_in_executor(None, self._thread.join)

    def _run(self) -> None:
        over = False
        while not over:
            jobs = self._next_batch()
            over = None in jobs
            self._work([job for job in jobs if job is not None])

    def _next_batch(self) -> list[_Job | None]:
        """All that waits, at least one; leftovers are swept meanwhile."""
        jobs = [self._wait()]
        with contextlib.suppress(Empty):
            while len(jobs) < _BATCH:
                jobs.append(self._queue.get_nowait())
        return jobs

    def _wait(self) -> _Job | None:
        while True:
            try:
                return self._queue.get_nowait()
            except Empty:
                leftover = next(self._sweep, None)
                if leftover is None:
                    return self._queue.get()
                for path in leftover:
                    with contextlib.suppress(OSError):
                        path.unlink(missing_ok=True)

    def _work(self, jobs: list[_Job]) -> None:
        for job in jobs:
            _take(job)
        deliver([job.draft for job in jobs if job.last])
        told = [job.told for job in jobs if job.told is not None]
        # The loop may be closed already: then nobody waits for an answer any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._tell, told)

    def _tell(self, told: list[Callable[[], None]]) -> None:
        for call in told:
            self._loop.call_soon(call)  # each by itself: one that fails keeps nobody waiting


def _take(job: _Job) -> None:
    """Write one piece."""
    draft = job.draft
    if draft.dropped and not draft.names:
        draft.discard()
    elif draft.failure is None and (job.data or job.last):
        with _failing(draft):
            draft.write(job.data)


def deliver(drafts: list[Draft]) -> None:
    """Flush all files, rename all, flush each folder: after this a power cut takes none of them away.

    A draft that could not be delivered has its ``failure`` set, and no file.
    """
    for draft in _sound(drafts):
        with _failing(draft):
            draft.flush()
    for draft in _sound(drafts):
        with _failing(draft):
            draft.publish()
    waiting: dict[Path, list[Draft]] = {}
    for draft in _sound(drafts):
        for folder in draft.folders():
            waiting.setdefault(folder, []).append(draft)
    for folder, some in waiting.items():
        try:
            sync_folder(folder)
        except OSError as problem:
            for draft in some:
                draft.failure = problem
                draft.discard()


def _sound(drafts: list[Draft]) -> list[Draft]:
    """Those that are still wanted and well; the unwanted lose their files."""
    for draft in drafts:
        if draft.dropped and not draft.names:
            draft.discard()
    return [draft for draft in drafts if draft.failure is None and (draft.names or not draft.dropped)]


@contextlib.contextmanager
def _failing(draft: Draft) -> Iterator[None]:
    """Keep an error in the draft and remove its files."""
    try:
        yield
    except OSError as problem:
        draft.failure = problem
        draft.discard()


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _copy(source: int, offset: int, target: int) -> None:
    """The rest of one file onto the end of another."""
    while data := os.pread(source, _COPY, offset):
        _write_all(target, data)
        offset += len(data)

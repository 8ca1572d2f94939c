# SPDX-License-Identifier: Apache-2.0
"""The run folder: everything a run saw, written down as it happens, readable again, fit to be handed on.

    run.json          header: what was ordered (any JSON; the caller's)
    records.jsonl     endpoints as they were learned; the last line of a number counts
    attempts.jsonl    questions, each catalogue row once
    outcomes.jsonl    answers as they come; the last one of an attempt counts
    transcripts/      one file for each session, both directions, timed
    proofs/           messages as they arrived, each with its envelope

A folder that fails while a run goes on (disk full) does not stop the run: ``degraded`` becomes True, ``error`` says
why, and the rest stays in memory. Only ``keep_proof`` raises then, because a 250 rests on it.

Limits: one process writes at a time (a lock says so). Line files are flushed to the disk by ``sync`` only.
See also: kept (what is in the lines, and reading them back).
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from fumidai.battery.attempt import Attempt, Inapplicable
from fumidai.errors import StorageError
from fumidai.evidence.outcome import Outcome
from fumidai.evidence.proof import Arrival
from fumidai.evidence.transcript import Transcript
from fumidai.judge.record import Record
from fumidai.store.files import make_folder, place, sync_folder, unreadable, unwritable, words
from fumidai.store.journal import Journal
from fumidai.store.kept import Kept, Part, RowTable, attempt_line, outcome_line, read_kept, record_line, row_line
from fumidai.store.proofs import keep_arrival, read_arrivals
from fumidai.store.state import runs_folder
from fumidai.store.transcripts import transcript_lines
from fumidai.texts import N_

__all__ = ["Kept", "Part", "RunFolder"]

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LINE_FILES: Final = ("records", "attempts", "outcomes")


class RunFolder:
    """One run's folder, open for writing. Use ``create`` or ``open``; close it at the end (or use ``with``).

    Attributes:
        path, id: where it is, and its name.
        degraded: something could not be written; what comes after is in memory only.
        error: why.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name
        self.degraded = False
        self.error: StorageError | None = None
        self._journals: dict[str, Journal] = {}
        self._lock = -1
        self._rows = RowTable()
        self._records: list[Record] = []
        self._fresh: list[Path] = []
        self._transcripts = 0

    @classmethod
    def create(cls, id: str, base: Path | None = None) -> RunFolder:
        """A new folder.

        Args:
            id: its name: letters, digits, ``.``, ``_`` and ``-``.
            base: where it is made; None for the state folder's ``runs``.

        Raises:
            StorageError: it exists, or can't be made.
            ValueError: ``id`` is no name.
        """
        if not _ID.fullmatch(id):
            raise ValueError(f"{id!r} is no name of a run")
        folder = cls((runs_folder() if base is None else base) / id)
        make_folder(folder.path.parent)
        try:
            folder.path.mkdir(mode=0o700)
            for part in ("transcripts", "proofs"):
                (folder.path / part).mkdir(mode=0o700)
            folder._take_lock()
            folder._open_journals()
            sync_folder(folder.path.parent)
        except OSError as problem:
            folder.close()
            raise unwritable(folder.path, problem) from problem
        return folder

    @classmethod
    def open(cls, name: str | Path, base: Path | None = None) -> tuple[RunFolder, Kept]:
        """An earlier run's folder, for going on with it, and what is in it.

        Raises:
            StorageError: there is none, it can't be read or written, or another process writes to it.
        """
        folder = cls(find_run(name, base))
        try:
            folder._take_lock()
            kept = _read(folder.path, folder._rows)
            for part in ("transcripts", "proofs"):
                (folder.path / part).mkdir(mode=0o700, exist_ok=True)
            folder._open_journals()
        except OSError as problem:
            folder.close()
            raise unwritable(folder.path, problem) from problem
        except StorageError:
            folder.close()
            raise
        folder._records = list(kept.records)
        folder._transcripts = sum(len(record.transcripts) for record in kept.records)
        return folder, kept

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what happens, as it happens ---

    def write_header(self, header: Mapping[str, Any]) -> None:
        """Write (again) what the run is; all of it at once."""
        text = json.dumps(header, indent=1).encode("ascii") + b"\n"
        self._keep(lambda: place(self.path / ".run.json", self.path / "run.json", text))

    def note_record(self, record: Record) -> None:
        """Note an endpoint as it is known now (without questions, answers and dialogues)."""
        self._keep(lambda: self._journals["records"].add(record_line(self._number(record), record)))

    def note_attempts(self, record: Record, part: Part, attempts: Iterable[Attempt | Inapplicable]) -> None:
        """Note questions of a record."""
        self._introduce(record)
        for attempt in attempts:
            self._keep(lambda attempt=attempt: self._add_attempt(record, part, attempt))  # type: ignore[misc]

    def note_outcome(self, record: Record, outcome: Outcome) -> None:
        """Note an answer."""
        self._introduce(record)
        self._keep(lambda: self._journals["outcomes"].add(outcome_line(self._number(record), outcome)))

    def keep_transcript(self, record: Record, transcript: Transcript) -> None:
        """Keep the dialogue of a session that has ended."""
        self._introduce(record)
        self._keep(lambda: self._write_transcript(record, transcript))

    def keep_proof(self, arrival: Arrival) -> str:
        """Keep an arrival, on the disk before this returns.

        Returns:
            its file's name, relative to the run folder.

        Raises:
            StorageError: it could not be kept, and must not be acknowledged.
        """
        try:
            return f"proofs/{keep_arrival(self.path / 'proofs', arrival)}"
        except OSError as problem:
            self._degrade(problem)
            raise unwritable(self.path / "proofs", problem) from problem

    def arrivals(self) -> list[Arrival]:
        """Everything that was kept so far, oldest first; what can't be read is passed over."""
        try:
            found, _ = read_arrivals(self.path / "proofs")
        except OSError:
            return []
        return [replace(arrival, file=f"proofs/{arrival.file}") for arrival in found]

    # --- the end ---

    def sync(self) -> None:
        """Flush everything to the disk (at the end, and when interrupted)."""
        self._keep(self._sync)

    def close(self) -> None:
        """Flush and close."""
        if self._journals:
            self.sync()
        for journal in self._journals.values():
            with suppress(OSError):
                journal.close()
        self._journals = {}
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def discard_if_empty(self) -> None:
        """Close, and remove the folder where no endpoint was asked and nothing came: there is nothing to keep."""
        arrived = any((self.path / "proofs").glob("*"))
        self.close()
        if not self._records and not arrived:
            shutil.rmtree(self.path, ignore_errors=True)

    # --- inside ---

    def _take_lock(self) -> None:
        self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise StorageError(
                N_("The run {run} is still being written by another process."),
                mend=N_("Wait for it, or stop it first."),
                run=str(self.path),
            ) from problem

    def _open_journals(self) -> None:
        for name in _LINE_FILES:
            self._journals[name] = Journal(self.path / f"{name}.jsonl")

    def _keep(self, write: Callable[[], None]) -> None:
        """Write, or remember that the disk fails: the run is worth more than its record."""
        if self.degraded or not self._journals:
            return
        try:
            write()
        except OSError as problem:
            self._degrade(problem)

    def _degrade(self, problem: OSError) -> None:
        if self.degraded:
            return
        self.degraded = True
        self.error = StorageError(
            N_("The run folder {path} can't be written any more: {reason}. The run goes on in memory."),
            mend=N_("Make room; what comes from now on can't be shown or resumed later."),
            path=str(self.path),
            reason=words(problem),
        )

    def _number(self, record: Record) -> int:
        """A record's number in the files; identity counts, for records change."""
        for number, known in enumerate(self._records):
            if known is record:
                return number
        self._records.append(record)
        return len(self._records) - 1

    def _introduce(self, record: Record) -> None:
        """Have the record in the files before anything that belongs to it."""
        if not any(known is record for known in self._records):
            self.note_record(record)

    def _add_attempt(self, record: Record, part: Part, attempt: Attempt | Inapplicable) -> None:
        row, new = self._rows.name(attempt.test)
        if new:
            self._journals["attempts"].add(row_line(row, attempt.test))
        self._journals["attempts"].add(attempt_line(self._number(record), part, attempt, row))

    def _write_transcript(self, record: Record, transcript: Transcript) -> None:
        self._transcripts += 1
        head = {"record": self._number(record), "number": self._transcripts}
        path = self.path / "transcripts" / f"{head['record']}-{transcript.session}-{self._transcripts}.jsonl"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(transcript_lines(transcript, head))
        self._fresh.append(path)

    def _sync(self) -> None:
        for journal in self._journals.values():
            journal.sync()
        for path in self._fresh:
            sync_file(path)
        self._fresh.clear()
        for folder in (self.path / "transcripts", self.path):
            sync_folder(folder)


def read_run(name: str | Path, base: Path | None = None) -> tuple[Path, Kept]:
    """An earlier run, for looking at it only: nothing is changed, and a run that goes on can be read.

    Raises:
        StorageError: there is none, or it can't be read.
    """
    path = find_run(name, base)
    return path, _read(path, RowTable())


def read_header(path: Path) -> dict[str, Any]:
    """What a run is, without what it saw; empty where that can't be read."""
    try:
        header = json.loads((path / "run.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return header if isinstance(header, dict) else {}


def find_run(name: str | Path, base: Path | None = None) -> Path:
    """The folder of a run, by its path, its id, or the end of its id.

    Raises:
        StorageError: there is none, or several.
    """
    text = str(name)
    direct = Path(text).expanduser()
    if direct.is_dir() and (direct / "records.jsonl").is_file():
        return direct.absolute()
    folder = runs_folder() if base is None else base
    found = [folder / text] if _ID.fullmatch(text) and (folder / text).is_dir() else _ending_in(folder, text)
    if len(found) == 1:
        return found[0]
    if found:
        raise StorageError(
            N_("{name} is the end of several runs: {runs}"),
            mend=N_("Give more of the name."),
            name=text,
            runs=", ".join(path.name for path in found),
        )
    raise StorageError(
        N_("There is no run {name} in {folder}."),
        mend=N_("Name it by its id or its path."),
        name=text,
        folder=str(folder),
    )


def _ending_in(folder: Path, text: str) -> list[Path]:
    if not text or not _ID.fullmatch(text) or not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.name.endswith(text) and path.is_dir())


def _read(path: Path, rows: RowTable) -> Kept:
    try:
        return read_kept(path, rows)
    except OSError as problem:
        raise unreadable(path, problem) from problem


def sync_file(path: Path) -> None:
    """Flush a file that was written to the disk; one that is gone is no matter."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

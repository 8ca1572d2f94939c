# SPDX-License-Identifier: Apache-2.0
"""Write files so that they are whole or not there, and on disk before we say so.

``place`` writes to a temporary name, flushes it to the disk, renames, and flushes the folder: after it returns a
power cut takes nothing away; before it returns nobody sees a half-written file.

Limits: relies on the file system's promise that a rename within one folder is atomic.
"""

from __future__ import annotations

import os
from pathlib import Path

from fumidai.errors import StorageError
from fumidai.texts import N_


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """Make a folder and those above it.

    Raises:
        StorageError: it can't be made.
    """
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as problem:
        raise unwritable(folder, problem) from problem


def place(temporary: Path, final: Path, data: bytes, mode: int = 0o600) -> None:
    """Put a new file into place, durably; one that stands there already is replaced.

    Args:
        temporary: name on the same file system that nobody else uses.

    Raises:
        OSError: it could not be written; nothing is left behind.
    """
    try:
        write_durably(temporary, data, mode)
        temporary.rename(final)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(final.parent)


def write_durably(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a new file and flush it to the disk; its name is not flushed yet.

    Raises:
        OSError: it exists, or could not be written.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def unwritable(path: Path, problem: OSError) -> StorageError:
    """Our error for a file or folder that can't be written."""
    return StorageError(N_("{path} can't be written: {reason}"), path=str(path), reason=words(problem))


def unreadable(path: Path, problem: OSError) -> StorageError:
    """Our error for a file or folder that can't be read."""
    return StorageError(N_("{path} can't be read: {reason}"), path=str(path), reason=words(problem))


def words(problem: OSError) -> str:
    """What the system says about it."""
    return problem.strerror or str(problem)

# SPDX-License-Identifier: Apache-2.0
"""A file to which lines of JSON are appended as things happen, and which survives being cut off anywhere.

Each line goes to the system in one write, so a killed process loses at most the line it was writing; a line that
was torn is cut off when the file is opened again, and passed over when it is read.

Limits: one writer. ``sync`` is needed against a power cut.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class Journal:
    """Appends to one file; made if it is not there."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            OSError: it can't be opened.
        """
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _cut_torn_line(self._handle)
        except OSError:
            os.close(self._handle)
            raise

    def add(self, entry: Any) -> None:
        """Append one line.

        Raises:
            OSError: it could not be written; a part of it may stand there.
        """
        line = memoryview(json.dumps(entry, separators=(",", ":")).encode("ascii") + b"\n")
        while line:
            line = line[os.write(self._handle, line) :]

    def sync(self) -> None:
        """Flush to the disk.

        Raises:
            OSError: the disk refused.
        """
        os.fsync(self._handle)

    def close(self) -> None:
        """Close the file; nothing is flushed to the disk."""
        os.close(self._handle)


def read_journal(path: Path) -> tuple[list[Any], int]:
    """All lines, and how many were damaged; nothing where there is no file.

    Raises:
        OSError: it can't be read.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return [], 0
    entries = []
    damaged = 0
    for line in lines:
        if not line:
            continue
        try:
            entries.append(parse(line))
        except ValueError:
            damaged += 1
    return entries, damaged


def parse(text: bytes) -> Any:
    """JSON.

    Raises:
        ValueError: it is none, or nested beyond reason.
    """
    try:
        return json.loads(text)
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem


def _cut_torn_line(handle: int) -> None:
    """Remove what stands behind the last line feed."""
    end = size = os.fstat(handle).st_size
    while end:
        start = max(0, end - 65536)
        place = os.pread(handle, end - start, start).rfind(b"\n")
        if place >= 0:
            end = start + place + 1
            break
        end = start
    if end != size:
        os.ftruncate(handle, end)

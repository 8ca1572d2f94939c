# SPDX-License-Identifier: Apache-2.0
"""Who holds a TCP port: pid and program, as far as ``/proc`` tells.

The kernel's tables (``/proc/net/tcp`` and ``tcp6``) name the inode of the listening socket, and the process that has
it among its open files is the holder.

Limits: Linux only. Without root only one's own processes are seen; a holder in another container is not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LISTENING: Final = "0A"
_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process; ``program`` is its name as the kernel has it (15 letters at most)."""

    pid: int
    program: str


def holder_of(port: int) -> Holder | None:
    """Some process that listens on this port, on whatever address; None where nobody can tell."""
    inodes = set(_listening_inodes(port))
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    return next((_named(pid) for pid in _pids() if _has_any(pid, wanted)), None)


def _listening_inodes(port: int) -> Iterator[str]:
    ending = f":{port:04X}"
    for table in ("net/tcp", "net/tcp6"):
        with suppress(OSError):
            for line in (_PROC / table).read_text().splitlines()[1:]:
                fields = line.split()
                if len(fields) > 9 and fields[1].endswith(ending) and fields[3] == _LISTENING:
                    yield fields[9]


def _pids() -> Iterator[int]:
    with suppress(OSError):
        yield from (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def _has_any(pid: int, wanted: set[str]) -> bool:
    """True where the process has one of these files open (it may end while we look)."""
    with suppress(OSError), os.scandir(_PROC / str(pid) / "fd") as entries:
        for entry in entries:
            with suppress(OSError):
                if os.readlink(entry.path) in wanted:
                    return True
    return False


def _named(pid: int) -> Holder:
    with suppress(OSError):
        return Holder(pid, (_PROC / str(pid) / "comm").read_text().strip())
    return Holder(pid, "?")

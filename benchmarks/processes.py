# SPDX-License-Identifier: Apache-2.0
"""What a server takes while it runs: CPU time and memory of its process and of all below it, out of /proc.

CPU time is user and system time. That of children which have ended is in their parent's account once they are buried,
so a Postfix whose processes come and go loses none. Memory is PSS: what several processes share is split among them.

Limits: what a process that has left its parent (a daemon) takes is not found.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_TICK = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """Seconds of CPU that a process and all below it have taken so far."""
    return sum(_times(one) for one in family(pid))


def pss(pid: int) -> int:
    """Octets of memory of a process and all below it."""
    total = 0
    for one in family(pid):
        with suppress(OSError):
            for line in (_PROC / str(one) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def family(pid: int) -> list[int]:
    """A process and all below it."""
    below = defaultdict(list)
    for child, parent in _parents():
        below[parent].append(child)
    found = [pid]
    for one in found:
        found += below[one]
    return found


def named(pids: list[int], name: str) -> int | None:
    """The first of some processes with this name."""
    for pid in pids:
        with suppress(OSError):
            if (_PROC / str(pid) / "comm").read_text().strip() == name:
                return pid
    return None


def _parents() -> Iterator[tuple[int, int]]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (fields := _fields(int(entry.name))):
            yield int(entry.name), int(fields[1])


def _times(pid: int) -> float:
    """proc(5): utime, stime, cutime and cstime are fields 14 to 17."""
    return sum(map(int, _fields(pid)[11:15])) / _TICK


def _fields(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third on; none where the process has ended."""
    with suppress(OSError):
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return []

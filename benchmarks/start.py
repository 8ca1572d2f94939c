# SPDX-License-Identifier: Apache-2.0
"""How long the command takes to answer at all: `--version` and `--help` against a Python that does nothing.

Limits: the files are in the page cache and compiled, as on the second call of a day; a first call costs the disk.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.errors import BenchError
from benchmarks.figures import Part, Spread, Table, Target, spread
from benchmarks.ground import clean_environment
from benchmarks.measure import run
from benchmarks.relay import fumidai

NOTHING, VERSION, HELP = "python3 -c pass", "fumidai --version", "fumidai --help"
#: Runs of each for one repetition that was asked for: they take hundredths of a second.
MANY = 6


def measure(times: int) -> dict[str, Spread]:
    """Seconds of each command, taken in turns; the first turn is not counted."""
    commands = {
        NOTHING: (sys.executable, "-c", "pass"),
        VERSION: (*fumidai(), "--version"),
        HELP: (*fumidai(), "--help"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory(prefix="fumidai-bench-") as home:
        for turn in range(1 + times * MANY):
            for name, command in commands.items():
                sample = run(command, clean_environment(Path(home)), home, 20)
                if sample.code:
                    raise BenchError(f"{name}: exit {sample.code}: {sample.stderr[-500:]}")
                if turn:
                    seconds[name].append(sample.seconds)
    return {name: spread(values) for name, values in seconds.items()}


def part(seconds: dict[str, Spread]) -> Part:
    """The table and targets."""
    nothing = seconds[NOTHING]
    rows = [(name, one.show(1, 1000), one.over(nothing).show(1)) for name, one in seconds.items()]
    peer = f"{NOTHING} {nothing.show(1, 1000)} ms"
    return Part(
        (Table("Start-up", ("command", "ms", f"times {NOTHING}"), tuple(rows)),),
        (
            Target(VERSION, 3, seconds[VERSION].over(nothing).middle, "times", peer),
            Target(HELP, 12, seconds[HELP].over(nothing).middle, "times", peer),
        ),
    )

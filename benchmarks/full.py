# SPDX-License-Identifier: Apache-2.0
"""The battery `full` on a default Postfix 100 ms away: seconds, and whether an error sleep lay on the path.

Postfix holds each reply back for a second once a session has made ten errors (smtpd_soft_error_limit), and hangs up at
twenty. Replies held back for more than 0.9 s are counted on the way by the proxy, not by us; that the count works is
shown by nmap's runs on the same server, which meet some.

Limits: `full` has no peer to be compared with: nothing else asks as many tests. nmap's 16 stand beside it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchmarks.errors import BenchError
from benchmarks.figures import Part, Table, Target
from benchmarks.ground import Ground
from benchmarks.relay import DEFAULT, DISTANCES, FEW, FULL, LONGEST, Runs, Tell, check, command, warm_up
from benchmarks.wire import Cost, cost, read_conversations


def measure(ground: Ground, times: int, tell: Tell) -> tuple[Runs, int]:
    """The runs, and how many tests were asked in each; the server must be as Debian ships it."""
    rtt = DISTANCES[-1]
    samples, costs, tests = [], list[Cost](), 0
    warm_up(ground)
    with ground.way(DEFAULT.port, rtt) as way:
        for turn in range(min(FEW, times)):
            sample = ground.measure(command(FULL, ground), LONGEST)
            tests = asked(ground)
            check(FULL, sample, ground)
            samples.append(sample)
            costs.append(cost(read_conversations(way.ask("take", 30)), rtt))
            tell(f"{DEFAULT.name}, full, {turn + 1}: {sample.seconds:.2f} s, {costs[-1].late} replies held back")
    return Runs(DEFAULT, rtt, FULL, tuple(samples), tuple(costs)), tests


def asked(ground: Ground) -> int:
    """How many tests the last run asked, controls not counted, in clear and inside TLS.

    Raises:
        BenchError: it left no report.
    """
    try:
        told: dict[str, Any] = json.loads((ground.home / "report.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BenchError("full: no report") from None
    return sum(
        row["outcome"] not in ("untested", "not-applicable") for entry in told["targets"] for row in entry["tests"]
    )


def part(runs: Runs, tests: int) -> Part:
    """Its table and targets."""
    row = (
        str(tests), runs.seconds.show(2), f"{runs.seconds.middle / tests * 1000:.0f}", runs.connections.show(0),
        runs.round_trips.show(0), runs.path.show(0), runs.late.show(0), f"{slowest(runs.costs):.2f}",
        runs.cpu.show(0, 1000),
    )  # fmt: skip
    heads = (
        "tests", "seconds", "ms a test", "connections", "round trips", "in a row", "held back", "slowest reply, s",
        "CPU ms",
    )  # fmt: skip
    table = Table("The battery full, default Postfix, 100 ms", heads, (row,))
    return Part(
        (table,),
        (
            Target("full, default Postfix, 100 ms", 6, runs.seconds.middle, "s"),
            Target("error sleeps on its path", 0, max(runs.late.values), "replies"),
        ),
    )


def slowest(costs: Sequence[Cost]) -> float:
    """The longest time that the server took for a reply, in seconds, the way not counted."""
    return max(one.slowest for one in costs)

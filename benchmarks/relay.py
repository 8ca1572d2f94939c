# SPDX-License-Identifier: Apache-2.0
"""The 16 relay tests of nmap's smtp-open-relay, asked by nmap and by us, on three servers at two round trip times.

On each server and at each distance the programs take turns (A B C, A B C …) over the same way. What is measured is the
whole program, from its start to its end, as a user types it: ours asks its controls besides the 16, and writes a run
folder. "with proof" is ours with a proof domain and a sink, ready to hand messages over; these servers take none.

Limits: nmap asks one command at a time on one connection, that is its design; how many of the 16 it really asked it
does not tell. The server's own time is in every figure.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchError
from benchmarks.figures import Part, Spread, Table, Target, spread
from benchmarks.ground import PROOF_DOMAIN, SINK_PORT, WAY, Ground
from benchmarks.measure import Sample
from benchmarks.wire import Cost, cost, read_conversations

Tell = Callable[[str], None]

ASKING, PROVING, NMAP, FULL = "fumidai", "fumidai, with proof", "nmap", "fumidai, full"
#: Seconds that one run of any program may take.
LONGEST = 90.0
DISTANCES = (0.0, 0.1)
#: A server that throttles costs nmap some 20 s a run: fewer repetitions there.
FEW = 3


@dataclass(frozen=True, slots=True)
class Setting:
    """One server, as it is named in the tables, and the port behind which it stands."""

    name: str
    port: int
    throttles: bool = False


DEFAULT = Setting("Postfix, Debian's default", 25, throttles=True)
LIFTED = Setting("Postfix, limits lifted", 25)
# It offers no PIPELINING when it is told to refuse something: one command at a time, for us too.
SINK = Setting("smtp-sink, no PIPELINING", SINK_PORT)


@dataclass(frozen=True, slots=True)
class Runs:
    """All runs of one program on one server at one distance, in order."""

    setting: Setting
    rtt: float
    program: str
    samples: tuple[Sample, ...]
    costs: tuple[Cost, ...]

    def spread(self, value: Callable[[Sample, Cost], float]) -> Spread:
        """One quantity over the runs."""
        return spread([value(sample, one) for sample, one in zip(self.samples, self.costs, strict=True)])

    @property
    def seconds(self) -> Spread:
        """Wall time."""
        return self.spread(lambda sample, _: sample.seconds)

    @property
    def cpu(self) -> Spread:
        """Seconds of CPU."""
        return self.spread(lambda sample, _: sample.cpu)

    @property
    def round_trips(self) -> Spread:
        """Over all connections."""
        return self.spread(lambda _, one: one.round_trips)

    @property
    def path(self) -> Spread:
        """One after the other."""
        return self.spread(lambda _, one: one.path)

    @property
    def late(self) -> Spread:
        """Replies that the server held back."""
        return self.spread(lambda _, one: one.late)

    @property
    def connections(self) -> Spread:
        """Connections to the server, all of them."""
        return self.spread(lambda _, one: one.connections)


def fumidai() -> tuple[str, ...]:
    """How a user starts us: the program that stands beside the Python that runs this."""
    script = Path(sys.executable).parent / "fumidai"
    return (str(script),) if script.is_file() else (sys.executable, "-m", "fumidai")


def command(program: str, ground: Ground) -> tuple[str, ...]:
    """The command line of a program."""
    if program == NMAP:
        # What the script prints by default says whether it ran; -Pn and -n leave out what is not the question.
        return (nmap(), "--script", "smtp-open-relay", "-Pn", "-n", "-p", "25", WAY.v4)
    battery = "full" if program == FULL else "nmap"
    proof = ("--proof-domain", PROOF_DOMAIN, "--sink", ":25") if program == PROVING else ()
    return (*fumidai(), "test", WAY.v4, "--domain", ground.server.domain, "--battery", battery, "--yes", *proof,
            "-o", "report.json")  # fmt: skip


def nmap() -> str:
    """Where nmap is.

    Raises:
        BenchError: it is not here.
    """
    if not (path := shutil.which("nmap")):
        raise BenchError("nmap is not here: apt-get install nmap")
    return path


def take_turns(
    ground: Ground, setting: Setting, rtt: float, programs: Sequence[str], times: int, tell: Tell
) -> list[Runs]:
    """Let the programs take turns, after one run each of ours and of Python's caches that is not counted."""
    samples: dict[str, list[Sample]] = {program: [] for program in programs}
    costs: dict[str, list[Cost]] = {program: [] for program in programs}
    with ground.way(setting.port, rtt) as way:
        for turn in range(times):
            for program in programs:
                sample = ground.measure(command(program, ground), LONGEST)
                check(program, sample, ground)
                conversations = read_conversations(way.ask("take", 30))
                samples[program].append(sample)
                costs[program].append(cost(conversations, rtt))
                tell(f"{setting.name}, {rtt * 1000:.0f} ms, {program}, {turn + 1} of {times}: {sample.seconds:.2f} s")
    return [Runs(setting, rtt, program, tuple(samples[program]), tuple(costs[program])) for program in programs]


def check(program: str, sample: Sample, ground: Ground) -> None:
    """Make sure that a run did what it is measured for.

    Raises:
        BenchError: it did not.
    """
    if program == NMAP:
        if "smtp-open-relay:" not in sample.stdout:
            raise BenchError(f"nmap did not run its script: {sample.stdout[-500:]}{sample.stderr[-500:]}")
        return
    report = ground.home / "report.json"
    if not report.is_file():
        raise BenchError(f"{program}: exit {sample.code}: {sample.stdout[-500:]}{sample.stderr[-1000:]}")
    told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    report.unlink()
    rows = [row for entry in told["targets"] for row in entry["tests"]]
    if unasked := [row["id"] for row in rows if row["outcome"] == "untested"]:
        raise BenchError(f"{program}: untested: {', '.join(unasked)}")
    if program != FULL and len(rows) != 16:
        raise BenchError(f"{program}: {len(rows)} tests instead of 16")


def measure(ground: Ground, times: int, tell: Tell) -> list[Runs]:
    """All of it; the server's limits are lifted on the way, and stay so."""
    programs = (ASKING, PROVING, NMAP)
    runs: list[Runs] = []
    ground.start_smtp_sink()
    warm_up(ground)
    for setting in (DEFAULT, LIFTED, SINK):
        if setting is LIFTED:
            ground.lift_limits()
        for rtt in DISTANCES:
            turns = min(FEW, times) if setting.throttles else times
            runs += take_turns(ground, setting, rtt, programs, turns, tell)
    return runs


def warm_up(ground: Ground) -> None:
    """Run us once, uncounted: Python writes its caches, Postfix starts its first processes."""
    with ground.way(25, 0.0) as way:
        check(ASKING, ground.measure(command(ASKING, ground), LONGEST), ground)
        way.ask("take", 30)


def part(runs: Sequence[Runs]) -> Part:
    """The tables and targets of these runs."""
    return Part((figures_table(runs), ratio_table(runs)), tuple(targets(runs)))


def figures_table(runs: Iterable[Runs]) -> Table:
    """The figures of each program."""
    rows = [
        (
            one.setting.name,
            f"{one.rtt * 1000:.0f}",
            one.program,
            one.seconds.show(2),
            one.round_trips.show(0),
            one.path.show(0) if one.rtt else "-",
            one.connections.show(0),
            one.late.show(0),
            one.cpu.show(0, 1000),
        )
        for one in runs
    ]  # fmt: skip
    return Table(
        "The 16 tests of nmap, one server",
        ("server", "ms", "program", "seconds", "round trips", "in a row", "connections", "held back", "CPU ms"),
        tuple(rows),
        (
            "ms: round trip time. In a row: round trips that had to wait for each other; the rest ran side by side.",
            "Held back: replies that the server delayed by more than 0.9 s. Median (lowest-highest).",
        ),
    )


def ratio_table(runs: Sequence[Runs]) -> Table:
    """nmap over each of our programs, on the same server at the same distance."""
    rows: list[tuple[str, ...]] = []
    for peer in (one for one in runs if one.program == NMAP):
        rows.extend(
            (
                one.setting.name,
                f"{one.rtt * 1000:.0f}",
                one.program,
                peer.seconds.over(one.seconds).show(1),
                peer.path.over(one.path).show(1) if one.rtt else "-",
                peer.cpu.over(one.cpu).show(2),
            )
            for one in runs
            if one.program != NMAP and (one.setting, one.rtt) == (peer.setting, peer.rtt)
        )
    return Table(
        "nmap over fumidai (above 1: nmap needs more)",
        ("server", "ms", "program", "time", "round trips in a row", "CPU"),
        tuple(rows),
    )


def targets(runs: Sequence[Runs]) -> Iterable[Target]:
    """What is to be reached at 100 ms (docs/design.md, "How fast")."""
    found = {(one.setting, one.program): one for one in runs if one.rtt == DISTANCES[-1]}
    default, nmap_default = found[DEFAULT, ASKING], found[DEFAULT, NMAP]
    yield Target(
        "16 tests, default Postfix, 100 ms", 1.2, default.seconds.middle, "s", f"nmap {nmap_default.seconds.show(1)} s"
    )
    lifted, nmap_lifted = found[LIFTED, ASKING], found[LIFTED, NMAP]
    yield Target(
        "16 tests, nothing throttles", 8, lifted.path.middle, "round trips in a row", f"nmap {nmap_lifted.path.show(0)}"
    )

# SPDX-License-Identifier: Apache-2.0
"""What was measured of the guard and its peers, as tables and targets.

Limits: the figures are taken in ``guard``; nothing here measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.figures import Part, Spread, Table, Target, spread

GUARD_TLS: Final = "fumidai guard, in TLS"
PAIR: Final = "fumidai guard, 2 workers"
GUARD, PLAIN, SINK = "fumidai guard", "fumidai guard, no uvloop", "smtp-sink alone"
HARAKA, POSTFIX = "Haraka smtp_forward", "Postfix proxy filter"
SESSIONS = 20
IDLE = (1000, 5000)


@dataclass(frozen=True, slots=True)
class Way:
    """How messages are sent: octets of each, and whether the connection is kept for the next."""

    size: int
    kept: bool

    @property
    def name(self) -> str:
        """As the tables have it."""
        return f"{self.size // 1024} KiB, {'kept' if self.kept else 'one a connection'}"


WAYS = (Way(1024, True), Way(1024, False), Way(10240, True), Way(10240, False))


@dataclass(frozen=True, slots=True)
class Load:
    """One run: CPU seconds of the server a message, and messages a second."""

    cpu: float
    rate: float


@dataclass(frozen=True, slots=True)
class Taken:
    """All that was measured.

    Attributes:
        loads: runs of each server on each way, in order.
        idle: server -> octets of a waiting connection, at each number of ``IDLE``.
        latency: server -> median seconds of a message on one kept session.
    """

    loads: Mapping[tuple[str, Way], list[Load]]
    idle: Mapping[str, list[float]]
    latency: Mapping[str, float]

    def cpu(self, name: str, way: Way) -> Spread:
        """CPU seconds a message."""
        return spread([one.cpu for one in self.loads[name, way]])

    def rate(self, name: str, way: Way) -> Spread:
        """Messages a second."""
        return spread([one.rate for one in self.loads[name, way]])


def part(taken: Taken) -> Part:
    """The tables and targets."""
    return Part((cost_table(taken), rate_table(taken), waiting_table(taken)), targets(taken))


def cost_table(taken: Taken) -> Table:
    """CPU a message."""
    names = list(dict.fromkeys(name for name, _ in taken.loads))
    rows = [(name, *(taken.cpu(name, way).show(0, 1e6) for way in WAYS)) for name in names]
    over = [
        (f"{peer} over guard", *(taken.cpu(peer, way).over(taken.cpu(GUARD, way)).show(1) for way in WAYS))
        for peer in (HARAKA, POSTFIX)
    ]
    notes = ("User and system time of the server's processes. Median (lowest-highest).",)
    return Table("Guard: CPU µs a message", ("server", *(way.name for way in WAYS)), (*rows, *over), notes)


def rate_table(taken: Taken) -> Table:
    """Messages a second."""
    names = list(dict.fromkeys(name for name, _ in taken.loads))
    rows = [(name, *(taken.rate(name, way).show(0) for way in WAYS)) for name in names]
    over = [
        (f"guard over {peer}", *(taken.rate(GUARD, way).over(taken.rate(peer, way)).show(1) for way in WAYS))
        for peer in (SINK, HARAKA, POSTFIX)
    ]
    notes = (f"{SESSIONS} sessions; client, smtp-sink and server on the same cores.",)
    return Table("Guard: messages a second", ("server", *(way.name for way in WAYS)), (*rows, *over), notes)


def waiting_table(taken: Taken) -> Table:
    """Connections that wait, and how long one message takes."""
    rows = []
    for name in dict.fromkeys((*taken.latency, *taken.idle)):
        sizes = [f"{size:.0f}" for size in taken.idle[name]] if name in taken.idle else ["-" for _ in IDLE]
        seconds = taken.latency.get(name)
        added = seconds - taken.latency[SINK] if seconds is not None and name != SINK else None
        rows.append((name, *sizes, *("-" if time is None else f"{time * 1000:.2f}" for time in (seconds, added))))
    heads = ("server", *(f"octets a connection, {count} idle" for count in IDLE), "p50 of a message, ms", "added, ms")
    notes = ("PSS after greeting and EHLO. p50: one kept session, 1 KiB.",)
    return Table("Guard: idle connections and time of one message", heads, tuple(rows), notes)


def targets(taken: Taken) -> tuple[Target, ...]:
    """What DESIGN and the issue ask for."""
    kept, single = WAYS[0], WAYS[1]
    found = []
    for way, cost, rate in ((kept, 150, 5000), (single, 300, 2000)):
        mine, speed = taken.cpu(GUARD, way), taken.rate(GUARD, way)
        haraka, postfix = taken.rate(HARAKA, way), taken.cpu(POSTFIX, way)
        told = f"Postfix proxy filter {postfix.show(0, 1e6)}"
        found += [
            Target(f"guard, {way.name}", cost, mine.middle * 1e6, "µs CPU a message", told),
            Target(f"guard, {way.name}", rate, speed.middle, "messages/s", "", at_least=True),
            Target(
                f"guard, {way.name}", 10, speed.over(haraka).middle, "times Haraka's messages/s",
                f"Haraka {haraka.show(0)}", at_least=True,
            ),
            Target(
                f"guard, {way.name}", 5, postfix.over(mine).middle, "times Postfix proxy's CPU economy", told,
                at_least=True,
            ),
        ]  # fmt: skip
    added = taken.latency[GUARD] - taken.latency[SINK]
    idle = Target("guard, idle connection", 4096, taken.idle[GUARD][-1], "octets", f"{IDLE[-1]} of them")
    return (*found, idle, Target("guard, p50 of one kept session", 2, added * 1000, "ms added"))

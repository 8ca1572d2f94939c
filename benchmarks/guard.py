# SPDX-License-Identifier: Apache-2.0
"""What a message costs that passes the guard, beside Haraka and Postfix that pass it to the same smtp-sink.

smtp-source sends on 20 sessions, small and greater messages, on kept connections and on one for each message. The
servers take turns (A B C, A B C …). CPU is the server's alone, as the kernel counts it; messages a second are what the
machine had left beside client and backend. Then: memory of connections that only wait, and the time that a message
takes longer than without a server between.

Each message goes to another recipient, so that nobody answers out of memory alone.

Limits: smtp-source never pipelines, and one sender sends all.
Client, backend and server share the cores, so messages a second are a floor.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from statistics import median

from benchmarks.arena import OURS, SENDER, Arena, Player, arena
from benchmarks.errors import BenchError
from benchmarks.figures import Part
from benchmarks.guard_tables import GUARD, GUARD_TLS, IDLE, PAIR, PLAIN, SESSIONS, WAYS, Load, Taken, Way, part
from benchmarks.processes import cpu, pss
from benchmarks.relay import Tell

#: Messages of the one session whose time is taken.
TIMED = 500
#: Seconds that a run may take.
LONGEST = 120

Loads = dict[tuple[str, Way], list[Load]]


def take(times: int, tell: Tell) -> tuple[Part, dict[str, str]]:
    """Measure everything; the report, and versions of the peers."""
    with arena() as here:
        here.start_lists()
        sink, ours = here.start_sink(), here.start_guard(GUARD, 2525, 8000)
        plain = here.start_guard(PLAIN, 2528, 4000, {"FUMIDAI_LOOP": "asyncio"})
        pair = here.start_guard(PAIR, 2529, 8000, workers=2)
        haraka, postfix = here.start_haraka(), here.start_postfix()
        players = [sink, ours, pair, plain, haraka, postfix]
        loads = measure(here, players, times, tell)
        waiting = {one.name: idle(here, one) for one in (ours, plain, haraka)}
        waiting[GUARD_TLS] = idle(here, ours, tls=True)
        taken = Taken(loads, waiting, latency(here, players))
        return part(taken), here.versions()


def send(arena: Arena, player: Player, way: Way) -> Load:
    """One run of smtp-source.

    Raises:
        BenchError: a message was refused or lost.
    """
    count = player.messages if way.kept else player.messages // 3
    options = ["-N", "-s", str(SESSIONS), "-m", str(count), "-l", str(way.size), "-f", SENDER, "-t", f"info@{OURS}"]
    words = arena.source(*options, *(["-d"] if way.kept else []), f"inet:127.0.0.1:{player.port}")
    before, begun = cpu(player.pid), time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, timeout=LONGEST, check=False)
    seconds = time.monotonic() - begun
    # A server that has answered may still have something to write down.
    time.sleep(0.1)
    took = cpu(player.pid) - before
    if done.returncode or done.stderr:
        raise BenchError(f"{player.name}, {way.name}: smtp-source: {done.stderr.strip()[-300:]}")
    return Load(took / count, count / seconds)


def measure(arena: Arena, players: Sequence[Player], times: int, tell: Tell) -> Loads:
    """All runs; the first on each server is not counted."""
    loads: Loads = {(player.name, way): [] for player in players for way in WAYS}
    for player in players:
        send(arena, player, WAYS[0])
    for turn in range(times):
        for way in WAYS:
            for player in players:
                one = send(arena, player, way)
                loads[player.name, way].append(one)
                tell(f"{turn + 1}: {way.name}, {player.name}: {one.cpu * 1e6:.0f} us, {one.rate:.0f}/s")
    return loads


def idle(arena: Arena, player: Player, *, tls: bool = False) -> list[float]:
    """Octets a connection, at each number of them."""
    with arena.caller() as caller:
        base, opened, sizes = pss(player.pid), 0, list[float]()
        for count in IDLE:
            request = {"do": "open", "port": player.port, "count": count - opened, "tls": tls}
            opened = caller.ask(request, 120)
            time.sleep(0.5)
            sizes.append((pss(player.pid) - base) / opened)
        caller.ask({"do": "close"}, 60)
    return sizes


def latency(arena: Arena, players: Sequence[Player]) -> dict[str, float]:
    """Median seconds of a message on one kept session on each server."""
    with arena.caller() as caller:
        request = {"do": "time", "ports": [player.port for player in players], "messages": TIMED}
        taken = caller.ask(request, 120)
    return {player.name: median(times) for player, times in zip(players, taken, strict=True)}

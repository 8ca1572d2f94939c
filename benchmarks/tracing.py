# SPDX-License-Identifier: Apache-2.0
"""How many messages a second are traced on one core, beside `mail-parser`; and the whole command on a mailbox.

Each way of reading is a process of its own (`benchmarks.reading`) that gets the same messages and tells the CPU time it
took; ways are taken in turns, so that a busy machine bends them alike. The whole command is `fumidai trace` on a
mailbox of some hundred megabytes, once on one core and once on all.

`mail-parser` comes into an environment of its own, from `requirements/peers.txt`.

Limits: messages are made to the counts of two corpora of real mail (`letters`), so the figures are of such mail.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.errors import BenchError
from benchmarks.figures import Part, Spread, Table, Target, spread
from benchmarks.ground import clean_environment
from benchmarks.letters import NEW, OLD, Kind
from benchmarks.measure import run
from benchmarks.relay import fumidai
from tools import environment

ROOT = Path(__file__).resolve().parent.parent
PARSE, VERDICT, PEER = "fumidai, parse alone", "fumidai, verdict", "mail-parser, .received"
KINDS = (OLD, NEW)
COUNT = 4000
#: The peer gets fewer: it is slower, and its time is per message too.
PEER_COUNT = 2000
#: Octets of the mailbox for the whole command.
BOX = 300 * 1024 * 1024

Tell = Callable[[str], None]


def take(times: int, tell: Tell) -> tuple[Part, dict[str, str]]:
    """Measure everything; the tables, and the programs with their versions."""
    with tempfile.TemporaryDirectory(prefix="fumidai-bench-") as name:
        folder = Path(name)
        peer = install_peer(folder / "peer")
        rates = {kind: _rates(kind, folder, peer, times, tell) for kind in KINDS}
        whole = _whole(folder, tell)
        version = _output([str(peer), "-c", "from importlib.metadata import version; print(version('mail-parser'))"])
    return part(rates, whole), {"mail-parser": version.strip()}


def install_peer(place: Path) -> Path:
    """A Python that has mail-parser.

    Raises:
        BenchError: it could not be fetched.
    """
    uv, env = environment.find_uv(), environment.uv_environment()
    python = place / "bin" / "python"
    locked = ROOT / "requirements" / "peers.txt"
    for command in (
        [uv, "venv", "--quiet", str(place)],
        [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(locked)],
    ):
        done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"{' '.join(command[:3])}: {done.stderr[-500:]}")
    return python


def _rates(kind: Kind, folder: Path, peer: Path, times: int, tell: Tell) -> dict[str, Spread]:
    """Messages for each second of CPU."""
    corpus = folder / f"{kind.figures}.json"
    _output([sys.executable, "-m", "benchmarks.letters", "json", kind.name, str(COUNT), str(corpus)])
    ways = {PARSE: (sys.executable, COUNT), VERDICT: (sys.executable, COUNT), PEER: (str(peer), PEER_COUNT)}
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(times):
        for way, (python, count) in ways.items():
            told = json.loads(_output([python, "-m", "benchmarks.reading", way, str(corpus), str(count)]))
            rates[way].append(told["messages"] / told["cpu"])
        tell(
            f"{kind.name}, {turn + 1} of {times}: {', '.join(f'{way} {one[-1]:,.0f}/s' for way, one in rates.items())}"
        )
    return {way: spread(values) for way, values in rates.items()}


def _output(command: list[str]) -> str:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise BenchError(f"{' '.join(command[:4])}: {done.stderr[-1000:]}")
    return done.stdout


def _whole(folder: Path, tell: Tell) -> list[tuple[str, ...]]:
    """The command on a mailbox: rows of the table."""
    box = folder / "spam.mbox"
    count = int(_output([sys.executable, "-m", "benchmarks.letters", "mbox", NEW.name, str(BOX), str(box)]))
    rows: list[tuple[str, ...]] = []
    for jobs in (1, len(os.sched_getaffinity(0))):
        command = (*fumidai(), "trace", str(box), "--jobs", str(jobs), "--format", "csv")
        sample = run(command, clean_environment(folder), str(folder), 900)
        if sample.code or sample.stdout.count("\n") != count + 1:
            raise BenchError(f"fumidai trace: exit {sample.code}: {sample.stderr[-500:]}")
        tell(f"whole command, {jobs} jobs: {count / sample.seconds:,.0f} messages a second")
        rows.append(
            (
                str(jobs),
                f"{count:,}",
                f"{box.stat().st_size / 1e6:.0f}",
                f"{sample.seconds:.1f}",
                f"{count / sample.seconds:,.0f}",
                f"{count / sample.cpu:,.0f}" if jobs == 1 else "-",
                f"{sample.peak / 1024:.0f}",
            )
        )
    return rows


def part(rates: dict[Kind, dict[str, Spread]], whole: list[tuple[str, ...]]) -> Part:
    """The tables and targets."""
    rows, targets = [], []
    least = {OLD: (15_000, 8_000), NEW: (8_000, 5_000)}
    for kind, ways in rates.items():
        peer = ways[PEER]
        rows += [(kind.name, way, one.show(0), one.over(peer).show(1)) for way, one in ways.items()]
        for way, limit in zip((PARSE, VERDICT), least[kind], strict=True):
            peer_text = f"mail-parser {peer.show(0)}"
            targets.append(
                Target(f"{way}, {kind.name}", limit, ways[way].middle, "messages/s", peer_text, at_least=True)
            )
        ratio = ways[VERDICT].over(peer).middle
        targets.append(Target(f"verdict over mail-parser, {kind.name}", 7, ratio, "times", at_least=True))
    rate_heads = ("messages", "way", "messages/s", "times mail-parser")
    heads = ("jobs", "messages", "MB", "seconds", "messages/s", "messages/s of CPU", "greatest process, MB")
    return Part(
        (
            Table("Messages traced for each second of CPU", rate_heads, tuple(rows)),
            Table(f"`fumidai trace` on a mailbox, {NEW.name}", heads, tuple(whole)),
        ),
        tuple(targets),
    )

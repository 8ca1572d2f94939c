# SPDX-License-Identifier: Apache-2.0
"""The benchmarks' command: `python3 dev.py bench [relay] [full] [start] [guard] [trace] [--repeat N] [--write]`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import full, guard, machine, relay, start, table, tracing
from benchmarks.errors import BenchError
from benchmarks.figures import Part
from benchmarks.ground import ground

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
NAMES = ("relay", "full", "start", "guard", "trace")
EX_USAGE, EX_UNAVAILABLE = 64, 69


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(prog="bench", description="How fast Fumidai is, beside its peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"out of {', '.join(NAMES)} (default: all)")
    parser.add_argument(
        "--repeat", type=int, default=5, metavar="N", help="repetitions (default 5; 3 where nmap is slow)"
    )
    parser.add_argument("--write", action="store_true", help="write the figures into docs/benchmarks.md")
    return parser


@dataclass(frozen=True, slots=True)
class Report:
    """What stands between one pair of marks: whose figures, and lines about the machine."""

    names: str
    parts: list[Part]
    about: list[str]


def take(names: Sequence[str], times: int) -> list[Report]:
    """Take the named benchmarks."""
    reports = []
    if set(names) & {"relay", "full", "start"}:
        reports.append(take_relay(names, times))
    if "guard" in names:
        before = os.getloadavg()[0]
        part, programs = guard.take(times, tell)
        reports.append(Report("guard", [part], [*machine.describe(programs), machine.when(before)]))
    if "trace" in names:
        before = os.getloadavg()[0]
        part, programs = tracing.take(times, tell)
        reports.append(Report("trace", [part], [*machine.describe(programs), machine.when(before)]))
    return reports


def take_relay(names: Sequence[str], times: int) -> Report:
    """Those about the tester, which have one place in the page."""
    before = os.getloadavg()[0]
    parts, programs = [], dict[str, str]()
    if "relay" in names or "full" in names:
        nmap = relay.nmap()
        with ground() as here:
            programs = {
                "Postfix": here.in_room("postconf", "-h", "mail_version").strip(),
                "nmap": machine.nmap_version(nmap),
            }
            # Full comes first: relay lifts the server's limits.
            whole = [full.part(*full.measure(here, times, tell))] if "full" in names else []
            parts += [relay.part(relay.measure(here, times, tell))] if "relay" in names else []
            parts += whole
    if "start" in names:
        parts.append(start.part(start.measure(times)))
    return Report("", parts, [*machine.describe(programs), machine.when(before)])


def tell(line: str) -> None:
    """Progress, for whoever waits."""
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry: measure, print, write; 0 also where a target is missed, which the table says."""
    parser = build_parser()
    try:
        options = parser.parse_args(arguments)
    except SystemExit as end:
        return EX_USAGE if end.code else 0
    names = options.names or NAMES
    if unknown := set(names) - set(NAMES) or options.repeat < 1:
        print(f"bench: no such benchmark, or no repetition: {unknown}", file=sys.stderr)
        return EX_USAGE
    if sys.platform != "linux":
        print("bench: needs Linux", file=sys.stderr)
        return EX_UNAVAILABLE
    try:
        reports = take(names, options.repeat)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return EX_UNAVAILABLE
    except KeyboardInterrupt:
        return 130
    for report in reports:
        print(table.text(report.parts, report.about))
        if options.write:
            figures = table.markdown(report.parts, report.about)
            page = table.replace_figures(PAGE.read_text("utf-8"), figures, report.names)
            PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""The suites of `dev.py test`: what each one runs, in which order, and the closing count.

Each suite is one line of SUITES: its name and its commands, as one would type them with `.venv/bin` on PATH. They run
in that order and all of them run, whatever fails before, so that one run tells everything. The last line printed is
`N passed, N failed, N skipped`: the sum of the pytest runs, with a failed suite that is not pytest counted as one
failure, and a suite that cannot run here as one skipped (under CI=true as one failure: a green CI has run everything).

Limits: Linux, root and a Debian-like system for the lab; elsewhere it says so and the rest still runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree  # our own pytest wrote the file

from tools import environment

CHECKED = [name for name in ("src", "tests", "tools", "lab", "benchmarks", "fuzz", "dev.py") if Path(name).exists()]
# Rooms where a branch that no test takes could be a hole in somebody's mail server.
FULLY_COVERED = "src/fumidai/smtp/*,src/fumidai/policy/*"
# What is needed besides Python: the program that is looked for, and the Debian package that brings it. The mail servers
# themselves are the lab's own business: it installs them into rooms of its own, not on this machine.
PROGRAMS = {
    "lab": {"ip": "iproute2", "unshare": "util-linux", "nsenter": "util-linux", "mount": "mount"},
    "bench": {"nmap": "nmap"},
    "unit": {"tcpdmatch": "tcpd", "rbldnsd": "rbldnsd"},
}

Commands = list[list[str]]


@dataclass(frozen=True, slots=True)
class Count:
    """Tests that passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def unit_commands(selection: str = "not lab") -> Commands:
    """The unit tests with branch coverage, then the floor for the rooms that must be covered whole."""
    return [
        ["pytest", "-q", "-n", "2", "-m", selection, "--cov", "--cov-report=", "tests"],
        ["coverage", "report", "--skip-covered"],
        ["coverage", "report", "--fail-under=100", "--precision=2", f"--include={FULLY_COVERED}"],
    ]


SUITES: dict[str, Callable[[], Commands]] = {
    "lint": lambda: [["ruff", "check", "--quiet", "."], ["ruff", "format", "--check", "--quiet", "."]],
    "types": lambda: [["mypy", *CHECKED]],
    "contracts": lambda: [["lint-imports", "--no-logo"]],
    "unit": unit_commands,
    "lab": lambda: [["pytest", "-q", "-m", "lab", "tests/lab"]],
}


def run(command: str, args: list[str]) -> int:
    """Run `test`, `check` or one suite; return 0 if nothing failed."""
    if command == "unit" and args:
        return subprocess.call([str(environment.program("pytest")), *args])
    suites = dict(SUITES)
    if command == "check":
        suites["unit"] = lambda: unit_commands("not lab and not slow")
        del suites["lab"]
    elif command != "test":
        suites = {command: SUITES[command]}
    return run_all(suites)


def run_all(suites: dict[str, Callable[[], Commands]]) -> int:
    """Run the suites in order, say how each ended and how long it took, and close with the count."""
    total, ends = Count(), []
    for name, commands in suites.items():
        begun = time.monotonic()
        why = cannot_run(name)
        if why:
            strict = os.environ.get("CI") == "true"
            count, end = Count(failed=strict, skipped=not strict), f"skipped: {why}"
        else:
            count, ok = run_suite(name, commands())
            end = "ok" if ok else "FAILED"
        ends.append(f"{name:10} {end}, {time.monotonic() - begun:.1f} s")
        print(ends[-1], flush=True)
        total += count
    if len(suites) > 1:
        print("", *ends, total, sep="\n", flush=True)
    return 1 if total.failed else 0


def run_suite(name: str, commands: Commands) -> tuple[Count, bool]:
    """Run the commands of one suite, each shown as it is; count pytest's tests, and every other failure as one."""
    total, failed = Count(), 0
    with tempfile.TemporaryDirectory(prefix="fumidai-suite-") as folder:
        for command in commands:
            print(f"\n{name}: {' '.join(command)}", flush=True)
            code, count = run_command(command, Path(folder))
            total += count
            failed += bool(code) and not count.failed
    total += Count(failed=failed)
    return total, not total.failed


def run_command(command: list[str], folder: Path) -> tuple[int, Count]:
    """Run one command of the venv; a pytest run is counted from the report that it writes into `folder`."""
    program, *args = command
    path = str(environment.program(program))
    env = {**os.environ, "COVERAGE_FILE": str(folder / "coverage"), "PYTHONDONTWRITEBYTECODE": "1"}
    if program == "coverage":
        args += [f"--data-file={folder / 'coverage'}"]
    if program != "pytest":
        return subprocess.call([path, *args], env=env), Count()
    report = folder / "junit.xml"
    code = subprocess.call([path, *args, f"--junitxml={report}"], env=env)
    return code, count_report(report)


def count_report(report: Path) -> Count:
    """The sum of a JUnit file as pytest writes it; nothing if the run ended before writing one."""
    if not report.exists():
        return Count()
    total = Count()
    for suite in ElementTree.parse(report).iter("testsuite"):
        tests, errors, failures, skipped = (int(suite.get(k, "0")) for k in ("tests", "errors", "failures", "skipped"))
        total += Count(tests - errors - failures - skipped, errors + failures, skipped)
    return total


def cannot_run(suite: str) -> str | None:
    """Why a suite cannot run here, or None. As root on a Debian-like system, what is missing is installed."""
    if suite == "unit":
        install_programs(suite)  # a test whose program can't be had says so itself
    if suite != "lab":
        return None
    if not sys.platform.startswith("linux"):
        return "network namespaces need Linux"
    if os.geteuid() != 0:
        return "needs root (real mail servers in network namespaces)"
    missing = install_programs("lab")
    return f"needs {', '.join(missing)}" if missing else None


def install_programs(suite: str) -> list[str]:
    """Packages that a suite needs and that cannot be had; as root on a Debian-like system they are installed."""
    missing = sorted({package for name, package in PROGRAMS[suite].items() if shutil.which(name) is None})
    may = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get")
    return [] if not missing or (may and environment.apt_install(missing)) else missing

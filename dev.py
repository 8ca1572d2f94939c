#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One door to everything in this checkout: set it up, run it, test it. `python3 dev.py` lists the commands.

Needs a Python from 3.11 up and nothing else; what is missing is fetched into `.venv` and `.tools`
(`tools/environment.py` says how). The Makefile gives the same commands to people who like `make`.

Limits: a command line and a table; the work is in `tools/`.
"""

from __future__ import annotations

import os
import subprocess
import sys

if sys.version_info < (3, 11):
    sys.exit("fumidai needs Python 3.11 or later; this is %d.%d (%s)." % (*sys.version_info[:2], sys.executable))

from tools import environment

COMMANDS = {
    "demo": "tell the story on this machine alone: a relay found open, then closed (under a minute)",
    "test": "everything: lint, types, contracts, unit tests, coverage floors, real mail servers",
    "check": "the same without the slow tests and the real mail servers",
    "run": "run ARGS...: fumidai itself",
    "lint": "ruff, check and format",
    "format": "let ruff mend what it can",
    "types": "mypy, strict",
    "contracts": "import contracts of the house",
    "unit": "unit ARGS...: pytest with coverage floors, or pytest with your ARGS",
    "lab": "lab ARGS...: real mail servers in network namespaces (root)",
    "bench": "bench ARGS...: benchmarks against peers",
    "docs": "write the generated pages of docs/ again",
    "texts": "collect texts, update the Japanese catalogue, compile it",
    "lock": "lock ARGS...: resolve the requirement files again (--upgrade for newer versions)",
    "setup": "only build .venv",
}


def main(args: list[str]) -> int:
    """Run one command and return its exit code."""
    if not args or args[0] not in COMMANDS:
        print(__doc__.splitlines()[0] + "\n")
        for name, what in COMMANDS.items():
            print(f"  {name:10} {what}")
        return 0 if not args or args[0] in ("help", "-h", "--help") else 64
    os.chdir(environment.ROOT)
    try:
        return run(args[0], args[1:])
    except environment.SetupError as problem:
        print(problem, file=sys.stderr)
        return 69
    except KeyboardInterrupt:
        return 130


def run(command: str, args: list[str]) -> int:
    """Set up what the command needs and do it."""
    if command == "lock":
        from tools import locks

        locks.write(args)
        return 0
    environment.ensure("run" if command in ("demo", "run") else "dev")
    if command in ("demo", "run"):
        return become("fumidai", *(["demo"] if command == "demo" else []), *args)
    if command == "bench":
        from tools import suites

        if missing := suites.install_programs("bench"):
            raise environment.SetupError(f"The benchmarks compare with {', '.join(missing)}: install it first.")
    if command in ("lab", "bench", "texts", "docs"):
        module = {"bench": "benchmarks", "texts": "tools.texts", "docs": "tools.pages"}.get(command, command)
        return become("python", "-m", module, *args)
    if command == "format":
        return subprocess.call([environment.program("ruff"), "check", "--fix-only", "--quiet", "."]) or become(
            "ruff", "format", "."
        )
    if command == "setup":
        return 0
    from tools import suites

    return suites.run(command, args)


def become(name: str, *args: str) -> int:
    """Turn into a program of the venv, so that signals and the exit code are its own."""
    path = str(environment.program(name))
    sys.stdout.flush()
    if os.name == "nt":
        return subprocess.call([path, *args])
    os.execv(path, [path, *args])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

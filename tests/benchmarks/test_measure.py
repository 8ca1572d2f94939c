# SPDX-License-Identifier: Apache-2.0
"""A measured program is run as it is, its CPU is its own and its children's, and it ends; a remote one answers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.errors import BenchError
from benchmarks.measure import run
from benchmarks.remote import Remote

BURN = "import time\nwhile time.process_time() < {}: pass\n"


def _python(code: str, cwd: Path, timeout: float = 20):
    return run((sys.executable, "-c", code), {"SEEN": "yes"}, str(cwd), timeout)


def test_output_code_and_environment_are_the_programs_own(tmp_path: Path) -> None:
    sample = _python(
        "import os, sys; print(os.environ['SEEN'], os.getcwd()); print('no', file=sys.stderr); exit(3)", tmp_path
    )
    assert (sample.code, sample.stdout, sample.stderr) == (3, f"yes {tmp_path}\n", "no\n")


def test_cpu_counts_children_and_not_waiting(tmp_path: Path) -> None:
    child = BURN.format(0.3)
    sample = _python(
        f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {child!r}]); time.sleep(0.5)", tmp_path
    )
    assert sample.seconds >= 0.5 + 0.3
    # The child alone burns 0.3 s; half a second of sleep is no work. The rest is two Pythons starting.
    assert 0.3 <= sample.cpu <= sample.seconds - 0.4


def test_a_program_that_does_not_end_is_ended(tmp_path: Path) -> None:
    assert _python("import time; time.sleep(600)", tmp_path, timeout=0.5).code == -9


def test_a_remote_measures_and_ends(tmp_path: Path) -> None:
    with Remote("", "benchmarks.measure") as remote:
        request = {"command": [sys.executable, "-c", "print(7)"], "env": {}, "cwd": str(tmp_path), "timeout": 20}
        assert remote.ask(request, 30)["stdout"] == "7\n"


def test_a_remote_that_ends_or_is_silent_is_an_error() -> None:
    with pytest.raises(BenchError, match="has ended"):
        Remote("", "benchmarks.no_such_module")
    with Remote("", "benchmarks.measure") as remote, pytest.raises(BenchError, match="has ended"):
        remote.ask({"no": "request"}, 30)

# SPDX-License-Identifier: Apache-2.0
"""`--version` answers before anything heavy is loaded: within three times the interpreter's own start."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from fumidai import __version__
from fumidai.__main__ import main

HEAVY = ("typer", "click", "rich", "pydantic", "dns", "asyncio", "ssl", "importlib.metadata")


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([option]) == 0
    assert capsys.readouterr().out == f"fumidai {__version__}\n"


def test_version_loads_nothing_heavy() -> None:
    code = (
        "import sys; from fumidai.__main__ import main; main(['--version']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1] == "[]"


def test_version_costs_at_most_three_interpreter_starts() -> None:
    def best(*args: str) -> float:
        took = []
        for _ in range(7):
            begun = time.perf_counter()
            subprocess.run([sys.executable, *args], check=True, capture_output=True)
            took.append(time.perf_counter() - begun)
        return min(took)

    assert best("-m", "fumidai", "--version") <= 3 * best("-c", "pass")

# SPDX-License-Identifier: Apache-2.0
"""`--version` answers before anything heavy is loaded (how long it takes is measured in `benchmarks`)."""

from __future__ import annotations

import subprocess
import sys

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

# SPDX-License-Identifier: Apache-2.0
"""The unit for systemd: systemd itself finds no fault with it, and calls the service little exposed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fumidai.cli.guard import command

UNIT = Path(__file__).parents[2] / "packaging" / "fumidai-guard.service"
#: What `systemd-analyze security` may say at most: 0 is nothing exposed, 10 everything. A network service that may
#: open port 25 and does not say which networks it knows can't come below 1.6.
EXPOSURE = 2.0

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there: systemd looks for it."""
    text, count = re.subn(r"^ExecStart=\S+", f"ExecStart={sys.executable}", UNIT.read_text(), flags=re.MULTILINE)
    assert count == 1
    file = tmp_path / UNIT.name
    file.write_text(text)
    return file


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_systemd_finds_no_fault(unit: Path) -> None:
    done = analyze("verify", "--man=no", str(unit))
    # It loads the units that ours names, too, and may find fault with those of this machine.
    assert unit.name not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr


def test_a_fault_would_be_found(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("Restart=on-failure", "Restart=on-faliure"))
    assert unit.name in analyze("verify", "--man=no", str(unit)).stderr


def test_little_is_exposed(unit: Path) -> None:
    done = analyze("security", "--offline=true", str(unit))
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze looks at running services only")
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= EXPOSURE


def test_the_command_it_runs_is_one() -> None:
    (line,) = re.findall(r"^ExecStart=(.*)$", UNIT.read_text(), re.MULTILINE)
    program, name, *options = line.split()
    assert program.endswith("/fumidai")
    assert name == command.name
    command.make_context("guard", options)

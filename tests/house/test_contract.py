# SPDX-License-Identifier: Apache-2.0
"""The import contract has teeth: a copy of the house with one wrong import in it must be refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"
PURE = ("report", "judge", "battery", "dialects", "received", "logs", "dnsbl", "evidence", "policy", "smtp", "texts")


def contracts() -> dict[str, dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    return {contract["id"]: contract for contract in settings["contracts"]}


def rooms() -> set[str]:
    return {path.parent.name for path in (ROOT / "src" / "fumidai").glob("*/__init__.py")}


def lint(house: Path) -> subprocess.CompletedProcess[str]:
    """Run the contracts over `house`, a folder that holds a copy of the package and of pyproject.toml."""
    command = [str(LINT_IMPORTS), "--no-cache", "--no-logo"]
    env = {**os.environ, "PYTHONPATH": str(house)}
    return subprocess.run(command, cwd=house, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "src" / "fumidai", tmp_path / "fumidai", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_house_as_it_stands_keeps_its_contracts(house: Path) -> None:
    done = lint(house)
    assert done.returncode == 0, done.stdout


def test_an_import_that_points_up_is_refused(house: Path) -> None:
    (house / "fumidai" / "texts" / "wrong.py").write_text("from fumidai.evidence import outcome\n", encoding="utf-8")
    done = lint(house)
    assert done.returncode == 1
    assert "fumidai.texts is not allowed to import fumidai.evidence" in done.stdout


@pytest.mark.parametrize("module", ["socket", "asyncio", "time", "random", "os.path", "subprocess"])
def test_a_pure_room_that_reaches_outside_is_refused(house: Path, module: str) -> None:
    (house / "fumidai" / "evidence" / "wrong.py").write_text(f"import {module}\n", encoding="utf-8")
    done = lint(house)
    assert done.returncode == 1
    assert f"fumidai.evidence is not allowed to import {module.partition('.')[0]}" in done.stdout


def test_a_room_without_a_line_is_refused(house: Path) -> None:
    (house / "fumidai" / "attic").mkdir()
    (house / "fumidai" / "attic" / "__init__.py").write_text("", encoding="utf-8")
    assert lint(house).returncode != 0


def test_every_pure_room_that_exists_is_held_to_it() -> None:
    held = set(contracts()["pure"]["source_modules"])
    born = {f"fumidai.{room}" for room in rooms() & set(PURE)}
    assert held == born | {"fumidai.errors"}


def test_every_room_that_exists_stands_without_brackets() -> None:
    layers = " | ".join(contracts()["layers"]["layers"])
    unborn = {room.strip("()") for room in layers.split(" | ") if room.startswith("(")}
    assert not unborn & rooms()

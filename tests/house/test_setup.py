# SPDX-License-Identifier: Apache-2.0
"""The set-up takes the machine's own package index, works without a HOME, and counts what it ran."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import environment, interpreters, suites

ROOT = Path(__file__).resolve().parents[2]
# Made of parts: no address of an index stands in this tree.
MIRROR = "https://mirror.example" + "/simple"


def test_pips_index_is_handed_to_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", MIRROR)
    assert environment.uv_environment()["UV_DEFAULT_INDEX"] == MIRROR


def test_what_is_set_for_uv_itself_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", MIRROR)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://other.example")
    assert environment.uv_environment()["UV_DEFAULT_INDEX"] == "https://other.example"


@pytest.mark.parametrize("home", ["", "/nonexistent/home"])
def test_without_a_home_the_cache_lies_in_the_checkout(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    monkeypatch.setenv("HOME", home)
    assert environment.uv_environment()["UV_CACHE_DIR"] == str(ROOT / ".tools" / "cache")


def test_uv_never_downloads_an_interpreter() -> None:
    assert environment.uv_environment()["UV_PYTHON_DOWNLOADS"] == "never"


def test_fingerprint_follows_the_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shutil.copytree(environment.LOCKS, tmp_path / "requirements")
    monkeypatch.setattr(environment, "LOCKS", tmp_path / "requirements")
    before = environment.fingerprint("run")
    with (tmp_path / "requirements" / "run.txt").open("a", encoding="utf-8") as lock:
        lock.write("# changed\n")
    assert environment.fingerprint("run") != before


def test_the_running_interpreter_is_found_and_a_shim_that_fails_is_not(tmp_path: Path) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert interpreters.runs(Path(sys.executable), version)
    assert not interpreters.runs(Path(sys.executable), "3.7")
    shim = tmp_path / "python3.99"
    shim.write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n", encoding="utf-8")
    shim.chmod(0o755)
    assert not interpreters.runs(shim, "3.99")


def test_dev_lists_its_commands_and_refuses_others() -> None:
    def dev(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, ROOT / "dev.py", *args], capture_output=True, text=True, check=False)

    listed = dev()
    assert listed.returncode == 0
    assert "demo" in listed.stdout
    assert dev("demolish").returncode == 64


def test_every_command_is_a_target_of_make() -> None:
    import dev

    line = next(text for text in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if "COMMANDS :=" in text)
    assert set(line.split(":=")[1].split()) == set(dev.COMMANDS)


def test_pytest_runs_are_counted(tmp_path: Path) -> None:
    (tmp_path / "test_three.py").write_text(
        "import pytest\ndef test_a(): pass\ndef test_b(): assert 0\n@pytest.mark.skip\ndef test_c(): pass\n",
        encoding="utf-8",
    )
    command = ["pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", f"--rootdir={tmp_path}", str(tmp_path)]
    code, count = suites.run_command(command, tmp_path)
    assert code == 1
    assert str(count) == "1 passed, 1 failed, 1 skipped"


def test_a_failed_command_that_is_no_pytest_counts_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert suites.run_all({"types": lambda: [["python", "-c", "raise SystemExit(1)"]], "lint": list}) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == "0 passed, 1 failed, 0 skipped"
    assert any(line.startswith("types      FAILED, ") for line in out)


@pytest.mark.parametrize(
    ("ci", "code", "last"), [("true", 1, "0 passed, 1 failed, 0 skipped"), ("", 0, "0 passed, 0 failed, 1 skipped")]
)
def test_a_suite_that_cannot_run_is_said_and_fails_under_ci(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ci: str, code: int, last: str
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    never = [["python", "-c", "raise SystemExit('must not run')"]]
    assert suites.run_all({"lab": lambda: never, "lint": list}) == code
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("lab        skipped: needs root")
    assert out[-1] == last


@pytest.mark.parametrize(("ci", "outcome"), [("true", "1 failed"), ("", "1 skipped")])
def test_a_lab_test_that_skips_itself_fails_under_ci(tmp_path: Path, ci: str, outcome: str) -> None:
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = lab\nasyncio_mode = auto\n", encoding="utf-8")
    (tmp_path / "test_lab.py").write_text(
        "import pytest\n@pytest.mark.lab\ndef test_mta(): pytest.skip('no root')\n", encoding="utf-8"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(
        command, env={**os.environ, "CI": ci}, capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert outcome in done.stdout.splitlines()[-1]

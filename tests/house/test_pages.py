# SPDX-License-Identifier: Apache-2.0
"""`dev.py docs` finds what writes a page, and what is in git is what it would write."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools import pages

ROOT = Path(__file__).resolve().parents[2]


def test_writers_are_found() -> None:
    found = pages.writers()
    assert "tools.smtp_tables" in found
    assert "tools.texts" not in found, "a catalogue is no page of docs"


def test_every_generated_page_is_fresh(tmp_path: Path) -> None:
    """The writers run over a copy, so that a failing test leaves the checkout as it is."""
    for name in ("docs", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-m", "tools.pages"], cwd=tmp_path, env=env, check=True, capture_output=True)
    stale = [path for path in (tmp_path / "docs").rglob("*") if path.is_file() and changed(path, tmp_path)]
    assert not stale, "run: python3 dev.py docs"


def changed(path: Path, copy: Path) -> bool:
    """True if a written file is not what the checkout has."""
    ours = ROOT / path.relative_to(copy)
    return not ours.exists() or ours.read_bytes() != path.read_bytes()

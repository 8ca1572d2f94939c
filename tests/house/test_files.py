# SPDX-License-Identifier: Apache-2.0
"""What every file of the tree keeps to: its head, the length of its functions, and what may never be in it."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPDX = "# SPDX-License-Identifier: Apache-2.0"
LONGEST_FUNCTION = 60
# Written in two parts each, so that this file does not name what it forbids.
FORBIDDEN = {
    "a path of somebody's machine": r"(?<![\w.])/(?:work|farm|ro" + r"ot)/[a-z]",
    "a package index": r"(?:pypi\.or" + r"g|pythonhosted\.or" + r"g|registry\.npmjs|deb\.debian\.or" + r"g)",
}
LOCKS_THAT_NAME_HOSTS = ("uv.lock", "package-lock.json", "pylock.toml", "poetry.lock", "Pipfile.lock", "yarn.lock")


def tracked(*patterns: str) -> list[Path]:
    """Files in git, or, in an unpacked archive, all files that are not hidden and not made by tools."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


PYTHON = [path for path in tracked("*.py") if path.stat().st_size]


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_head(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    first = next(line for line in text.splitlines() if not line.startswith("#!"))
    assert first == SPDX
    assert ast.get_docstring(ast.parse(text)), "a module says first what it is for"


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_function_is_too_long_to_read(path: Path) -> None:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, functions)]
    lengths = {f"{node.name} (line {node.lineno})": (node.end_lineno or 0) - node.lineno + 1 for node in nodes}
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_tree_never_names(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        lines = enumerate(text.splitlines(), 1)
        found += [
            f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}" for number, line in lines if pattern.search(line)
        ]
    assert not found, "\n".join(found)


def test_no_lock_file_that_names_hosts() -> None:
    assert not [path for path in tracked() if path.name in LOCKS_THAT_NAME_HOSTS]


@pytest.mark.parametrize("name", ["run.txt", "dev.txt", "uv.txt"])
def test_locks_hold_a_hash_for_everything_and_no_address(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z])", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    assert "://" not in text
    assert not [entry.splitlines()[0] for entry in entries if entry.strip() and "--hash=sha256:" not in entry]


def test_dev_lock_holds_the_versions_of_the_run_lock() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^([\w.-]+==[\w.]+)", (ROOT / "requirements" / name).read_text(encoding="utf-8"), re.M))

    assert pins("run.txt") <= pins("dev.txt")

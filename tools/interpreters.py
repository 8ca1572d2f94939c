# SPDX-License-Identifier: Apache-2.0
"""Print the path of an interpreter of the version asked for (`3.13`) that really runs, or nothing.

A `python3.13` on PATH may be a version manager's shim that answers with an error, so every candidate is run once. Known
places of pyenv and of Debian's alternatives are looked at after PATH.

Limits: the first that runs is taken; none is ever installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def candidates(version: str) -> list[Path]:
    """Where an interpreter of this version may lie, PATH first."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    folders += [home / "bin" for home in sorted(pyenv.glob(f"{version}*"), reverse=True)]
    folders += [Path("/usr/local/bin"), Path("/usr/bin")]
    return [path for folder in folders if (path := folder / f"python{version}").exists()]


def runs(path: Path, version: str) -> bool:
    """True if this interpreter starts, has that version, and can make what the tests need."""
    ask = "import sys, sqlite3, ssl, ctypes; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([path, "-c", ask], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == version


def find(version: str) -> Path | None:
    """The first interpreter of this version that runs."""
    return next((path for path in candidates(version) if runs(path, version)), None)


if __name__ == "__main__":
    print(find(sys.argv[1]) or "")

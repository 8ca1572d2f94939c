# SPDX-License-Identifier: Apache-2.0
"""Run the machine's own tools, and say in one line what went wrong when one fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.errors import LabError

NEEDED = ("ip", "unshare", "nsenter", "setpriv", "mount", "umount", "chroot", "apt-get")


def check_machine() -> None:
    """Raise LabError unless we are root and the tools are there."""
    if os.geteuid() != 0:
        raise LabError("needs root (network namespaces, overlay mounts): run it with sudo")
    if missing := [tool for tool in NEEDED if not shutil.which(tool, path=search_path())]:
        raise LabError(f"needs {', '.join(missing)}: apt-get install iproute2 util-linux")


def search_path() -> str:
    """PATH with the folders of the administrator's tools, which a user's shell often lacks."""
    return os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


def environment() -> dict[str, str]:
    """The environment our tools run in: English messages, so that they can be read in a report."""
    return {**os.environ, "PATH": search_path(), "LC_ALL": "C.UTF-8"}


def run(*command: str, text: str | None = None) -> str:
    """Run a command to its end and return what it printed; LabError with its last line if it failed."""
    done = subprocess.run(
        command, input=text, stdin=None if text is not None else subprocess.DEVNULL,
        capture_output=True, text=True, env=environment(), check=False,
    )  # fmt: skip
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}").splitlines()[-1]
        raise LabError(f"{' '.join(command[:6])}: {last}")
    return done.stdout


def start(command: Sequence[str], log: Path) -> int:
    """Start a command that outlives us, in a session of its own, its output going to a file; return its pid."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True, env=environment(), cwd="/",
        )  # fmt: skip
    # Not ours to wait for: it goes on after us, and init takes it over. Telling Popen so silences its warning.
    process.returncode = 0
    return process.pid

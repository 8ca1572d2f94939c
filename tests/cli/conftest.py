# SPDX-License-Identifier: Apache-2.0
"""Run the real command in a process of its own, in an empty folder, with a state folder and a language of its own.

Limits: one street of servers for a file of tests; what they do is chosen for each server.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.street import Street

#: A policy that receives for a.test and lets nobody relay: without it loopback is a place that a server may trust.
POLICY = """\
[policy]
receive_for = ["a.test"]
postmaster = "postmaster@a.test"
"""


@dataclass(frozen=True)
class Done:
    """How a command ended; both outputs as bytes and, read as UTF-8, as text."""

    code: int
    raw_out: bytes
    raw_err: bytes

    @property
    def out(self) -> str:
        return self.raw_out.decode("utf-8")

    @property
    def err(self) -> str:
        return self.raw_err.decode("utf-8")

    @property
    def last(self) -> str:
        """The last line of standard output."""
        return self.out.splitlines()[-1] if self.out else ""

    def assert_tidy(self) -> Done:
        """No traceback, and no character that moves a cursor."""
        assert b"Traceback" not in self.raw_out + self.raw_err
        assert b"Fumidai itself failed" not in self.raw_err, self.err
        bad = {byte for byte in self.raw_out + self.raw_err if (byte < 32 and byte != 10) or byte == 127}
        assert not bad, f"raw control characters {bad}"
        return self


class Runner:
    """Runs ``fumidai`` in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "FUMIDAI_STATE": str(self.state),
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        (folder / "pol.toml").write_text(POLICY)

    def __call__(
        self,
        *words: object,
        stdin: str = "",
        env: Mapping[str, str | None] | None = None,
        under: Sequence[str] = (),
    ) -> Done:
        """Run it to its end; ``under`` is a command that runs it."""
        done = subprocess.run(
            [*under, *self.command(words)],
            cwd=self.folder,
            env=self.env(env),
            input=stdin.encode(),
            capture_output=True,
            timeout=60,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def interrupted(self, words: Sequence[object], *after: float | Callable[[], bool]) -> Done:
        """Run, with a Ctrl-C after each of some waits: seconds, or until something is true."""
        with subprocess.Popen(
            self.command(words),
            cwd=self.folder,
            env=self.env(None),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            for wait in after:
                if callable(wait):
                    until(wait)
                else:
                    time.sleep(wait)
                process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        return Done(process.returncode, out, err)

    def command(self, words: Sequence[object]) -> list[str]:
        return [sys.executable, "-m", "fumidai", *map(str, words)]

    def env(self, changes: Mapping[str, str | None] | None) -> dict[str, str]:
        merged = {**self.environment, **(changes or {})}
        return {name: value for name, value in merged.items() if value is not None}

    def runs(self) -> list[Path]:
        """The run folders that are kept, oldest first."""
        folder = self.state / "runs"
        return sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime) if folder.is_dir() else []


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


@pytest.fixture
def fumidai(tmp_path: Path) -> Runner:
    """The command, in an empty folder."""
    return Runner(tmp_path)


@pytest.fixture(scope="module")
def street() -> Iterator[Street]:
    """Servers for the tests of a file."""
    street = Street()
    yield street
    street.close()

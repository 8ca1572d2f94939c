# SPDX-License-Identifier: Apache-2.0
"""A program of ours in another network namespace, asked and answering in JSON, a line each."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchError

ROOT = Path(__file__).resolve().parent.parent


class Remote:
    """A running program; a context manager that ends it."""

    def __init__(self, namespace: str, module: str, *arguments: str) -> None:
        """Start `python3 -m module` in a namespace ("" is this one), and wait until it says that it is ready."""
        enter: Sequence[str] = ("ip", "netns", "exec", namespace) if namespace else ()
        self._name = module
        self._process = subprocess.Popen(
            [*enter, sys.executable, "-m", module, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )
        try:
            self._answer(20)
        except BenchError:
            self.end()
            raise

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def ask(self, request: Any, timeout: float) -> Any:
        """Send a request and read its answer.

        Raises:
            BenchError: none came within `timeout` seconds, or the program has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise BenchError(f"{self._name} has ended") from None
        return self._answer(timeout)

    def end(self) -> None:
        """Close its input, at which it ends; kill it where it doesn't."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _answer(self, timeout: float) -> Any:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            raise BenchError(f"{self._name} does not answer")
        line = self._process.stdout.readline()
        if not line:
            raise BenchError(f"{self._name} has ended")
        return json.loads(line)

# SPDX-License-Identifier: Apache-2.0
"""Run one program to its end and say what it took: wall time, CPU of it and all it started, peak memory.

The CPU time is what the kernel tells whoever buries the process (wait4): user and system time of the process and of
those of its children that it buried itself.

`python3 -m benchmarks.measure` does it for whoever asks on stdin, one JSON request and one JSON answer a line, so that
programs can be measured inside a network namespace without the time that entering it takes.

Limits: a child that outlives the program is not counted; a program that outlives its time is killed, itself only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import IO


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run took.

    Attributes:
        seconds: wall time; `cpu`: seconds of user and system time; `peak`: KiB of resident memory at most.
        code: exit code, negative for a signal.
    """

    seconds: float
    cpu: float
    peak: int
    code: int
    stdout: str
    stderr: str


def run(command: Sequence[str], env: Mapping[str, str], cwd: str, timeout: float) -> Sample:
    """Run a command; one that takes longer than `timeout` seconds is killed, which its code shows."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=dict(env), cwd=cwd)
        timer = threading.Timer(timeout, process.kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
        timer.cancel()
        process.returncode = code = os.waitstatus_to_exitcode(status)
        return Sample(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, code, _text(out), _text(err))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def main() -> None:
    """Answer requests until stdin ends."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        sample = run(request["command"], request["env"], request["cwd"], request["timeout"])
        print(json.dumps(asdict(sample)), flush=True)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Drive one fuzz target: over its corpus, over given files, for some time with changed inputs, or under atheris.

    python -m fuzz.fuzz_reply                 every file of the corpus
    python -m fuzz.fuzz_reply FILE...         these files
    python -m fuzz.fuzz_reply --seconds 60    corpus files, changed at random (needs nothing else)
    python -m fuzz.fuzz_reply --atheris ...   coverage-guided; the rest goes to libFuzzer (`pip install atheris`)

An input that breaks the invariant is written beside the corpus as ``found-HASH`` and the exception shown.

Limits: the random changes know nothing of coverage; they find shallow mistakes only.
"""

from __future__ import annotations

import hashlib
import importlib
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Target = Callable[[bytes], None]
ROOT = Path(__file__).resolve().parent / "corpus"
#: Pieces that mean something to SMTP; a change often puts one of them in.
PIECES = [
    b"\r\n",
    b"\r",
    b"\n",
    b".",
    b"\r\n.\r\n",
    b"\0",
    b"250-",
    b"250 ",
    b"421 x\r\n",
    b"DATA\r\n",
    b"STARTTLS\r\n",
    b"BDAT 9\r\n",
    b"BDAT 0 LAST\r\n",
    b"Received: ",
    b" by ",
    b"(",
    b"; ",
    b"Mon, 1 Jan 0000 24:60:61 +9999",
]


def corpus(name: str) -> list[Path]:
    """The files of one target's corpus."""
    return sorted(path for path in (ROOT / name).iterdir() if not path.name.startswith("."))


def changed(data: bytes, dice: random.Random) -> bytes:
    """The input with a few pieces cut out, doubled, put in or overwritten."""
    for _ in range(dice.randint(1, 6)):
        start, end = sorted(dice.randint(0, len(data)) for _ in range(2))
        piece = dice.choice([b"", data[start:end] * 2, dice.choice(PIECES), dice.randbytes(3)])
        data = data[:start] + piece + data[dice.choice([start, end]) :]
    return data[:100_000]


def inputs(name: str, seconds: float) -> Iterator[bytes]:
    """Changed corpus files until the time is up."""
    dice = random.Random()
    seeds = [path.read_bytes() for path in corpus(name)]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield changed(dice.choice(seeds), dice)


def run(target: Target, name: str) -> int:
    """The command line of every target; returns the exit code."""
    args = sys.argv[1:]
    if args[:1] == ["--atheris"]:
        return run_atheris(target, name, args[1:])
    if args[:1] == ["--seconds"]:
        tried = sum(attempt(target, name, data) for data in inputs(name, float(args[1])))
    else:
        tried = sum(attempt(target, name, path.read_bytes()) for path in map(Path, args or corpus(name)))
    print(f"{name}: {tried} inputs, invariant kept")
    return 0


def attempt(target: Target, name: str, data: bytes) -> int:
    """Try one input; keep it if it breaks the invariant."""
    try:
        target(data)
    except BaseException:
        path = ROOT / name / f"found-{hashlib.sha256(data).hexdigest()[:12]}"
        path.write_bytes(data)
        print(f"{name}: broken by {path}", file=sys.stderr)
        raise
    return 1


def run_atheris(target: Target, name: str, args: list[str]) -> int:
    """Hand over to libFuzzer."""
    try:
        atheris: Any = importlib.import_module("atheris")
    except ImportError:
        print("atheris is not installed: pip install atheris", file=sys.stderr)
        return 69
    atheris.instrument_all()
    atheris.Setup([name, *args, str(ROOT / name)], target)
    atheris.Fuzz()
    return 0

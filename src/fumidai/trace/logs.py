# SPDX-License-Identifier: Apache-2.0
"""Look up in the log of a host who handed a message to it: by the queue id that its Received line names.

A log is a file (also ``.gz``, ``.bz2``, ``.xz``, as rotation leaves them) or the systemd journal of this machine.

Limits: read once from end to end, in constant memory; only the messages that are asked for are kept.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import subprocess
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from fumidai.errors import UsageError
from fumidai.logs.join import Join, Logged
from fumidai.logs.line import LINE_AT_MOST
from fumidai.texts import N_

JOURNAL: Final = "journal"
_JOURNALCTL: Final = ("journalctl", "--output=json", "--no-pager", "--quiet")


_OPENERS: Final[Mapping[str, Callable[[str, str], Any]]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


class _Readable(Protocol):
    def readline(self, size: int, /) -> bytes: ...


def look_up(names: Iterable[str], ids: Collection[str]) -> Mapping[str, Logged]:
    """What the logs tell of the messages with these queue ids.

    Args:
        names: files, or ``journal``.

    Raises:
        UsageError: a log can't be read.
    """
    join = Join(frozenset(ids))
    for name in names:
        try:
            for number, line in enumerate(_lines(name), 1):
                join.add(number, line)
        # A compressed file that is none, or breaks off, says so in its own words.
        except (OSError, EOFError, lzma.LZMAError) as problem:
            why = getattr(problem, "strerror", None) or str(problem)
            raise UsageError(N_("The log {file} can't be read: {why}."), file=name, why=why) from problem
    return join.found


def _lines(name: str) -> Iterator[bytes]:
    if name == JOURNAL:
        yield from _journal()
        return
    opener = _OPENERS.get(Path(name).suffix, open)
    with opener(name, "rb") as file:
        yield from _cut(file)


def _cut(file: _Readable) -> Iterator[bytes]:
    """Its lines; of one without end the beginning, so that memory is bounded."""
    going_on = False
    while line := file.readline(LINE_AT_MOST):
        if not going_on:
            yield line
        going_on = not line.endswith(b"\n")


def _journal() -> Iterator[bytes]:
    try:
        reader = subprocess.Popen(_JOURNALCTL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603  # fixed words
    except FileNotFoundError as problem:
        raise UsageError(
            N_("There is no journalctl here to read the journal with."),
            mend=N_("On that machine: journalctl -o json > FILE; then --log FILE here."),
        ) from problem
    with reader:
        if reader.stdout is not None:
            yield from _cut(reader.stdout)

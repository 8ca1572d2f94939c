# SPDX-License-Identifier: Apache-2.0
"""Which files are meant by what the user named: files, mailboxes, Maildirs, folders of ``.eml``, standard input.

A folder with ``cur`` and ``new`` is a Maildir; of any other all files below count, by name. A link to a folder is
followed once; a loop of links is told and not followed.

Limits: no compressed files, no folders of other programs' index formats. Hidden files of a folder are left out, and
Maildir's ``tmp``, where half messages lie.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from fumidai.trace.letter import Trouble, Why
from fumidai.trace.mbox import is_mbox

STDIN: Final = "-"
_LOOK: Final = 4096


@dataclass(frozen=True, slots=True)
class Place:
    """A file with one message or more.

    Attributes:
        path: where it is; source: how it is called for the user.
        size: in octets; mbox: it is a mailbox.
    """

    path: str
    source: str
    size: int
    mbox: bool


def find_places(names: Iterable[str], spool: Path) -> Iterator[Place | Trouble]:
    """The files of these names, in order.

    Args:
        names: as the user gave them; ``-`` is standard input.
        spool: folder of ours, into which standard input is put, because it can be read only once.
    """
    seen: set[tuple[int, int]] = set()
    for name in names:
        if name == STDIN:
            yield _spooled(sys.stdin.buffer, spool)
        else:
            yield from _named(Path(name), name, seen)


def _spooled(stream: BinaryIO, spool: Path) -> Place | Trouble:
    with tempfile.NamedTemporaryFile(dir=spool, delete=False) as file:
        shutil.copyfileobj(stream, file)
    return _file(Path(file.name), STDIN)


def _named(path: Path, source: str, seen: set[tuple[int, int]]) -> Iterator[Place | Trouble]:
    try:
        status = path.stat()
    except OSError as problem:
        missing = isinstance(problem, FileNotFoundError)
        yield Trouble(source, Why.MISSING if missing else Why.UNREADABLE, problem.strerror or str(problem))
        return
    if stat.S_ISDIR(status.st_mode):
        yield from _folder(path, source, (status.st_dev, status.st_ino), seen)
    elif stat.S_ISREG(status.st_mode):
        yield _file(path, source)
    else:
        yield Trouble(source, Why.NO_FILE)


def _folder(
    path: Path, source: str, identity: tuple[int, int], seen: set[tuple[int, int]]
) -> Iterator[Place | Trouble]:
    if identity in seen:
        yield Trouble(source, Why.LOOP)
        return
    seen.add(identity)
    try:
        names = sorted(os.listdir(path))
    except OSError as problem:
        yield Trouble(source, Why.UNREADABLE, problem.strerror or str(problem))
        return
    if "cur" in names and "new" in names:
        # Sub-folders of a Maildir++ begin with a dot.
        names = ["cur", "new", *(name for name in names if name.startswith(".") and (path / name / "cur").is_dir())]
    else:
        names = [name for name in names if not name.startswith(".")]
    for name in names:
        yield from _named(path / name, os.path.join(source, name), seen)


def _file(path: Path, source: str) -> Place | Trouble:
    try:
        with path.open("rb") as file:
            beginning = file.read(_LOOK)
            size = os.fstat(file.fileno()).st_size
    except OSError as problem:
        return Trouble(source, Why.UNREADABLE, problem.strerror or str(problem))
    return Place(str(path), source, size, is_mbox(beginning))

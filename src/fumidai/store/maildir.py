# SPDX-License-Identifier: Apache-2.0
"""Maildirs: our own sink fills them, any mail server may, and a run reads them.

A message is delivered by writing to ``tmp``, flushing, and renaming into ``new``; nobody ever sees half of one. On
top stand the lines that every delivery agent writes: Return-Path, Delivered-To (one for each recipient) and Received.

Reading takes what other agents wrote: of Delivered-To, X-Original-To and Envelope-To the topmost one names the
recipient (the topmost that holds something like a token, because an agent may put the mailbox's own name above it).
``peer`` and ``helo`` are known only where the topmost Received line is our sink's own.

Limits: only the first mebibyte of a message is read. Subfolders are not looked into.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import socket
import stat
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Final

from fumidai.errors import StorageError
from fumidai.evidence.proof import Arrival
from fumidai.evidence.token import looks_like_token
from fumidai.store.files import make_folder, place, unreadable
from fumidai.texts import N_

#: Octets of a message that are read.
MOST: Final = 1024 * 1024 + 64 * 1024

_counter = itertools.count()
#: Seconds after which a file in tmp is left over (maildir(5)).
_STALE: Final = 36 * 3600
_HEADER_MOST: Final = 256 * 1024
_END_OF_HEADER: Final = re.compile(rb"\r?\n\r?\n")
_FIELD: Final = re.compile(rb"^([!-9;-~]+)[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)", re.MULTILINE)
_RECIPIENT_FIELDS: Final = frozenset({b"delivered-to", b"x-original-to", b"envelope-to"})
_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f()<>\\\"]|[^\x00-\x7f]")
_OWN_RECEIVED: Final = re.compile(rb"\s*from (\S+) \(\[(?:IPv6:)?([0-9A-Fa-f.:%a-z]+)\]\)\s+by \S+ \(Fumidai sink ")


def prepare(folder: Path) -> None:
    """Make a Maildir if it is not there.

    Raises:
        StorageError: it can't be made.
    """
    for part in ("tmp", "new", "cur"):
        make_folder(folder / part)


def deliver(folder: Path, arrival: Arrival, by: str) -> str:
    """Put a message into a Maildir, durably; made if it is not there.

    Args:
        by: what took it, for the Received line, for example ``[192.0.2.7] (Fumidai sink 0123456789ab)``.

    Returns:
        the file's name, relative to the Maildir.

    Raises:
        StorageError: it could not be written; nothing is left behind.
    """
    prepare(folder)
    name = unique_name()
    try:
        place(folder / "tmp" / name, folder / "new" / name, _trace(arrival, by) + arrival.message)
    except OSError as problem:
        raise StorageError(
            N_("A message can't be kept in {path}: {reason}"), path=str(folder), reason=problem.strerror or str(problem)
        ) from problem
    return f"new/{name}"


def new_messages(folder: Path, seen: set[str], *, since: float = 0.0) -> list[Arrival]:
    """Messages that were not seen yet, oldest first; their names are added to ``seen``.

    Args:
        seen: names without folder and flags; kept by the caller from one call to the next.
        since: seconds since the epoch; older files are passed over.

    Raises:
        StorageError: the folder is no Maildir, or can't be read.
    """
    found: list[tuple[float, Path, str]] = []
    for part in ("new", "cur"):
        for entry in _entries(folder, part):
            # maildir(5): flags follow ":2,"; the name before them stays when a reader moves the file.
            unique = entry.name.partition(":")[0]
            if unique in seen or entry.name.startswith("."):
                continue
            try:
                stamp = entry.stat().st_mtime
            except FileNotFoundError:
                continue
            if stamp >= since:
                found.append((stamp, Path(entry.path), unique))
            else:
                seen.add(unique)
    arrivals = []
    for stamp, path, unique in sorted(found):
        message = _read(path)
        if message is not None:
            seen.add(unique)
            arrivals.append(read_message(message, f"{path.parent.name}/{path.name}", stamp))
    return arrivals


def read_message(message: bytes, file: str, received: float) -> Arrival:
    """A message from a Maildir as an arrival; its envelope is read from the lines of the last delivery."""
    fields = _top_fields(message)
    recipients = [_address(value) for name, value in fields if name in _RECIPIENT_FIELDS]
    chosen = next((one for one in recipients if looks_like_token(one)), recipients[0] if recipients else None)
    path = next((_address(value) for name, value in fields if name == b"return-path"), None)
    peer = helo = ""
    first = next((value for name, value in fields if name == b"received"), b"")
    if own := _OWN_RECEIVED.match(first):
        helo, peer = own[1].decode("ascii", "replace"), own[2].decode("ascii")
        # Our sink writes all recipients of one message, each in its own line.
        ours = tuple(itertools.takewhile(lambda field: field[0] != b"received", fields))
        return _arrival(
            file, received, peer, helo, path, [_address(v) for n, v in ours if n == b"delivered-to"], message
        )
    return _arrival(file, received, peer, helo, path, [chosen] if chosen is not None else [], message)


def _arrival(
    file: str, received: float, peer: str, helo: str, path: str | None, recipients: list[str], message: bytes
) -> Arrival:
    return Arrival(file, received, peer, helo, path, tuple(recipients), message)


def _top_fields(message: bytes) -> list[tuple[bytes, bytes]]:
    """(lower-case name, value) of each header field, in order."""
    block = message[:_HEADER_MOST]
    end = _END_OF_HEADER.search(block)
    block = block[: end.start()] if end else block
    return [(match[1].lower(), match[2]) for match in _FIELD.finditer(block)]


def _address(value: bytes) -> str:
    """An address without blanks and brackets."""
    text = value.decode("utf-8", "replace").strip()
    return text[1:-1] if text.startswith("<") and text.endswith(">") else text


def _trace(arrival: Arrival, by: str) -> bytes:
    """The lines of this delivery (RFC 5321 §4.4)."""
    lines = [f"Return-Path: <{header_text(arrival.reverse_path or '')}>"]
    lines += [f"Delivered-To: {header_text(recipient)}" for recipient in arrival.recipients]
    literal = f"IPv6:{arrival.peer}" if ":" in arrival.peer else arrival.peer
    helo = _UNSAFE.sub("?", arrival.helo)[:255] or "?"
    stamp = formatdate(arrival.received, usegmt=True)
    lines += [f"Received: from {helo} ([{literal}])", f"\tby {by} with ESMTP; {stamp}"]
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "replace")


def header_text(text: str) -> str:
    """Text of a peer that may stand in one header line."""
    return re.sub(r"[\x00-\x1f\x7f]", "?", text)


def stale(folder: Path, now: float) -> Iterator[Path]:
    """Files in a Maildir's ``tmp`` that nobody writes any more.

    maildir(5): what was not touched for 36 hours may be removed. Other agents' files are told by their age too.

    Args:
        now: seconds since the epoch.
    """
    with contextlib.suppress(OSError), os.scandir(folder / "tmp") as entries:
        for entry in entries:
            told = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(told.st_mode) and max(told.st_mtime, told.st_atime) < now - _STALE:
                yield Path(entry.path)


def unique_name(host: str = "") -> str:
    """A name that nobody else takes (maildir(5)): time, process, counter, host (the system's name if none is given)."""
    host = (host or socket.gethostname()).replace("/", r"\057").replace(":", r"\072")[:64]
    now = time.time_ns()
    return f"{now // 10**9}.M{now % 10**9 // 1000}P{os.getpid()}Q{next(_counter)}.{host}"


def _entries(folder: Path, part: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder / part) as entries:
            return [entry for entry in entries if entry.is_file()]
    except FileNotFoundError as problem:
        raise StorageError(
            N_("{path} is no Maildir: it has no folder {part}."),
            mend=N_("Let a mail server deliver to it, or fill it with: fumidai sink --maildir {path}"),
            path=str(folder),
            part=part,
        ) from problem
    except OSError as problem:
        raise unreadable(folder / part, problem) from problem


def _read(path: Path) -> bytes | None:
    """The beginning of a message; None where it was moved or removed meanwhile."""
    try:
        with path.open("rb") as handle:
            return handle.read(MOST)
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise unreadable(path, problem) from problem

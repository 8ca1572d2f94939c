# SPDX-License-Identifier: Apache-2.0
"""The guard's backend that is no server: each message into its recipients' Maildirs, on disk before we say 250.

    recipient   the folder must be there (``maildir_place``); none is made
    body        collected up to 64 KiB, then handed to the writer's thread, which spools it into ``tmp``
    end         the thread writes the rest, flushes, renames, flushes the folder (``maildir_writer``); then 250

A message takes at most about 400 KiB of memory, whatever its size. On top of it stand Return-Path and
Delivered-To, above the Received line that the session has put there; lines end with LF alone, as every delivery agent
on Unix writes them.

Any failure (disk full, quota, input/output error) is a 451 for all recipients of the message and leaves no file.

Limits: 100 recipients a message, the others are told to come back (452). A client that hangs up while its message is
being renamed will send it again: two copies, never none. All recipients of a message share one fate.
"""

from __future__ import annotations

import asyncio
import errno
import glob
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from fumidai.guard.backend import Answer, Fate, Sender, Tell
from fumidai.guard.maildir_place import MaildirPlace
from fumidai.guard.maildir_writer import Addressee, Draft, MaildirWriter
from fumidai.guard.settings import Target
from fumidai.store.maildir import header_text, stale

#: Octets collected before they are handed to the writer's thread.
SPOOL: Final = 64 * 1024
#: Octets on their way to the disk before the client is held back.
HIGH_WATER: Final = 256 * 1024
#: Recipients of one message (RFC 5321 §4.5.3.1.8).
MOST_RECIPIENTS: Final = 100

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_TAKEN: Final = Answer(Fate.ANSWERED, 250, "Recipient ok", "2.1.5")
_GO_ON: Final = Answer(Fate.ANSWERED, 354, "End data with <CR><LF>.<CR><LF>")
_TOO_MANY: Final = Answer(Fate.ANSWERED, 452, "Too many recipients, send the others later", "4.5.3")
_NOBODY: Final = Answer(Fate.ANSWERED, 554, "No valid recipients", "5.5.1")
_CLOSING: Final = Answer(Fate.FAILED, 451, "The server is going down, try again later", "4.3.2")


def make_backend(target: Target, name: str) -> MaildirBackend:
    """The backend for ``maildir:///PATH``."""
    return MaildirBackend(target.path, name)


class MaildirBackend:
    """See the module.

    Args:
        template: absolute path with ``{domain}`` and ``{local}``, for example ``/var/mail/{domain}/{local}``.
        hostname: what the guard calls itself; a part of the files' names.
        postmaster: mailbox (with brackets) that ``<Postmaster>`` without a domain is for.

    Attributes:
        keywords: extensions that messages may need and we bear: a file holds any octets, in the envelope too. DSN is
            none of them, for no report is ever sent.
        size: no bound but the disk's.

    Raises:
        UsageError: the template is not of this form.
    """

    keywords: Final = frozenset({"8BITMIME", "SMTPUTF8"})
    size: Final = 0

    def __init__(self, template: str, hostname: str, postmaster: bytes = b"") -> None:
        self.place = MaildirPlace(template, postmaster)
        self.hostname = hostname
        self._writer: MaildirWriter | None = None
        self._closed = False

    def open(self, sender: Sender, resume: Callable[[], None]) -> MaildirTransaction:
        """See ``Backend``; the writer's thread starts with the first call (so that a process may fork before)."""
        loop = asyncio.get_running_loop()
        if self._writer is None:
            self._writer = MaildirWriter(loop, self._leftovers())
        return MaildirTransaction(self, None if self._closed else self._writer, loop, sender, resume)

    async def close(self) -> None:
        """Finish what was ended, and end the thread."""
        self._closed = True
        if self._writer is not None:
            await self._writer.close()

    def _leftovers(self) -> Iterator[list[Path]]:
        """What crashes left in ``tmp``, one Maildir at a time."""
        now = time.time()
        return (list(stale(Path(folder), now)) for folder in glob.iglob(self.place.pattern()))


class MaildirTransaction:
    """One message."""

    __slots__ = (
        "_aborted", "_addressees", "_backend", "_draft", "_held", "_loop", "_paused", "_pending", "_pieces",
        "_resume", "_sender", "_size", "_writer",
    )  # fmt: skip

    def __init__(
        self,
        backend: MaildirBackend,
        writer: MaildirWriter | None,
        loop: asyncio.AbstractEventLoop,
        sender: Sender,
        resume: Callable[[], None],
    ) -> None:
        self._backend = backend
        self._writer = writer
        self._loop = loop
        self._sender = sender
        self._resume = resume
        self._addressees: dict[Path, bytes] = {}  # Maildir to recipient
        self._draft: Draft | None = None
        self._held = b""  # a CR whose LF has not come yet
        self._pieces: list[bytes] = []
        self._size = 0  # of the pieces
        self._pending = 0  # octets at the writer
        self._paused = False
        self._aborted = False

    def recipient(self, path: bytes, params: Mapping[str, bytes], tell: Tell) -> None:
        """See ``Transaction``; parameters (DSN) mean nothing here, for no report is ever sent."""
        found = self._backend.place.folder(path) if self._writer is not None else _CLOSING
        if isinstance(found, Path):
            answer = _TAKEN
            if found not in self._addressees and len(self._addressees) >= MOST_RECIPIENTS:
                answer = _TOO_MANY
            else:
                self._addressees.setdefault(found, path)
        else:
            answer = found
        self._later(tell, answer)

    def begin(self, tell: Tell) -> None:
        """See ``Transaction``."""
        self._later(tell, _GO_ON if self._addressees else _NOBODY)

    def body(self, data: bytes) -> bool:
        """See ``Transaction``."""
        # The guard lets no bare CR through; one at the end belongs to the LF that comes next.
        whole = self._held + data
        self._held = b"\r" if whole.endswith(b"\r") else b""
        piece = whole.removesuffix(b"\r").replace(b"\r\n", b"\n")
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= SPOOL and self._writer is not None:
            size, data = self._size, self._taken_pieces()
            self._pending += size
            self._writer.write(self._opened(), data, lambda: self._written(size))
        self._paused = self._pending > HIGH_WATER
        return not self._paused

    def end(self, tell: Tell) -> None:
        """See ``Transaction``; told 250 once every recipient's file is on disk under its last name."""
        if self._writer is None or not self._addressees:
            self._later(tell, _CLOSING if self._writer is None else _NOBODY)
            return
        self._pieces.append(self._held)
        draft = self._opened()
        self._writer.commit(draft, self._taken_pieces(), lambda: self._delivered(draft, tell))

    def abort(self) -> None:
        """See ``Transaction``."""
        self._aborted = True
        self._pieces.clear()
        if self._draft is not None and self._writer is not None:
            self._writer.drop(self._draft)

    def _later(self, tell: Tell, answer: Answer) -> None:
        self._loop.call_soon(self._now, tell, answer)

    def _now(self, tell: Tell, answer: Answer) -> None:
        if not self._aborted:
            tell(answer)

    def _taken_pieces(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        return data

    def _opened(self) -> Draft:
        if self._draft is None:
            where = (Addressee(folder, self._head(to)) for folder, to in self._addressees.items())
            self._draft = Draft(tuple(where), self._backend.hostname)
        return self._draft

    def _head(self, recipient: bytes) -> bytes:
        """The lines of this delivery (RFC 5321 §4.4), each recipient its own."""
        path, to = (header_text(raw.decode("utf-8", "replace")) for raw in (self._sender.path, recipient))
        lines = f"Return-Path: {path}\nDelivered-To: {to.removeprefix('<').removesuffix('>')}\n"
        return lines.encode("utf-8", "replace")

    def _written(self, size: int) -> None:
        """A piece is in the file (or lost with it: ``end`` tells)."""
        self._pending -= size
        if self._paused and self._pending <= HIGH_WATER // 2 and not self._aborted:
            self._paused = False
            self._resume()

    def _delivered(self, draft: Draft, tell: Tell) -> None:
        self._now(tell, _failed(draft, draft.failure) if draft.failure is not None else _kept(draft))


def _kept(draft: Draft) -> Answer:
    return Answer(Fate.ANSWERED, 250, "Message kept", "2.0.0", " ".join(draft.names))


def _failed(draft: Draft, problem: OSError) -> Answer:
    """RFC 3463 §3.4: X.3.1 mail system full, X.3.0 other; a retry may make a second copy only where one stayed."""
    fate = Fate.UNKNOWN if draft.left else Fate.FAILED
    words = problem.strerror or str(problem)
    if problem.errno in _FULL:
        return Answer(fate, 451, "No space for this message, try again later", "4.3.1", words)
    return Answer(fate, 451, "The message can't be kept just now, try again later", "4.3.0", words)

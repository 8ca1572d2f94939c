# SPDX-License-Identifier: Apache-2.0
"""What the answering side remembers of one connection, and how it asks and says no.

The layers of ``server.ServerMachine`` stand on this, each with one job: the message (``server_message``), its chunks
(``server_bdat``), commands (``server_commands``), and on top what its user calls.

Limits: nothing here reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from fumidai.smtp.command import Fault
from fumidai.smtp.data import DataReader
from fumidai.smtp.refusals import BLAMELESS, Refusal
from fumidai.smtp.reply import write_reply
from fumidai.smtp.server_chunks import ChunkIntake
from fumidai.smtp.server_events import Close, Event, Hello, Mail, Question, Rcpt, Refuse
from fumidai.smtp.states import State
from fumidai.smtp.xclient import XClientFault

_CLOSED = State.CLOSED
#: Stands where no message is read; a reader of its own would be a third of what an idle connection takes.
NO_MESSAGE = DataReader()


@lru_cache(64)
def _names(announce: tuple[str, ...]) -> frozenset[str]:
    """Upper-case names of the extensions that are announced."""
    return frozenset(line.partition(" ")[0].upper() for line in announce)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one connection.

    Attributes:
        line: octets of a command, CR LF included (RFC 5321 §4.5.3.1.4 says 512, extensions add to it).
        message: octets of a message, unstuffed; 0: no bound.
        excess: octets of one transaction beyond that, or in chunks that were refused, that are read and dropped before
            the machine closes.
        recipients: taken in one transaction (RFC 5321 §4.5.3.1.8: at least 100).
        errors: refusals of form and order after which the machine closes.
        endless: octets of a line that is too long and still goes on, after which the machine closes.
        backlog: octets that may wait behind an unanswered question.
    """

    line: int = 2048
    message: int = 0
    excess: int = 64 * 1024 * 1024
    recipients: int = 1000
    errors: int = 20
    endless: int = 64 * 1024
    backlog: int = 1024 * 1024


class Dialogue:
    """See above; arguments and attributes are told in ``server.ServerMachine``."""

    __slots__ = (
        "_announce",
        "_buffer",
        "_collect",
        "_continued",
        "_errors",
        "_intake",
        "_keywords",
        "_parts",
        "_queue",
        "_reader",
        "_scanned",
        "_size",
        "_skipped",
        "asked",
        "hello",
        "limits",
        "odd",
        "recipients",
        "sender",
        "state",
        "tls",
    )

    def __init__(
        self, announce: Sequence[str] = (), limits: Limits | None = None, *, collect: bool = True, tls: bool = False
    ) -> None:
        self.state = State.GREETING
        self.tls = tls
        self.limits = limits or Limits()
        self.asked: Question | None = None
        self.hello: Hello | None = None
        self.sender: Mail | None = None
        self.recipients: list[Rcpt] = []
        self.announce(announce)
        self._collect = collect
        self._queue: list[Event] = []
        self._buffer = bytearray()
        self._scanned = 0  # before this place no line ends; before the greeting: no byte is unreported
        self._skipped: int | None = None  # octets of a line too long that were dropped; None: not in one
        self._errors = 0
        self._continued = False  # a 334 was answered: the next line is no command
        self._reader = NO_MESSAGE
        self._intake: ChunkIntake | None = None  # from the first BDAT on
        self._size = 0  # of all, also of what is over the bound
        self._parts: list[bytes] = []
        self.odd = False

    def announce(self, lines: Sequence[str]) -> None:
        """Offer this from now on, in the answer to the next EHLO."""
        self._announce = tuple(lines)
        self._keywords = _names(self._announce)

    @property
    def closed(self) -> bool:
        """Nothing more is read: write what is due and close."""
        return self.state is _CLOSED

    def _ask(self, asked: Question) -> None:
        self.asked = asked
        self._queue.append(asked)

    def _forget_transaction(self) -> None:
        """Outside a transaction there is no sender and no recipient."""
        self.sender = None
        self.recipients = []
        if self._intake is not None:
            self._intake.reader = None

    def _refuse(self, why: Refusal, raw: bytes, fault: Fault | XClientFault | None = None) -> None:
        """Prepare a no, and close after too many."""
        if self._continued and why is Refusal.LINE_TOO_LONG:
            why = Refusal.AUTH_TOO_LONG
        self._continued = False  # an exchange with such a line in it is over (RFC 4954 §4)
        text = f"{why.text}: {fault}" if fault else why.text
        self._queue.append(Refuse(write_reply(why.code, text, why.enhanced), raw, why))
        self._errors += why not in BLAMELESS
        if self._errors >= self.limits.errors:
            self._close(Refusal.TOO_MANY_ERRORS)

    def _close(self, why: Refusal) -> None:
        """Give up; a 421 says so where nothing has been said yet."""
        if self.closed:
            return
        self.state = _CLOSED
        if why.code == 421:
            self._queue.append(Refuse(write_reply(why.code, why.text, why.enhanced), b"", why))
        self._queue.append(Close(why))

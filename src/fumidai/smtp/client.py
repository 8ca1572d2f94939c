# SPDX-License-Identifier: Apache-2.0
"""The side that asks: knows which answer belongs to what was said, and where the dialogue stands.

What is said goes into a queue, each reply is matched with the head of it (RFC 2920 §3.1: replies come in the order
of the commands). State follows the answers by one table, ``MOVES``; whatever stands in no row leaves it alone.
The machine never refuses to say anything and never judges what it hears.

    GREETING --220--> READY --EHLO 2yz--> GREETED --MAIL 2yz--> MAIL --RCPT 2yz--> RCPT --DATA 3yz--> DATA
    DATA --end of data--> GREETED    STARTTLS 2yz --> TLS --tls_started()--> READY    QUIT 2yz, eof --> CLOSED

The same bytes give the same events, however they are cut. After the agreement to STARTTLS nothing is read as a reply
until ``tls_started``: what was said in clear until then is handed back as ``Noise`` (RFC 3207 §6; a client that keeps
it would take a stranger's words for the server's).

Limits: no time: a reply that does not come is seen by whoever holds the clock. BDAT does not move the state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fumidai.smtp.command import Verb, recognise
from fumidai.smtp.extensions import Extensions
from fumidai.smtp.reply import MAX_LINE, Garbled, Reply, ReplyReader, Why


class ClientState(StrEnum):
    """Where the dialogue stands, as far as answers tell."""

    GREETING = "greeting"  # no 2yz greeting yet, or one that refuses
    READY = "ready"  # greeted by the server, our EHLO or HELO not yet taken
    GREETED = "greeted"  # EHLO or HELO taken, no transaction
    MAIL = "mail"  # a sender was taken
    RCPT = "rcpt"  # a recipient was taken
    DATA = "data"  # told to send the message
    TLS = "tls"  # told to begin TLS
    CLOSED = "closed"  # QUIT answered, or the stream ended


#: (what was said, first digit of the answer) -> state after it. None: back to READY or GREETED, whichever it was.
MOVES: Final[Mapping[tuple[Verb, int], ClientState | None]] = {
    (Verb.EHLO, 2): ClientState.GREETED,
    (Verb.HELO, 2): ClientState.GREETED,
    (Verb.LHLO, 2): ClientState.GREETED,
    (Verb.MAIL, 2): ClientState.MAIL,
    (Verb.RCPT, 2): ClientState.RCPT,
    (Verb.DATA, 3): ClientState.DATA,
    # RFC 5321 §4.1.1.4: whatever the answer to the end of the data, the transaction is over.
    (Verb.MESSAGE, 2): None,
    (Verb.MESSAGE, 4): None,
    (Verb.MESSAGE, 5): None,
    (Verb.RSET, 2): None,
    (Verb.STARTTLS, 2): ClientState.TLS,
    (Verb.QUIT, 2): ClientState.CLOSED,
}
_HELLOS: Final = frozenset({Verb.EHLO, Verb.HELO, Verb.LHLO})


@dataclass(frozen=True, slots=True)
class Said:
    """Something that was said.

    Attributes:
        line: the bytes as written (empty for a message).
        verb: what it was.
        answers: fewest and most replies that it may draw.
    """

    line: bytes
    verb: Verb
    answers: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True)
class Greeting:
    """The server's first reply, whatever its code."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Answered:
    """The reply to something we said."""

    command: Said
    reply: Reply


@dataclass(frozen=True, slots=True)
class Surplus:
    """A reply that nobody asked for; ``after`` is what was answered last, if anything was."""

    reply: Reply
    after: Said | None = None


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes that are no reply."""

    garbled: Garbled


@dataclass(frozen=True, slots=True)
class Dropped:
    """The stream ended: what was left unanswered, and what had come of the next reply."""

    unanswered: tuple[Said, ...]
    partial: bytes


Event = Greeting | Answered | Surplus | Noise | Dropped


class ClientMachine:
    """One connection, seen from the client.

    Attributes:
        state: see ``ClientState``.
        greeting: the server's first reply, None before it.
        closing: a 421 was seen: the server is about to hang up (RFC 5321 §3.8).
        extensions: what the last EHLO taken has announced; empty before, after HELO and after ``tls_started``.
    """

    __slots__ = (
        "_clear",
        "_ended",
        "_last",
        "_queue",
        "_reader",
        "closing",
        "extensions",
        "greeting",
        "hello",
        "state",
    )

    def __init__(self) -> None:
        self.state = ClientState.GREETING
        self.greeting: Reply | None = None
        self.closing = False
        self.extensions = Extensions()
        #: The EHLO, HELO or LHLO that was taken last; None before.
        self.hello: Said | None = None
        self._reader = ReplyReader()
        self._queue: deque[tuple[Said, int]] = deque()  # with the number of answers that are still due
        self._last: Said | None = None
        self._clear = bytearray()  # said in clear after STARTTLS was agreed
        self._ended = False

    @property
    def waiting(self) -> int:
        """How many answers are outstanding. The greeting is not counted, nor is an answer that need not come."""
        return sum(due for _, due in self._queue)

    def say(self, line: bytes, what: Verb | None = None, answers: tuple[int, int] = (1, 1)) -> bytes:
        """Expect an answer to this line and return it, to be written.

        Args:
            line: raw bytes, line end included.
            what: what it is, where that can't be seen from its first word.
            answers: fewest and most replies. So many as the fewest are taken as answers, further ones are
                ``Surplus``; with a fewest of 0 one is taken, if it comes before the next ``say``.
        """
        return self._expect(Said(line, recognise(line) if what is None else what, answers), line)

    def message(self, data: bytes) -> bytes:
        """Expect the answer to the end of this data (stuffed, terminator included) and return it, to be written."""
        return self._expect(Said(b"", Verb.MESSAGE), data)

    def receive(self, data: bytes) -> list[Event]:
        """Take what arrived and give what it means."""
        self._reader.push(data)
        events: list[Event] = []
        while not self._agreed() and (item := self._reader.next()) is not None:
            events.append(Noise(item) if isinstance(item, Garbled) else self._match(item))
        if self._agreed():
            self._hold(self._reader.drain())
        return events

    def tls_started(self) -> list[Event]:
        """TLS stands: forget what was learnt in clear (RFC 3207 §4.2) and report what was said since the agreement.

        What was said and not yet answered stays expected: a server that answers it inside has kept it.
        """
        self._hold(self._reader.drain())
        clear = bytes(self._clear)
        self._clear.clear()
        self.state = ClientState.READY
        self.extensions = Extensions()
        self.hello = None
        return [Noise(Garbled(clear, Why.INJECTED))] if clear else []

    def eof(self) -> list[Event]:
        """The stream ended. Nothing is given the second time."""
        self.state = ClientState.CLOSED
        if self._ended:
            return []
        self._ended = True
        unanswered = tuple(said for said, due in self._queue if due)
        return [Dropped(unanswered, bytes(self._clear) + self._reader.drain())]

    def _expect(self, said: Said, data: bytes) -> bytes:
        if self._queue and not self._queue[-1][1]:
            self._queue.pop()  # its answer need not come, and from now on would be taken for the next
        self._queue.append((said, said.answers[0]))
        return data

    def _match(self, reply: Reply) -> Event:
        """Find out what this reply answers."""
        self.closing = self.closing or reply.code == 421
        if self.greeting is None:
            self.greeting = reply
            if reply.positive:
                self.state = ClientState.READY
            return Greeting(reply)
        if not self._queue:
            return Surplus(reply, self._last)
        said, due = self._queue.popleft()
        if due > 1:
            self._queue.appendleft((said, due - 1))
        self._last = said
        self._move(said, reply)
        return Answered(said, reply)

    def _move(self, said: Said, reply: Reply) -> None:
        """Follow the table."""
        row = (said.verb, reply.code // 100)
        if row not in MOVES:
            return
        if said.verb in _HELLOS:
            self.hello = said
            self.extensions = Extensions() if said.verb is Verb.HELO else Extensions.parse(reply)
        self.state = MOVES[row] or (ClientState.GREETED if self.hello else ClientState.READY)

    def _agreed(self) -> bool:
        return self.state is ClientState.TLS

    def _hold(self, data: bytes) -> None:
        """Keep what is said in clear after the agreement to TLS, bounded."""
        self._clear += data[: MAX_LINE - len(self._clear)]

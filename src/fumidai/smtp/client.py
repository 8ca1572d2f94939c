# SPDX-License-Identifier: Apache-2.0
"""The side that asks: knows which answer belongs to what was said, and where the dialogue stands.

What is said goes into a queue, each reply is matched with the head of it (RFC 2920 §3.1: replies come in the order
of the commands). State follows the answers by the table in ``states``, which the answering side follows too.
The machine never refuses to say anything and never judges what it hears.

    GREETING --220--> READY --EHLO 2yz--> GREETED --MAIL 2yz--> MAIL --RCPT 2yz--> RCPT --DATA 3yz--> DATA
    RCPT --BDAT 2yz--> BDAT --last chunk--> GREETED
    DATA --end of data--> GREETED    STARTTLS 2yz --> TLS --tls_started()--> READY    QUIT 2yz, eof --> CLOSED

The same bytes give the same events, however they are cut. After the agreement to STARTTLS nothing is read as a reply
until ``tls_started``: what was said in clear until then is handed back as ``Noise`` (RFC 3207 §6; a client that keeps
it would take a stranger's words for the server's).

Limits: no time: a reply that does not come is seen by whoever holds the clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from fumidai.smtp.command import Verb, bdat, recognise
from fumidai.smtp.extensions import Extensions
from fumidai.smtp.reply import MAX_LINE, Garbled, Reply, ReplyReader, Why
from fumidai.smtp.states import HELLOS, State, follow

#: The name under which the asking side's users know it.
ClientState = State
_TLS = State.TLS
#: Commands that begin the session, or begin it anew, when they are taken.
_AFRESH = HELLOS | {Verb.XCLIENT}


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


#: The end of a message, which has no line of its own.
_END = Said(b"", Verb.MESSAGE)


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
        state: see ``states.State``.
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
        self.state = State.GREETING
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
        return sum(due for _, due in self._queue) if self._queue else 0

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
        return self._expect(_END, data)

    def chunk(self, data: bytes, *, last: bool = False) -> bytes:
        """Expect the answer to a chunk of a message, and return it with its BDAT, to be written (RFC 3030 §2).

        The answer to the last one is the message's: it counts as ``Verb.MESSAGE``.
        """
        line = bdat(len(data), last=last)
        return self._expect(Said(line, Verb.MESSAGE if last else Verb.BDAT), line + data)

    def receive(self, data: bytes) -> list[Event]:
        """Take what arrived and give what it means."""
        if self.state is not _TLS and (reply := self._reader.whole(data)) is not None:
            return [self._match(reply)]
        self._reader.push(data)
        events: list[Event] = []
        while self.state is not _TLS and (item := self._reader.next()) is not None:
            events.append(Noise(item) if isinstance(item, Garbled) else self._match(item))
        if self.state is _TLS:
            self._hold(self._reader.drain())
        return events

    def tls_started(self) -> list[Event]:
        """TLS stands: forget what was learnt in clear (RFC 3207 §4.2) and report what was said since the agreement.

        What was said and not yet answered stays expected: a server that answers it inside has kept it.
        """
        self._hold(self._reader.drain())
        clear = bytes(self._clear)
        self._clear.clear()
        self.state = State.READY
        self.extensions = Extensions()
        self.hello = None
        return [Noise(Garbled(clear, Why.INJECTED))] if clear else []

    def eof(self) -> list[Event]:
        """The stream ended. Nothing is given the second time."""
        self.state = State.CLOSED
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
                self.state = State.READY
            return Greeting(reply)
        if not self._queue:
            return Surplus(reply, self._last)
        said, due = self._queue.popleft()
        if due > 1:
            self._queue.appendleft((said, due - 1))
        self._last = said
        if said.verb in _AFRESH and reply.positive:
            self._begin(said, reply)
        self.state = follow(self.state, said.verb, reply.code, self.hello is not None)
        return Answered(said, reply)

    def _begin(self, said: Said, reply: Reply) -> None:
        """The session begins, or begins anew."""
        introduced = said.verb is not Verb.XCLIENT
        self.hello = said if introduced else None
        offers = introduced and said.verb is not Verb.HELO
        self.extensions = Extensions.parse(reply) if offers else Extensions()

    def _hold(self, data: bytes) -> None:
        """Keep what is said in clear after the agreement to TLS, bounded."""
        self._clear += data[: MAX_LINE - len(self._clear)]

# SPDX-License-Identifier: Apache-2.0
"""The side that answers: cuts what a client says into questions, keeps order and form, leaves policy outside.

    out = machine.greet("mail.example ESMTP")
    events = machine.receive(data)
    while events:
        for event in events:
            ...                       # a question: out += machine.answer(250, "Ok"); a Refuse: out += event.reply
        events = machine.receive(b"")  # what was waiting behind the question

``receive`` stops behind each *question* (``Hello``, ``StartTls``, ``XClient``, ``Mail``, ``Rcpt``, ``DataBegin``,
``Message`` or ``DataEnd``, ``Reset``, ``Quit``, ``Other``, ``Continuation``), because what follows depends on its
answer: a RCPT behind a MAIL that is refused is out of order. Pipelined input waits inside, and answers keep its order.
While ``asked`` is not None the user may take his time; he should stop reading then (``limits.backlog`` bounds him).

What is wrong in form or order is answered by the machine: a ``Refuse`` carries the reply to be written (see
``refusals``). State follows the answers by the table in ``states``.

With ``CHUNKING`` among what is announced the message may also come in chunks (RFC 3030): ``ChunkBegin`` asks before the
first, ``ChunkEnd`` after each but the last, which ends in a ``Message`` or ``DataEnd`` as a dot would. A chunk that is
refused is counted and dropped before its reply is given; one greater than what may be dropped closes the connection.

The same bytes with the same answers give the same events, however they are cut, if neighbouring ``DataChunk``,
``Early`` and ``Injected`` are taken together.

What is below it, one job each: ``server_dialogue`` (what is remembered, how it asks and refuses), ``server_message``,
``server_bdat``, ``server_commands``. The layers are classes of one line, so that a connection is one object.

Limits: without ``CHUNKING`` a BDAT is answered 502 and closes, for its chunk would be read as commands. No time. A
command ends only at CR LF, so a person with a tool that sends bare LF gets no answer.
"""

from __future__ import annotations

from functools import lru_cache

from fumidai.errors import FumidaiError
from fumidai.smtp.command import Verb
from fumidai.smtp.refusals import Refusal
from fumidai.smtp.reply import write_reply
from fumidai.smtp.server_commands import CommandTaking
from fumidai.smtp.server_dialogue import Limits
from fumidai.smtp.server_events import (
    DATA_BEGIN,
    ChunkBegin,
    ChunkEnd,
    Close,
    Continuation,
    DataBegin,
    DataChunk,
    DataEnd,
    Early,
    Event,
    Hello,
    Injected,
    Mail,
    Message,
    Other,
    Question,
    Quit,
    Rcpt,
    Refuse,
    Reset,
    StartTls,
    Swallowed,
    XClient,
    usual,
    verb_of,
)
from fumidai.smtp.states import State, follow

__all__ = [
    "DATA_BEGIN",
    "ChunkBegin",
    "ChunkEnd",
    "Close",
    "Continuation",
    "DataBegin",
    "DataChunk",
    "DataEnd",
    "Early",
    "Event",
    "Hello",
    "Injected",
    "Limits",
    "Mail",
    "Message",
    "Other",
    "Question",
    "Quit",
    "Rcpt",
    "Refusal",
    "Refuse",
    "Reset",
    "ServerMachine",
    "ServerState",
    "StartTls",
    "Swallowed",
    "XClient",
    "usual",
]

#: The name under which the answering side's users know it.
ServerState = State

# Looking a member up in its enumeration costs as much as a call; these are asked for at each line.
_DATA, _CLOSED = State.DATA, State.CLOSED
_LINES = frozenset({State.READY, State.GREETED, State.MAIL, State.RCPT, State.BDAT})
_BODY = frozenset({State.DATA, State.BDAT})
_IN_TRANSACTION = frozenset({State.MAIL, State.RCPT, State.DATA, State.BDAT})


@lru_cache(64)
def _introduction(text: str, announce: tuple[str, ...], tls: bool) -> str:
    """The text of an answer to EHLO: what is offered stands behind the greeting."""
    return "\n".join((text, *(line for line in announce if not (tls and line.upper() == "STARTTLS"))))


class ServerMachine(CommandTaking):
    """One connection, seen from the server.

    Args:
        announce: lines for the answer to EHLO, for example ``"SIZE 1000000"``. With ``STARTTLS`` among them TLS is
            offered until it stands. With ``XCLIENT`` among them the peer is believed what it says of its client: only
            for a proxy of ours.
        limits: bounds.
        collect: give a ``Message`` at its end; else ``DataChunk`` as they come, and ``DataEnd``.
        tls: the connection began with TLS.

    Attributes:
        state: see ``states.State``.
        asked: the question that waits for its answer.
        hello, sender, recipients: what was answered with 2yz in this session and transaction.
        tls: TLS stands.
        odd: the message so far, or the last one, has a bare CR, a bare LF or a NUL in it (see ``data.OddityKind``).
    """

    __slots__ = ()

    @property
    def pending(self) -> bool:
        """Something behind the last question was not read yet: ``receive(b"")`` may give more."""
        return bool(self._buffer or self._queue) or (self._intake is not None and not self._intake.left)

    @property
    def waiting(self) -> int:
        """Octets that have come and were not read yet."""
        return len(self._buffer)

    @property
    def in_body(self) -> bool:
        """A message is under way, or a chunk that was refused is being dropped."""
        return self.state in _BODY or (self._intake is not None and self._intake.left >= 0)

    def greet(self, text: str, code: int = 220) -> bytes:
        """The greeting; with another code than 220 it refuses the client and closes."""
        self.state = State.READY if code == 220 else State.CLOSED
        self._scanned = 0
        return write_reply(code, text)

    def goodbye(self, text: str, enhanced: str = "4.3.2") -> bytes:
        """A 421 out of turn, for a timer or an end of service: it answers whatever is asked, and closes."""
        self.asked = None
        self.state = State.CLOSED
        return write_reply(421, text, enhanced)

    def receive(self, data: bytes) -> list[Event]:
        """Take what arrived; give what it means up to the next question. With ``b""``: go on behind an answer."""
        if self.asked is not None:
            return self._wait(data)
        if self._buffer or not self._at_once(data):
            self._buffer += data
            self._read_on()
        events, self._queue = self._queue, []
        return events

    def answer(self, code: int, text: str, enhanced: str = "") -> bytes:
        """Answer what is asked, and give the bytes to write.

        To an EHLO that is taken the announcement is added. Several lines: put line feeds into the text. For a
        ``ChunkBegin`` there is nothing to write yet.

        Raises:
            FumidaiError: nothing is asked.
        """
        asked, self.asked = self.asked, None
        if asked is None:
            raise FumidaiError("an answer without a question")
        self._move(asked, code)
        kind = type(asked)
        if isinstance(asked, Hello) and asked.verb is Verb.EHLO and code == 250:
            text = _introduction(text, self._announce, self.tls)
        reply = write_reply(code, text, enhanced)
        return self._open_chunk(code, reply) if kind is ChunkBegin else reply

    def tls_started(self) -> list[Event]:
        """TLS stands: forget what was learnt in clear (RFC 3207 §4.2), and give what came in clear since the 220."""
        events = self.receive(b"")
        self.state = State.READY
        self.tls = True
        self.hello = None
        return events

    def _move(self, asked: Question, code: int) -> None:
        """Keep what was taken, and follow the table."""
        kind, verb = type(asked), verb_of(asked)
        taken = 200 <= code < 300
        if kind is DataBegin or kind is ChunkBegin:
            self._begin_message()
        elif taken:
            self._take(asked)
        self._continued = code == 334
        if self._intake is not None:
            self._intake.answered(verb, taken)
        self.state = state = follow(self.state, verb, code, self.hello is not None)
        if kind is Quit or code == 421:
            self.state = state = _CLOSED
        if state not in _IN_TRANSACTION:
            self._forget_transaction()

    def _take(self, asked: Question) -> None:
        """Keep what was answered with 2yz."""
        if isinstance(asked, Rcpt):
            self.recipients.append(asked)
        elif isinstance(asked, Mail):
            self.sender = asked
        elif isinstance(asked, Hello):
            self.hello = asked
        elif isinstance(asked, XClient):
            # The proxy's client has not said who it is.
            self.hello = None

    def _read_on(self) -> None:
        while self.asked is None and self._step():
            pass

    def _at_once(self, data: bytes) -> bool:
        """Read what is the usual and needs no buffer: one whole command, or a piece of a message."""
        if self.state is _DATA and data:
            rest = self._feed(data)
            if rest:
                self._buffer += data[-rest:]
            return True
        if self.state not in _LINES or self._skipped is not None or (self._intake and self._intake.left >= 0):
            return False
        if not 0 <= data.find(b"\r\n", 0, self.limits.line) == len(data) - 2:
            return False
        if self._continued or not self._envelope(data):
            self._read(data)
        return True

    def _wait(self, data: bytes) -> list[Event]:
        """Keep what comes before the answer."""
        self._buffer += data
        if len(self._buffer) <= self.limits.backlog:
            return []
        self.asked = None
        self._close(Refusal.BACKLOG)
        return self.receive(b"")

    def _step(self) -> bool:
        """Read one thing from the buffer into the queue; False: there is none."""
        state = self.state
        if state in _LINES:
            intake = self._intake
            return self._line() if intake is None or intake.left < 0 else self._octets(intake)
        if state is _DATA:
            return self._data()
        if state is _CLOSED:
            self._buffer.clear()
            return False
        return self._early() if state is State.GREETING else self._injected()

    def _early(self) -> bool:
        """Report what is said before the greeting, and keep it, bounded."""
        bound = self.limits.line
        fresh = bytes(self._buffer[self._scanned : bound])
        self._scanned += len(fresh)
        if fresh:
            self._queue.append(Early(fresh))
            return True
        too_much = len(self._buffer) > bound
        if too_much:
            self._close(Refusal.TOO_EARLY)
        return too_much

    def _injected(self) -> bool:
        if not self._buffer:
            return False
        self._queue.append(Injected(bytes(self._buffer)))
        self._buffer.clear()
        return True

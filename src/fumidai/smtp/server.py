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

Limits: without ``CHUNKING`` a BDAT is answered 502 and closes, for its chunk would be read as commands. No time. A
command ends only at CR LF, so a person with a tool that sends bare LF gets no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from fumidai.errors import FumidaiError
from fumidai.smtp.command import NO_PARAMETERS, Command, Fault, Verb, parse_chunk, parse_command, plain_path
from fumidai.smtp.data import END, ChunkReader, DataReader, Oddity
from fumidai.smtp.objections import objection
from fumidai.smtp.refusals import BLAMELESS, OTHER_PROTOCOLS, Refusal
from fumidai.smtp.reply import write_reply
from fumidai.smtp.server_chunks import ChunkIntake, Verdict
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
    question,
    usual,
    verb_of,
)
from fumidai.smtp.states import State, follow
from fumidai.smtp.xclient import XClientFault, parse_xclient

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

_STARTTLS = frozenset({"STARTTLS"})
# Looking a member up in its enumeration costs as much as a call; these are asked for at each line.
_GREETED, _NAMED, _DATA, _CLOSED = State.GREETED, State.RCPT, State.DATA, State.CLOSED
_LINES = frozenset({State.READY, State.GREETED, State.MAIL, State.RCPT, State.BDAT})
_TAKES_RCPT = frozenset({State.MAIL, State.RCPT})
_BODY = frozenset({State.DATA, State.BDAT})
_IN_TRANSACTION = frozenset({State.MAIL, State.RCPT, State.DATA, State.BDAT})
_UNKNOWN, _BDAT, _RCPT = Verb.UNKNOWN, Verb.BDAT, Verb.RCPT
#: Stands where no message is read; a reader of its own would be a third of what an idle connection takes.
_NO_MESSAGE = DataReader()


@lru_cache(64)
def _names(announce: tuple[str, ...]) -> frozenset[str]:
    """Upper-case names of the extensions that are announced."""
    return frozenset(line.partition(" ")[0].upper() for line in announce)


@lru_cache(64)
def _introduction(text: str, announce: tuple[str, ...], tls: bool) -> str:
    """The text of an answer to EHLO: what is offered stands behind the greeting."""
    return "\n".join((text, *(line for line in announce if not (tls and line.upper() == "STARTTLS"))))


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


class ServerMachine:
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
        self._reader = _NO_MESSAGE
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

    def _forget_transaction(self) -> None:
        """Outside a transaction there is no sender and no recipient."""
        self.sender = None
        self.recipients = []
        if self._intake is not None:
            self._intake.reader = None

    def _read_on(self) -> None:
        while self.asked is None and self._step():
            pass

    def _ask(self, asked: Question) -> None:
        self.asked = asked
        self._queue.append(asked)

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

    def _envelope(self, line: bytes) -> bool:
        """Ask at once what three of four commands are: a MAIL, RCPT or DATA in its order and usual form."""
        state = self.state
        if state is _NAMED and line == b"DATA\r\n":
            self._ask(DATA_BEGIN)
            return True
        plain = plain_path(line)
        if plain is None:
            return False
        verb, path = plain
        if verb is _RCPT:
            fits = state in _TAKES_RCPT and len(self.recipients) < self.limits.recipients
            if fits:
                self._ask(Rcpt(path, NO_PARAMETERS, line))
            return fits
        if state is _GREETED:
            self._ask(Mail(path, NO_PARAMETERS, line))
            return True
        return False

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

    def _begin_message(self) -> None:
        self._reader = DataReader()
        self._size = 0
        self._parts = []

    def _data(self) -> bool:
        """Read the message on; at most up to where it may end, so that the rest is not copied again and again."""
        if not self._buffer:
            return False
        end = self._buffer.find(END)
        length = end + len(END) if end >= 0 else len(self._buffer)
        rest = self._feed(bytes(self._buffer[:length]))
        del self._buffer[: length - rest]
        return True

    def _feed(self, data: bytes) -> int:
        """Take a piece of the message; how many octets of it lie behind its end."""
        fed = self._reader.feed(data)
        self.odd = self._reader.odd
        self._keep(fed.data)
        bound = self.limits.message
        if bound and self._size > bound + self.limits.excess:
            self._refuse(Refusal.MESSAGE_TOO_BIG, b"")
            self._close(Refusal.MESSAGE_TOO_BIG)
        elif fed.done:
            self._end_message(self._reader.oddities)
        return len(fed.rest)

    def _keep(self, data: bytes) -> None:
        """Hand on or collect a part of the message, as far as it is within the bound."""
        bound = self.limits.message
        size = self._size + len(data)
        # What is over the bound is not kept; no piece ends between a CR and its LF.
        part = data if not bound or size <= bound else data[: max(bound - self._size, 0)].removesuffix(b"\r")
        self._size = size
        if part and self._collect:
            self._parts.append(part)
        elif part:
            self._queue.append(DataChunk(part))

    def _end_message(self, oddities: tuple[Oddity, ...]) -> None:
        size, parts, self._parts = self._size, self._parts, []
        self._reader = _NO_MESSAGE
        if self.limits.message and size > self.limits.message:
            self.state = follow(self.state, Verb.MESSAGE, Refusal.MESSAGE_TOO_BIG.code, self.hello is not None)
            self._forget_transaction()
            self._refuse(Refusal.MESSAGE_TOO_BIG, b"")
        else:
            self._ask(Message(b"".join(parts), oddities) if self._collect else DataEnd(size, oddities))

    def _begin_chunk(self, command: Command, line: bytes) -> None:
        """A BDAT: what follows are octets, whatever is answered."""
        announced = "CHUNKING" in self._keywords
        chunk = parse_chunk(command.argument) if announced else None
        if chunk is None:
            # Where the chunk ends nobody knows, and it must not be read as commands.
            why = Refusal.CHUNK_SYNTAX if announced else Refusal.NO_CHUNKS
            self._refuse(why, line)
            self._close(why)
            return
        intake = self._intake = self._intake or ChunkIntake(self.limits.excess)
        intake.begin(*chunk)
        wrong = self._objection_to_chunk(command, intake)
        if wrong:
            self.state = follow(self.state, Verb.BDAT, wrong.code, self.hello is not None)
            self._forget_transaction()  # whatever the refusal, it is over
            self._drop_chunk(intake, (wrong, line), len(line))
        elif self.state is State.RCPT:
            self._ask(ChunkBegin(*chunk))
            return
        if not intake.left:
            self._end_chunk(intake)

    def _objection_to_chunk(self, command: Command, intake: ChunkIntake) -> Refusal | None:
        # RFC 3030 §2: a client that pipelines may have sent more before it heard of the first refusal.
        if intake.failed:
            return Refusal.CHUNK_LEFT
        so_far = self._size if self.state is State.BDAT else 0
        if out_of_order := objection(command, self.state, self._keywords):
            return out_of_order
        too_big = self.limits.message and so_far + intake.size > self.limits.message
        return Refusal.MESSAGE_TOO_BIG if too_big else None

    def _open_chunk(self, code: int, reply: bytes) -> bytes:
        """The first chunk was answered: keep it, or drop it and say so then."""
        intake = self._intake
        if intake is None or self.closed:
            return reply
        if code // 100 == 2:
            intake.reader = ChunkReader()
        else:
            self._drop_chunk(intake, Swallowed(reply))
        return b""

    def _drop_chunk(self, intake: ChunkIntake, verdict: Verdict, more: int = 0) -> None:
        if not intake.drop(verdict, more):
            self._end_chunk(intake)
            self._close(Refusal.MESSAGE_TOO_BIG)

    def _octets(self, intake: ChunkIntake) -> bool:
        """Read the chunk on."""
        if intake.left and not self._buffer:
            return False
        self._keep(intake.take(self._buffer))
        self.odd = intake.reader is not None and intake.reader.odd
        if not intake.left:
            self._end_chunk(intake)
        return True

    def _end_chunk(self, intake: ChunkIntake) -> None:
        reader, verdict = intake.reader, intake.end()
        if isinstance(verdict, Swallowed):
            self._queue.append(verdict)
        elif verdict is not None:
            self._refuse(*verdict)
        elif reader is not None and intake.last:
            last = reader.end()
            self.odd = reader.odd
            self._keep(last)
            self._end_message(reader.oddities)
        else:
            self._ask(ChunkEnd(intake.size))

    def _line(self) -> bool:
        """Read one command, or find that its line is too long."""
        if self._skipped is not None:
            return self._skip()
        bound = self.limits.line
        end = self._buffer.find(b"\r\n", self._scanned, bound)
        if end < 0 and len(self._buffer) < bound:
            self._scanned = max(len(self._buffer) - 1, 0)
            return False
        self._scanned = 0
        length = end + 2 if end >= 0 else bound
        line = bytes(self._buffer[:length])
        # Of a line too long the CR at the bound is left: the LF may be next.
        del self._buffer[: length - (end < 0 and line.endswith(b"\r"))]
        if end < 0:
            self._skipped = 0
            self._refuse(Refusal.LINE_TOO_LONG, line)
        else:
            self._read(line)
        return True

    def _skip(self) -> bool:
        """Drop the rest of a line that is too long."""
        left = self.limits.endless - (self._skipped or 0)
        end = self._buffer.find(b"\r\n", 0, left)
        if end >= 0:
            del self._buffer[: end + 2]
            self._skipped = None
            return True
        if len(self._buffer) >= left:
            self._close(Refusal.ENDLESS_LINE)
            return True
        dropped = len(self._buffer) - self._buffer.endswith(b"\r")
        del self._buffer[:dropped]
        self._skipped = (self._skipped or 0) + dropped
        return False

    def _read(self, line: bytes) -> None:
        """Turn one whole line into a question or a refusal."""
        text = line[:-2]
        # RFC 5321 §2.3.8, §4.1.1.4: CR and LF stand together or not at all. NUL is in no command's grammar.
        if b"\r" in text or b"\n" in text or b"\0" in text:
            self._refuse(Refusal.CONTROL, line)
        elif self._continued:
            self._ask(Continuation(text))
        else:
            self._dispatch(parse_command(text), line)

    def _dispatch(self, command: Command, line: bytes) -> None:
        """Ask, or refuse."""
        verb = command.verb
        if verb is _UNKNOWN:
            self._unknown(line)
        elif verb is _BDAT:
            self._begin_chunk(command, line)
        elif refusal := self._objection(command):
            self._refuse(refusal, line, command.fault if refusal is Refusal.SYNTAX else None)
        elif verb is Verb.XCLIENT:
            self._proxied(command, line)
        else:
            self._ask(question(command, line))

    def _proxied(self, command: Command, line: bytes) -> None:
        """A proxy says who its client is."""
        said = parse_xclient(command.argument)
        if isinstance(said, XClientFault):
            self._refuse(Refusal.XCLIENT_SYNTAX, line, said)
        else:
            self._ask(XClient(said, line))

    def _unknown(self, line: bytes) -> None:
        foreign = line.partition(b" ")[0] in OTHER_PROTOCOLS
        self._refuse(Refusal.OTHER_PROTOCOL if foreign else Refusal.UNKNOWN, line)
        if foreign:
            self._close(Refusal.OTHER_PROTOCOL)

    def _objection(self, command: Command) -> Refusal | None:
        """What is wrong with the order or the form of this command, or with taking one recipient more."""
        keywords = self._keywords - _STARTTLS if self.tls and command.verb is Verb.STARTTLS else self._keywords
        if why := objection(command, self.state, keywords):
            return why
        bound = self.limits.message
        if bound and command.params and int(command.params.get("SIZE", 0)) > bound:
            return Refusal.SIZE_ANNOUNCED
        if command.verb is _RCPT and len(self.recipients) >= self.limits.recipients:
            return Refusal.TOO_MANY_RECIPIENTS
        return None

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
        self.state = State.CLOSED
        if why.code == 421:
            self._queue.append(Refuse(write_reply(why.code, why.text, why.enhanced), b"", why))
        self._queue.append(Close(why))

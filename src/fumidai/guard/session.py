# SPDX-License-Identifier: Apache-2.0
"""One client before the guard: what it asks is decided by the policy, and what is permitted is asked of the backend.

    bytes → ServerMachine → question ─ order and form → the machine's own no
                                     ├ RCPT → Door.decide → no, or Transaction.recipient → the backend's word
                                     ├ DATA → Transaction.begin → 354 → our Received line, pieces of the body
                                     └ dot  → Transaction.end → the backend's word, copied

Nothing is acknowledged on our own authority but MAIL (which promises nothing). A client that leaves before its dot
ends the transaction without one; so does a body with a bare CR, LF or NUL. A client that leaves after its dot leaves
the backend's answer to the log.

Reading pauses, for reasons that are kept apart (``_Hold``), while the client says more than is answered, does not read
our answers, or sends faster than the backend takes. Memory for one client is bounded by that.

Limits: no TLS and no authentication yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from fumidai.errors import FumidaiError
from fumidai.guard.backend import Answer, Fate, Sender, Transaction
from fumidai.guard.body import made_right, strange
from fumidai.guard.post import Post
from fumidai.guard.settings import LineEndings
from fumidai.guard.trace_line import received_line
from fumidai.net.protocol import Alarm, ProtocolListener, Served
from fumidai.policy.request import Action, Decision, Request
from fumidai.smtp.address import Malformed, parse_path
from fumidai.smtp.command import Verb
from fumidai.smtp.refusals import Refusal
from fumidai.smtp.server import (
    Close,
    DataBegin,
    DataChunk,
    DataEnd,
    Early,
    Event,
    Hello,
    Injected,
    Mail,
    Question,
    Quit,
    Rcpt,
    Refuse,
    Reset,
    ServerMachine,
    usual,
)
from fumidai.smtp.states import State

_T = TypeVar("_T")

#: Octets of answers that may wait for a client before it is no longer read.
_SEND_HIGH_WATER: Final = 16 * 1024
#: Seconds for a client that is sent away to hear it.
_LINGER: Final = 2.0
#: Seconds from the beginning of a body after which its rate counts.
_BODY_START: Final = 300.0


class _Hold:
    """Why a client is not read just now: bits of a plain number, which is asked for every answer."""

    ASKED: Final = 1
    CLIENT: Final = 2
    BACKEND: Final = 4


class Session(Served):
    """One connection of a client."""

    # fmt: off
    __slots__ = (
        "_alarm", "_body_began", "_body_size", "_chatter", "_client", "_closing", "_due", "_ending", "_eof", "_holds",
        "_id", "_leaving", "_loop", "_machine", "_post", "_refused", "_spoilt", "_transaction",
    )
    # fmt: on

    def __init__(self, listener: ProtocolListener, post: Post) -> None:
        super().__init__(listener)
        self._post = post
        self._loop = post.loop
        self._id = self._client = ""
        self._holds = 0
        self._due = b""  # answers to a pipelined group go out together (RFC 2920 §3.2)
        self._transaction: Transaction | None = None
        self._ending: _Ending | None = None  # the dot was passed on, and the backend has not answered
        self._spoilt = ""
        self._refused = 0
        self._chatter = 0
        self._body_began = 0.0
        self._body_size = 0
        self._closing = False
        self._leaving = False
        self._eof = False

    # --- the loop's side ---

    def opened(self) -> None:
        """Greet."""
        post, transport = self._post, sure(self.transport)
        self._id = post.next_id()
        self._client = str(self.peer)
        self._machine = ServerMachine(post.announced(), post.limits, collect=False)
        self._alarm = Alarm(self._loop, self._too_slow)
        transport.set_write_buffer_limits(high=_SEND_HIGH_WATER)
        transport.write(self._machine.greet(post.greeting))
        self._alarm.set(post.settings.command_time)

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        if self._closing or self.transport is None:
            return
        if self._machine.asked is not None:
            # It says more than it has answers for: what has come is kept, the rest waits at its end.
            self._hold(_Hold.ASKED)
        self._drive(self._machine.receive(data))

    def eof_received(self) -> bool:
        """A client that has said all may still be waiting for answers."""
        self._eof = True
        return self.transport is not None and not self._closing and self._machine.asked is not None

    def pause_writing(self) -> None:
        """See ``asyncio.BaseProtocol``."""
        self._hold(_Hold.CLIENT)

    def resume_writing(self) -> None:
        """See ``asyncio.BaseProtocol``."""
        self._release(_Hold.CLIENT)

    def lost(self) -> None:
        """The client is gone: what it has not ended never was."""
        self._alarm.stop()
        self._drop("the client left before the end")

    def ask_to_leave(self) -> None:
        """The service ends: a transaction may be finished, nothing else."""
        self._leaving = True
        if self._transaction is None and not self._closing and self._machine.asked is None:
            self._goodbye("Service is closing")

    # --- from bytes to answers ---

    def _drive(self, events: list[Event]) -> None:
        """Meet what came, until something has to be waited for; then write all answers at once."""
        while events and not self._closing:
            for event in events:
                self._meet(event)
            if self._machine.asked is not None:
                break
            events = self._machine.receive(b"")
        self._flush()

    def _meet(self, event: Event) -> None:
        match event:
            case DataChunk(data=data):
                self._body(data)
            case Mail():
                self._mail(event)
            case Rcpt():
                self._recipient(event)
            case DataBegin():
                self._begin()
            case DataEnd():
                self._end(event)
            case Refuse():
                self._refuse(event)
            case Close(why=why):
                self._closing = True
                self._note_session(why.name.lower().replace("_", "-"), why.text)
            case Early() | Injected():
                pass
            case _:
                self._small_talk(event)

    def _small_talk(self, asked: Question) -> None:
        """Everything that needs no policy; without end it is abuse."""
        if isinstance(asked, Hello | Reset | Quit):
            self._drop()
        self._say(*usual(asked, self._post.name))
        self._chatter += 1
        if self._chatter > self._post.settings.refusals:
            self._send_away("too-much-talk", "Too many commands without a message")

    def _mail(self, mail: Mail) -> None:
        if self._leaving:
            self._send_away("closing", "Service is closing", tell=False)
            return
        self._transaction, self._spoilt, self._body_began, self._body_size = None, "", 0.0, 0
        self._say(*(_objection(mail.path, mail.params) or usual(mail)))

    def _recipient(self, rcpt: Rcpt) -> None:
        mail, hello = sure(self._machine.sender), self._machine.hello
        if not rcpt.path.isascii() and "SMTPUTF8" not in mail.params:
            # RFC 6531 §3.5
            self._say(553, "Address needs SMTPUTF8", "5.6.7")
            return
        path = bracketed(rcpt.path)
        request = Request(
            client=self.peer,
            helo=hello.name if hello else None,
            tls=False,
            user=None,
            reverse_path=bracketed(mail.path),
            forward_path=path,
        )
        decision = self._post.door.decide(request)
        if decision is None:
            self._post.door.ask(request, partial(self._found_out, path, rcpt.params))
        else:
            self._decided(path, rcpt.params, decision)

    def _found_out(self, path: bytes, params: Mapping[str, bytes], decision: Decision) -> None:
        """A decision that had to wait for look-ups."""
        if self.transport is not None and self._machine.asked is not None:
            self._decided(path, params, decision)
            self._go_on_if_answered()

    def _decided(self, path: bytes, params: Mapping[str, bytes], decision: Decision) -> None:
        if decision.action is Action.PERMIT:
            transaction = self._transaction
            if transaction is None:
                self._transaction = transaction = self._post.backend.open(self._sender(), self._take_more)
            transaction.recipient(path, params, partial(self._told_recipient, path, decision))
            return
        self._note_recipient(path, decision, f"{decision.code} {decision.enhanced}")
        self._say(decision.code, decision.text, decision.enhanced)
        self._count_refusal()

    def _told_recipient(self, path: bytes, decision: Decision, answer: Answer) -> None:
        """What the backend says to a recipient that the policy permits."""
        if not answer.taken:
            action = Action.DEFER if answer.code < 500 else Action.REFUSE
            decision = Decision(action, "backend", answer.detail or answer.text)
        self._note_recipient(path, decision, f"{answer.code} {answer.enhanced}")
        self._answer(answer)
        if answer.code >= 500:
            self._count_refusal()
        self._go_on()

    def _begin(self) -> None:
        sure(self._transaction).begin(self._begun)

    def _begun(self, answer: Answer) -> None:
        if answer.fate is Fate.ANSWERED and answer.code == 354:
            hello = self._machine.hello
            line = received_line(
                self._sender(),
                self._post.name,
                [bracketed(rcpt.path) for rcpt in self._machine.recipients],
                self._post.date(),
                extended=hello is not None and hello.verb is Verb.EHLO,
            )
            self._body_began = self._loop.time()
            self._say(354, "Go ahead, end with a dot", "")
            if not sure(self._transaction).body(line):
                self._hold(_Hold.BACKEND)
        else:
            self._answer(answer)
        self._go_on()

    def _body(self, data: bytes) -> None:
        self._body_size += len(data)
        if self._transaction is None:
            return  # spoilt already: nothing more of it reaches the backend
        if fault := strange(data):
            if self._post.settings.line_endings is LineEndings.REFUSE:
                self._spoilt = fault
                self._drop()
                return
            data = made_right(data)
        if not self._transaction.body(data):
            self._hold(_Hold.BACKEND)

    def _end(self, end: DataEnd) -> None:
        self._body_size = end.size
        if self._spoilt:
            self._note_message("refused", "554 5.6.0", f"the body holds {self._spoilt}")
            self._say(554, f"Message refused: {self._spoilt}", "5.6.0")
            # What follows may have been meant for another server's idea of where a message ends.
            self._closing = True
            return
        self._ending = _Ending(self)
        sure(self._transaction).end(self._told_end)

    def _told_end(self, answer: Answer) -> None:
        """The backend's word on the message: the only source of a 250."""
        self._transaction = None
        self._release(_Hold.BACKEND)
        ending, self._ending = self._ending, None
        gone = self.transport is None
        outcome = "delivered" if answer.taken else "refused" if answer.code >= 500 else "deferred"
        if answer.fate is Fate.UNKNOWN:
            outcome = "unknown"
        elif answer.taken and gone:
            outcome = "delivered-unacknowledged"
        sure(ending).note(self, outcome, f"{answer.code} {answer.enhanced}", answer.detail)
        if not gone and self._machine.asked is not None:
            self._chatter = 0
            self._answer(answer)
            self._go_on()

    # --- speaking ---

    def _say(self, code: int, text: str, enhanced: str) -> None:
        self._due += self._machine.answer(code, text, enhanced)

    def _answer(self, answer: Answer) -> None:
        self._say(answer.code, answer.text, answer.enhanced)

    def _refuse(self, refuse: Refuse) -> None:
        self._due += refuse.reply
        if refuse.why is Refusal.MESSAGE_TOO_BIG:
            self._note_message("refused", "552 5.3.4", "longer than message_size")
            self._drop()

    def _count_refusal(self) -> None:
        self._refused += 1
        if self._refused > self._post.settings.refusals:
            self._send_away("too-many-refusals", "Too many refused recipients")

    def _send_away(self, rule: str, text: str, *, tell: bool = True) -> None:
        """421, after whatever is due."""
        if tell:
            self._note_session(rule, text)
        self._drop(text)  # while the machine still knows whose message it was
        self._due += self._machine.goodbye(text, "4.7.0" if tell else "4.3.2")
        self._closing = True

    def _goodbye(self, text: str) -> None:
        self._send_away("closing", text, tell=False)
        self._flush()

    def _too_slow(self) -> None:
        """The client had its time."""
        if self._closing:
            if self.transport is not None:
                self.transport.abort()
            return
        self._send_away("too-slow", "Too slow")
        self._flush()

    def _go_on(self) -> None:
        """What was waited for is answered: read what came meanwhile."""
        self._release(_Hold.ASKED)
        self._drive(self._machine.receive(b"") if not self._closing else [])

    def _go_on_if_answered(self) -> None:
        if self._machine.asked is None:
            self._go_on()

    def _flush(self) -> None:
        """Write, and see how long the client may take now."""
        transport, machine = self.transport, self._machine
        if transport is None:
            return
        answered, due = bool(self._due), self._due
        if answered:
            self._due = b""
            transport.write(due)
        if self._closing or machine.closed or (self._eof and machine.asked is None):
            self._close(transport, linger=self._closing and not self._eof)
        elif machine.asked is not None:
            self._alarm.off()  # now it is our turn, and the backend's
        elif machine.state is State.DATA:
            self._watch_body()
        elif answered:
            if self._leaving and self._transaction is None:
                self._goodbye("Service is closing")
                return
            self._alarm.set(self._post.settings.command_time)

    def _close(self, transport: asyncio.Transport, *, linger: bool) -> None:
        """Close; ``linger``: the client may still be saying something, and a reset would take our last word from it."""
        self._closing = True
        self._drop("the client left before the end")
        if linger and transport.can_write_eof():
            with suppress(OSError):  # reset by the client meanwhile
                transport.write_eof()
            if self._holds:
                self._holds = 0
                transport.resume_reading()
            self._alarm.set(_LINGER)
        else:
            self._alarm.stop()
            transport.close()

    def _watch_body(self) -> None:
        """A body has to go on, and not too slowly (RFC 5321 §4.5.3.2.5 gives three minutes to a piece)."""
        settings = self._post.settings
        at = self._loop.time() + settings.body_time
        if settings.least_rate:
            at = min(at, self._body_began + _BODY_START + self._body_size / settings.least_rate)
        self._alarm.set_at(at)

    # --- holding back ---

    def _hold(self, why: int) -> None:
        if self._closing:
            return
        if not self._holds and self.transport is not None:
            self.transport.pause_reading()
        self._holds |= why

    def _release(self, why: int) -> None:
        if not self._holds & why:
            return
        self._holds &= ~why
        if not self._holds and self.transport is not None and not self._closing:
            self.transport.resume_reading()

    def _take_more(self) -> None:
        """The backend takes more of the body."""
        self._release(_Hold.BACKEND)

    def _drop(self, why: str = "") -> None:
        """End the transaction without a dot; a body that was on its way is noted as aborted, if a reason is given."""
        if self._transaction is None or self._ending is not None:
            return
        if why and self._machine.state is State.DATA:
            self._note_message("aborted", "", why)
        self._transaction.abort()
        self._transaction = None
        self._release(_Hold.BACKEND)

    def _sender(self) -> Sender:
        mail, hello = sure(self._machine.sender), self._machine.hello
        name = hello.name if hello else ""
        return Sender(self.peer, name, False, None, bracketed(mail.path), mail.params, self._id)

    # --- the log ---

    def _note_recipient(self, path: bytes, decision: Decision, reply: str) -> None:
        hello, mail = self._machine.hello, self._machine.sender
        self._post.log.note(
            "rcpt",
            {
                "session": self._id,
                "client": self._client,
                "helo": hello.name if hello else "",
                "from": readable(mail.path) if mail else "",
                "to": readable(path),
                "action": decision.action.value,
                "rule": decision.rule,
                "why": decision.why,
                "reply": reply,
            },
        )

    def _note_message(self, outcome: str, reply: str, why: str) -> None:
        _Ending(self).note(self, outcome, reply, why)

    def _note_session(self, rule: str, why: str) -> None:
        fields = {"session": self._id, "client": self._client, "action": "sent away", "rule": rule, "why": why}
        self._post.log.note("session", fields)

    @property
    def id(self) -> str:
        """As it stands in the log and in the Received line."""
        return self._id

    @property
    def client(self) -> str:
        """The client's address."""
        return self._client


class _Ending:
    """What the log says of a message; kept, because the client may be gone when the backend answers."""

    __slots__ = ("_from", "_recipients", "_size")

    def __init__(self, session: Session) -> None:
        machine = session._machine
        self._from = readable(machine.sender.path) if machine.sender else ""
        self._recipients = len(machine.recipients)
        self._size = session._body_size

    def note(self, session: Session, outcome: str, reply: str, why: str) -> None:
        """Write the line."""
        session._post.log.note(
            "message",
            {
                "session": session.id,
                "client": session.client,
                "from": self._from,
                "recipients": self._recipients,
                "size": self._size,
                "outcome": outcome,
                "reply": reply,
                "why": why,
            },
        )


def sure(thing: _T | None) -> _T:
    """What must be there by the order of questions, which the machine keeps."""
    if thing is None:
        raise FumidaiError("a question out of order")
    return thing


def bracketed(path: bytes) -> bytes:
    """The path as the backend gets it: in brackets, so that both read the same."""
    return path if path.startswith(b"<") else b"<" + path + b">"


def readable(path: bytes) -> str:
    """A path for the log, in brackets; what is not UTF-8 is escaped."""
    return bracketed(path).decode("utf-8", "backslashreplace")


def _objection(path: bytes, params: Mapping[str, bytes]) -> tuple[int, str, str] | None:
    """What is wrong with a sender, whatever the policy says."""
    if not path.isascii() and "SMTPUTF8" not in params:
        # RFC 6531 §3.5
        return 553, "Address needs SMTPUTF8", "5.6.7"
    if isinstance(parse_path(bracketed(path)), Malformed):
        return 501, "Bad sender address syntax", "5.1.7"
    if params.get("BODY", b"7BIT").upper() not in (b"7BIT", b"8BITMIME"):
        # RFC 3030: BINARYMIME needs BDAT.
        return 501, "BODY is 7BIT or 8BITMIME", "5.5.4"
    return None


def session_factory(post: Post) -> partial[Session]:
    """What a listener makes for each client."""
    return partial(Session, post=post)

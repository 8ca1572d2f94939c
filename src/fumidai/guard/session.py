# SPDX-License-Identifier: Apache-2.0
"""One client before the guard: what it asks is decided by the policy, and what is permitted is asked of the backend.

    bytes → ServerMachine → question ─ order and form → the machine's own no
                                     ├ RCPT → Door.decide → no, or Transaction.recipient → the backend's word
                                     ├ DATA → Transaction.begin → 354 → our Received line, pieces of the body
                                     └ dot  → Transaction.end → the backend's word, copied

Nothing is acknowledged on our own authority but MAIL (which promises nothing). A client that leaves before its dot
ends the transaction without one; so does a body with a bare CR, LF or NUL. A client that leaves after its dot leaves
the backend's answer to the log.

The connection itself (who is read, what is written, how it ends) is ``line``'s, the log ``notes``'.

Limits: no TLS and no authentication yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from time import monotonic
from typing import Final

from fumidai.guard.backend import Answer, Fate, Sender
from fumidai.guard.body import made_right, strange
from fumidai.guard.line import Hold, Line, sure
from fumidai.guard.notes import Ending, note_recipient, note_session
from fumidai.guard.paths import bracketed, objection
from fumidai.guard.post import Duty, Post
from fumidai.guard.settings import LineEndings
from fumidai.guard.trace_line import received_line
from fumidai.net.protocol import ProtocolListener
from fumidai.policy.request import Action, Decision, Request
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
    Swallowed,
    usual,
)
from fumidai.smtp.states import State

#: Seconds from the beginning of a body after which its rate counts.
_BODY_START: Final = 300.0


class Session(Line):
    """One client's questions and the answers to them."""

    __slots__ = ("_body_began", "_body_size", "_chatter", "_ending", "_refused", "_spoilt")

    def __init__(self, listener: ProtocolListener, duty: Duty) -> None:
        super().__init__(listener, duty)
        self._ending: Ending | None = None  # the dot was passed on, and the backend has not answered
        self._spoilt = ""
        self._refused = 0
        self._chatter = 0
        self._body_began = 0.0
        self._body_size = 0

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
            case Swallowed(reply=reply):
                self._due += reply
            case Close(why=why):
                self._closing = True
                note_session(self, why.name.lower().replace("_", "-"), why.text)
            case Early() | Injected():
                pass
            case _:
                self._small_talk(event)

    def _small_talk(self, asked: Question) -> None:
        """Everything that needs no policy; without end it is abuse."""
        if isinstance(asked, Hello | Reset | Quit):
            self._drop()
        self._say(*usual(asked, self.post.name))
        if isinstance(asked, Hello):
            self.identify(self.who.called(asked.name))
        self._chatter += 1
        if self._chatter > self.post.settings.refusals:
            self._send_away("too-much-talk", "Too many commands without a message")

    def _mail(self, mail: Mail) -> None:
        if self._leaving:
            self._send_away("closing", "Service is closing", tell=False)
            return
        self.post = self.duty.post
        self._transaction, self._spoilt, self._body_began, self._body_size = None, "", 0.0, 0
        self._say(*(objection(mail.path, mail.params) or usual(mail)))

    def _recipient(self, rcpt: Rcpt) -> None:
        mail, who = sure(self.machine.sender), self.who
        if not rcpt.path.isascii() and "SMTPUTF8" not in mail.params:
            # RFC 6531 §3.5
            self._say(553, "Address needs SMTPUTF8", "5.6.7")
            return
        path = bracketed(rcpt.path)
        request = Request(
            client=who.address,
            client_name=who.name,
            helo=who.helo,
            tls=who.tls,
            user=who.user,
            reverse_path=bracketed(mail.path),
            forward_path=path,
        )
        decision = self.post.door.decide(request)
        if decision is None:
            self.post.door.ask(request, partial(self._found_out, path, rcpt.params))
        else:
            self._decided(path, rcpt.params, decision)

    def _found_out(self, path: bytes, params: Mapping[str, bytes], decision: Decision) -> None:
        """A decision that had to wait for look-ups."""
        if self.transport is not None and self.machine.asked is not None:
            self._decided(path, params, decision)
            self._go_on_if_answered()

    def _decided(self, path: bytes, params: Mapping[str, bytes], decision: Decision) -> None:
        if decision.action is Action.PERMIT:
            transaction = self._transaction
            if transaction is None:
                self._transaction = transaction = self.post.backend.open(self._sender(), self._take_more)
            transaction.recipient(path, params, partial(self._told_recipient, path, decision, monotonic()))
            return
        note_recipient(self, path, decision, f"{decision.code} {decision.enhanced}")
        self._say(decision.code, decision.text, decision.enhanced)
        self._count_refusal()

    def _told_recipient(self, path: bytes, decision: Decision, asked: float, answer: Answer) -> None:
        """What the backend says to a recipient that the policy permits."""
        self.post.counts.answered("recipient", monotonic() - asked, answer.fate)
        if not answer.taken:
            action = Action.DEFER if answer.code < 500 else Action.REFUSE
            decision = Decision(action, "backend", answer.detail or answer.text)
        note_recipient(self, path, decision, f"{answer.code} {answer.enhanced}")
        self._answer(answer)
        if answer.code >= 500:
            self._count_refusal()
        self._go_on()

    def _begin(self) -> None:
        sure(self._transaction).begin(self._begun)

    def _begun(self, answer: Answer) -> None:
        if answer.fate is Fate.ANSWERED and answer.code == 354:
            hello = self.machine.hello
            line = received_line(
                self._sender(),
                self.post.name,
                [bracketed(rcpt.path) for rcpt in self.machine.recipients],
                self.post.date(),
                extended=hello is not None and hello.verb is Verb.EHLO,
            )
            self._body_began = self._loop.time()
            self._say(354, "Go ahead, end with a dot", "")
            if not sure(self._transaction).body(line):
                self._hold(Hold.BACKEND)
        else:
            self._answer(answer)
        self._go_on()

    def _body(self, data: bytes) -> None:
        self._body_size += len(data)
        if self._transaction is None:
            return  # spoilt already: nothing more of it reaches the backend
        if fault := strange(data):
            if self.post.settings.line_endings is LineEndings.REFUSE:
                self._spoilt = fault
                self._drop()
                return
            data = made_right(data)
        if not self._transaction.body(data):
            self._hold(Hold.BACKEND)

    def _end(self, end: DataEnd) -> None:
        self._body_size = end.size
        if self._spoilt:
            Ending(self, self._body_size).note(self, "refused", "554 5.6.0", f"the body holds {self._spoilt}")
            self._say(554, f"Message refused: {self._spoilt}", "5.6.0")
            # What follows may have been meant for another server's idea of where a message ends.
            self._closing = True
            return
        self._ending = Ending(self, self._body_size)
        sure(self._transaction).end(partial(self._told_end, monotonic()))

    def _told_end(self, asked: float, answer: Answer) -> None:
        """The backend's word on the message: the only source of a 250."""
        self.post.counts.answered("message", monotonic() - asked, answer.fate)
        self._transaction = None
        self._release(Hold.BACKEND)
        ending, self._ending = self._ending, None
        gone = self.transport is None
        outcome = "delivered" if answer.taken else "refused" if answer.code >= 500 else "deferred"
        if answer.fate is Fate.UNKNOWN:
            outcome = "unknown"
        elif answer.taken and gone:
            outcome = "delivered-unacknowledged"
        sure(ending).note(self, outcome, f"{answer.code} {answer.enhanced}", answer.detail)
        if not gone and self.machine.asked is not None:
            self._chatter = 0
            self._answer(answer)
            self._go_on()

    def _refuse(self, refuse: Refuse) -> None:
        self._due += refuse.reply
        if refuse.why is Refusal.MESSAGE_TOO_BIG:
            Ending(self, self._body_size).note(self, "refused", "552 5.3.4", "longer than message_size")
            self._drop()

    def _count_refusal(self) -> None:
        self._refused += 1
        if self._refused > self.post.settings.refusals:
            self._send_away("too-many-refusals", "Too many refused recipients")

    def uses(self, post: Post) -> bool:
        """True while a message is on its way by way of this post."""
        return self.post is post and (self._transaction is not None or self._ending is not None)

    def _go_on_if_answered(self) -> None:
        if self.machine.asked is None:
            self._go_on()

    def _watch_body(self) -> None:
        """A body has to go on, and not too slowly (RFC 5321 §4.5.3.2.5 gives three minutes to a piece)."""
        settings = self.post.settings
        at = self._loop.time() + settings.body_time
        if settings.least_rate:
            at = min(at, self._body_began + _BODY_START + self._body_size / settings.least_rate)
        self._alarm.set_at(at)

    def _take_more(self) -> None:
        """The backend takes more of the body."""
        self._release(Hold.BACKEND)

    def _drop(self, why: str = "") -> None:
        """End the transaction without a dot; a body that was on its way is noted as aborted, if a reason is given."""
        if self._transaction is None or self._ending is not None:
            return
        if why and self.machine.state is State.DATA:
            Ending(self, self._body_size).note(self, "aborted", "", why)
        self._transaction.abort()
        self._transaction = None
        self._release(Hold.BACKEND)

    def _sender(self) -> Sender:
        mail, who = sure(self.machine.sender), self.who
        return Sender(who.address, who.helo or "", who.tls, who.user, bracketed(mail.path), mail.params, self.id)


def session_factory(duty: Duty) -> partial[Session]:
    """What a listener makes for each client."""
    return partial(Session, duty=duty)

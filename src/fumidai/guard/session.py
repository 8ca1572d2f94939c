# SPDX-License-Identifier: Apache-2.0
"""One client before the guard: what it asks is decided by the policy, and what is permitted is asked of the backend.

    bytes → ServerMachine → question ─ order and form → the machine's own no
                                     ├ RCPT → Door.decide → no, or Transaction.recipient → the backend's word
                                     ├ DATA → Transaction.begin → 354 → our Received line, pieces of the body
                                     └ dot  → Transaction.end → the backend's word, copied

Nothing is acknowledged on our own authority but MAIL (which promises nothing) and the octets of a chunk. A client that
leaves before its dot ends the transaction without one; so does a body that must not pass (``passage``). A client that
leaves after its dot leaves the backend's answer to the log.

By BDAT it is the same: the first chunk begins the transaction as DATA does, the last one ends it as the dot does, and
the backend sees DATA and a dot. RFC 3030 §2 wants each chunk before the last acknowledged; that 250 is for its octets,
the 250 for the message is the last one's and the backend's.

The connection itself (who is read, what is written, how it ends) is ``line``'s, TLS ``encrypted``'s, AUTH ``named``'s,
the log ``notes``'.

Limits: one transaction at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic
from typing import Any, Final

from fumidai.guard.backend import Answer, Fate, Sender
from fumidai.guard.gate import Stop
from fumidai.guard.line import Hold, sure
from fumidai.guard.named import Named
from fumidai.guard.notes import Ending, note_lost_client, note_recipient, note_session
from fumidai.guard.passage import Fault, Passage
from fumidai.guard.paths import bracketed, objection
from fumidai.guard.post import Duty, Post
from fumidai.guard.proxied import client_by_xclient
from fumidai.guard.trace_line import received_line
from fumidai.net.protocol import ProtocolListener
from fumidai.policy.request import Action, Decision, Request
from fumidai.smtp.command import Verb
from fumidai.smtp.refusals import BLAMELESS, Refusal
from fumidai.smtp.server import (
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
)

#: Recipients beyond those of one message that are put off before the client is sent away; Postfix has as many.
_SURPLUS: Final = 1000


class Session(Named):
    """One client's questions and the answers to them."""

    __slots__ = ("_chatter", "_ending", "_passage", "_refused", "_sender", "_surplus")

    def __init__(self, listener: ProtocolListener, duty: Duty, *, implicit: bool = False) -> None:
        super().__init__(listener, duty, implicit=implicit)
        self._ending: Ending | None = None  # the dot was passed on, and the backend has not answered
        self._passage: Passage | None = None  # of the body that is on its way
        self._sender: Sender | None = None  # of the transaction, or of the last one
        self._refused = 0
        self._surplus = 0  # recipients beyond those of one message
        self._chatter = 0

    def _meet(self, event: Event) -> None:
        _MEETS.get(type(event), Session._small_talk)(self, event)

    def _data(self, chunk: DataChunk) -> None:
        self._body(chunk.data)

    def _swallowed(self, chunk: Swallowed) -> None:
        self._due += chunk.reply

    def _given_up(self, close: Close) -> None:
        """The machine has had enough."""
        self._closing = True
        note_session(self, close.why.name.lower().replace("_", "-"), close.why.text)

    def _other(self, asked: Other) -> None:
        if asked.verb is Verb.AUTH:
            self._authenticate(asked)
            self._count_chatter()
        else:
            self._small_talk(asked)

    def _injected(self, event: Injected) -> None:
        """STARTTLS has looked at it already."""

    def _small_talk(self, asked: Question) -> None:
        """Everything that needs no policy; without end it is abuse."""
        if isinstance(asked, Hello | Reset | Quit):
            self._drop("the client took it back")
        self._say(*usual(asked, self.post.name))
        if isinstance(asked, Hello):
            self.identify(self.who.called(asked.name))
        self._count_chatter()

    def _count_chatter(self) -> None:
        self._chatter += 1
        if self._chatter > self.post.settings.refusals:
            self._send_away("too-much-talk", "Too many commands without a message")

    def _mail(self, mail: Mail) -> None:
        if self._leaving:
            self._send_away("closing", "Service is closing", tell=False)
            return
        self._drop()
        self._passage = None
        self.post = self.duty.post
        if wrong := objection(mail.path, mail.params):
            self._say(*wrong)
            self._count_chatter()
            return
        now = self._loop.time()
        if stop := self.post.gate.stop_message(self.who.address, now):
            self._stopped(stop)
            return
        self._look_behind(now)
        self._say(*usual(mail))

    def _look_behind(self, now: float) -> None:
        """Is this the client, or something that hides it?"""
        who, lost = self.who, self.post.lost
        veil = lost.meet(who.address, who.helo, now)
        self.identify(who.behind(veil))
        if veil is not None and lost.is_news(who.address, veil, now):
            note_lost_client(self, veil)

    def _speak_for(self, asked: XClient) -> None:
        """A proxy says who its client is: from now on the session is that client's."""
        self._drop()
        self.identify(client_by_xclient(asked.said, self.who, self.peer))
        if self._may_come_in():
            self._say(220, self.post.greeting, "")
        self._count_chatter()

    def _spoke_early(self, early: Early) -> None:
        """It spoke before it was greeted, as programs do that don't listen."""
        note_session(self, "early-talker", "spoke before the greeting")
        self._due += self.machine.greet(f"{self.post.name} does not listen to those who do not", 554)
        self._closing = True

    def _stopped(self, stop: Stop) -> None:
        """It does too much: not now."""
        note_session(self, stop.rule, stop.text, action="held back")
        self._say(stop.code, stop.text, stop.enhanced)

    def _recipient(self, rcpt: Rcpt) -> None:
        mail, who = sure(self.machine.sender), self.who
        if not rcpt.path.isascii() and "SMTPUTF8" not in mail.params:
            # RFC 6531 §3.5
            self._say(553, "Address needs SMTPUTF8", "5.6.7")
            self._count_refusal()
            return
        if stop := self.post.gate.stop_recipient(who.address, self._loop.time()):
            self._stopped(stop)
            return
        path = bracketed(rcpt.path)
        request = Request(
            client=who.source,
            client_name=who.source_name,
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
                self._sender = sender = self._who_sends()
                self._transaction = transaction = self.post.backend.open(sender, self._take_more)
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

    def _begin(self, asked: DataBegin | ChunkBegin) -> None:
        sure(self._transaction).begin(self._begun)

    def _begun(self, answer: Answer) -> None:
        asked = self.machine.asked
        if answer.fate is Fate.ANSWERED and answer.code == 354:
            hello = self.machine.hello
            line = received_line(
                sure(self._sender),
                self.post.name,
                [bracketed(rcpt.path) for rcpt in self.machine.recipients],
                self.post.date(),
                extended=hello is not None and hello.verb is Verb.EHLO,
            )
            self._passage = Passage(self.post.settings, self._loop.time(), Ending(self))
            # Of the answer to a first chunk nothing is written yet.
            self._say(*(usual(asked) if isinstance(asked, ChunkBegin) else usual(DATA_BEGIN)))
            if not sure(self._transaction).body(line):
                self._hold(Hold.BACKEND)
        else:
            if isinstance(asked, ChunkBegin):
                self._drop()  # RFC 3030 §2: with its first chunk the whole transaction is refused
            self._answer(answer)
        self._go_on()

    def _body(self, data: bytes) -> None:
        passage = sure(self._passage)
        data = passage.take(data, odd=self.machine.odd)
        if passage.fault is not None:
            self._drop()  # nothing more of it reaches the backend
        elif data and not sure(self._transaction).body(data):
            self._hold(Hold.BACKEND)
            self._keep(self._kept + len(data))

    def _end_chunk(self, chunk: ChunkEnd) -> None:
        """A chunk that is not the last. Our 250 is for its octets; nobody has taken the message yet."""
        if fault := sure(self._passage).fault:
            self._turn_down(fault)
            return
        self._say(*usual(chunk))
        if not chunk.size:
            self._count_chatter()

    def _end(self, end: DataEnd) -> None:
        passage = sure(self._passage)
        passage.size = end.size
        if passage.fault is not None:
            self._turn_down(passage.fault)
            return
        self._ending = passage.ending
        sure(self._transaction).end(partial(self._told_end, monotonic()))

    def _turn_down(self, fault: Fault) -> None:
        """The message must not pass: nothing of it is at the backend any more."""
        self._note_message("refused", f"{fault.code} {fault.enhanced}", fault.why)
        self._say(fault.code, fault.text, fault.enhanced)
        self._closing = self._closing or fault.ends

    def _note_message(self, outcome: str, reply: str, why: str) -> None:
        """What became of the body that is, or was, on its way."""
        passage, self._passage = self._passage, None
        ending = (passage and passage.ending) or Ending(self)
        ending.note(self, passage.size if passage else 0, outcome, reply, why)

    def _told_end(self, asked: float, answer: Answer) -> None:
        """The backend's word on the message: the only source of a 250."""
        self.post.counts.answered("message", monotonic() - asked, answer.fate)
        self._transaction = None
        self._release(Hold.BACKEND)
        self._ending = None
        gone = self.transport is None
        outcome = "delivered" if answer.taken else "refused" if answer.code >= 500 else "deferred"
        if answer.fate is Fate.UNKNOWN:
            outcome = "unknown"
        elif answer.taken and gone:
            outcome = "delivered-unacknowledged"
        self._note_message(outcome, f"{answer.code} {answer.enhanced}", answer.detail)
        if not gone and self.machine.asked is not None:
            self._chatter = 0
            self._answer(answer)
            self._go_on()

    def _refuse(self, refuse: Refuse) -> None:
        self._due += refuse.reply
        if refuse.why not in BLAMELESS and refuse.why.code != 421:
            self._must_go(self.post.gate.erred(self.who.address, self._loop.time()))
        if refuse.why is Refusal.TOO_MANY_RECIPIENTS:
            self._too_many_recipients()
        if refuse.why is Refusal.MESSAGE_TOO_BIG:
            self._note_message("refused", "552 5.3.4", "longer than message_size")
        if self.machine.sender is None:
            self._drop()  # with what was refused the transaction is over

    def _count_refusal(self) -> None:
        self._refused += 1
        stop = self.post.gate.refused(self.who.address, self._loop.time())
        if self._refused > self.post.settings.refusals:
            self._send_away("too-many-refusals", "Too many refused recipients")
        else:
            self._must_go(stop)

    def _too_many_recipients(self) -> None:
        """RFC 5321 §4.5.3.1.10 wants 452 for them, so that the client sends the rest apart; but not without end."""
        self._surplus += 1
        if self._surplus > max(_SURPLUS, self.post.settings.recipients):
            self._send_away("too-many-recipients", "Too many recipients")

    def _must_go(self, stop: Stop | None) -> None:
        if stop is not None and not self._closing:
            self._send_away(stop.rule, stop.text)

    def uses(self, post: Post) -> bool:
        """True while a message is on its way by way of this post."""
        return self.post is post and (self._transaction is not None or self._ending is not None)

    def _go_on_if_answered(self) -> None:
        if self.machine.asked is None:
            self._go_on()

    def _watch_body(self) -> None:
        """A body has to go on, and not too slowly (RFC 5321 §4.5.3.2.5 gives three minutes to a piece)."""
        now = self._loop.time()
        passage = self._passage = self._passage or Passage(self.post.settings, now)
        self._alarm.set_at(passage.latest(now))

    def _take_more(self) -> None:
        """The backend takes more of the body."""
        self._release(Hold.BACKEND)
        self._keep(0)

    def _drop(self, why: str = "") -> None:
        """End the transaction without a dot; a body that was on its way is noted as aborted, if a reason is given."""
        if self._transaction is None or self._ending is not None:
            return
        # The machine may have read on, to what is not met any more.
        if why and self._passage is not None and self._passage.ending is not None:
            self._note_message("aborted", "", why)
        self._transaction.abort()
        self._transaction = None
        self._release(Hold.BACKEND)

    def _who_sends(self) -> Sender:
        mail, who = sure(self.machine.sender), self.who
        return Sender(who.address, who.helo or "", who.tls, who.user, bracketed(mail.path), mail.params, self.id)


#: Who meets each kind of event; all others are small talk. A table, for it is asked for each line.
_MEETS: Final[Mapping[type[Event], Callable[[Session, Any], None]]] = {
    DataChunk: Session._data,
    Mail: Session._mail,
    Rcpt: Session._recipient,
    DataBegin: Session._begin,
    ChunkBegin: Session._begin,
    ChunkEnd: Session._end_chunk,
    DataEnd: Session._end,
    Refuse: Session._refuse,
    Swallowed: Session._swallowed,
    Close: Session._given_up,
    XClient: Session._speak_for,
    StartTls: Session._start_tls,
    Other: Session._other,
    Continuation: Session._continue,
    Early: Session._spoke_early,
    Injected: Session._injected,
}


def session_factory(duty: Duty, *, implicit: bool = False) -> partial[Session]:
    """What a listener makes for each client; ``implicit``: where TLS comes first."""
    return partial(Session, duty=duty, implicit=implicit)

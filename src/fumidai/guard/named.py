# SPDX-License-Identifier: Apache-2.0
"""AUTH before a session (RFC 4954): who proves to be a user is one from then on, and the policy says what he may.

    AUTH → Exchange (334 …) → Credentials → Login.check → 235, and ``who.user`` is set
                                                        → 535 after a delay; after a few of them 421
                                                        → 454, where it can't be told now

Only inside TLS: in clear it is not announced, and asked for all the same it is 538.

Limits: being a user permits nothing by itself; ``[policy.relay] authenticated`` does.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from fumidai.guard.encrypted import Encrypted
from fumidai.guard.login import Checked, Word
from fumidai.guard.notes import note_login
from fumidai.guard.post import Duty
from fumidai.net.protocol import ProtocolListener
from fumidai.policy.request import Action
from fumidai.smtp.command import Verb
from fumidai.smtp.sasl import Challenge, Credentials, Exchange, Fault, Mechanism, Step
from fumidai.smtp.server import Continuation, Other, usual

#: After so many failures the delay grows no more: it is a defence, and it holds memory of ours.
_MOST_DOUBLINGS = 4


class Named(Encrypted):
    """A connection whose client may say who he is."""

    __slots__ = ("_exchange", "_failed", "_mechanism")

    def __init__(self, listener: ProtocolListener, duty: Duty, *, implicit: bool = False) -> None:
        super().__init__(listener, duty, implicit=implicit)
        self._exchange: Exchange | None = None
        self._mechanism = ""
        self._failed = 0

    def _authenticate(self, asked: Other) -> None:
        """AUTH, with or without an initial response."""
        login = self.duty.post.login
        name, _, initial = asked.argument.partition(b" ")
        word = name.decode("latin-1").upper()
        if login is None:
            self._say(*usual(asked))
        elif not self.who.tls:
            # RFC 4954 §6, RFC 5248: 538 5.7.11
            self._say(538, "STARTTLS first", "5.7.11")
        elif self.who.user is not None:
            # RFC 4954 §4
            self._say(503, "Authenticated already", "5.5.1")
        elif stop := self.post.gate.stop_login(self.who.address, self._loop.time()):
            self._send_away(stop.rule, stop.text)
        elif word not in login.mechanisms():
            self._say(504, "Mechanism not known", "5.5.4")
        else:
            self._mechanism = word
            self._exchange = Exchange(Mechanism(word))
            self._step(self._exchange.begin(initial))

    def _continue(self, asked: Continuation) -> None:
        """A line that a 334 asked for."""
        if self._exchange is None:
            self._say(*usual(asked))
        else:
            self._step(self._exchange.line(asked.line))

    def _step(self, step: Step) -> None:
        if isinstance(step, Challenge):
            self._say(334, step.text, "")
            return
        self._exchange = None
        if isinstance(step, Fault):
            self._say(step.code, step.text, step.enhanced)
        elif (login := self.duty.post.login) is not None:
            login.check(step, partial(self._checked, step))
        else:  # taken away while he was asked
            self._say(*usual(Other(Verb.AUTH, b"", b"")))

    def _checked(self, said: Credentials, checked: Checked) -> None:
        if self.transport is None or self.machine.asked is None:
            return  # gone, or sent away
        match checked.word:
            case Word.RIGHT:
                note_login(self, said.user, self._mechanism, Action.PERMIT, checked.why, "235 2.7.0")
                self.identify(replace(self.who, user=said.user))
                self._failed = 0
                self._say(235, "Authenticated", "2.7.0")
            case Word.LATER:
                note_login(self, said.user, self._mechanism, Action.DEFER, checked.why, "454 4.7.0")
                self._say(454, "This can't be checked now, try again later", "4.7.0")
            case Word.WRONG:
                self._wrong(said.user, checked.why)
                return
        self._go_on()

    def _wrong(self, user: str, why: str) -> None:
        """A failed attempt: whoever guesses has to wait for his answer."""
        self._failed += 1
        self.post.gate.login_failed(self.who.address, self._loop.time())
        note_login(self, user, self._mechanism, Action.REFUSE, why, "535 5.7.8")
        settings = self.post.settings
        self._loop.call_later(settings.auth_delay * 2 ** min(self._failed - 1, _MOST_DOUBLINGS), self._tell_wrong)

    def _tell_wrong(self) -> None:
        if self.transport is None or self.machine.asked is None:
            return
        if self._failed >= self.post.settings.auth_failures:
            self._send_away("too-many-logins", "Too many failed logins")
        else:
            self._say(535, "Name or password is wrong", "5.7.8")
        self._go_on()

# SPDX-License-Identifier: Apache-2.0
"""One connection to an SMTP server behind the guard: greeted, introduced, and then lent to one transaction at a time.

The link knows which answer belongs to what it said (``ClientMachine``), holds the server to its time, and tells its
holder three things: it is ready, it heard an answer, it broke. A server that says what nobody asked, or what is no
reply, has broken it: from then on no answer could be trusted to belong to its question.

What it says is written at the end of the loop's turn (``net.turn``), but for a body's greater pieces.

Limits: no TLS and no authentication towards the backend.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fumidai.net.protocol import Alarm, connect_protocol
from fumidai.net.turn import Turn
from fumidai.smtp.client import Answered, ClientMachine, Greeting, Said
from fumidai.smtp.command import QUIT, RSET, Verb, ehlo, helo
from fumidai.smtp.extensions import Extensions
from fumidai.smtp.reply import Reply
from fumidai.smtp.states import HELLOS

#: Octets that may wait for the server before the client is no longer read.
_SEND_HIGH_WATER = 64 * 1024
#: Octets of a body from which they are sent at once.
_PIECE = 16 * 1024


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds: for a connection, for an answer, for a stuck body to move, for the answer to the dot, idle.

    RFC 5321 §4.5.3.2 lets clients wait five minutes for an answer and ten for the last: the server has to be given up
    before the client gives up us.
    """

    connect: float = 10.0
    answer: float = 120.0
    body: float = 120.0
    end: float = 300.0
    idle: float = 5.0


class Holder(Protocol):
    """Who has borrowed a link."""

    def ready(self, link: Link) -> None:
        """It may be spoken on."""

    def heard(self, said: Said, reply: Reply) -> None:
        """An answer came."""

    def broke(self, why: str) -> None:
        """The connection is of no use any more."""

    def writable(self) -> None:
        """The server takes more."""


class Link(asyncio.Protocol):
    """See above.

    Attributes:
        holder: who has borrowed it; None while nobody has.
        alive: it may be used.
        clogged: the server takes less than it is sent.
    """

    # fmt: off
    __slots__ = (
        "_alarm", "_due", "_introduced", "_loop", "_machine", "_name", "_spare", "_task", "_times", "_transport",
        "_turn", "alive", "clogged", "holder",
    )
    # fmt: on

    def __init__(self, name: str, times: Times, spare: Callable[[Link], None], turn: Turn) -> None:
        self._loop = turn.loop
        self._turn = turn
        self._name = name
        self._times = times
        self._spare = spare  # told when it is introduced or reset and nobody holds it
        self._machine = ClientMachine()
        self._alarm = Alarm(self._loop, self._late)
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._due = b""
        self._introduced = False
        self.holder: Holder | None = None
        self.alive = True
        self.clogged = False

    def connect(self, host: str, port: int) -> None:
        """Begin; the holder is told ``ready`` or ``broke``."""
        self._task = connect_protocol(host, port, self, timeout=self._times.connect, failed=self._unreachable)

    @property
    def extensions(self) -> Extensions:
        """What the server offers."""
        return self._machine.extensions

    def say(self, line: bytes, verb: Verb) -> None:
        """Put a command into the next ``send``."""
        self._due += self._machine.say(line, verb)

    def send(self) -> None:
        """Send what was put together, in one go, and wait for answers."""
        self._turn.at_end(self._write)
        self._alarm.set(self._times.answer)

    def write_body(self, data: bytes) -> bool:
        """Send a piece of a body, stuffed already; False: the server takes less than it is sent.

        Small pieces are kept until more comes, so that a small message is one write with its dot.
        """
        self._due += data
        if len(self._due) >= _PIECE:
            self._write()  # at once: whether the server takes more has to be known now
        return not self.clogged

    def end_body(self, end: bytes) -> None:
        """Send what is left, and the dot."""
        self._due += self._machine.message(end)
        self._turn.at_end(self._write)
        self._alarm.set(self._times.end)

    def give_back(self) -> None:
        """The transaction is over, and nothing is outstanding."""
        self.holder = None
        self._rest()

    def reset(self) -> None:
        """Give back a link whose transaction was begun and no body was: RSET makes it usable again."""
        self.holder = None
        if not self.alive:
            return
        if self._machine.waiting or self._machine.closing:
            self.drop()
        else:
            self.say(RSET, Verb.RSET)
            self.send()

    def drop(self) -> None:
        """Give up the connection with no word, so that a half body ends without a dot."""
        self.holder = None
        self.alive = False
        self._alarm.end()
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            # A reset: also what still waits to be sent is not sent any more.
            self._transport.abort()

    def leave(self) -> None:
        """Say goodbye and close; for a link that nobody holds."""
        self.alive = False
        self._alarm.end()
        if self._transport is not None:
            self._transport.write(QUIT)
            self._transport.close()

    # --- the loop's side ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.BaseProtocol``."""
        self._transport = transport  # type: ignore[assignment]  # TCP transports are always full ones
        self._task = None
        if not self.alive:
            self.drop()
            return
        transport.set_write_buffer_limits(high=_SEND_HIGH_WATER)  # type: ignore[attr-defined]
        self._alarm.set(self._times.answer)

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        for event in self._machine.receive(data):
            if not self.alive:
                return
            if isinstance(event, Answered):
                self._heard(event.command, event.reply)
            elif isinstance(event, Greeting):
                self._greeted(event.reply)
            else:
                self._break("the backend said what nobody had asked")

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.BaseProtocol``."""
        self._transport = None
        self._break(f"the backend closed the connection{f' ({exc})' if exc else ''}")

    def pause_writing(self) -> None:
        """See ``asyncio.BaseProtocol``."""
        self.clogged = True
        if not self._machine.waiting:
            self._alarm.set(self._times.body)

    def resume_writing(self) -> None:
        """See ``asyncio.BaseProtocol``."""
        self.clogged = False
        if not self._machine.waiting:
            self._alarm.off()
        if self.holder is not None:
            self.holder.writable()

    # --- from the server ---

    def _greeted(self, reply: Reply) -> None:
        if not reply.positive:
            self._break(f"the backend greets with {reply.code}")
            return
        self.say(ehlo(self._name), Verb.EHLO)
        self.send()

    def _heard(self, said: Said, reply: Reply) -> None:
        if self._machine.waiting:
            self._alarm.set(self._times.answer)
        else:
            self._alarm.off()
        if said.verb in HELLOS:
            self._acquainted(said, reply)
        elif self.holder is not None:
            self.holder.heard(said, reply)
        elif said.verb is Verb.RSET and reply.positive:
            self._rest()
        else:
            self.drop()

    def _acquainted(self, said: Said, reply: Reply) -> None:
        if reply.positive:
            self._introduced = True
            if self.holder is not None:
                self.holder.ready(self)
            else:
                self._rest()
        elif said.verb is Verb.EHLO and reply.permanent:
            # RFC 5321 §3.2: an old server knows HELO only.
            self.say(helo(self._name), Verb.HELO)
            self.send()
        else:
            self._break(f"the backend answers {reply.code} to {said.verb}")

    def _rest(self) -> None:
        """Nobody holds it: keep it for a while."""
        if not self.alive or self._machine.closing:
            self.drop()
            return
        self._alarm.set(self._times.idle)
        self._spare(self)

    def _late(self) -> None:
        if self.holder is None and self._introduced and not self._machine.waiting:
            self.leave()
        else:
            self._break("the backend does not answer")

    def _unreachable(self, why: str) -> None:
        self._task = None
        self._break(why)

    def _break(self, why: str) -> None:
        if not self.alive:
            return
        holder = self.holder
        self.drop()
        if holder is not None:
            holder.broke(why)

    def _write(self) -> None:
        """Write what is due; a link that was dropped meanwhile says nothing any more."""
        transport, due = self._transport, self._due
        if due and self.alive and transport is not None and not transport.is_closing():
            self._due = b""
            transport.write(due)

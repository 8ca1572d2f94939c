# SPDX-License-Identifier: Apache-2.0
"""The connection's side of a session: bytes in, answers out, who is read and who has to wait, how it ends.

    bytes → ServerMachine → events → _meet (the transaction's side, ``session``) → answers → bytes

Reading pauses, for reasons that are kept apart (``Hold``), while the client says more than is answered, does not read
our answers, or sends faster than the backend takes. Memory for one client is bounded by that.

Who has to see the bytes before the session does takes its place at the transport (``transport.set_protocol``) and
gives it back: what is not needed costs nothing. ``opened`` prepares, ``greet`` begins the dialogue; whatever comes
before the greeting (TLS from the first byte on, a proxy's header) comes between the two.

Answers are written at the end of the loop's turn (``net.turn``); what is said to a client that is sent away, at once.

Limits: what events mean is the subclass's. One deadline at a time.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final, TypeVar

from fumidai.errors import FumidaiError
from fumidai.guard.backend import Answer, Transaction
from fumidai.guard.identity import Client
from fumidai.guard.lost_client import Veil
from fumidai.guard.notes import note_lost_client, note_session
from fumidai.guard.post import Duty
from fumidai.guard.proxied import ProxyWait, client_of
from fumidai.guard.settings import ProxyProtocol
from fumidai.net.protocol import Alarm, ProtocolListener, Served
from fumidai.net.route import IpAddress
from fumidai.smtp.proxy import ProxyHeader
from fumidai.smtp.server import Event, ServerMachine
from fumidai.smtp.states import State

_T = TypeVar("_T")

#: Octets of answers that may wait for a client before it is no longer read.
_SEND_HIGH_WATER: Final = 16 * 1024
#: Seconds for a client that is sent away to hear it.
_LINGER: Final = 2.0


_CLOSED: Final = State.CLOSED


class Hold:
    """Why a client is not read just now: bits of a plain number, which is asked for every answer."""

    ASKED: Final = 1
    CLIENT: Final = 2
    BACKEND: Final = 4


class Line(Served):
    """One connection of a client. Subclasses give ``_meet``, ``_drop`` and ``_watch_body``.

    Attributes:
        post: what sessions share, until the next message; ``duty`` says what it is then.
        machine: where the dialogue stands.
        id: as it stands in the log and in the Received line.
        who: who the client is; ``shown``: its address as text. Both are set by ``identify`` alone.
    """

    # fmt: off
    __slots__ = (
        "_alarm", "_closing", "_counted", "_due", "_eof", "_holds", "_kept", "_leaving", "_loop", "_pausing",
        "_transaction", "duty", "id", "machine", "post", "shown", "who",
    )
    # fmt: on

    who: Client

    def __init__(self, listener: ProtocolListener, duty: Duty) -> None:
        super().__init__(listener)
        self.duty = duty
        self.post = post = duty.post
        self._loop = post.loop
        self.shown = ""
        self._holds = 0
        self._due = b""  # answers to a pipelined group go out together (RFC 2920 §3.2)
        self._transaction: Transaction | None = None  # while there is one, the connection may not be closed for a stop
        self._counted: IpAddress | None = None  # as whom the gate has let it in
        self._pausing = False
        self._kept = 0  # octets of its that wait here, as ``post.buffered`` has them
        self._closing = False
        self._leaving = False
        self._eof = False

    def _meet(self, event: Event) -> None:
        """One thing that the client said."""
        raise NotImplementedError

    def _drop(self, why: str = "") -> None:
        """End the transaction without a dot."""
        raise NotImplementedError

    def _watch_body(self) -> None:
        """Set the alarm for a body that is on its way."""
        raise NotImplementedError

    # --- the loop's side ---

    def opened(self) -> None:
        """Get ready, and find out who it is."""
        post, transport = self.post, sure(self.transport)
        self.id = post.next_id()
        self.identify(Client(self.peer))
        headed = self._is_headed()
        self.machine = ServerMachine(post.announced(proxy=self._may_speak_for_others()), post.limits, collect=False)
        self._alarm = Alarm(self._loop, self._too_slow)
        transport.set_write_buffer_limits(high=_SEND_HIGH_WATER)
        if headed:
            ProxyWait(transport, self, post.settings.proxy_time, self._spoken_for, self._not_spoken_for)
        else:
            self.arrive(transport)

    def _is_headed(self) -> bool:
        """It comes from a proxy that puts a header before what its client says."""
        post = self.post
        return post.gate.is_proxy(self.peer) and post.settings.proxy_protocol is ProxyProtocol.REQUIRED

    def _may_speak_for_others(self) -> bool:
        """It is a proxy that speaks SMTP itself.

        What comes behind a header is the client's own words: through such a proxy every stranger could say XCLIENT.
        """
        return self.post.gate.is_proxy(self.peer) and not self._is_headed()

    def _spoken_for(self, header: ProxyHeader) -> None:
        """A proxy has said for whom it speaks."""
        self.identify(client_of(header, self.who))
        self.arrive(sure(self.transport))

    def _not_spoken_for(self, why: str) -> None:
        """A proxy was to say for whom it speaks, and did not.

        Nothing is answered: it is not the one that we were told of, or it is set up wrongly, and either way it has no
        client.
        """
        note_session(self, "proxy-header", why)
        if self.post.lost.is_news(self.peer, Veil.PROXY, self._loop.time()):
            note_lost_client(self, Veil.PROXY)
        sure(self.transport).abort()

    def arrive(self, transport: asyncio.Transport) -> None:
        """It is known who it is: let it in, and greet it."""
        if self._may_come_in():
            self.greet(transport)
        else:
            transport.write(self._due)
            self._closing = True
            transport.close()

    def greet(self, transport: asyncio.Transport) -> None:
        """Say who we are, after a pause where there has to be one; from now on the client speaks.

        What has to be known of it is looked up meanwhile.
        """
        pause = self.post.gate.pause(self.who.address)
        if not self._pausing:
            self.post.door.expect(self.who.address, self.who.name)
        if pause and not self._pausing:
            self._pausing = True
            self._alarm.set(pause)
            return
        self._pausing = False
        self._due += self.machine.greet(self.post.greeting)
        self.post.turn.at_end(self._write)
        settings, patience = self.post.settings, self._patience()
        # A body's time is shorter: who begins with it need not have a second timer made at the first message.
        self._alarm.set(min(patience, settings.body_time))
        self._alarm.set(patience)

    def _may_come_in(self) -> bool:
        """Ask the gate, as the client that is known now; the answer to one that may not is due then."""
        client, gate, now = self.who.address, self.post.gate, self._loop.time()
        if self._counted is not None:
            gate.gone(self._counted)
            self._counted = None
        if client == self.peer and gate.is_proxy(client):
            return True  # nobody's client yet; XCLIENT or nobody will say whose
        stop = gate.turned_away(client, now)
        if stop is not None:
            self._send_away(stop.rule, stop.text)
            return False
        gate.let_in(client, now)
        self._counted = client
        return True

    def identify(self, client: Client) -> None:
        """From now on the client is this one: before the greeting, or between transactions."""
        if not self.shown or client.address is not self.who.address:
            self.shown = str(client.address)
        self.who = client

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        if self._closing or self.transport is None:
            return
        if self.machine.asked is not None:
            # It says more than it has answers for: what has come is kept, the rest waits at its end.
            self._hold(Hold.ASKED)
        self._drive(self.machine.receive(data))

    def eof_received(self) -> bool:
        """A client that has said all may still be waiting for answers."""
        self._eof = True
        self._write()  # where nothing is waited for, the connection is closed behind this
        return self.transport is not None and not self._closing and self.machine.asked is not None

    def pause_writing(self) -> None:
        """See ``asyncio.BaseProtocol``."""
        self._hold(Hold.CLIENT)

    def resume_writing(self) -> None:
        """See ``asyncio.BaseProtocol``."""
        self._release(Hold.CLIENT)

    def lost(self) -> None:
        """The client is gone: what it has not ended never was."""
        self._alarm.end()
        if self._counted is not None:
            self.post.gate.gone(self._counted)
            self._counted = None
        self._kept = self.post.buffered.change(self._kept, 0)
        self._drop("the client left before the end")

    def ask_to_leave(self) -> None:
        """The service ends: a transaction may be finished, nothing else."""
        self._leaving = True
        if self._transaction is None and not self._closing and self.machine.asked is None:
            self._goodbye("Service is closing")

    # --- from bytes to answers ---

    def _drive(self, events: list[Event]) -> None:
        """Meet what came, until something has to be waited for; then write all answers at once."""
        machine = self.machine
        while events and not self._closing:
            for event in events:
                if self._closing:
                    break  # type: ignore[unreachable]  # sent away for what it said before this
                self._meet(event)
            if machine.asked is not None or not machine.pending:
                break
            events = machine.receive(b"")
        self._flush()

    def _go_on(self) -> None:
        """What was waited for is answered: read what came meanwhile."""
        if self._holds:
            self._release(Hold.ASKED)
        machine = self.machine
        self._drive(machine.receive(b"") if machine.pending and not self._closing else [])

    def _say(self, code: int, text: str, enhanced: str) -> None:
        self._due += self.machine.answer(code, text, enhanced)

    def _answer(self, answer: Answer) -> None:
        self._say(answer.code, answer.text, answer.enhanced)

    def _keep(self, octets: int) -> None:
        """So much of what the client sent waits here now."""
        if octets == self._kept:
            return
        buffered = self.post.buffered
        more, self._kept = octets > self._kept, buffered.change(self._kept, octets)
        if more and buffered.full and not self._closing:
            self._send_away("buffer-full", "Too much is waiting here, come again later")

    def _write(self) -> None:
        """Write what is due."""
        transport, due = self.transport, self._due
        if due and transport is not None and not transport.is_closing():
            self._due = b""
            transport.write(due)

    def _flush(self) -> None:
        """Have it written what is due, and see how long the client may take now."""
        transport, machine = self.transport, self.machine
        if transport is None:
            return
        if (self._kept or machine.asked is not None) and not self._holds & Hold.BACKEND:
            self._keep(machine.waiting if machine.asked is not None else 0)
        due = self._due
        if machine.state is _CLOSED and not self._closing:
            self._part()
            return
        if self._closing or (self._eof and machine.asked is None):
            self._write()
            self._close(transport, linger=self._closing and not self._eof)
            return
        if due:
            self.post.turn.at_end(self._write)
        if machine.asked is not None:
            self._alarm.off()  # now it is our turn, and the backend's
        elif machine.in_body:
            self._watch_body()
        elif due:
            if self._leaving and self._transaction is None:
                self._goodbye("Service is closing")
                return
            self._alarm.set(self._patience())

    def _patience(self) -> float:
        """Seconds for the next command; fewer while others might find no place."""
        settings = self.post.settings
        if self._listener.is_crowded:
            return min(settings.crowded_time, settings.command_time)
        return settings.command_time

    # --- the end ---

    def _send_away(self, rule: str, text: str, *, tell: bool = True) -> None:
        """421, after whatever is due."""
        if tell:
            note_session(self, rule, text)
        self._drop(text)  # while the machine still knows whose message it was
        self._due += self.machine.goodbye(text, "4.7.0" if tell else "4.3.2")
        self._closing = True

    def _goodbye(self, text: str) -> None:
        self._send_away("closing", text, tell=False)
        self._flush()

    def _too_slow(self) -> None:
        """The client had its time; or we have had ours, before the greeting."""
        if self._closing:
            if self.transport is not None:
                self.transport.abort()
            return
        if self._pausing and self.transport is not None:
            self.greet(self.transport)
            return
        self._send_away("too-slow", "Too slow")
        self._flush()

    def _part(self) -> None:
        """It has said QUIT: nothing more is heard, and behind the last answer the connection ends."""
        self._closing = True
        self._alarm.off()
        self.post.turn.at_end(self._hang_up)

    def _hang_up(self) -> None:
        self._write()
        if self.transport is not None:
            self._close(self.transport, linger=False)

    def _close(self, transport: asyncio.Transport, *, linger: bool) -> None:
        """Close; ``linger``: the client may still be saying something, and a reset would take our last word from it."""
        self._closing = True
        self._drop("the client left before the end")
        self.machine.receive(b"")  # what waits in it will never be read
        self._keep(0)
        if linger and transport.can_write_eof():
            with suppress(OSError):  # reset by the client meanwhile
                transport.write_eof()
            self._holds = 0
            # Also where the last reason to hold it was gone only when it was being sent away.
            if not transport.is_reading():
                transport.resume_reading()
            self._alarm.set(_LINGER)
        else:
            self._alarm.stop()
            transport.close()

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


def sure(thing: _T | None) -> _T:
    """What must be there by the order of questions, which the machine keeps."""
    if thing is None:
        raise FumidaiError("a question out of order")
    return thing

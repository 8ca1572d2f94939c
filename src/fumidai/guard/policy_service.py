# SPDX-License-Identifier: Apache-2.0
"""Answers a Postfix that asks whether a recipient may pass: the same door, the same facts as for a client of ours.

    Postfix ⇄ bytes ⇄ RequestReader → request_of → Door.decide (or ask, after look-ups) → action_of

One question at a time on a connection, answered in order; while an answer is awaited the connection is not read.
Only recipients are decided (``protocol_state=RCPT``); at every other state there is nothing to say: DUNNO.

What is no request ends the connection with a line in the log. Postfix then says 451 4.3.5 and asks again later, so a
broken service never lets anything through.

Limits: whoever may connect is believed in what he says of the client; let only the Postfix reach the port or socket.
"""

from __future__ import annotations

import asyncio
from typing import Final

from fumidai.guard.delegation import Attributes, Gibberish, RequestReader, action_of, request_of
from fumidai.guard.post import Duty
from fumidai.net.protocol import Alarm
from fumidai.policy.request import Decision, Request, Unknown

#: Connections at once; a Postfix has one for each of its smtpd processes (default_process_limit: 100).
MOST: Final = 2000
#: Seconds for the rest of a request that has begun; and for the next one. Postfix itself closes after 300 s without
#: a question (smtpd_policy_service_max_idle) and after 1000 s in all.
REQUEST_TIME: Final = 30.0
IDLE_TIME: Final = 1800.0


class PolicyService:
    """All connections of the service.

    Args:
        duty: asked anew for each request, so that a reload counts at once.
    """

    def __init__(self, duty: Duty) -> None:
        self.duty = duty
        self.clients: set[Asking] = set()
        self.turned_away = 0

    def __call__(self) -> Asking:
        """What a listening socket makes for each connection."""
        return Asking(self)

    def admit(self, client: Asking) -> bool:
        """Let a connection in, if that can be borne."""
        if len(self.clients) >= MOST:
            self.turned_away += 1
            return False
        self.clients.add(client)
        return True

    def close(self) -> None:
        """Let who waits for an answer have it, and everybody go then."""
        for client in list(self.clients):
            client.leave()


class Asking(asyncio.Protocol):
    """One connection of a Postfix."""

    __slots__ = ("_alarm", "_leaving", "_reader", "_service", "_transport", "_waiting")

    def __init__(self, service: PolicyService) -> None:
        self._service = service
        self._reader = RequestReader()
        self._transport: asyncio.Transport | None = None
        self._waiting = False
        self._leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.BaseProtocol``."""
        self._alarm = Alarm(asyncio.get_running_loop(), self._too_slow)
        if not self._service.admit(self):
            transport.close()
            return
        self._transport = transport  # type: ignore[assignment]  # stream sockets have full transports
        self._alarm.set(IDLE_TIME)

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.BaseProtocol``."""
        self._transport = None
        self._alarm.end()
        self._service.clients.discard(self)

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        self._reader.push(data)
        if not self._waiting:
            self._answer_all()

    def leave(self) -> None:
        """Go once nothing is being waited for; Postfix connects again where somebody listens."""
        self._leaving = True
        if not self._waiting:
            self._close()

    def _answer_all(self) -> None:
        """Answer what is there, until something has to be looked up."""
        try:
            while self._transport is not None and (attributes := self._reader.next()) is not None:
                self._meet(attributes)
                if self._waiting:
                    self._transport.pause_reading()
                    self._alarm.off()
                    return
        except Gibberish as what:
            self._note_end("gibberish", str(what))
            self._close()
        if self._leaving:
            self._close()
        self._alarm.set(REQUEST_TIME if self._reader.begun else IDLE_TIME)

    def _meet(self, attributes: Attributes) -> None:
        if attributes.get("protocol_state") != b"RCPT":
            self._write(action_of(None))
            return
        request = request_of(attributes)
        session = _text(attributes.get("instance", b""))
        door = self._service.duty.post.door
        decision = door.decide(request)
        if decision is not None:
            self._decided(request, session, decision)
            return
        self._waiting = True

        def tell(found: Decision) -> None:
            self._waiting = False
            if self._transport is not None:
                self._decided(request, session, found)
                self._transport.resume_reading()
                self._answer_all()

        door.ask(request, tell)

    def _decided(self, request: Request, session: str, decision: Decision) -> None:
        answer = action_of(decision)
        self._service.duty.post.log.note(
            "policy",
            {
                "session": session,
                "client": "" if isinstance(request.client, Unknown) else str(request.client),
                "helo": "" if isinstance(request.helo, Unknown) else request.helo or "",
                "from": _path(request.reverse_path),
                "to": _path(request.forward_path),
                "action": decision.action.value,
                "rule": decision.rule,
                "why": decision.why,
                "reply": _text(answer.strip().removeprefix(b"action=")),
            },
        )
        self._write(answer)

    def _write(self, answer: bytes) -> None:
        if self._transport is not None:
            self._transport.write(answer)

    def _too_slow(self) -> None:
        if self._reader.begun:
            self._note_end("too-slow", "a request that did not come to its end")
        self._close()

    def _note_end(self, rule: str, why: str) -> None:
        fields = {"session": "", "client": "policy service", "action": "sent away", "rule": rule, "why": why}
        self._service.duty.post.log.note("session", fields)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _path(path: bytes | Unknown) -> str:
    return "" if isinstance(path, Unknown) else _text(path)

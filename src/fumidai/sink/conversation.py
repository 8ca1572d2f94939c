# SPDX-License-Identifier: Apache-2.0
"""One client's conversation with the sink: greet, hear out, judge at the dot, keep, and only then say 250.

Every wait has an end: a command or a piece of message must come within ``IDLE`` seconds, the whole conversation
within ``SESSION``, and a client that doesn't take our answers is dropped. What comes in form or order is the machine's
matter (``smtp.server``); what is too big is 552 there.

Limits: no STARTTLS, no AUTH. Where keeping fails (disk full) the client gets a 451 and may come again, and the
arrival is handed on all the same, with ``NOT_KEPT`` for its file: nothing that was seen is lost.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from fumidai.errors import StorageError
from fumidai.evidence.proof import Arrival
from fumidai.net.clock import Clock
from fumidai.net.connection import Connection, ReadTimeout
from fumidai.sink.door import Door, envelope_text
from fumidai.smtp.server import (
    Close,
    DataChunk,
    Early,
    Event,
    Injected,
    Limits,
    Message,
    Rcpt,
    Refuse,
    ServerMachine,
    Swallowed,
    usual,
)

#: Octets of a message that are kept; more is 552.
MOST: Final = 1024 * 1024
#: Seconds without a byte, and for a whole conversation.
IDLE: Final = 60.0
SESSION: Final = 600.0
#: File name of an arrival that could not be kept, with a number behind it.
NOT_KEPT: Final = "not-kept-"

_ANNOUNCED: Final = (f"SIZE {MOST}", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES")
_LIMITS: Final = Limits(message=MOST, recipients=100)
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Host:
    """What all conversations of a sink share.

    Attributes:
        door: who is let in.
        keep: keeps an arrival durably and names its file; may raise ``StorageError``. Called in a thread.
        on_arrival: told of each arrival, after it was acknowledged.
        on_trouble: told of each arrival that could not be kept.
        name: our name; "" for the literal of the address that was connected to.
        idle, session: seconds, see above.
    """

    door: Door
    keep: Callable[[Arrival], str]
    on_arrival: Callable[[Arrival], None]
    on_trouble: Callable[[StorageError], None] = lambda trouble: None
    name: str = ""
    idle: float = IDLE
    session: float = SESSION
    clock: Clock = field(default_factory=Clock)


class Conversation:
    """One client."""

    def __init__(self, host: Host, conn: Connection) -> None:
        self._host = host
        self._conn = conn
        self._machine = ServerMachine(_ANNOUNCED, _LIMITS)
        self._due = bytearray()  # answers to a pipelined group go out together (RFC 2920 §3.2)
        here = conn.local_address
        self._name = host.name or (f"[IPv6:{here}]" if here.version == 6 else f"[{here}]")

    async def hold(self) -> None:
        """Speak until one side closes or time is up."""
        host, conn, machine = self._host, self._conn, self._machine
        conn.write(machine.greet(f"{self._name} ESMTP Fumidai sink {host.door.key.fingerprint}"))
        try:
            while not machine.closed:
                left = host.session - conn.seconds
                data = await conn.read(min(host.idle, left))
                if not data:
                    return
                await self._answer(data)
                await conn.drained(min(host.idle, left))
        except ReadTimeout:
            conn.write(machine.goodbye("Too slow"))

    async def _answer(self, data: bytes) -> None:
        events = self._machine.receive(data)
        while events:
            for event in events:
                await self._meet(event)
            events = self._machine.receive(b"")
        self._flush()

    async def _meet(self, event: Event) -> None:
        match event:
            case Refuse(reply=reply) | Swallowed(reply=reply):
                self._due += reply
            case Close() | Early() | Injected() | DataChunk():
                pass
            case Message(data=data):
                await self._judge(data)
            case Rcpt(path=path) if not self._host.door.hears(path, self._conn.local_address):
                self._say(550, "No mail for that address is taken here, and nothing is passed on", "5.7.1")
            case _:
                self._say(*usual(event, self._name))

    async def _judge(self, data: bytes) -> None:
        """The dot: keep what carries a token, refuse the rest."""
        sender, recipients = self._machine.sender, [rcpt.path for rcpt in self._machine.recipients]
        reverse_path = sender.path if sender else b"<>"
        if not self._host.door.keeps(reverse_path, recipients, data):
            self._say(550, "This sink takes test messages only, and this is none of its own", "5.7.1")
            return
        arrival = self._arrival(reverse_path, recipients, data)
        self._flush()
        try:
            # In a thread: flushing to a disk may take long, and others are waiting.
            name = await asyncio.to_thread(self._host.keep, arrival)
        except StorageError as trouble:
            self._say(451, "It can't be kept now", "4.3.1")
            self._host.on_trouble(trouble)
            name = f"{NOT_KEPT}{next(_numbers)}"
        else:
            self._say(250, "Kept as proof", "2.0.0")
        self._flush()
        self._host.on_arrival(replace(arrival, file=name))

    def _arrival(self, reverse_path: bytes, recipients: list[bytes], data: bytes) -> Arrival:
        hello = self._machine.hello
        return Arrival(
            file="",
            received=self._host.clock.now(),
            peer=str(self._conn.peer_address),
            helo=hello.name if hello else "",
            reverse_path=envelope_text(reverse_path),
            recipients=tuple(map(envelope_text, recipients)),
            message=data,
        )

    def _say(self, code: int, text: str, enhanced: str) -> None:
        self._due += self._machine.answer(code, text, enhanced)

    def _flush(self) -> None:
        self._conn.write(bytes(self._due))
        self._due.clear()

# SPDX-License-Identifier: Apache-2.0
"""Run the embedded relay on loopback: take its clients, and hand on what leaves it.

A fixture (see ``demo.relay``): it knows the way to a few domains only, those it was given, and listens on loopback.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from fumidai.demo.relay import Envelope, OldRelay, RelaySession
from fumidai.evidence.transcript import Transcript
from fumidai.net.connection import ConnectFailure, Connection, open_connection
from fumidai.net.serve import Listener, listen
from fumidai.net.wire import ReadTimeout
from fumidai.smtp import command
from fumidai.smtp.data import stuff
from fumidai.tester.dialogue import Dialogue, Lost

Address = IPv4Address | IPv6Address

#: Seconds of silence after which a client is left.
IDLE = 60.0


@dataclass(slots=True)
class RelayServer:
    """An ``OldRelay`` on a port.

    Attributes:
        ways: domain -> where its mail goes; anything else has no way and is dropped.
        lost: envelopes that could not be handed on.
    """

    relay: OldRelay
    ways: Mapping[str, tuple[Address, int]]
    listener: Listener | None = None
    lost: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, address: Address, port: int = 0) -> int:
        """Listen; the port."""
        self.listener = await listen(address, port, self._serve)
        return self.listener.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening, after what is on its way has left."""
        await asyncio.gather(*self._tasks)
        if self.listener is not None:
            await self.listener.close()

    def send_on(self, envelope: Envelope) -> None:
        """Hand a message on in the background, as a queue runner would."""
        task = asyncio.get_running_loop().create_task(self._forward(envelope))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: Connection) -> None:
        session = RelaySession(self.relay, connection.peer_address)
        connection.write(session.greet())
        while not session.closed:
            try:
                data = await connection.read(IDLE)
            except ReadTimeout:
                return
            if not data:
                return
            connection.write(session.receive(data))

    async def _forward(self, envelope: Envelope) -> None:
        for mailbox in envelope.recipients:
            way = self.ways.get(mailbox.domain)
            sent = way is not None and await self._hand_over(way, envelope, mailbox.mailbox)
            self.lost += not sent

    async def _hand_over(self, way: tuple[Address, int], envelope: Envelope, recipient: str) -> bool:
        opened = await open_connection(*way, timeout=5.0)
        if isinstance(opened, ConnectFailure):
            return False
        dialogue = Dialogue(opened, Transcript(1), time.monotonic() + 20.0)
        try:
            return await self._speak(dialogue, envelope, recipient)
        finally:
            await dialogue.leave()

    async def _speak(self, dialogue: Dialogue, envelope: Envelope, recipient: str) -> bool:
        if isinstance(await dialogue.greeting(), Lost):
            return False
        lines = (
            command.ehlo(self.relay.name),
            command.mail(f"<{envelope.sender}>".encode("latin-1")),
            command.rcpt(f"<{recipient}>".encode("latin-1")),
        )
        for line in lines:
            reply = await dialogue.ask(line)
            if isinstance(reply, Lost) or not reply.positive:
                return False
        told = await dialogue.ask(command.DATA)
        if isinstance(told, Lost) or not told.intermediate:
            return False
        taken = await dialogue.hand_over(stuff(envelope.message))
        return not isinstance(taken, Lost) and taken.positive

# SPDX-License-Identifier: Apache-2.0
"""The world around the command: mail servers on loopback in a thread of their own, so that the real command can be
run as a process beside them, as a user does it.

``Street.serve`` opens one of the misbehaving servers of ``tests.tester.servers``; ``Street.relay`` the embedded old
relay, which hands on what it took to the sink of the command under test.

Limits: everything is 127.0.0.1, so a run needs a policy file to be believed (a trusted vantage proves nothing else).
"""

from __future__ import annotations

import asyncio
import random
import socket
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from ipaddress import IPv4Address
from typing import Any, TypeVar

from fumidai.demo.relay import OldRelay
from fumidai.demo.server import RelayServer
from fumidai.policy.model import Policy
from tests.tester.servers import Behaviour, serving

T = TypeVar("T")

LOOPBACK = IPv4Address("127.0.0.1")
#: A name that leads to loopback wherever one is (RFC 6761 §6.3), so a delivery needs no name server.
PROOF_DOMAIN = "proof.localhost"


class Street:
    """Servers in a loop of their own thread; ``close`` stops them all."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._stop: list[asyncio.Event] = []
        self._tasks: list[asyncio.Task[None]] = []

    def serve(self, behaviour: Behaviour | None = None) -> int:
        """Serve until the street is closed; the port."""
        chosen = behaviour or Behaviour()

        async def start() -> int:
            opened, stop = asyncio.get_running_loop().create_future(), asyncio.Event()

            async def stay() -> None:
                async with serving(chosen) as port:
                    opened.set_result(port)
                    await stop.wait()

            self._stop.append(stop)
            self._tasks.append(asyncio.create_task(stay()))
            port: int = await opened
            return port

        return self.do(start())

    def relay(self, sink_port: int, *, policy: Policy | None = None, domain: str = "a.test") -> int:
        """Run the embedded relay; what it takes for the proof domain goes to ``sink_port``. Its port."""

        async def start() -> int:
            server: RelayServer
            relay = OldRelay(
                "mail.a.test",
                frozenset({domain}),
                frozenset({"postmaster"}),
                lambda envelope: server.send_on(envelope),
                time.time,
                policy,
            )
            server = RelayServer(relay, {PROOF_DOMAIN: (LOOPBACK, sink_port)})
            port = await server.start(LOOPBACK)
            stop = asyncio.Event()

            async def stay() -> None:
                await stop.wait()
                await server.stop()

            self._stop.append(stop)
            self._tasks.append(asyncio.create_task(stay()))
            return port

        return self.do(start())

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the servers' loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=20)

    def close(self) -> None:
        """Stop all servers and the thread."""

        async def stop() -> None:
            for event in self._stop:
                event.set()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        self.do(stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()


def free_port() -> int:
    """A port of loopback that is free now, and not of those that the system gives to outgoing connections."""
    while True:
        port = random.randrange(10_240, 16_000)
        with socket.socket() as plug, suppress(OSError):
            plug.bind(("127.0.0.1", port))
            return port

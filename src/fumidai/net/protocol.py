# SPDX-License-Identifier: Apache-2.0
"""Connections by call-back: a port whose clients are served, and one end of ours, without a task for each.

``Connection`` (see ``connection``) is for a coroutine that speaks with one peer. A server with thousands of clients
can't afford a coroutine for each: here the loop calls the object that serves the client, and nothing else is made.

    class Session(Served):
        def opened(self) -> None: ...                     # greet
        def data_received(self, data: bytes) -> None: ...
        def lost(self) -> None: ...

    listener = await listen_protocol(address, 25, Session, bounds=Bounds(...))

``Alarm`` is a deadline that moves with every command: one timer of the loop serves many of them.

Limits: a peer is held back by ``pause_reading``, which the user calls; bytes that the loop has read are his already.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Final

from fumidai.net.descriptors import highest_for_clients
from fumidai.net.peer_address import peer_address
from fumidai.net.route import IpAddress
from fumidai.net.serve import BACKLOG, Bounds, bound_sockets

#: Seconds after which it is looked whether clients can be let in again.
PAUSE: Final = 0.25
_NOBODY: Final = IPv4Address(0)


def _nothing() -> None:
    """Rings nobody."""


class Alarm:
    """Rings once the time set last has come; setting it later is cheap."""

    __slots__ = ("_at", "_handle", "_loop", "_ring", "_rings_at")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._at = math.inf
        self._rings_at = math.inf
        self._handle: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Ring in so many seconds, and not before."""
        self._at = at = self._loop.time() + seconds
        if at < self._rings_at:
            self._wind()

    def set_at(self, at: float) -> None:
        """Ring at this time of the loop's clock."""
        self._at = at
        if at < self._rings_at:
            self._wind()

    def off(self) -> None:
        """Don't ring until it is set again."""
        self._at = math.inf

    def stop(self) -> None:
        """The same, and free the timer: for the end."""
        self._at = math.inf
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self._rings_at = math.inf

    def end(self) -> None:
        """Stop, and forget whom to ring: an object that holds its alarm is free at once, not when cycles are sought."""
        self.stop()
        self._ring = _nothing

    def _wind(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._rings_at = self._at
        self._handle = self._loop.call_at(self._at, self._due)

    def _due(self) -> None:
        self._handle = None
        self._rings_at = math.inf
        if self._at == math.inf:
            return
        # A loop that counts in milliseconds may be a little early.
        if self._at > self._loop.time() + 0.002:
            self._wind()
            return
        self._at = math.inf
        self._ring()


class Served(asyncio.Protocol):
    """A client that connected to us. Subclasses give ``opened``, ``data_received`` and ``lost``.

    Attributes:
        peer: its address; an IPv4-mapped one is shown as IPv4.
        transport: the connection; None once it is gone, and for a client that was turned away.
    """

    __slots__ = ("_listener", "peer", "transport")

    def __init__(self, listener: ProtocolListener) -> None:
        self._listener = listener
        self.peer: IpAddress = _NOBODY
        self.transport: asyncio.Transport | None = None

    def opened(self) -> None:
        """The client was let in."""
        raise NotImplementedError

    def lost(self) -> None:
        """The connection is gone; called once, after ``opened``."""
        raise NotImplementedError

    def ask_to_leave(self) -> None:
        """The service ends: come to an end soon."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.BaseProtocol``."""
        self.serve(transport)  # type: ignore[arg-type]  # TCP transports are always full ones

    def serve(self, transport: asyncio.Transport) -> None:
        """Let the client in, or turn it away."""
        name = transport.get_extra_info("peername")
        if name is None:  # gone before one could look
            transport.abort()
            return
        self.peer = peer_address(name[0])
        if not self._listener.has_descriptors(transport) or not self._listener.admit(self):
            transport.write(self._listener.bounds.full)
            transport.close()
            return
        self.transport = transport
        self.opened()

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.BaseProtocol``."""
        if self.transport is not None:
            self.transport = None
            self._listener.left(self)
            self.lost()


class ProtocolListener:
    """Ports that are listened on; made by ``listen_protocol``.

    Attributes:
        addresses: (address, port) of each socket.
        bounds: what is borne at once.
        clients: who is connected.
        let_in: clients that were let in; ``turned_away``: connections that were above the bounds.
        pauses: how often nobody was let in for a while, because too few descriptors were left.

    Args:
        descriptors: how many this process may have; None: as many as it needs.
        on_pause: called when a pause begins.
    """

    def __init__(
        self, bounds: Bounds, *, descriptors: int | None = None, on_pause: Callable[[], None] | None = None
    ) -> None:
        self.addresses: list[tuple[str, int]] = []
        self.bounds = bounds
        self.clients: set[Served] = set()
        self.let_in = 0
        self.turned_away = 0
        self._peers: dict[IpAddress, int] = {}
        self.pauses = 0
        self._highest = math.inf if descriptors is None else highest_for_clients(descriptors)
        self._on_pause = on_pause
        self._places: list[tuple[socket.socket, Callable[[ProtocolListener], Served]]] = []
        self._servers: list[asyncio.Server] = []
        self._resuming: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._empty: asyncio.Event | None = None

    async def add(
        self,
        address: IpAddress | None,
        port: int,
        factory: Callable[[ProtocolListener], Served],
        *,
        mend: str = "",
        shared: bool = False,
    ) -> None:
        """Listen on one more place; see ``listen_protocol``."""
        plugs = bound_sockets(address, port, mend, shared=shared)
        try:
            for plug in plugs:
                await self.serve(plug, factory)
        except BaseException:
            for plug in plugs:
                plug.close()
            raise

    async def serve(self, plug: socket.socket, factory: Callable[[ProtocolListener], Served]) -> None:
        """Serve on a socket that listens already; it is closed by ``close``."""
        self._places.append((plug, factory))
        self.addresses.append(plug.getsockname()[:2])
        await self._accept(plug, factory)

    async def _accept(self, plug: socket.socket, factory: Callable[[ProtocolListener], Served]) -> None:
        # The loop closes the socket that it serves; the port stays open by ours while nobody is let in.
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(lambda: factory(self), sock=plug.dup(), backlog=BACKLOG))

    def has_descriptors(self, transport: asyncio.Transport) -> bool:
        """False where the reserve is touched; then nobody is taken from the queue until it is whole again."""
        if transport.get_extra_info("socket").fileno() < self._highest:
            return True
        self.turned_away += 1
        if self._resuming is None and self._servers:
            self.pauses += 1
            if self._on_pause is not None:
                self._on_pause()
            self._stop_accepting()
            self._look_again()
        return False

    def _stop_accepting(self) -> None:
        for server in self._servers:
            server.close()
        self._servers = []

    def _look_again(self) -> None:
        self._resuming = asyncio.get_running_loop().call_later(PAUSE, self._resume)

    def _resume(self) -> None:
        """Take clients again, if the next number is low enough."""
        try:
            with self._places[0][0].dup() as probe:
                lowest: float = probe.fileno()
        except OSError:
            lowest = math.inf
        if lowest >= self._highest:
            self._look_again()
            return
        self._resuming = None
        self._task = asyncio.get_running_loop().create_task(self._accept_all())

    async def _accept_all(self) -> None:
        for plug, factory in self._places:
            await self._accept(plug, factory)

    @property
    def is_crowded(self) -> bool:
        """True while nine of ten places are taken."""
        return 10 * len(self.clients) >= 9 * self.bounds.all

    def admit(self, client: Served) -> bool:
        """Let a client in, if that is within the bounds."""
        of_this = self._peers.get(client.peer, 0)
        if len(self.clients) >= self.bounds.all or of_this >= self.bounds.peer:
            self.turned_away += 1
            return False
        self._peers[client.peer] = of_this + 1
        self.let_in += 1
        self.clients.add(client)
        return True

    def left(self, client: Served) -> None:
        """A client is gone."""
        self.clients.discard(client)
        of_this = self._peers[client.peer] - 1
        if of_this:
            self._peers[client.peer] = of_this
        else:
            del self._peers[client.peer]
        if self._empty is not None and not self.clients:
            self._empty.set()

    async def close(self, grace: float = 0.0) -> None:
        """Stop listening, ask everybody to leave, and after ``grace`` seconds drop who is still there."""
        if self._resuming is not None:
            self._resuming.cancel()
        if self._task is not None:
            self._task.cancel()
        self._stop_accepting()
        for plug, _ in self._places:
            plug.close()
        self._places = []
        self._empty = asyncio.Event()
        for client in list(self.clients):
            client.ask_to_leave()
        for drop in (False, True):
            if drop:
                for client in list(self.clients):
                    if client.transport is not None:
                        client.transport.abort()
            if self.clients:
                try:
                    await asyncio.wait_for(self._empty.wait(), 1.0 if drop else grace)
                except TimeoutError:
                    continue


async def listen_protocol(
    address: IpAddress | None,
    port: int,
    factory: Callable[[ProtocolListener], Served],
    *,
    bounds: Bounds | None = None,
    mend: str = "",
    shared: bool = False,
) -> ProtocolListener:
    """Listen on an address and port, and have each client served by an object of its own.

    Args:
        address: None for all addresses of both families (of one, where the system has no other).
        port: 0 for any free one.
        factory: makes the object for a client.
        mend: what to do where the port is taken.
        shared: several processes of ours listen there (SO_REUSEPORT).

    Raises:
        ListenError: the port is taken, or the address is not ours.
        PermissionRefused: the system does not let us.
    """
    listener = ProtocolListener(bounds or Bounds())
    await listener.add(address, port, factory, mend=mend, shared=shared)
    return listener


def connect_protocol(
    host: str,
    port: int,
    protocol: asyncio.Protocol,
    *,
    timeout: float,
    failed: Callable[[str], None],
) -> asyncio.Task[None]:
    """Connect, and let the loop call ``protocol`` once the connection stands.

    The task ends then; cancelling it gives the attempt up in silence.

    Args:
        host: address or name.
        timeout: seconds until it counts as not answering.
        failed: told why no connection came about.
    """

    async def connect() -> None:
        try:
            async with asyncio.timeout(timeout):
                await loop.create_connection(lambda: protocol, host, port)
        except TimeoutError:
            failed(f"no connection within {timeout:g} s")
        except OSError as problem:
            failed(problem.strerror or str(problem))

    loop = asyncio.get_running_loop()
    return loop.create_task(connect())

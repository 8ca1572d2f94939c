# SPDX-License-Identifier: Apache-2.0
"""Listen on a port and give each connection to a handler, never more than can be borne.

    listener = await listen(None, 25, handler, bounds=Bounds(full=b"421 …\\r\\n"))   # None: both families
    ...
    await listener.close()

Above the bounds (all connections, those of one peer) a connection gets ``full`` and is closed at once. A port that
is taken, forbidden or not ours is an error of ours that says who holds it and what to do.

Limits: what a handler raises ends its connection and goes to the loop's exception handler; it is a bug.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from fumidai.errors import FumidaiError, ListenError, PermissionRefused
from fumidai.net.connection import Connection
from fumidai.net.holder import holder_of
from fumidai.net.route import IpAddress, family_of
from fumidai.net.wire import Wire, new_wire
from fumidai.texts import N_

Handler = Callable[[Connection], Awaitable[None]]

#: Connections that may wait to be taken.
BACKLOG: Final = 512
_NO_FAMILY: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is borne at once.

    Attributes:
        all, peer: connections in all, and from one address.
        full: said to a connection above that, before it is closed.
    """

    all: int = 500
    peer: int = 100
    full: bytes = b""


class Listener:
    """A port that is listened on; made by ``listen``.

    Attributes:
        addresses: (address, port) of each socket, in the order in which they were opened.
        turned_away: connections that were above the bounds.
    """

    def __init__(self, handler: Handler, bounds: Bounds) -> None:
        self.addresses: list[tuple[str, int]] = []
        self.turned_away = 0
        self._handler = handler
        self._bounds = bounds
        self._loop = asyncio.get_running_loop()
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._peers: Counter[IpAddress] = Counter()

    @property
    def open_connections(self) -> int:
        """Connections that are being handled."""
        return len(self._tasks)

    async def add(self, plug: socket.socket) -> None:
        """Serve on a socket that is bound already."""
        server = await self._loop.create_server(lambda: new_wire(self._loop, self._opened), sock=plug, backlog=BACKLOG)
        self._servers.append(server)
        self.addresses.append(plug.getsockname()[:2])

    async def close(self) -> None:
        """Stop listening, drop what is open, and wait until all handlers have ended."""
        for server in self._servers:
            server.close()
        while self._tasks:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def _opened(self, wire: Wire) -> None:
        conn = Connection(wire, self._loop.time())
        peer = conn.peer_address
        if len(self._tasks) >= self._bounds.all or self._peers[peer] >= self._bounds.peer:
            self.turned_away += 1
            conn.write(self._bounds.full)
            wire.finish()
            return
        self._peers[peer] += 1
        task = self._loop.create_task(self._handle(conn))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._done(done, conn))

    async def _handle(self, conn: Connection) -> None:
        try:
            await self._handler(conn)
            await conn.close()
        finally:
            conn.abort()

    def _done(self, task: asyncio.Task[None], conn: Connection) -> None:
        # Here and not in the task, because a task that is cancelled before its first step never runs its own code.
        conn.abort()
        self._tasks.discard(task)
        self._peers -= Counter({conn.peer_address: 1})
        if not task.cancelled() and task.exception() is not None:
            self._loop.call_exception_handler(
                {"message": "a connection's handler failed", "exception": task.exception(), "task": task}
            )


async def listen(
    address: IpAddress | None, port: int, handler: Handler, *, bounds: Bounds | None = None, mend: str = ""
) -> Listener:
    """Listen on an address and port.

    Args:
        address: None for all addresses of both families (of one, where the system has no other).
        port: 0 for any free one.
        mend: what to do where the port is taken; the caller knows what the user wanted it for.

    Raises:
        ListenError: the port is taken, or the address is not ours.
        PermissionRefused: the system does not let us.
    """
    plugs = bound_sockets(address, port, mend)
    listener = Listener(handler, bounds or Bounds())
    try:
        for plug in plugs:
            await listener.add(plug)
    except BaseException:
        await listener.close()
        for plug in plugs:
            plug.close()
        raise
    return listener


def bound_sockets(address: IpAddress | None, port: int, mend: str, *, shared: bool = False) -> list[socket.socket]:
    """Sockets that listen; see ``listen`` for arguments and errors. ``shared``: with other processes of ours."""
    if address is not None:
        return [_bind(address, port, mend, shared)]
    four = _bind(IPv4Address("0.0.0.0"), port, mend, shared)
    try:
        return [four, _bind(IPv6Address("::"), four.getsockname()[1], mend, shared)]
    except ListenError as problem:
        if isinstance(problem.__cause__, OSError) and problem.__cause__.errno in _NO_FAMILY:
            return [four]
        four.close()
        raise
    except BaseException:
        four.close()
        raise


def _bind(address: IpAddress, port: int, mend: str, shared: bool) -> socket.socket:
    try:
        plug = socket.socket(family_of(address), socket.SOCK_STREAM)
    except OSError as problem:
        raise _refusal(problem, address, port, mend) from problem
    try:
        # A port in TIME_WAIT of an earlier run is no hindrance; one that is listened on still is.
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if address.version == 6:
            plug.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        plug.bind((str(address), port))
        # Listening tells of a port that is taken where binding does not (SO_REUSEADDR on both sides).
        plug.listen(BACKLOG)
        plug.setblocking(False)
    except OSError as problem:
        plug.close()
        raise _refusal(problem, address, port, mend) from problem
    return plug


def _refusal(problem: OSError, address: IpAddress, port: int, mend: str) -> FumidaiError:
    where = f"[{address}]" if address.version == 6 else str(address)
    if problem.errno in (errno.EACCES, errno.EPERM):
        return PermissionRefused(
            N_("Port {port} on {address} needs more rights than this user has."),
            mend=N_(
                "Run it as root; or let everybody use low ports: sysctl net.ipv4.ip_unprivileged_port_start={port}; "
                "or give this Python the right: setcap cap_net_bind_service=+ep {python}; "
                "or listen on a port from 1024 up and redirect {port} to it."
            ),
            port=port,
            address=where,
            python=os.path.realpath(sys.executable),
        )
    if problem.errno == errno.EADDRINUSE:
        return _taken(where, port, mend)
    if problem.errno in _NO_FAMILY:
        return ListenError(
            N_("{address} is no address of this machine, so port {port} can't be opened there."),
            mend=N_("Name one of its own addresses, or leave the address out."),
            address=where,
            port=port,
        )
    return ListenError(
        N_("Port {port} on {address} can't be opened: {reason}."), address=where, port=port, reason=problem.strerror
    )


def _taken(where: str, port: int, mend: str) -> ListenError:
    holder = holder_of(port)
    if holder is None:
        return ListenError(N_("Port {port} on {address} is taken."), mend=mend, address=where, port=port)
    return ListenError(
        N_("Port {port} on {address} is taken (pid {pid}, {program})."),
        mend=mend,
        address=where,
        port=port,
        pid=holder.pid,
        program=holder.program,
    )

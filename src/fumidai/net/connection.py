# SPDX-License-Identifier: Apache-2.0
"""A connection to a peer: bytes out, bytes in, TLS in between where asked for, and everything counted.

    made = await open_connection(address, 25, timeout=30)
    if isinstance(made, ConnectFailure): …          # a value, never a traceback
    made.on_bytes = transcript.add                  # both directions, in plain text, with seconds since the start
    greeting = await made.read(45)                  # whatever came; b"" once the peer has closed
    made.write(b"EHLO here\\r\\n")

A reset by the peer reads like an end (b""); ``error`` says what it was. Nothing but ``ReadTimeout`` is raised.

Limits: one coroutine reads at a time. ``write`` never waits; whoever writes much calls ``drained``.
See also: wire (the raw half), tls (the filter).
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, ip_address
from typing import Final

from fumidai.evidence.transcript import Direction
from fumidai.evidence.vantage import plain
from fumidai.net.route import IpAddress, family_of, has_route
from fumidai.net.tls import TlsFailure, TlsFilter, TlsResult, ssl_words
from fumidai.net.wire import ReadTimeout, Wire, new_wire

# fmt: off
__all__ = [
    "ConnectFailure", "ConnectKind", "Connection", "ReadTimeout", "Recorder", "TlsFailure", "TlsResult",
    "open_connection",
]
# fmt: on

#: Called with (seconds since the start, direction, plain bytes); ``Transcript.add`` fits.
Recorder = Callable[[float, Direction, bytes], None]

#: Seconds within which an orderly close must be done.
_CLOSE: Final = 2.0


class ConnectKind(StrEnum):
    """Why no connection came about."""

    REFUSED = "refused"
    TIMEOUT = "timeout"
    NO_ROUTE = "no-route"
    UNREACHABLE = "unreachable"
    RESET = "reset"
    FORBIDDEN = "forbidden"
    SOURCE = "source-not-ours"
    EXHAUSTED = "exhausted"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ConnectFailure:
    """No connection: the kind, and the system's words for it.

    ``no-route``: our own routing table has no way there. ``unreachable``: somebody on the way says so.
    ``forbidden``: our own firewall. ``exhausted``: no more files or ports here.
    """

    kind: ConnectKind
    text: str


_KINDS: Final = {
    errno.ECONNREFUSED: ConnectKind.REFUSED,
    errno.ETIMEDOUT: ConnectKind.TIMEOUT,
    errno.ECONNRESET: ConnectKind.RESET,
    errno.EPIPE: ConnectKind.RESET,
    errno.ECONNABORTED: ConnectKind.RESET,
    errno.ENETUNREACH: ConnectKind.UNREACHABLE,
    errno.EHOSTUNREACH: ConnectKind.UNREACHABLE,
    errno.EHOSTDOWN: ConnectKind.UNREACHABLE,
    errno.ENETDOWN: ConnectKind.UNREACHABLE,
    errno.EAFNOSUPPORT: ConnectKind.NO_ROUTE,
    errno.EINVAL: ConnectKind.NO_ROUTE,  # a link-local address without its scope
    errno.EACCES: ConnectKind.FORBIDDEN,
    errno.EPERM: ConnectKind.FORBIDDEN,
    errno.EMFILE: ConnectKind.EXHAUSTED,
    errno.ENFILE: ConnectKind.EXHAUSTED,
    errno.ENOBUFS: ConnectKind.EXHAUSTED,
    errno.ENOMEM: ConnectKind.EXHAUSTED,
    errno.EADDRNOTAVAIL: ConnectKind.EXHAUSTED,
}


class Connection:
    """One TCP connection, perhaps encrypted.

    Attributes:
        local_address, peer_address: the two ends (an IPv4-mapped address is shown as IPv4).
        local_port, peer_port: their ports. Unspecified and 0 where the connection was gone before one could look.
        on_bytes: the recorder; None records nothing.
        bytes_in, bytes_out, reads, writes: counted in plain bytes, one for each ``read`` that brought something.
        tls: what the handshake gave, None where none was tried.
        error: why the connection was lost, "" after an orderly end.
    """

    # fmt: off
    __slots__ = (
        "_early", "_filter", "_loop", "_start", "_tls_over", "_wire", "bytes_in", "bytes_out", "error",
        "local_address", "local_port", "on_bytes", "peer_address", "peer_port", "reads", "tls", "writes",
    )
    # fmt: on

    def __init__(self, wire: Wire, started: float, on_bytes: Recorder | None = None) -> None:
        self.local_address, self.local_port = _end(wire.end("sockname"))
        self.peer_address, self.peer_port = _end(wire.end("peername"))
        self.on_bytes = on_bytes
        self.bytes_in = self.bytes_out = self.reads = self.writes = 0
        self.tls: TlsResult | None = None
        self.error = ""
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._start = started
        self._filter: TlsFilter | None = None
        self._tls_over = False
        self._early = b""

    @property
    def seconds(self) -> float:
        """Seconds since the connection was begun."""
        return self._loop.time() - self._start

    @property
    def eof(self) -> bool:
        """True once the peer has closed and everything it sent was read."""
        return not self._early and (self._tls_over or (self._wire.over and not self._wire.waiting))

    def write(self, data: bytes) -> None:
        """Send bytes as they are, in one go; dropped in silence where the connection is gone."""
        if not data:
            return
        self.writes += 1
        self.bytes_out += len(data)
        if self.on_bytes is not None:
            self.on_bytes(self.seconds, Direction.US, data)
        self._send(data)

    async def read(self, timeout: float) -> bytes:
        """Whatever came, at least one byte; b"" once the peer has closed.

        Args:
            timeout: seconds to wait for the first byte.

        Raises:
            ReadTimeout: nothing came in time.
        """
        deadline = self._loop.time() + timeout
        while True:
            data = self._take()
            if data:
                return self._got(data)
            if self.eof:
                self.error = self.error or self._wire.error
                return b""
            await self._wire.wait(deadline - self._loop.time())

    async def drained(self, timeout: float) -> None:
        """Wait until the peer has taken most of what was written.

        Raises:
            ReadTimeout: it took too little within ``timeout`` seconds.
        """
        await self._wire.drained(timeout)

    async def start_tls(self, server_name: str, timeout: float) -> TlsResult:
        """Begin TLS as client (after the server's 220, or at once on an implicit port).

        A failure is a value; the connection is closed then, for nothing sensible can follow on it.

        Args:
            server_name: name to ask for; "" where only an address is known.
            timeout: seconds for the whole handshake.
        """
        leftover = self._wire.take()
        if leftover:
            # RFC 3207 §4.2: nothing said before the handshake may count behind it.
            text = "plain bytes came before the handshake"
            return self._tls_failed(TlsResult(TlsFailure.LEFTOVER, text=text, leftover=leftover))
        handshake = TlsFilter(server_name)
        try:
            finished = await self._shake_hands(handshake, self._loop.time() + timeout)
        except ReadTimeout:
            return self._tls_failed(TlsResult(TlsFailure.TIMEOUT, text=f"no handshake within {timeout:g} s"))
        except ssl.SSLError as problem:
            self._wire.send(handshake.outgoing())
            return self._tls_failed(TlsResult(TlsFailure.HANDSHAKE, text=ssl_words(problem)))
        if not finished:
            text = self._wire.error or "the server closed the connection"
            return self._tls_failed(TlsResult(TlsFailure.CLOSED, text=text))
        self._filter = handshake
        # An implicit port's greeting may have come along with the handshake's last bytes.
        self._early = self._decrypt(handshake)
        self.tls = handshake.result()
        return self.tls

    async def close(self) -> None:
        """Close in order; what was written is sent first, for at most two seconds."""
        if self._filter is not None:
            self._wire.send(self._filter.goodbye())
        await self._wire.close(_CLOSE)

    def abort(self) -> None:
        """Drop the connection at once."""
        self._wire.abort()

    def _send(self, data: bytes) -> None:
        if self._filter is None:
            self._wire.send(data)
        elif not self._tls_over:
            try:
                self._wire.send(self._filter.encrypt(data))
            except ssl.SSLError as problem:
                self.error, self._tls_over = self.error or ssl_words(problem), True

    def _take(self) -> bytes:
        """Plain bytes that are there."""
        raw = self._wire.take()
        if self._filter is None:
            return raw
        self._filter.feed(raw)
        data, self._early = self._early, b""
        return data + self._decrypt(self._filter)

    def _decrypt(self, session: TlsFilter) -> bytes:
        data, self._tls_over = session.decrypt()
        self.error = self.error or session.damage
        self._wire.send(session.outgoing())
        return data

    def _got(self, data: bytes) -> bytes:
        self.reads += 1
        self.bytes_in += len(data)
        if self.on_bytes is not None:
            self.on_bytes(self.seconds, Direction.PEER, data)
        return data

    async def _shake_hands(self, handshake: TlsFilter, deadline: float) -> bool:
        """True once the handshake is done, False where the peer closed."""
        while not handshake.handshake():
            self._wire.send(handshake.outgoing())
            await self._wire.wait(deadline - self._loop.time())
            data = self._wire.take()
            if not data:
                return False
            handshake.feed(data)
        self._wire.send(handshake.outgoing())
        return True

    def _tls_failed(self, result: TlsResult) -> TlsResult:
        self.tls = result
        self.error = self.error or result.text
        self._tls_over = True
        self._wire.finish()
        return result


async def open_connection(
    address: IpAddress,
    port: int,
    *,
    source: IpAddress | None = None,
    timeout: float,
    on_bytes: Recorder | None = None,
) -> Connection | ConnectFailure:
    """Connect to one address and port.

    Args:
        source: address of ours to come from; None leaves it to the system.
        timeout: seconds until it counts as not answering.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    plug: socket.socket | None = None
    try:
        plug = socket.socket(family_of(address), socket.SOCK_STREAM)
        plug.setblocking(False)
        if source is not None:
            _bind(plug, source)
        async with asyncio.timeout(timeout):
            await loop.sock_connect(plug, _socket_address(address, port))
            _, wire = await loop.create_connection(lambda: new_wire(loop), sock=plug)
        plug = None
        return Connection(wire, started, on_bytes)
    except _SourceRefused as problem:
        return ConnectFailure(ConnectKind.SOURCE, str(problem))
    except TimeoutError:
        return ConnectFailure(ConnectKind.TIMEOUT, f"no answer within {timeout:g} s")
    except OSError as problem:
        return _failure(problem, address, source)
    finally:
        if plug is not None:
            plug.close()


class _SourceRefused(Exception):
    """The source address can't be used; never leaves this file."""


def _bind(plug: socket.socket, source: IpAddress) -> None:
    try:
        plug.bind(_socket_address(source, 0))
    except OSError as problem:
        raise _SourceRefused(f"{source}: {problem.strerror}") from problem


def _failure(problem: OSError, address: IpAddress, source: IpAddress | None) -> ConnectFailure:
    """Name what happened; only the kernel's own table tells a missing route from a router's refusal."""
    kind = _KINDS.get(problem.errno or 0, ConnectKind.OTHER)
    # EADDRNOTAVAIL: all ports are in use, or this family has no address here. Out of files the table can't be asked.
    doubtful = kind is ConnectKind.UNREACHABLE or problem.errno == errno.EADDRNOTAVAIL
    if doubtful and not has_route(address, source):
        kind = ConnectKind.NO_ROUTE
    # asyncio puts its own words ("Connect call failed") and the bare socket address into the error's text.
    return ConnectFailure(kind, os.strerror(problem.errno) if problem.errno else str(problem))


def _socket_address(address: IpAddress, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """What the socket calls want; the scope of a link-local address becomes its number."""
    if isinstance(address, IPv4Address):
        return str(address), port
    scope = address.scope_id
    number = 0 if scope is None else int(scope) if scope.isdigit() else socket.if_nametoindex(scope)
    return str(address).partition("%")[0], port, 0, number


def _end(name: tuple[str, int] | None) -> tuple[IpAddress, int]:
    return (IPv4Address(0), 0) if name is None else (plain(ip_address(name[0])), name[1])

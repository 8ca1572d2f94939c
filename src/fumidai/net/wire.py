# SPDX-License-Identifier: Apache-2.0
"""One TCP connection as bytes in, bytes out: what lies between the event loop and ``Connection``.

The loop says what happens to it (``asyncio.Protocol``); a coroutine calls ``wait`` and ``take``. No task, stream or
line object is made. On plain asyncio the receiving side is a ``BufferedProtocol`` whose buffer is shared by all
connections of a thread: the transport's own way allocates 256 KiB for each read, which costs double (docs/decisions).
uvloop gains nothing by that and gets a plain ``Protocol``.

A peer that sends faster than it is read is held back by TCP: reading pauses above ``HIGH_WATER``.

Limits: one reader at a time. Needs a loop that calls ``buffer_updated`` in the same step as ``get_buffer``
(the selector loop does; a completion-based one would not).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Final

#: Bytes kept unread before the peer is held back.
HIGH_WATER: Final = 256 * 1024
#: Bytes kept unsent before ``drained`` waits.
SEND_HIGH_WATER: Final = 64 * 1024

_SHARED_SIZE: Final = 64 * 1024


class _Shared(threading.local):
    """The receive buffer of this thread's loop."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(_SHARED_SIZE))


_shared = _Shared()


class ReadTimeout(Exception):
    """Nothing came within the time given: no error of ours, the caller decides what it means."""


class Wire:
    """The raw half of a connection.

    Attributes:
        over: the peer has closed, or the connection is lost; bytes may still wait in ``take``.
        error: why it was lost, "" for an orderly end.
        lost: the transport is gone; nothing can be sent any more.
    """

    __slots__ = (
        "_alarm",
        "_alarm_at",
        "_buffer",
        "_closed",
        "_drain",
        "_loop",
        "_opened",
        "_patience",
        "_paused",
        "_reader",
        "error",
        "lost",
        "over",
        "transport",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, opened: Opened | None = None) -> None:
        self._opened = opened
        self.transport: asyncio.Transport | None = None
        self.over = False
        self.lost = False
        self.error = ""
        self._loop = loop
        self._buffer = bytearray()
        self._paused = False
        self._reader: asyncio.Future[None] | None = None
        self._patience = 0.0  # time at which the reader has waited long enough
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        self._drain: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] | None = None

    # --- the loop's side, but for how bytes come in ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands (see ``asyncio.BaseProtocol``, as for the others)."""
        both_ways: asyncio.Transport = transport  # type: ignore[assignment]  # TCP transports are always full ones
        both_ways.set_write_buffer_limits(high=SEND_HIGH_WATER)
        self.transport = both_ways
        if self._opened is not None:
            opened, self._opened = self._opened, None
            opened(self)

    def data_received(self, data: bytes | memoryview) -> None:
        """Bytes came."""
        self._buffer += data
        if len(self._buffer) > HIGH_WATER and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> bool:
        """The peer closed its side; ours is kept open, so that what we still have to say can be said."""
        self.over = True
        _wake(self._reader)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self.over = self.lost = True
        if exc is not None and not self.error:
            self.error = _words(exc)
        self._silence_alarm()
        for waiting in (self._drain, self._closed, self._reader):
            _wake(waiting)

    def pause_writing(self) -> None:
        """The send buffer is above its mark."""
        self._drain = self._loop.create_future()

    def resume_writing(self) -> None:
        """The send buffer is below its mark again."""
        _wake(self._drain)
        self._drain = None

    # --- the reader's side ---

    def end(self, which: str) -> tuple[str, int] | None:
        """Address and port of one end (``sockname``, ``peername``); None where the system can't tell any more."""
        name = None if self.transport is None else self.transport.get_extra_info(which)
        return None if name is None else (name[0], name[1])

    def take(self) -> bytes:
        """Whatever has come since the last call; b"" where nothing did."""
        if not self._buffer:
            return b""
        data = bytes(self._buffer)
        self._buffer.clear()
        if self._paused and self.transport is not None and not self.over:
            self._paused = False
            self.transport.resume_reading()
        return data

    @property
    def waiting(self) -> int:
        """Bytes that came and were not taken."""
        return len(self._buffer)

    async def wait(self, seconds: float) -> None:
        """Return once bytes wait or the peer has closed.

        Raises:
            ReadTimeout: neither happened within ``seconds``.
        """
        if self._buffer or self.over:
            return
        self._patience = self._loop.time() + seconds
        if self._alarm is None or self._alarm_at > self._patience:
            self._set_alarm()
        self._reader = self._loop.create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    def send(self, data: bytes) -> None:
        """Hand bytes to the transport; dropped in silence where the connection is gone."""
        if self.transport is not None and not self.lost and not self.transport.is_closing():
            self.transport.write(data)

    async def drained(self, seconds: float) -> None:
        """Return once the send buffer is below its mark (or the connection is gone).

        Raises:
            ReadTimeout: the peer takes nothing for ``seconds``.
        """
        if self._drain is None or self.lost:
            return
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(self._drain)
        except TimeoutError:
            raise ReadTimeout from None

    # One alarm serves many reads: it is set once, and when it rings too early it is set anew. A timer for each read
    # would cost a quarter of the read.

    def _set_alarm(self) -> None:
        self._silence_alarm()
        self._alarm_at = self._patience
        self._alarm = self._loop.call_at(self._alarm_at, self._ring)

    def _silence_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring(self) -> None:
        self._alarm = None
        if self._reader is None or self._reader.done():
            return
        if self._patience > self._alarm_at:
            self._set_alarm()
        else:
            self._reader.set_exception(ReadTimeout())

    async def close(self, seconds: float) -> None:
        """Send what is left and close; aborts where that takes longer than ``seconds``."""
        if self.transport is None or self.lost:
            return
        self.finish()
        self._closed = closed = self._loop.create_future()
        timer = self._loop.call_later(seconds, self.transport.abort)
        try:
            await closed
        finally:
            timer.cancel()

    def finish(self) -> None:
        """Close once what was written is sent; waits for nothing."""
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Drop the connection now, with a reset."""
        if self.transport is not None:
            self.transport.abort()


class BufferedWire(Wire, asyncio.BufferedProtocol):
    """For plain asyncio: reads into the thread's shared buffer."""

    __slots__ = ()

    def get_buffer(self, sizehint: int) -> memoryview:
        """See ``asyncio.BufferedProtocol``."""
        return _shared.view

    def buffer_updated(self, nbytes: int) -> None:
        """See ``asyncio.BufferedProtocol``."""
        self.data_received(_shared.view[:nbytes])


class PlainWire(Wire, asyncio.Protocol):
    """For uvloop: takes the bytes as the loop hands them over."""

    __slots__ = ()


Opened = Callable[[Wire], None]


def new_wire(loop: asyncio.AbstractEventLoop, opened: Opened | None = None) -> BufferedWire | PlainWire:
    """The kind of wire that is cheapest on this loop.

    Args:
        opened: told once the connection stands (for connections that others open to us).
    """
    kind = PlainWire if type(loop).__module__.startswith("uvloop") else BufferedWire
    return kind(loop, opened)


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


def _words(error: Exception) -> str:
    """What the system says about an error, without its number."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__

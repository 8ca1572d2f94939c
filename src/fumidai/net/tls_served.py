# SPDX-License-Identifier: Apache-2.0
"""TLS under a protocol that serves a client: in clear and encrypted it is served by the same code.

The object stands between the system's transport and the protocol: to the one it is a protocol, to the other a
transport. It is put there when TLS begins, so a connection in clear has nothing of it and pays nothing.

    session.transport = TlsTransport(session.transport, session, context, tell)   # at STARTTLS, or at once
    session.transport.start()                                                     # tell(TlsResult) once it stands

What the client says in TLS comes to ``data_received`` of the protocol as if it had come in clear. What is written
before the handshake is done is dropped: nothing of ours may go out in clear any more.

Limits: the server's side only (``connection`` has the client's). No deadline: whoever starts it holds the clock. A
client that closes without the closing alert has closed; SMTP tells by itself where a message ends.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from fumidai.net.tls import TlsFailure, TlsFilter, TlsResult, ssl_words


class TlsTransport(asyncio.Transport, asyncio.Protocol):
    """One client's TLS.

    Args:
        raw: carries the encrypted bytes.
        served: the protocol that serves the client.
        context: with our certificate.
        tell: told once: the handshake is done, or has failed (then the connection is closed after that).
    """

    __slots__ = ("_filter", "_over", "_raw", "_served", "_shaken", "_tell")

    def __init__(
        self,
        raw: asyncio.Transport,
        served: asyncio.Protocol,
        context: ssl.SSLContext,
        tell: Callable[[TlsResult], None],
    ) -> None:
        self._raw = raw
        self._served = served
        self._filter = TlsFilter(serving=context)
        self._tell = tell
        self._shaken = False
        self._over = False  # nothing is said or read any more

    def start(self) -> None:
        """From now on what comes is TLS."""
        self._raw.set_protocol(self)

    # --- the system's side: a protocol ---

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        if self._over:
            return
        tls = self._filter
        tls.feed(data)
        if not self._shaken and not self._shake():
            return
        plain, ended = tls.decrypt()
        if due := tls.outgoing():  # an alert, or the answer to a change of keys
            self._raw.write(due)
        if plain:
            self._served.data_received(plain)
        if ended:
            self._ended()

    def _ended(self) -> None:
        """The client has said its last in TLS; damage is no orderly end, and no answer can be read behind it."""
        if not self._over and (self._filter.damage or not self._served.eof_received()):
            self.close()

    def eof_received(self) -> bool:
        """See ``asyncio.Protocol``."""
        return self._shaken and bool(self._served.eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.BaseProtocol``."""
        self._over = True
        self._served.connection_lost(exc)

    def pause_writing(self) -> None:
        """See ``asyncio.BaseProtocol``."""
        self._served.pause_writing()

    def resume_writing(self) -> None:
        """See ``asyncio.BaseProtocol``."""
        self._served.resume_writing()

    def _shake(self) -> bool:
        """One step of the handshake; True once it is done."""
        failure = ""
        try:
            self._shaken = self._filter.handshake()
        except ssl.SSLError as problem:
            failure = ssl_words(problem)
        if due := self._filter.outgoing():
            self._raw.write(due)
        if failure:
            self._over = True
            self._tell(TlsResult(TlsFailure.HANDSHAKE, text=failure))
            self._raw.close()
        elif self._shaken:
            self._tell(self._filter.result())
        return self._shaken and not self._over

    # --- the protocol's side: a transport ---

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See ``asyncio.WriteTransport``."""
        if self._over or not self._shaken or not data:
            return
        try:
            self._raw.write(self._filter.encrypt(bytes(data)))
        except ssl.SSLError:  # the client's stream was damaged: nothing it says can be answered
            self.abort()

    def can_write_eof(self) -> bool:
        """See ``asyncio.WriteTransport``."""
        return self._raw.can_write_eof()

    def write_eof(self) -> None:
        """Say that nothing more comes, in TLS and below it; what the client still says is dropped."""
        self._part()
        self._raw.write_eof()

    def close(self) -> None:
        """See ``asyncio.BaseTransport``."""
        self._part()
        self._raw.close()

    def abort(self) -> None:
        """See ``asyncio.WriteTransport``."""
        self._over = True
        self._raw.abort()

    def _part(self) -> None:
        """The closing alert (RFC 8446 §6.1), once."""
        if not self._over and self._shaken:
            self._raw.write(self._filter.goodbye())
        self._over = True

    def is_closing(self) -> bool:
        """See ``asyncio.BaseTransport``."""
        return self._raw.is_closing()

    def pause_reading(self) -> None:
        """See ``asyncio.ReadTransport``."""
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """See ``asyncio.ReadTransport``."""
        self._raw.resume_reading()

    def is_reading(self) -> bool:
        """See ``asyncio.ReadTransport``."""
        return self._raw.is_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See ``asyncio.WriteTransport``."""
        self._raw.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """See ``asyncio.WriteTransport``."""
        return self._raw.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See ``asyncio.BaseTransport``."""
        return self._raw.get_extra_info(name, default)

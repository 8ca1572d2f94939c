# SPDX-License-Identifier: Apache-2.0
"""TLS before a session: by STARTTLS, or from the first byte on where ``listen_tls`` says so.

    STARTTLS → 220 in clear → TlsTransport takes the transport's place → handshake → the session, which knows nothing
    listen_tls →              TlsTransport takes the transport's place → handshake → greeting

What was said in clear is forgotten with STARTTLS (RFC 3207 §4.2): name and user, for anybody on the way could have
said it. Anything in clear behind STARTTLS ends the session, because it would be answered inside (CVE-2011-0411).

Limits: no client certificates. A session that has begun keeps the certificate it began with.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from ssl import SSLContext

from fumidai.guard.line import Line, sure
from fumidai.guard.notes import note_session
from fumidai.guard.post import Duty
from fumidai.net.protocol import ProtocolListener
from fumidai.net.tls import TlsResult
from fumidai.net.tls_served import TlsTransport
from fumidai.smtp.server import StartTls, usual


class Encrypted(Line):
    """A connection that may be encrypted.

    Args:
        implicit: TLS comes before the greeting.
    """

    __slots__ = ("_implicit", "_shaking")

    def __init__(self, listener: ProtocolListener, duty: Duty, *, implicit: bool = False) -> None:
        super().__init__(listener, duty)
        self._implicit = implicit
        self._shaking = False

    def arrive(self, transport: asyncio.Transport) -> None:
        """See ``Line``; where TLS comes first, one who may not come in is told nothing, for it would be in clear."""
        if self._implicit and not self._may_come_in():
            self._closing = True
            transport.close()
        elif self._implicit:
            self.greet(transport)
        else:
            super().arrive(transport)

    def greet(self, transport: asyncio.Transport) -> None:
        """See ``Line``; in TLS where it comes first."""
        if not self._implicit or self.who.tls:
            super().greet(transport)
        elif (context := self.duty.post.tls) is not None:
            self._shake_hands(transport, context)
        else:  # taken away while we run: there is no way to speak here
            self._closing = True
            transport.close()

    def _start_tls(self, asked: StartTls) -> None:
        """Answer STARTTLS in clear, and begin."""
        context = self.duty.post.tls
        if context is None:
            # RFC 3207 §4: 454 TLS not available due to temporary reason
            self._say(454, "TLS is not available now", "4.7.0")
            return
        due = self._due
        self._say(*usual(asked))
        if self.machine.tls_started():
            # Instead of the 220, not after it: what is said next would be read as a handshake.
            self._due = due
            self._send_away("injected", "Something came in clear behind STARTTLS")
            return
        transport = sure(self.transport)
        transport.write(self._due)
        self._due = b""
        self._shake_hands(transport, context)

    def _shake_hands(self, transport: asyncio.Transport, context: SSLContext) -> None:
        self._shaking = True
        self.transport = tls = TlsTransport(transport, self, context, partial(self._shaken, transport))
        self._alarm.set(self.post.settings.handshake_time)
        tls.start()

    def _shaken(self, clear: asyncio.Transport, result: TlsResult) -> None:
        """The handshake is over, well or badly."""
        self._shaking = False
        transport = self.transport
        if self._closing or transport is None:
            return
        if not result.encrypted:
            note_session(self, "tls-handshake", f"TLS came to nothing: {result.text}")
            self._closing = True
            return
        self.identify(replace(self.who, helo=None, tls=True, user=None, helo_told=False))
        self.machine.tls = True
        self.machine.announce(self.duty.post.announced(proxy=self._may_speak_for_others(), tls=True))
        if self._implicit:
            self.greet(transport)
        else:
            self._alarm.set(self._patience())

    def _too_slow(self) -> None:
        """A handshake has its own time, and nothing can be said when it is over."""
        if not self._shaking or self._closing:
            super()._too_slow()
            return
        note_session(self, "tls-too-slow", "TLS was not begun in time")
        self._closing = True
        sure(self.transport).abort()

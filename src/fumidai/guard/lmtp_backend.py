# SPDX-License-Identifier: Apache-2.0
"""An LMTP server behind the guard (RFC 2033): a mail store that says of each recipient what became of the message.

It differs from an SMTP server in two things. It is greeted with LHLO; and after the dot it gives one answer for each
recipient it had taken. A client that speaks SMTP can be told one thing only, so a transaction carries one recipient:
further ones are told 452 and come again with the next message (RFC 5321 §4.5.3.1.10). So each answer stays exact,
and no recipient gets a second copy because another was refused.

Everything else is as in ``smtp_backend``.

Limits: a message to many recipients costs its sender one transaction for each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from fumidai.guard.backend import Answer, Fate, Sender, Tell
from fumidai.guard.settings import Target
from fumidai.guard.smtp_backend import SmtpBackend, SmtpTransaction
from fumidai.guard.smtp_link import Link, Times
from fumidai.net.local import connect_local
from fumidai.net.turn import Turn
from fumidai.smtp.client import Said
from fumidai.smtp.command import CRLF, Verb
from fumidai.smtp.reply import Reply

_ONE_ONLY: Final = Answer(Fate.ANSWERED, 452, "One recipient at a time, send the others later", "4.5.3")


def make_backend(target: Target, name: str) -> LmtpBackend:
    """The backend for ``lmtp://HOST:PORT`` or ``lmtp:///SOCKET``."""
    return LmtpBackend(target.host, target.port, name, socket=target.path)


class LmtpBackend(SmtpBackend):
    """See the module.

    Args:
        host, port: where the server is.
        name: ours, for LHLO.
        socket: file of a local socket, in place of host and port.
    """

    def __init__(self, host: str, port: int, name: str, times: Times | None = None, *, socket: str = "") -> None:
        super().__init__(host, port, name, times)
        self._socket = socket

    def open(self, sender: Sender, resume: Callable[[], None]) -> LmtpTransaction:
        """See ``Backend``."""
        return LmtpTransaction(self, sender, resume)

    def _new_link(self) -> Link:
        return LmtpLink(self._name, self._times, self._spare, self._turn, self._socket)


class LmtpLink(Link):
    """A link that introduces itself with LHLO."""

    __slots__ = ("_socket",)

    def __init__(self, name: str, times: Times, spare: Callable[[Link], None], turn: Turn, socket: str) -> None:
        super().__init__(name, times, spare, turn)
        self._socket = socket

    def connect(self, host: str, port: int) -> None:
        """See ``Link``; goes to the local socket where there is one."""
        if not self._socket:
            super().connect(host, port)
            return
        self._task = connect_local(self._socket, self, timeout=self._times.connect, failed=self._unreachable)

    def _greeted(self, reply: Reply) -> None:
        if not reply.positive:
            self._break(f"the backend greets with {reply.code}")
            return
        self.say(b"LHLO " + self._name.encode() + CRLF, Verb.LHLO)
        self.send()

    def _heard(self, said: Said, reply: Reply) -> None:
        # There is no older word to fall back on, as with HELO.
        super()._heard(replace(said, verb=Verb.HELO) if said.verb is Verb.LHLO else said, reply)


class LmtpTransaction(SmtpTransaction):
    """One message to one recipient: the first that the server takes."""

    __slots__ = ("_asking", "_taken", "_waiting")

    def __init__(self, backend: LmtpBackend, sender: Sender, resume: Callable[[], None]) -> None:
        super().__init__(backend, sender, resume)
        self._asking = False
        self._taken = False
        self._waiting: deque[tuple[bytes, Mapping[str, bytes], Tell]] = deque()

    def recipient(self, path: bytes, params: Mapping[str, bytes], tell: Tell) -> None:
        """See ``Transaction``. One is asked at a time: only if it is refused may the next be taken."""
        self._waiting.append((path, params, tell))
        if not self._asking:
            asyncio.get_running_loop().call_soon(self._ask_next)
            self._asking = True

    def _ask_next(self) -> None:
        self._asking = False
        while self._waiting and not self._aborted and not self._asking:
            path, params, tell = self._waiting.popleft()
            if self._taken:
                tell(_ONE_ONLY)
            else:
                self._asking = True
                super().recipient(path, params, partial(self._answered, tell))

    def _answered(self, tell: Tell, answer: Answer) -> None:
        self._taken = answer.taken
        tell(answer)
        self._ask_next()

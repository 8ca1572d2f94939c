# SPDX-License-Identifier: Apache-2.0
"""What all sessions of a guard share: the policy's door, the backend, the settings, the log."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import string
from collections.abc import Callable, Collection
from email.utils import formatdate
from ssl import SSLContext
from typing import Final

from fumidai.guard.backend import Backend
from fumidai.guard.buffered import Buffered
from fumidai.guard.counts import Counts
from fumidai.guard.decision_log import DecisionLog
from fumidai.guard.door import Door
from fumidai.guard.gate import Gate
from fumidai.guard.login import Login
from fumidai.guard.lost_client import LostClients
from fumidai.guard.settings import GuardSettings
from fumidai.net.turn import Turn
from fumidai.smtp.server import Limits
from fumidai.smtp.xclient import ANNOUNCED as XCLIENT

_DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
#: Extensions that are offered only once the backend was seen to have them.
_BACKENDS: Final = ("8BITMIME", "SMTPUTF8", "DSN")
#: Octets of a command: RFC 5321 §4.5.3.1.4 says 512, and extensions add to it.
_LINE: Final = 4096
#: Octets that may wait behind a question: more than is read at once, so that a client is rather held back.
_BACKLOG: Final = 512 * 1024


class Post:
    """One guard on duty.

    Attributes:
        loop: the event loop; ``turn``: the end of its turn; ``clock``: seconds since the epoch.
        name: ours; ``greeting``: what a client hears first; ``limits``: of every session.
        gate: who may come in; ``lost``: whose address is not his own; ``buffered``: what waits of all clients.
        counts: what is counted besides the lines of the log.
        tls: with our certificate, for handshakes from now on; None: TLS is not offered.
        login: who checks passwords; None: AUTH is not offered.
    """

    def __init__(
        self,
        settings: GuardSettings,
        door: Door,
        backend: Backend,
        log: DecisionLog,
        name: str,
        clock: Callable[[], float],
        gate: Gate,
        lost: LostClients,
        buffered: Buffered,
        counts: Counts | None = None,
        *,
        tls: SSLContext | None = None,
        login: Login | None = None,
    ) -> None:
        self.gate = gate
        self.lost = lost
        self.buffered = buffered
        self.loop = asyncio.get_running_loop()
        self.turn = Turn(self.loop)
        self.settings = settings
        self.door = door
        self.backend = backend
        self.log = log
        self.name = name
        self.clock = clock
        self.counts = counts or Counts()
        self.tls = tls
        self.login = login
        self.greeting = f"{name} ESMTP"
        self.limits = Limits(
            line=_LINE,
            message=settings.message_size,
            recipients=settings.recipients,
            errors=settings.errors,
            excess=settings.message_size,
            backlog=_BACKLOG,
        )
        self._seen: tuple[frozenset[str], int] | None = None
        self._announced: tuple[str, ...] = ()
        self._numbers = itertools.count(1)
        self._mark = _letters(secrets.randbelow(62**4), 4)
        self._second, self._date = -1, ""

    def announced(self, *, proxy: bool = False, tls: bool = False) -> tuple[str, ...]:
        """What is offered in answer to EHLO; what needs the backend, only once that was seen to offer it.

        Args:
            proxy: to a declared proxy that speaks SMTP itself, and so may say who its client is.
            tls: asked inside TLS.
        """
        seen = self.backend.keywords, self.backend.size
        if seen != self._seen:
            self._seen = seen
            self._announced = offer(self.settings.message_size, *seen)
        more: tuple[str, ...] = (XCLIENT,) if proxy else ()
        if not tls:
            more = more if self.tls is None else (*more, "STARTTLS")
        # RFC 4616 §6: a password in clear needs something around it, so AUTH is offered inside TLS only.
        elif mechanisms := self.login.mechanisms() if self.login else ():
            more = (*more, " ".join(("AUTH", *mechanisms)))
        return (*self._announced, *more) if more else self._announced

    def date(self) -> str:
        """Now, as a header field writes it."""
        second = int(self.clock())
        if second != self._second:
            self._second, self._date = second, formatdate(second, localtime=True)
        return self._date

    def resume_numbers(self, before: Post) -> None:
        """Go on with the ids of the post that this one takes over from."""
        self._numbers, self._mark = before._numbers, before._mark

    def next_id(self) -> str:
        """A session's id: letters and digits, hardly ever twice."""
        return self._mark + _letters(next(self._numbers), 3)


class Duty:
    """Which post is on duty. A reload puts another there as a whole; a session goes over to it between two messages,
    so that a message ends under the policy with which it began.

    Attributes:
        post: the one for whatever begins now.
    """

    __slots__ = ("post",)

    def __init__(self, post: Post) -> None:
        self.post = post


def offer(most: int, keywords: Collection[str], bound: int) -> tuple[str, ...]:
    """The lines of the answer to EHLO.

    CHUNKING is ours: the backend gets DATA. BINARYMIME is not offered, because a body without lines has no form in
    DATA. SMTPUTF8 goes only with 8BITMIME (RFC 6531 §3.1).

    Args:
        most: octets of a message that we let through.
        keywords: of the extensions that the backend has.
        bound: octets of a message that the backend takes; 0: it did not say.
    """
    size = min(most, bound) if bound else most
    theirs = [word for word in _BACKENDS if word in keywords and (word != "SMTPUTF8" or "8BITMIME" in keywords)]
    return ("PIPELINING", f"SIZE {size}", "ENHANCEDSTATUSCODES", "CHUNKING", *theirs)


def _letters(number: int, least: int) -> str:
    """A number to the base of 62."""
    text = ""
    while number or len(text) < least:
        number, digit = divmod(number, 62)
        text = _DIGITS[digit] + text
    return text

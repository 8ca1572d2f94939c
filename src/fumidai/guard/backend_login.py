# SPDX-License-Identifier: Apache-2.0
"""Passwords asked of the server behind: AUTH over a connection of its own, and its 235 is the only yes.

    client: AUTH → guard → backend: EHLO, AUTH PLAIN or LOGIN → 235 right · 535 wrong · anything else: not now

The connection is closed after that; messages go over the links that ``smtp_backend`` keeps, which stay unauthenticated,
because what a user may do is decided by the policy here.

Limits: the backend has to offer AUTH PLAIN or LOGIN in clear to the guard; the password passes in clear to it, so it
belongs on the same machine. It is asked what it offers at the first login, after that it is known.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from typing import Final

from fumidai.guard.login import Checked, Word
from fumidai.guard.smtp_link import Link, Times
from fumidai.net.turn import Turn
from fumidai.smtp.client import Said
from fumidai.smtp.command import Verb
from fumidai.smtp.reply import Reply
from fumidai.smtp.sasl import Credentials, Mechanism

#: Connections for logins at once; a server behind has few places to give.
_MOST: Final = 10
#: Somebody waits for an answer at a prompt.
_TIMES: Final = Times(connect=5.0, answer=30.0)


class BackendLogin:
    """See above.

    Args:
        host, port: where the server is.
        name: ours, for EHLO.
    """

    def __init__(self, host: str, port: int, name: str, times: Times | None = None) -> None:
        self._host = host
        self._port = port
        self._name = name
        self._times = times or _TIMES
        self._loop = asyncio.get_running_loop()
        self._turn = Turn(self._loop)
        self._asking: set[_Asking] = set()

    def mechanisms(self) -> tuple[str, ...]:
        """See ``Login``. Both are offered: whichever the server has can be made of either."""
        return tuple(Mechanism)

    def check(self, credentials: Credentials, tell: Callable[[Checked], None]) -> None:
        """See ``Login``."""
        if len(self._asking) >= _MOST:
            self._loop.call_soon(tell, Checked(Word.LATER, "too many log in at once"))
            return

        def told(checked: Checked) -> None:
            self._asking.discard(asking)
            tell(checked)

        link = Link(self._name, self._times, Link.leave, self._turn)
        asking = _Asking(link, credentials, told)
        self._asking.add(asking)
        link.holder = asking
        link.connect(self._host, self._port)

    def close(self) -> None:
        """See ``Login``."""
        for asking in self._asking:
            asking.link.drop()
        self._asking.clear()


class _Asking:
    """One login on its way; holds its link."""

    def __init__(self, link: Link, credentials: Credentials, tell: Callable[[Checked], None]) -> None:
        self.link = link
        self._credentials = credentials
        self._tell = tell
        self._lines: list[bytes] = []  # what is said next, after a 334 each

    def ready(self, link: Link) -> None:
        """See ``Holder``."""
        offered = link.extensions.keywords.get("AUTH", "").upper().split()
        said = self._credentials
        user = said.user.encode()
        if Mechanism.PLAIN in offered:
            self._lines = [b"AUTH PLAIN", b64encode(b"\0".join((b"", user, said.password)))]
        elif Mechanism.LOGIN in offered:
            self._lines = [b"AUTH LOGIN", b64encode(user), b64encode(said.password)]
        else:
            self._end(Word.LATER, "the backend offers neither AUTH PLAIN nor LOGIN")
            return
        self._say()

    def heard(self, said: Said, reply: Reply) -> None:
        """See ``Holder``."""
        if reply.code == 235:
            self._end(Word.RIGHT, "the backend said 235")
        elif reply.code == 535:
            self._end(Word.WRONG, "the backend said 535")
        elif reply.code == 334 and self._lines:
            self._say()
        else:
            self._end(Word.LATER, f"the backend said {reply.code} to AUTH")

    def broke(self, why: str) -> None:
        """See ``Holder``."""
        self._tell(Checked(Word.LATER, why))

    def writable(self) -> None:
        """See ``Holder``."""

    def _say(self) -> None:
        line = self._lines.pop(0)
        # The verb is given: base64 could begin with any word.
        self.link.say(line + b"\r\n", Verb.AUTH)
        self.link.send()

    def _end(self, word: Word, why: str) -> None:
        self.link.holder = None
        self.link.leave()
        self._tell(Checked(word, why))

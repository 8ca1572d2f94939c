# SPDX-License-Identifier: Apache-2.0
"""An SMTP server behind the guard: asked command by command, its answers passed on one to one.

A transaction borrows a link when its first recipient is permitted, so nothing that the policy refuses reaches the
server. MAIL and RCPT go out together where the server offers PIPELINING. The body is stuffed as it passes, never
kept. The dot is sent in ``end`` alone.

What an answer may mean:

    RCPT  2yz taken · 4yz, 5yz passed on             DATA  354 · 4yz, 5yz passed on
    dot   2yz: the client's 250 · 4yz, 5yz passed on · nothing, or no reply: ``unknown`` (RFC 1047)
    421   451 to this client, whose session lives on; anything else: the link is broken, 451

Parameters of an extension that the server does not offer are left out (SIZE, and those that ask for reports), or the
message is refused where it can't do without (SMTPUTF8, an 8-bit BODY): RFC 6531 §3.2, RFC 6152 §3, RFC 3461 §4.

A kept link that dies before it has said anything in this transaction is replaced once by a fresh one.

Limits: one transaction, one link; links rest a few seconds only, so that a small server's places are not all taken by
idle ones.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from fumidai.guard.backend import Answer, Fate, Sender, Tell
from fumidai.guard.smtp_link import Link, Times
from fumidai.net.turn import Turn
from fumidai.smtp.client import Said
from fumidai.smtp.command import DATA, Verb, mail, rcpt
from fumidai.smtp.extensions import Extensions
from fumidai.smtp.reply import KEPT, Reply

#: Links that rest at once.
_MOST_IDLE: Final = 50
#: Seconds that the first acquaintance may take.
_ACQUAINTANCE: Final = 3.0
#: Lines, and characters of each, that are passed on of a reply.
_LINES, _WIDTH = 20, 500

#: Parameter -> extension that the server has to offer; one without is left out where ``_NEEDED`` is silent.
_EXTENSION: Final = {
    "SIZE": "SIZE",
    "BODY": "8BITMIME",
    "SMTPUTF8": "SMTPUTF8",
    "RET": "DSN",
    "ENVID": "DSN",
    "NOTIFY": "DSN",
    "ORCPT": "DSN",
}
_Recipient = tuple[bytes, Mapping[str, bytes], Tell]
# RFC 6152 §3, RFC 6531 §3.2: a server that does not offer it must not be sent it.
_NEEDED: Final = {
    "SMTPUTF8": Answer(Fate.ANSWERED, 550, "The server behind does not take SMTPUTF8", "5.6.7", "no SMTPUTF8"),
    "BODY": Answer(Fate.ANSWERED, 554, "The server behind does not take 8BITMIME", "5.6.3", "no 8BITMIME"),
}


def failed(detail: str) -> Answer:
    """No copy exists; the client may come again."""
    return Answer(Fate.FAILED, 451, "The server behind can't be reached now, try again later", "4.4.1", detail)


def unknown(detail: str) -> Answer:
    """A copy may exist, but nobody said so: the client has to come again."""
    return Answer(Fate.UNKNOWN, 451, "The server behind did not confirm the message, try again later", "4.4.2", detail)


def answer_of(reply: Reply) -> Answer:
    """The server's word as the client gets it; 421, which is about our connection, becomes 451."""
    return _known_answer(reply) if len(reply.raw) <= KEPT else _answer(reply)


def _answer(reply: Reply) -> Answer:
    enhanced, code = reply.enhanced, reply.code
    text = "\n".join(_clean(line.decode("latin-1"), enhanced) for line in reply.lines[:_LINES])
    detail = ""
    if code == 421:
        code, detail = 451, "the backend said 421"
    if not enhanced.startswith(str(code // 100)):
        enhanced = f"{code // 100}.0.0"
    return Answer(Fate.ANSWERED, code, text, enhanced, detail)


_known_answer: Final = lru_cache(256)(_answer)


def _clean(line: str, enhanced: str) -> str:
    """One line of a reply, without its enhanced code and what could do something."""
    line = line.removeprefix(enhanced).removeprefix(" ")[:_WIDTH]
    return line if line.isprintable() else "".join(c if c.isprintable() else "?" for c in line)


class SmtpBackend:
    """See above.

    Args:
        host, port: where the server is.
        name: ours, for EHLO.

    Attributes:
        keywords: what the server announced last, upper case.
        size: octets of a message that it takes, as announced last; 0: it did not say.
    """

    def __init__(self, host: str, port: int, name: str, times: Times | None = None) -> None:
        self._host = host
        self._port = port
        self._name = name
        self._times = times or Times()
        self._turn = Turn(asyncio.get_running_loop())
        self._idle: deque[Link] = deque()
        self._links: set[Link] = set()
        self.keywords: frozenset[str] = frozenset()
        self.size = 0
        self._known: Extensions | None = None

    def open(self, sender: Sender, resume: Callable[[], None]) -> SmtpTransaction:
        """See ``Backend``."""
        return SmtpTransaction(self, sender, resume)

    async def close(self) -> None:
        """See ``Backend``."""
        while self._idle:
            self._idle.popleft().leave()

    async def get_acquainted(self) -> None:
        """Connect once, so that what the server offers is known before the first client asks; a few seconds at most."""
        link = self._new_link()
        first = link.holder = _Acquaintance(asyncio.get_running_loop())
        self.connect(link)
        try:
            await asyncio.wait_for(first.over, _ACQUAINTANCE)
        except TimeoutError:
            link.drop()

    def borrow(self, *, fresh: bool = False) -> tuple[Link, bool]:
        """A link, and whether it is ready; else connect it once its holder is set."""
        while self._idle and not fresh:
            link = self._idle.pop()
            if link.alive:
                return link, True
        return self._new_link(), False

    def connect(self, link: Link) -> None:
        """Connect a link that was borrowed."""
        link.connect(self._host, self._port)

    def learn(self, extensions: Extensions) -> None:
        """Remember what the server offers."""
        if extensions is self._known:
            return
        self._known = extensions
        if self.keywords != extensions.keywords.keys():
            self.keywords = frozenset(extensions.keywords)
        self.size = extensions.size or 0

    def _new_link(self) -> Link:
        return Link(self._name, self._times, self._spare, self._turn)

    def _spare(self, link: Link) -> None:
        self.learn(link.extensions)
        while self._idle and not self._idle[0].alive:
            self._idle.popleft()
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(link)
        else:
            link.leave()


class _Acquaintance:
    """Holds a link until it is introduced, or can't be."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.over: asyncio.Future[None] = loop.create_future()

    def ready(self, link: Link) -> None:
        """See ``Holder``."""
        link.give_back()
        self._end()

    def heard(self, said: Said, reply: Reply) -> None:
        """See ``Holder``."""

    def broke(self, why: str) -> None:
        """See ``Holder``."""
        self._end()

    def writable(self) -> None:
        """See ``Holder``."""

    def _end(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


class SmtpTransaction:
    """One message on its way; see ``backend.Transaction``."""

    # fmt: off
    __slots__ = (
        "_aborted", "_asked", "_backend", "_begin", "_body", "_dead", "_end", "_heard_any", "_kept", "_link",
        "_mail_refused", "_mailed", "_resume", "_said", "_sender", "_tail",
    )
    # fmt: on

    def __init__(self, backend: SmtpBackend, sender: Sender, resume: Callable[[], None]) -> None:
        self._backend = backend
        self._sender = sender
        self._resume = resume
        self._link: Link | None = None
        self._asked: deque[_Recipient] = deque()  # not said yet
        self._said: deque[_Recipient] = deque()  # said and not answered
        self._begin: Tell | None = None
        self._end: Tell | None = None
        self._mailed = False  # MAIL was said
        self._mail_refused: Answer | None = None
        self._heard_any = False
        self._kept = False  # the link has rested before
        self._body = False
        self._tail = b"\r\n"
        self._dead: Answer | None = None
        self._aborted = False

    # --- the client's side ---

    def recipient(self, path: bytes, params: Mapping[str, bytes], tell: Tell) -> None:
        """See ``Transaction``."""
        if answer := self._dead or self._mail_refused:
            self._later(tell, answer)
            return
        self._asked.append((path, params, tell))
        if self._link is None:
            self._borrow()
        elif self._mailed:
            self._speak(self._link)

    def begin(self, tell: Tell) -> None:
        """See ``Transaction``."""
        if self._dead or self._link is None:
            self._later(tell, self._dead or failed("nothing was begun"))
            return
        self._begin = tell
        self._link.say(DATA, Verb.DATA)
        self._link.send()

    def body(self, data: bytes) -> bool:
        """See ``Transaction``."""
        if self._dead or self._link is None or not data:
            return True
        # RFC 5321 §4.5.2; line end and dot may lie in two pieces.
        tail, self._tail = self._tail, (self._tail + data[-2:])[-2:]
        if b"\r\n." in data or data[:2].startswith((b".", b"\n.")):
            data = (tail + data).replace(b"\r\n.", b"\r\n..")[len(tail) :]
        return self._link.write_body(data)

    def end(self, tell: Tell) -> None:
        """See ``Transaction``."""
        if self._dead or self._link is None or not self._body:
            self._later(tell, self._dead or failed("nothing was begun"))
            return
        self._end = tell
        self._link.end_body(b".\r\n" if self._tail == b"\r\n" else b"\r\n.\r\n")

    def abort(self) -> None:
        """See ``Transaction``."""
        self._aborted = True
        link, self._link = self._link, None
        if link is None:
            return
        if self._body or not self._mailed:
            link.drop()
        else:
            link.reset()

    # --- the server's side ---

    def ready(self, link: Link) -> None:
        """See ``Holder``."""
        self._backend.learn(link.extensions)
        line = self._introduction(link.extensions)
        if line is None:
            return
        self._mailed = True
        link.say(line, Verb.MAIL)
        if link.extensions.pipelining:
            self._speak(link)
        else:
            link.send()

    def heard(self, said: Said, reply: Reply) -> None:
        """See ``Holder``."""
        self._heard_any = True
        verb, code = said.verb, reply.code
        if code // 100 not in (2, 4, 5) and not (verb is Verb.DATA and code == 354):
            self._give_up(f"the backend answers {code} to {verb or '.'}")
            return
        _HEARD[verb](self, answer_of(reply))
        if code == 421 and self._link is not None:
            self._give_up("the backend said 421")

    def broke(self, why: str) -> None:
        """See ``Holder``."""
        self._link = None
        if not (self._kept and not self._heard_any and self._said_again()):
            self._fail(why)

    def writable(self) -> None:
        """See ``Holder``."""
        self._resume()

    # --- inside ---

    def _borrow(self, *, fresh: bool = False) -> None:
        link, ready = self._backend.borrow(fresh=fresh)
        self._link = link
        self._kept = ready
        link.holder = self
        if not ready:
            self._backend.connect(link)
        else:
            self.ready(link)

    def _said_again(self) -> bool:
        """A link that had rested may have been closed by the server meanwhile: say the same on a fresh one."""
        if not self._mailed or self._begin or self._dead:
            return False
        self._asked.extendleft(reversed(self._said))
        self._said.clear()
        self._mailed = False
        self._borrow(fresh=True)
        return True

    def _introduction(self, extensions: Extensions) -> bytes | None:
        """The MAIL line; None where the server can't take such a message."""
        params = self._sender.params
        for name, answer in _NEEDED.items():
            if name in params and _EXTENSION[name] not in extensions and params[name].upper() != b"7BIT":
                self._refuse_all(answer)
                return None
        return mail(self._sender.path, _written(params, extensions))

    def _refuse_all(self, answer: Answer) -> None:
        """Answer every recipient so, those to come too."""
        self._mail_refused = answer
        asked, self._asked = self._asked, deque()
        for _, _, tell in asked:
            self._later(tell, answer)

    def _speak(self, link: Link) -> None:
        """Say the recipients: all where they may be sent together, else one."""
        while self._asked and (link.extensions.pipelining or not self._said):
            recipient = self._asked.popleft()
            self._said.append(recipient)
            link.say(rcpt(recipient[0], _written(recipient[1], link.extensions)), Verb.RCPT)
        link.send()

    def _heard_recipient(self, answer: Answer) -> None:
        tell = self._said.popleft()[2]
        tell(self._mail_refused or answer)

    def _heard_mail(self, answer: Answer) -> None:
        if answer.taken:
            if self._asked and self._link is not None:
                self._speak(self._link)
            return
        self._refuse_all(answer)

    def _heard_data(self, answer: Answer) -> None:
        tell, self._begin = self._begin, None
        if answer.code // 100 == 2:
            self._begin = tell
            self._give_up("the backend takes a message that it has not seen")
            return
        self._body = answer.code == 354
        if tell is not None:
            tell(answer)

    def _heard_end(self, answer: Answer) -> None:
        link, self._link = self._link, None
        tell, self._end = self._end, None
        if link is not None:
            link.give_back()
        if tell is not None:
            tell(answer)

    def _give_up(self, why: str) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.drop()
        self._fail(why)

    def _fail(self, why: str) -> None:
        """The link is gone: tell everybody who waits, and remember it."""
        self._dead = failed(why)
        waiting = [tell for _, _, tell in (*self._said, *self._asked)]
        self._said.clear()
        self._asked.clear()
        if self._begin is not None:
            waiting.append(self._begin)
            self._begin = None
        for tell in waiting:
            tell(self._mail_refused or self._dead)
        if self._end is not None:
            end, self._end = self._end, None
            end(unknown(why))
        elif self._body:
            self._resume()  # nothing holds the client back any more; it learns it at its dot

    def _later(self, tell: Tell, answer: Answer) -> None:
        asyncio.get_running_loop().call_soon(self._tell, tell, answer)

    def _tell(self, tell: Tell, answer: Answer) -> None:
        if not self._aborted:
            tell(answer)


#: Who meets the answer to each thing that a transaction says.
_HEARD: Final[Mapping[Verb, Callable[[SmtpTransaction, Answer], None]]] = {
    Verb.MAIL: SmtpTransaction._heard_mail,
    Verb.RCPT: SmtpTransaction._heard_recipient,
    Verb.DATA: SmtpTransaction._heard_data,
    Verb.MESSAGE: SmtpTransaction._heard_end,
}


def _written(params: Mapping[str, bytes], extensions: Extensions) -> bytes:
    """Those of the parameters that the server knows, as they stand on the wire."""
    if not params:
        return b""
    # RFC 4954 §5: whom the server behind does not know as authenticated can't pass on who submitted a message.
    return b" ".join(
        name.encode() + (b"=" + value if value else b"")
        for name, value in params.items()
        if _EXTENSION.get(name, name) in extensions and name != "AUTH"
    )

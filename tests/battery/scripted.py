# SPDX-License-Identifier: Apache-2.0
"""Small scripted mail servers on loopback: a sound one, and one that has exactly one fault.

The sound server takes mail for two users of one domain, refuses every other recipient and everything it can't
parse. A ``Fault`` changes one decision of it: trust in a sender or HELO, a second reading of a recipient, a leak of
state. What a faulty server takes for somebody else it really hands on, over a socket, to a sink.

Limits: fixtures of the tests and nothing else: they know just enough SMTP to be right or wrong on purpose.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

DOMAIN = b"corp.target.example"
USERS = (b"user", b"postmaster")
# All that this server counts as itself, in small letters.
OWN = frozenset(
    (DOMAIN, b"gate.corp.target.example", b"host25.corp.target.example", b"localhost", b"192.0.2.25", b"[192.0.2.25]")
)
_STRICT = re.compile(rb"(?i:RCPT TO:)<([A-Za-z0-9.=_+-]+)@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)>")
_MAIL = re.compile(rb"(?i:MAIL FROM:)<[^<>]*>(?: [A-Z0-9=]+)*")


def inner(line: bytes) -> bytes:
    """What stands behind ``RCPT TO:``, without one pair of brackets."""
    argument = line.partition(b":")[2].strip()
    return argument[1:-1] if argument.startswith(b"<") and argument.endswith(b">") else argument


@dataclass
class Talk:
    """What the server knows in one session."""

    writer: asyncio.StreamWriter | None = None
    helo: bytes | None = None
    tls: bool = False
    mail: bytes | None = None
    line: bytes = b""
    mails: int = 0
    seen: int = 0
    errors: int = 0
    idle: int = 0
    place: int = 0
    drops: int = 0
    early: bool = False
    blessed: bool = False
    injected: bool = False
    chunks: int = 0
    body: bytes = b""
    taken: list[bytes] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)


def no(talk: Talk) -> bool:
    """A fault that is not there."""
    return False


def none(line: bytes) -> bytes | None:
    """A second reading that is not made."""
    return None


@dataclass(frozen=True)
class Fault:
    """One thing that a server does wrong.

    Attributes:
        trusts: relays for this session, whoever the recipient is (the mailbox is found however it is written).
        reads: a second reading: the foreign mailbox that it finds in a RCPT line, for which it then relays.
        accepts: takes such a recipient for a mailbox of its own.
        headers: takes recipients from the header of a message. ``"always"``, or ``"empty"``: where there are none.
        keeps_refused: delivers to recipients that it refused.
        without_mail: takes RCPT without MAIL, without any check.
        bless: once true for a session, ``trusts`` it until it ends.
        survives: events that a blessing outlives (``rset``, ``ehlo``, ``message``, ``address``).
        splits_lf: takes a bare LF for the end of a line behind a check that does not.
        keeps_clear: keeps what was said in clear behind STARTTLS.
        greylists: 451 for whatever is asked for the first time.
        late: takes every recipient and says no at DATA; BDAT is looked at as ``chunks`` says.
        chunks: what it does wrong with BDAT. ``"unchecked"``: takes the message; ``"first"``: looks at the first chunk
            alone, where there is anything in it; ``"refused"``: delivers to recipients that it refused; ``"raw"``:
            hands the message on as it is to a server that takes a bare LF for the end of a line.
    """

    trusts: Callable[[Talk], bool] = no
    reads: Callable[[bytes], bytes | None] = none
    accepts: Callable[[bytes], bool] = lambda line: False
    headers: str = ""
    keeps_refused: bool = False
    without_mail: bool = False
    bless: Callable[[Talk], bool] = no
    survives: frozenset[str] = frozenset()
    splits_lf: bool = False
    keeps_clear: bool = False
    greylists: bool = False
    late: bool = False
    chunks: str = ""


SOUND = Fault()
DENIED = b"550 5.7.1 relaying denied"
# Stands for any mailbox of the server's own.
HERE = b"here"


def loosely(line: bytes) -> bytes | None:
    """The last foreign mailbox that can be found in a line with any good will."""
    text = line.partition(b" ")[2].replace(b"\\", b"")
    found = re.findall(rb"([A-Za-z0-9.=_+-]*[A-Za-z0-9])[\s\x0b\x7f]*@([A-Za-z0-9.\[\]:#-]*[A-Za-z0-9\]])", text)
    foreign = [local + b"@" + domain for local, domain in found if domain.lower() not in OWN]
    return foreign[-1] if foreign else None


class Sink:
    """Takes everything, and remembers recipients and messages."""

    def __init__(self) -> None:
        self.arrived: list[tuple[bytes, bytes]] = []

    def has(self, *tokens: str) -> bool:
        """True where a message came with one of the tokens in it."""
        return any(token.encode() in (rcpt + message).lower() for rcpt, message in self.arrived for token in tokens)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One session."""
        writer.write(b"220 sink\r\n")
        recipient = b""
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                recipient = line[8:].strip()
            if verb == b"DATA":
                writer.write(b"354 go\r\n")
                self.arrived.append((recipient, await reader.readuntil(b"\r\n.\r\n")))
            writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                break


class Server:
    """The server with its fault."""

    def __init__(self, fault: Fault, sink_port: int, certificate: ssl.SSLContext | None) -> None:
        self.fault = fault
        self.sink_port = sink_port
        self.certificate = certificate
        self.delivered_here: list[bytes] = []
        self.friends = False
        self.asked: set[bytes] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One session."""
        talk = Talk(writer=writer, blessed=self.friends)
        with contextlib.suppress(asyncio.TimeoutError):
            first = await asyncio.wait_for(reader.read(4096), 0.004)
            talk.early = bool(first)
            reader.feed_data(first)
        writer.write(b"220 gate.corp.target.example ESMTP\r\n")
        await self._session(talk, reader, writer)

    async def _session(self, talk: Talk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting = b""
        while True:
            while b"\r\n" not in waiting:
                chunk = await reader.read(65536)
                if not chunk:
                    return
                talk.drops = talk.drops + 1 if waiting else 0
                talk.place = 0
                waiting += chunk
            line, _, waiting = waiting.partition(b"\r\n")
            if line.upper() == b"STARTTLS":
                waiting = await self._encrypt(talk, writer, waiting)
                continue
            for part in self._lines(line):
                answer = await self._answer(talk, part, reader, waiting)
                if isinstance(answer, tuple):
                    answer, waiting = answer
                writer.write(answer + b"\r\n")
                if answer[:3] in (b"221", b"421"):
                    return
            talk.place += 1
            await writer.drain()

    def _lines(self, line: bytes) -> list[bytes]:
        """One line, or what a server makes of it that takes a bare LF for an end."""
        return line.split(b"\n") if self.fault.splits_lf else [line]

    async def _encrypt(self, talk: Talk, writer: asyncio.StreamWriter, waiting: bytes) -> bytes:
        assert self.certificate is not None
        writer.write(b"220 go ahead\r\n")
        await writer.drain()
        await writer.start_tls(self.certificate)
        talk.tls = True
        if not self.fault.keeps_clear:
            # RFC 3207 §4.2: nothing that was said in clear counts any more.
            talk.helo, talk.mail, talk.taken = None, None, []
            return b""
        talk.injected = bool(waiting)
        return waiting

    async def _answer(
        self, talk: Talk, line: bytes, reader: asyncio.StreamReader, waiting: bytes
    ) -> bytes | tuple[bytes, bytes]:
        verb = line[:4].upper()
        if verb in (b"HELO", b"EHLO"):
            self._forget(talk, "ehlo")
            talk.helo = line[5:]
            self._consider(talk)
            return b"250-gate.corp.target.example\r\n250-CHUNKING\r\n250 SMTPUTF8" if verb == b"EHLO" else b"250 gate"
        if verb == b"MAIL":
            return self._mail(talk, line)
        if verb == b"RCPT":
            answer = self._rcpt(talk, line)
            talk.errors += answer[:1] == b"5"
            return answer
        if verb == b"DATA":
            return await self._data(talk, reader, waiting)
        if verb == b"BDAT":
            return await self._chunk(talk, line, reader, waiting)
        if verb in (b"RSET", b"NOOP"):
            talk.idle += 1
            if verb == b"RSET":
                self._forget(talk, "rset")
            return b"250 ok"
        if verb == b"QUIT":
            return b"221 bye"
        talk.errors += 1
        self._consider(talk)
        return b"500 what"

    def _forget(self, talk: Talk, event: str) -> None:
        talk.mail, talk.taken, talk.refused, talk.mails = None, [], [], 0
        talk.chunks, talk.body = 0, b""
        talk.blessed = talk.blessed and event in self.fault.survives

    def _consider(self, talk: Talk) -> None:
        talk.blessed = talk.blessed or self.fault.bless(talk)

    def _mail(self, talk: Talk, line: bytes) -> bytes:
        if self.fault is SOUND and not _MAIL.fullmatch(line):
            return b"501 5.1.7 syntax"
        if talk.mail is not None and self.fault is SOUND:
            return b"503 5.5.1 nested MAIL"
        talk.mail = talk.mail if talk.mail is not None else line.partition(b":")[2].strip()
        talk.mails += 1
        return b"250 ok"

    def _rcpt(self, talk: Talk, line: bytes) -> bytes:
        talk.seen += 1
        talk.line = line
        if self.fault.greylists and line not in self.asked:
            self.asked.add(line)
            return b"451 4.7.1 come back later"
        if talk.mail is None and not self.fault.without_mail:
            return b"503 5.5.1 MAIL first"
        self._consider(talk)
        foreign = self._foreign(talk, line)
        if foreign is not None:
            talk.taken.append(foreign)
            return b"250 will be sent on"
        answer = b"250 mine" if self.fault.accepts(line) else self._soundly(line)
        if answer.startswith(b"250"):
            talk.taken.append(HERE)
            self._consider(talk)
        else:
            talk.refused.append(inner(line))
        return answer

    def _foreign(self, talk: Talk, line: bytes) -> bytes | None:
        """The mailbox to relay to, where the fault makes it."""
        second = self.fault.reads(line)
        if second is not None:
            return second
        trusted = talk.blessed or self.fault.trusts(talk) or (talk.mail is None and self.fault.without_mail)
        trusted = trusted or (self.fault.late and _STRICT.fullmatch(line) is not None and self._soundly(line) == DENIED)
        return loosely(line) if trusted else None

    def _soundly(self, line: bytes) -> bytes:
        """What the server says without its fault."""
        if line.upper() == b"RCPT TO:<POSTMASTER>":
            return b"250 mine"
        match = _STRICT.fullmatch(line)
        if match is None:
            return b"501 5.1.3 syntax"
        if match[2].lower() != DOMAIN:
            return DENIED
        return b"250 mine" if match[1].lower() in USERS else b"550 5.1.1 no such user"

    async def _data(self, talk: Talk, reader: asyncio.StreamReader, waiting: bytes) -> bytes | tuple[bytes, bytes]:
        fault = self.fault
        nobody = not talk.taken and not (talk.refused and fault.keeps_refused)
        if nobody and not (fault.headers == "empty" and talk.mail is not None):
            return b"554 5.5.1 no valid recipients"
        if fault.late and any(recipient != HERE for recipient in talk.taken):
            return DENIED
        assert talk.writer is not None
        talk.writer.write(b"354 go ahead\r\n")
        while b"\r\n.\r\n" not in waiting:
            waiting += await reader.readuntil(b"\r\n")
        message, _, rest = waiting.partition(b"\r\n.\r\n")
        recipients = [*talk.taken, *(talk.refused if fault.keeps_refused else [])]
        if fault.headers:
            recipients += [
                loosely(b"x:" + line) or b"" for line in re.findall(rb"(?im)^(?:resent-)?(?:to|bcc): .*$", message)
            ]
        for recipient in recipients:
            await self._deliver(recipient, message)
        talk.blessed = talk.blessed or ("message" in fault.survives and fault.bless(talk))
        self.friends = self.friends or "address" in fault.survives
        blessed = talk.blessed
        self._forget(talk, "message")
        talk.blessed = blessed and "message" in fault.survives
        return b"250 taken", rest

    async def _chunk(
        self, talk: Talk, line: bytes, reader: asyncio.StreamReader, waiting: bytes
    ) -> tuple[bytes, bytes]:
        """RFC 3030 §2: the octets of a chunk are read, whatever is then said to them."""
        size, last = int(line.split()[1]), line.upper().endswith(b" LAST")
        while len(waiting) < size:
            waiting += await reader.read(65536)
        chunk, waiting = waiting[:size], waiting[size:]
        talk.chunks += 1
        talk.body += chunk
        keeps = talk.refused if self.fault.chunks == "refused" else []
        if not talk.taken and not keeps:
            return b"503 5.5.1 no valid recipients", waiting
        looks = self.fault.late and self.fault.chunks != "unchecked"
        if looks and chunk and (talk.chunks == 1 or self.fault.chunks != "first") and talk.taken != [HERE]:
            return DENIED, waiting
        if not last:
            return b"250 go on", waiting
        for recipient in (*talk.taken, *keeps):
            await self._deliver(recipient, talk.body)
        if self.fault.chunks == "raw":
            await self._hand_on(talk.body)
        self._forget(talk, "message")
        return b"250 taken", waiting

    async def _hand_on(self, body: bytes) -> None:
        """What a server behind finds that takes a bare LF for the end of a line: a message, and perhaps another."""
        _, _, rest = body.partition(b"\n.\n")
        for recipient, message in re.findall(rb"(?s)RCPT TO:<([^>]*)>\nDATA\n(.*?)\n\.\n", rest):
            await self._deliver(recipient, message)

    async def _deliver(self, recipient: bytes, message: bytes) -> None:
        """Keep it, or hand it on to the sink over a socket."""
        _, _, domain = recipient.rpartition(b"@")
        if domain.lower() in OWN or recipient in (HERE, b""):
            self.delivered_here.append(recipient)
            return
        reader, writer = await asyncio.open_connection("127.0.0.1", self.sink_port)
        await reader.readline()
        for line in (b"HELO gate", b"MAIL FROM:<>", b"RCPT TO:<" + recipient + b">", b"DATA"):
            writer.write(line + b"\r\n")
            await reader.readline()
        writer.write(message + b"\r\n.\r\n")
        await reader.readline()
        await close(writer)


Talker = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(talker: Talker) -> AsyncIterator[int]:
    """A port of loopback where ``talker`` answers; on leaving, every session has ended and every socket is closed."""
    sessions: set[asyncio.Task[None] | None] = set()

    async def enter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sessions.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await talker(reader, writer)
        await close(writer)

    socket = await asyncio.start_server(enter, "127.0.0.1", 0, limit=1 << 20)
    try:
        yield socket.sockets[0].getsockname()[1]
    finally:
        socket.close()
        await socket.wait_closed()
        await asyncio.gather(*(task for task in sessions if task is not None))


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection and wait until it is."""
    writer.close()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def running(fault: Fault, certificate: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, Server, Sink]]:
    """A server with a fault and its sink, on free ports of loopback, for as long as the block lasts."""
    sink = Sink()
    async with listening(sink.serve) as sink_port:
        server = Server(fault, sink_port, certificate)
        async with listening(server.serve) as port:
            yield port, server, sink

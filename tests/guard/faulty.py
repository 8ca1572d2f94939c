# SPDX-License-Identifier: Apache-2.0
"""An SMTP server to stand behind the guard: it takes everything and writes it down, and fails at one step if told so.

What it has read up to its dot counts as taken, before it answers: a server that dies between the two has the message.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from fumidai.smtp.data import DataReader


class Step(StrEnum):
    """What the server was asked when it fails; ``BODY``: while the message comes; ``HELO``: it knows no EHLO."""

    GREETING = "greeting"
    EHLO = "EHLO"
    HELO = "HELO"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BODY = "body"
    DOT = "."
    RSET = "RSET"


class Kind(StrEnum):
    """How it fails."""

    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"
    TEMPORARY = "4xx"
    PERMANENT = "5xx"
    CLOSING = "421"
    GARBAGE = "garbage"
    EARLY = "early"
    BYTEWISE = "byte-wise"
    MANY_LINES = "many lines"
    ODD = "3xx"
    NO_END = "cut reply"


_GOOD = {Step.GREETING: b"220 old ESMTP", Step.DATA: b"354 go", Step.DOT: b"250 2.0.0 taken"}
#: What may come after a step: there an answer that nobody has asked for yet is said too early.
_NEXT = {
    Step.GREETING: (Step.EHLO,),
    Step.EHLO: (Step.HELO, Step.MAIL),
    Step.HELO: (Step.MAIL,),
    Step.MAIL: (Step.RCPT,),
    Step.RCPT: (Step.DATA, Step.RSET),
    Step.DATA: (Step.DOT,),
}


@dataclass(slots=True)
class Taken:
    """A message that the server has read to its end."""

    sender: bytes
    recipients: list[bytes]
    message: bytes


@dataclass(slots=True)
class Faulty:
    """The server.

    Attributes:
        step, kind: where and how it fails, every time; None: never.
        pipelining: it announces that.
        extensions: what else it announces.
        taken: what it has.
        heard: every byte that came, one entry a connection.
        times: how often it still fails.
        delay: seconds before each reply, and before each piece of a message is read.
    """

    step: Step | None = None
    kind: Kind | None = None
    pipelining: bool = True
    times: int = 1_000_000
    extensions: tuple[bytes, ...] = (b"SIZE 0", b"8BITMIME")
    taken: list[Taken] = field(default_factory=list)
    heard: list[bytearray] = field(default_factory=list)
    port: int = 0
    delay: float = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client."""
        speaker = _Speaker(self, reader, writer)
        self.heard.append(speaker.heard)
        try:
            await speaker.speak()
        except (ConnectionError, asyncio.IncompleteReadError, _Left):
            pass
        finally:
            writer.close()

    def fails(self, step: Step) -> Kind | None:
        """How it fails here; counts."""
        if step is not self.step or self.times <= 0:
            return None
        self.times -= 1
        return self.kind


class _Left(Exception):
    """The server has left its client."""


class _Speaker:
    def __init__(self, server: Faulty, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.heard = bytearray()
        self.sender = b""
        self.recipients: list[bytes] = []
        self.said_early: set[Step] = set()

    async def speak(self) -> None:
        await self.answer(Step.GREETING)
        while line := await self.line():
            verb = line[:4].upper()
            if verb in (b"EHLO", b"HELO"):
                await self.answer(Step.EHLO if verb == b"EHLO" else Step.HELO)
            elif verb == b"MAIL":
                self.sender, self.recipients = _path(line), []
                await self.answer(Step.MAIL)
            elif verb == b"RCPT":
                self.recipients.append(_path(line))
                await self.answer(Step.RCPT)
            elif verb == b"DATA":
                await self.answer(Step.DATA)
                await self.message()
            elif verb == b"RSET":
                await self.answer(Step.RSET)
            elif verb == b"QUIT":
                await self.write(b"221 bye\r\n")
                return
            else:
                await self.write(b"250 fine\r\n")

    async def line(self) -> bytes:
        line = await self.reader.readline()
        self.heard += line
        return line

    async def message(self) -> None:
        if self.server.step is Step.BODY:
            await self.fail_in_body()
        reader, parts = DataReader(), []
        while not reader.done:
            await asyncio.sleep(self.server.delay)
            data = await self.reader.read(65536)
            if not data:
                raise _Left
            self.heard += data
            fed = reader.feed(data)
            parts.append(fed.data)
        self.server.taken.append(Taken(self.sender, list(self.recipients), b"".join(parts)))
        await self.answer(Step.DOT)

    async def fail_in_body(self) -> None:
        kind = self.server.fails(Step.BODY)
        if kind is None:
            return
        self.heard += await self.reader.read(100)
        match kind:
            case Kind.EARLY:
                await self.write(b"250 2.0.0 taken before it was sent\r\n")
            case Kind.TEMPORARY | Kind.PERMANENT | Kind.CLOSING:
                await self.write(b"452 4.3.1 full\r\n" if kind is Kind.TEMPORARY else b"552 5.3.4 too much\r\n")
            case Kind.GARBAGE:
                await self.write(b"what?\r\n")
            case _:
                await self.end(kind)

    async def answer(self, step: Step) -> None:
        if step in self.said_early:
            self.said_early.discard(step)
            return
        server = self.server
        if step is Step.EHLO and server.step is Step.HELO:
            await self.write(b"500 what?\r\n")
        else:
            await self.say(step, server.fails(step), self.good(step))
        for following in _NEXT.get(step, ()):
            if following is server.step and server.kind is Kind.EARLY and server.fails(following):
                self.said_early.add(following)
                await self.write(self.good(following))

    def good(self, step: Step) -> bytes:
        if step is Step.EHLO:
            words = (*([b"PIPELINING"] if self.server.pipelining else []), *self.server.extensions)
            return b"250-old\r\n" + b"".join(b"250-" + word + b"\r\n" for word in words) + b"250 HELP\r\n"
        return _GOOD.get(step, b"250 2.1.0 fine") + b"\r\n"

    async def say(self, step: Step, kind: Kind | None, good: bytes) -> None:
        match kind:
            case None | Kind.EARLY:
                await self.write(good)
            case Kind.TEMPORARY:
                await self.write(b"450 4.2.0 not now\r\n")
            case Kind.PERMANENT:
                await self.write(b"554 5.2.0 never\r\n")
            case Kind.CLOSING:
                await self.write(b"421 4.3.2 closing\r\n")
                raise _Left
            case Kind.ODD:
                await self.write(b"334 go on\r\n")
            case Kind.GARBAGE:
                await self.write(b"\x00\xff what do you want?\r\n")
            case Kind.BYTEWISE:
                for byte in good:
                    await self.write(bytes([byte]))
                    await asyncio.sleep(0)
            case Kind.MANY_LINES:
                code, text = good[:3], re.sub(rb"^\d{3}[ -]", b"", good.splitlines()[-1])
                await self.write(b"".join(code + b"-line %d\r\n" % n for n in range(30)) + code + b" " + text + b"\r\n")
            case _:
                await self.end(kind)

    async def end(self, kind: Kind) -> None:
        if kind is Kind.HANG:
            await asyncio.sleep(30)
        if kind is Kind.NO_END:
            await self.write(b"250-begun\r\n")
        if kind is Kind.RESET:
            self.writer.transport.abort()
        raise _Left

    async def write(self, data: bytes) -> None:
        if self.server.delay:
            await asyncio.sleep(self.server.delay)
        self.writer.write(data)
        await self.writer.drain()


def _path(line: bytes) -> bytes:
    return line.partition(b":")[2].strip().partition(b" ")[0]


@asynccontextmanager
async def behind(
    step: Step | None = None,
    kind: Kind | None = None,
    *,
    pipelining: bool = True,
    times: int = 1_000_000,
    extensions: tuple[bytes, ...] = (b"SIZE 0", b"8BITMIME"),
) -> AsyncIterator[Faulty]:
    """The server on a free port of loopback."""
    faulty = Faulty(step, kind, pipelining, times, extensions)
    tasks: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.get_running_loop().create_task(faulty.serve(reader, writer)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    faulty.port = server.sockets[0].getsockname()[1]
    try:
        yield faulty
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

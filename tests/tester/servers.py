# SPDX-License-Identifier: Apache-2.0
"""Small SMTP servers on loopback that misbehave in one way each, for the tester to survive.

``Behaviour`` says how; everything else is as a sound server does it: foreign recipients are refused, the
postmaster of a.test is taken, nobody else is known. What was asked is written down, so that a test can see that
no refusal was asked for twice.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
Talk = Callable[["Behaviour", Reader, Writer], Awaitable[None]]

GREETING = b"220 mail.a.test ESMTP\r\n"


@dataclass
class Behaviour:
    """How a server behaves.

    Attributes:
        pipelining: announce it; ``ehlo``: know EHLO at all.
        cut_after: close after so many refusals in a session (0: never); ``cut_reply``: said then.
        cut_syntax: close at so many syntax errors.
        most: sessions at once; above that ``too_many`` is said and the connection closed.
        rate: (connections, seconds): more than so many within so long are turned away with ``too_often``.
        drops_over_rate: close at MAIL without a word instead.
        rate_at_rcpt: say that to RCPT instead of the greeting, as sendmail's ``delay_checks`` does.
        punish: seconds before the first refusal of a session; each further one takes twice as long.
        slow: seconds between two characters of a reply, after the greeting.
        defer: how many times each recipient is told 450 first.
        loses: announce PIPELINING and answer only the first command of a segment.
        hangs_up_on: close without an answer when a line holds these bytes; ``last_words`` are said then.
        everything: take every recipient; ``refuses_data``: and say no at DATA.
    """

    pipelining: bool = True
    ehlo: bool = True
    cut_after: int = 0
    cut_reply: bytes = b"421 4.7.0 too many errors\r\n"
    cut_syntax: int = 0
    most: int = 100
    too_many: bytes = b"421 4.7.0 too many connections\r\n"
    rate: tuple[int, float] = (0, 0.0)
    too_often: bytes = b"421 4.3.2 Connection rate limit exceeded.\r\n"
    drops_over_rate: bool = False
    rate_at_rcpt: bool = False
    punish: float = 0.0
    slow: float = 0.0
    defer: int = 0
    defer_text: bytes = b"450 4.2.0 Greylisted, try again in 1 seconds\r\n"
    loses: bool = False
    hangs_up_on: bytes = b""
    last_words: bytes = b""
    everything: bool = False
    refuses_data: bool = False
    extra: tuple[bytes, ...] = ()
    talk: Talk | None = None
    sessions: int = 0
    begun: list[float] = field(default_factory=list)
    open: int = 0
    peak: int = 0
    refused: Counter[bytes] = field(default_factory=Counter)
    asked: Counter[bytes] = field(default_factory=Counter)
    connections: set[asyncio.Task[None]] = field(default_factory=set)


@asynccontextmanager
async def serving(behaviour: Behaviour) -> AsyncIterator[int]:
    """Serve on a free loopback port; the port."""

    async def handle(reader: Reader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        behaviour.connections.add(task)
        behaviour.sessions += 1
        behaviour.open += 1
        behaviour.peak = max(behaviour.peak, behaviour.open)
        with suppress(ConnectionError, asyncio.CancelledError):
            await (behaviour.talk or sound)(behaviour, reader, writer)
        behaviour.open -= 1
        behaviour.connections.discard(task)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, limit=1 << 20)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(behaviour.connections):
            task.cancel()
        await asyncio.gather(*behaviour.connections, return_exceptions=True)


async def say(behaviour: Behaviour, writer: Writer, data: bytes) -> None:
    """Write a reply, a character at a time where the server is slow."""
    if not behaviour.slow:
        writer.write(data)
    else:
        for index in range(len(data)):
            writer.write(data[index : index + 1])
            await asyncio.sleep(behaviour.slow)
    await writer.drain()


async def sound(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
    """A sound server with the behaviour's quirks."""
    if behaviour.open > behaviour.most:
        await say(behaviour, writer, behaviour.too_many)
        return
    too_often = _comes_too_often(behaviour)
    if too_often and not (behaviour.rate_at_rcpt or behaviour.drops_over_rate):
        await say(behaviour, writer, behaviour.too_often)
        return
    writer.write(GREETING)
    errors = syntax = 0
    mail = data = False
    while line := await reader.readline():
        if behaviour.hangs_up_on and behaviour.hangs_up_on in line:
            await say(behaviour, writer, behaviour.last_words)
            return
        if too_often and behaviour.drops_over_rate and line[:4].upper() == b"MAIL":
            return
        if too_often and line[:4].upper() == b"RCPT":
            await say(behaviour, writer, behaviour.too_often)
            return
        reply, mail, data = _answer(behaviour, line, mail, data)
        refused = bool(reply) and reply[:1] in b"45"
        errors += refused
        if refused and behaviour.punish:
            await asyncio.sleep(behaviour.punish * 2 ** (errors - 1))
        syntax += reply[:3] == b"501"
        if behaviour.cut_after and errors > behaviour.cut_after:
            await say(behaviour, writer, behaviour.cut_reply)
            return
        if reply:
            await say(behaviour, writer, reply)
        if reply[:3] == b"221" or (behaviour.cut_syntax and syntax >= behaviour.cut_syntax):
            return
        if behaviour.loses:
            reader._buffer.clear()  # type: ignore[attr-defined]


def _comes_too_often(behaviour: Behaviour) -> bool:
    """Counts every connection, those turned away as well, as sendmail does."""
    most, seconds = behaviour.rate
    now = time.monotonic()
    behaviour.begun.append(now)
    return bool(most) and sum(now - begun < seconds for begun in behaviour.begun) > most


def _answer(behaviour: Behaviour, line: bytes, mail: bool, data: bool) -> tuple[bytes, bool, bool]:
    """Reply, MAIL was taken, inside DATA."""
    if data:
        return (b"250 2.0.0 Ok\r\n", False, False) if line == b".\r\n" else (b"", mail, True)
    verb = line[:4].upper()
    if verb == b"EHLO":
        return (_ehlo(behaviour) if behaviour.ehlo else b"500 what?\r\n"), mail, False
    if verb in (b"HELO", b"NOOP"):
        return b"250 mail.a.test Hello [127.0.0.1]\r\n", mail, False
    if verb == b"RSET":
        return b"250 2.0.0 Reset\r\n", False, False
    if verb == b"MAIL":
        return b"250 2.1.0 Ok\r\n", True, False
    if verb == b"RCPT":
        return (_recipient(behaviour, line) if mail else b"503 5.5.1 MAIL first\r\n"), mail, False
    if verb == b"DATA" and behaviour.everything:
        return (
            (b"554 5.7.1 Relaying denied\r\n", mail, False) if behaviour.refuses_data else (b"354 go\r\n", mail, True)
        )
    if verb == b"QUIT":
        return b"221 bye\r\n", False, False
    return b"500 5.5.2 what?\r\n", mail, False


def _ehlo(behaviour: Behaviour) -> bytes:
    lines = [b"mail.a.test Hello [127.0.0.1]", *behaviour.extra]
    if behaviour.pipelining:
        lines.append(b"PIPELINING")
    return b"".join(b"250-%s\r\n" % line for line in lines[:-1]) + b"250 %s\r\n" % lines[-1]


def _recipient(behaviour: Behaviour, line: bytes) -> bytes:
    behaviour.asked[line] += 1
    if behaviour.asked[line] <= behaviour.defer:
        return behaviour.defer_text
    path = line.lower().partition(b":")[2].strip()
    if behaviour.everything or path in (b"<postmaster>", b"<postmaster@a.test>", b"<postmaster@[127.0.0.1]>"):
        return b"250 2.1.5 Ok\r\n"
    behaviour.refused[line] += 1
    if behaviour.cut_syntax and line.count(b"@") != 1:
        return b"501 5.1.3 Bad recipient address syntax\r\n"
    if line.rstrip().endswith(b"@a.test>"):
        return b"550 5.1.1 No such user\r\n"
    return b"550 5.7.1 Relaying denied\r\n"

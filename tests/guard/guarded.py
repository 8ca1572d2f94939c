# SPDX-License-Identifier: Apache-2.0
"""What the guard's tests share: a guard on loopback with a short patience, and a client that says lines."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Any

from fumidai.guard.backend import Backend
from fumidai.guard.keyring import Keyring
from fumidai.guard.run import Guard
from fumidai.guard.settings import GuardSettings, Place_, Target
from fumidai.guard.smtp_backend import SmtpBackend
from fumidai.guard.smtp_link import Times
from fumidai.net.resolver import Resolver
from fumidai.policy.model import Policy, policy_for_domains
from fumidai.smtp.command import bdat
from fumidai.smtp.reply import Reply, ReplyReader

LOOPBACK = IPv4Address("127.0.0.1")
#: Patience with a backend, in seconds: long enough for a busy machine, short enough for a table of hangs.
HURRIED = Times(connect=2.0, answer=0.5, body=0.5, end=0.5, idle=2.0)
OWN = policy_for_domains(["a.test"])
SETTINGS = GuardSettings(listen=(Place_(LOOPBACK, 0),), name="gate.a.test", grace=1.0)


@dataclass(slots=True)
class Running:
    """A guard that runs, and what it has logged."""

    guard: Guard
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.guard.addresses[0][1]

    def outcomes(self) -> list[str]:
        self.guard._log.flush()
        return [line["outcome"] for line in self.lines if line["event"] == "message"]

    def rules(self) -> list[str]:
        self.guard._log.flush()
        return [line["rule"] for line in self.lines if line["event"] != "message"]

    async def empty(self) -> None:
        """Wait until every client is gone."""
        async with asyncio.timeout(10):
            while self.guard._listener.clients:  # noqa: ASYNC110  # what is asked has no event
                await asyncio.sleep(0.005)


@asynccontextmanager
async def guarding(
    backend: Backend | int,
    *,
    policy: Policy = OWN,
    times: Times = HURRIED,
    resolver: Resolver | None = None,
    address: IPv4Address = LOOPBACK,
    keyring: Keyring | None = None,
    **settings: Any,
) -> AsyncIterator[Running]:
    """A guard before a backend, or before an SMTP server on this port of loopback."""
    lines: list[dict[str, Any]] = []

    def write(text: str) -> None:
        lines.extend(json.loads(line) for line in text.splitlines())

    chosen = replace(SETTINGS, listen=(Place_(address, 0),), **settings)
    if isinstance(backend, int):
        chosen = replace(chosen, backend=Target("smtp", "127.0.0.1", backend))
    behind = SmtpBackend("127.0.0.1", backend, "gate.a.test", times) if isinstance(backend, int) else backend
    guard = Guard(policy, chosen, write, keyring=keyring, backend=behind, resolver=resolver)
    await guard.start()
    try:
        yield Running(guard, lines)
    finally:
        await guard.stop()


class Client:
    """Says lines and reads the answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._replies = ReplyReader()
        self.writer = writer

    async def reply(self, patience: float = 10.0) -> Reply | None:
        """The next reply; None once the connection is closed."""
        while (item := self._replies.next()) is None:
            async with asyncio.timeout(patience):
                data = await self._read()
            if not data:
                return None
            self._replies.push(data)
        assert isinstance(item, Reply)
        return item

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(65536)
        except ConnectionError:
            return b""

    async def say(self, line: bytes) -> int:
        """Say one line (its end is added); the code of the answer, 0 where the connection is closed."""
        return await self.say_all(line + b"\r\n")

    async def say_all(self, data: bytes) -> int:
        """Say these octets as they stand; the code of the next answer, 0 where the connection is closed."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            return 0
        answer = await self.reply()
        return answer.code if answer else 0

    async def all(self, data: bytes) -> list[int]:
        """Say everything at once, end there, and give the codes of all answers."""
        with suppress(OSError):  # closed already, for what was said before
            self.writer.write(data)
            self.writer.write_eof()
        codes = []
        while (answer := await self.reply()) is not None:
            codes.append(answer.code)
        return codes


@asynccontextmanager
async def calling(port: int, host: str = "127.0.0.1", source: str | None = None) -> AsyncIterator[Client]:
    """A client that has been greeted; ``source``: its own address."""
    reader, writer = await asyncio.open_connection(host, port, local_addr=(source, 0) if source else None)
    client = Client(reader, writer)
    greeting = await client.reply()
    assert greeting is not None
    assert greeting.code == 220
    try:
        yield client
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def session(message: bytes, *, to: bytes = b"<u@a.test>", sender: bytes = b"<s@b.test>") -> bytes:
    """A whole session with one message, as a client sends it that waits for nothing."""
    return (
        b"EHLO c.test\r\nMAIL FROM:" + sender + b"\r\nRCPT TO:" + to + b"\r\nDATA\r\n" + message + b"\r\n.\r\nQUIT\r\n"
    )


def in_chunks(*chunks: bytes, to: bytes = b"<u@a.test>", sender: bytes = b"<s@b.test>") -> bytes:
    """The same with BDAT; the last chunk is the LAST one."""
    said = b"".join(bdat(len(chunk)) + chunk for chunk in chunks[:-1]) + bdat(len(chunks[-1]), last=True) + chunks[-1]
    return b"EHLO c.test\r\nMAIL FROM:" + sender + b"\r\nRCPT TO:" + to + b"\r\n" + said + b"QUIT\r\n"


def without_trace(message: bytes) -> bytes:
    """The message without our Received line."""
    assert message.startswith(b"Received: ")
    return re.split(rb"\r\n(?!\t)", message, maxsplit=1)[1]

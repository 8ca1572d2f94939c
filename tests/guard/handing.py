# SPDX-License-Identifier: Apache-2.0
"""What the tests of the guard's backends share: a client, and one message handed on step by step."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from ipaddress import ip_address

from fumidai.guard.backend import Answer, Backend, Sender, Transaction

CLIENT = Sender(ip_address("203.0.113.9"), "pc.example", False, None, b"<s@sender.test>", {}, "abc123")
MESSAGE = b"Subject: t\r\n\r\nfirst line\r\n.dot\r\nlast line\r\n"


class Handing:
    """One transaction, its answers awaited; ``resumed`` is set when the backend asks for more."""

    def __init__(self, backend: Backend, sender: Sender = CLIENT) -> None:
        self.resumed = asyncio.Event()
        self.transaction: Transaction = backend.open(sender, self.resumed.set)

    async def recipient(self, path: bytes) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.transaction.recipient(path, {}, answer.set_result)
        assert not answer.done(), "answered from inside the call"
        return await answer

    async def begin(self) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.transaction.begin(answer.set_result)
        assert not answer.done(), "answered from inside the call"
        return await answer

    async def body(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self.resumed.clear()
            if not self.transaction.body(piece):
                await self.resumed.wait()

    async def end(self) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.transaction.end(answer.set_result)
        assert not answer.done(), "answered from inside the call"
        return await answer


async def hand(backend: Backend, *recipients: bytes, pieces: Iterable[bytes] = (MESSAGE,)) -> Answer:
    """A whole message; every recipient has to be taken."""
    handing = Handing(backend)
    for path in recipients:
        told = await handing.recipient(path)
        assert told.taken, told
    told = await handing.begin()
    assert told.code == 354, told
    await handing.body(pieces)
    return await handing.end()

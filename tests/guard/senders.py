# SPDX-License-Identifier: Apache-2.0
"""Clients that send numbered messages, each until somebody acknowledges it, as a mail server would.

What a client may be told after a dot, and what must be true then:

    250                              one copy more is at the backend
    451 4.4.2, or nothing at all     it may be there or not (RFC 1047): a *doubt*
    any other word                   no copy of this attempt is there

Some messages come by DATA and some in chunks.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from fumidai.smtp.command import bdat
from tests.guard.guarded import Client, calling
from tests.guard.numbered import as_sent, digest, message, number_of

#: Octets of a chunk.
_CHUNK = 20_000


@dataclass(slots=True)
class Tally:
    """What came of it.

    Attributes:
        lost: numbers that were acknowledged more often than they are there.
        unasked: numbers of which there are more copies than acknowledgements and doubts.
    """

    acknowledged: int = 0
    arrived: int = 0
    doubts: int = 0
    duplicates: int = 0
    truncated: int = 0
    lost: list[int] = field(default_factory=list)
    unasked: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"acknowledged {self.acknowledged}, at the backend {self.arrived}, lost {len(self.lost)}, "
            f"truncated {self.truncated}, unknown {self.doubts}, duplicates {self.duplicates}"
        )

    @property
    def sound(self) -> bool:
        """Nothing lost, nothing cut, nothing twice without a doubt."""
        return not (self.lost or self.unasked or self.truncated) and self.duplicates <= self.doubts


class Senders:
    """Clients that send without pause.

    Args:
        port: the guard's, on loopback.

    Attributes:
        acknowledged, doubts: how often for each number; ``refused``: any other word, to whatever was said.
    """

    def __init__(self, port: int, clients: int = 8) -> None:
        self._port = port
        self._numbers = itertools.count(1)
        self._enough = False
        self._tasks = [asyncio.create_task(self._client()) for _ in range(clients)]
        self.acknowledged: Counter[int] = Counter()
        self.doubts: Counter[int] = Counter()
        self.refused: Counter[int] = Counter()

    async def finish(self, seconds: float = 60) -> None:
        """Begin nothing new; return once all that was begun is acknowledged."""
        self._enough = True
        async with asyncio.timeout(seconds):
            await asyncio.gather(*self._tasks)

    async def cancel(self) -> None:
        """End, whatever is on its way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _client(self) -> None:
        number = 0
        while not (self._enough and number in self.acknowledged):
            try:
                async with calling(self._port) as client:
                    assert await client.say(b"EHLO c.test") == 250
                    while not self._enough or number not in self.acknowledged:
                        if number in self.acknowledged or not number:
                            number = next(self._numbers)
                        if not await self._attempt(client, number):
                            break
            except (OSError, AssertionError):
                pass
            await asyncio.sleep(0.01)

    async def _attempt(self, client: Client, number: int) -> bool:
        """Send it once; False: the connection is of no use any more."""
        for line in (b"MAIL FROM:<s@b.test>", b"RCPT TO:<u@a.test>"):
            if (code := await client.say(line)) != 250:
                self.refused[number] += 1
                return bool(code) and await client.say(b"RSET") == 250
        last = await (self._chunks if number % 3 == 0 else self._data)(client, message(number))
        if last is None:
            self.refused[number] += 1
            return await client.say(b"RSET") == 250
        client.writer.write(last)
        answer = await client.reply(60)
        if answer is not None and answer.code == 250:
            self.acknowledged[number] += 1
        elif answer is None or answer.enhanced == "4.4.2":
            self.doubts[number] += 1
        else:
            self.refused[number] += 1
        return answer is not None

    async def _data(self, client: Client, text: bytes) -> bytes | None:
        """Everything but what ends the message; None: it is not taken."""
        if await client.say(b"DATA") != 354:
            return None
        client.writer.write(text.replace(b"\r\n.", b"\r\n.."))
        await client.writer.drain()
        return b".\r\n"

    async def _chunks(self, client: Client, text: bytes) -> bytes | None:
        """The same in chunks, one answer awaited after the other."""
        chunks = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
        for chunk in chunks[:-1]:
            client.writer.write(bdat(len(chunk)) + chunk)
            answer = await client.reply(60)
            if answer is None or answer.code != 250:
                return None
        return bdat(len(chunks[-1]), last=True) + chunks[-1]

    def hold_against(self, texts: Iterable[bytes]) -> Tally:
        """The tally of these messages, as they arrived."""
        numbers = [(number_of(text), digest(as_sent(text))) for text in texts]
        whole = [number for number, told in numbers if told == digest(message(number))]
        return self.tally(Counter(whole), len(numbers) - len(whole))

    def tally(self, arrived: Counter[int], truncated: int) -> Tally:
        """Compare what was told with what is there."""
        told, doubts = self.acknowledged, self.doubts
        return Tally(
            told.total(),
            arrived.total(),
            doubts.total(),
            sum(copies - 1 for copies in arrived.values()),
            truncated,
            [number for number, count in told.items() if arrived[number] < count],
            [number for number, copies in arrived.items() if copies > told[number] + doubts[number]],
        )

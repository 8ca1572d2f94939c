# SPDX-License-Identifier: Apache-2.0
"""Say an attempt's script over a real socket, one reply at a time, and tell how it ended.

A tester so plain that it can't be wrong in the same way as ``fumidai.tester``: no pipelining of its own, no second
asking, no judgement. It shares no code with it.

Limits: pauses are not waited for and a dribble is fast; a test of the scripts does not need the seconds.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field

from fumidai.battery.attempt import Attempt, Step
from fumidai.battery.row import StepKind
from tests.battery.scripted import close

GRACE = 0.15


@dataclass
class End:
    """How a script ended: the code of the last deciding reply, what it was for, and whether it was a yes."""

    kind: StepKind | None = None
    code: int = 0
    taken: bool = False
    codes: list[int] = field(default_factory=list)


class Lockstep:
    """One script on one server."""

    def __init__(self, port: int, attempt: Attempt, *, ehlo: str = "tester.example") -> None:
        self.port = port
        self.attempt = attempt
        self.ehlo = ehlo
        self.end = End()

    async def run(self) -> End:
        """Connect, say everything, leave."""
        try:
            return await self._run()
        finally:
            await close(self.writer)

    async def _run(self) -> End:
        await self._connect(self.attempt.early)
        if self.attempt.script[0].kind is not StepKind.HELO and not self.attempt.early:
            await self._ask(f"EHLO {self.ehlo}\r\n".encode())
        group: list[Step] = []
        for step in self.attempt.script:
            group.append(step)
            if step.glued:
                continue
            if not await self._say(group):
                break
            group = []
        return self.end

    async def _connect(self, early: bytes = b"") -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(early)
        await self._reply()

    async def _say(self, group: list[Step]) -> bool:
        """Say some glued steps and read what they draw; False where the script is over."""
        first = group[0]
        if first.kind is StepKind.RECONNECT:
            await self._ask(b"QUIT\r\n")
            await close(self.writer)
            await self._connect()
            await self._ask(f"EHLO {self.ehlo}\r\n".encode())
            return True
        if first.dribble:
            for index in range(len(first.data)):
                self.writer.write(first.data[index : index + 1])
                await self.writer.drain()
                await asyncio.sleep(0.001)
        else:
            self.writer.write(b"".join(self._bytes(step) for step in group))
        return all([await self._read(step) for step in group])

    async def _read(self, step: Step) -> bool:
        if step.kind is StepKind.HELO and not step.data:
            return True
        code = 0
        for number in range(step.answers[1]):
            code = await self._reply(GRACE if number >= step.answers[0] else 5.0) or code
        self.end.codes.append(code)
        if step.kind is StepKind.NOTE:
            return code != 421
        wanted = 3 if step.kind is StepKind.DATA else 2
        if step.kind is StepKind.STARTTLS and code == 220:
            trusting = ssl.create_default_context()
            trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
            await self.writer.start_tls(trusting, server_hostname="localhost")
        if step.kind is not StepKind.SETUP and step.kind is not StepKind.STARTTLS:
            self.end.kind, self.end.code, self.end.taken = step.kind, code, code // 100 == 2
        return code // 100 == wanted

    def _bytes(self, step: Step) -> bytes:
        if step.kind is not StepKind.MESSAGE:
            return step.data
        lines = [*step.header_lines, *(f"X-Token: {token}".encode() for token in self.attempt.tokens.values())]
        message = b"".join(line + b"\r\n" for line in lines) + b"\r\nhello\r\n"
        if step.chunked:
            # RFC 3030 §2: octets are counted, nothing is stuffed, and no dot ends it.
            return b"BDAT %d LAST\r\n" % len(message + step.tail) + message + step.tail
        return message + b".\r\n"

    async def _ask(self, line: bytes) -> int:
        self.writer.write(line)
        return await self._reply()

    async def _reply(self, seconds: float = 5.0) -> int:
        """The code of a whole reply, 0 where none came."""
        while True:
            try:
                line = await asyncio.wait_for(self.reader.readline(), seconds)
            except TimeoutError:
                return 0
            if not line:
                return 0
            if line[3:4] != b"-":
                return int(line[:3])

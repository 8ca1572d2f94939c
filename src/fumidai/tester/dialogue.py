# SPDX-License-Identifier: Apache-2.0
"""Speak over one connection: write, wait for whole replies, keep what was said.

Patience is counted from the last byte, not from the question: a tarpit that sends one character a second
makes progress and is waited for, a server that says nothing is not. Above it stands one deadline, so that
every dialogue ends. A reply that does not come is a value (``Lost``), never an exception.

Limits: it reads replies, not segments; a peer that answers several commands in one segment, or one reply in
forty, is the same to it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from fumidai.evidence.transcript import Direction, Transcript
from fumidai.net.connection import Connection
from fumidai.net.wire import ReadTimeout
from fumidai.smtp.client import Answered, ClientMachine, Dropped, Event, Greeting, Noise, Surplus
from fumidai.smtp.command import QUIT
from fumidai.smtp.reply import Reply

#: Seconds without a single byte after which a dialogue is given up (RFC 5321 §4.5.3.2 would allow minutes;
#: the longest silence measured before a refusal was 30 s, Courier).
PATIENCE: Final = 45.0
#: Seconds to wait for a reply that need not come: a line that may be read as one command or as two.
GRACE: Final = 1.0
#: That wait is as many times the quickest answer of the session, but never shorter than this many seconds.
GRACE_TIMES: Final = 3.0
LEAST_GRACE: Final = 0.25
#: Seconds to wait for an answer to what was said before the greeting; taken late, it would pass for the next one's.
EARLY_GRACE: Final = 3.0
#: Seconds of silence before a refusal that are meant as a punishment, not needed for an answer.
PUNISHMENT: Final = 2.0
#: So many times longer than the one before is a punishment that grows (Courier doubles it, from 8 s).
GROWTH: Final = 1.5
#: A first growth is believed from so many seconds on, below that only a second one.
LONG: Final = 10.0
#: Bytes a server may say in one session; more is no dialogue (an endless greeting, a reply without end).
MOST_BYTES: Final = 4 << 20


class LossKind(StrEnum):
    """Why a reply did not come."""

    DROPPED = "dropped"
    SILENT = "silent"
    OVERDUE = "overdue"
    SLOWING = "slowing"
    FLOOD = "flood"
    NOT_GIVEN = "not-given"


@dataclass(frozen=True, slots=True)
class Lost:
    """A reply that did not come; ``partial`` is what of it had arrived."""

    kind: LossKind
    partial: bytes = b""


@dataclass(frozen=True, slots=True)
class Line:
    """One line to say, with the fewest and most replies it may draw."""

    data: bytes
    answers: tuple[int, int] = (1, 1)


class Dialogue:
    """One connection's conversation.

    Args:
        connection: open connection, its recorder already set to the transcript.
        transcript: where both directions are kept.
        deadline: monotonic time at which everything ends.
        patience: seconds without a byte.
    """

    def __init__(
        self, connection: Connection, transcript: Transcript, deadline: float, patience: float = PATIENCE
    ) -> None:
        self.connection = connection
        self.machine = ClientMachine()
        self.transcript = transcript
        self.round_trips = 1  # the TCP handshake
        self._deadline = deadline
        self._patience = patience
        self._answers: list[Reply] = []
        self._surplus: list[Reply] = []
        self._lost: Lost | None = None
        self._quickest = GRACE
        self._last_byte = time.monotonic()
        self._silence = 0.0
        self._punishments: list[float] = []
        self.least_grace = LEAST_GRACE

    @property
    def alive(self) -> bool:
        """False once the peer said 421, hung up or fell silent."""
        return self._lost is None and not self.machine.closing

    @property
    def lost(self) -> Lost | None:
        """Why the dialogue ended, where it did."""
        return self._lost

    @property
    def slowing(self) -> bool:
        """We left because each refusal is kept back longer: not the fault of what was still to be asked."""
        return self._lost is not None and self._lost.kind is LossKind.SLOWING

    @property
    def confused(self) -> bool:
        """The peer gave more answers than it was asked for, outside a 421: answers and questions don't match."""
        return any(reply.code != 421 for reply in self._surplus)

    async def greeting(self) -> Reply | Lost:
        """The whole greeting: nothing is said before its last line (RFC 5321 §3.1; postscreen's teaser).

        It is waited for twice as long as other replies: a server looks us up in the DNS first, and whoever hangs up
        and comes again only makes it begin anew (RFC 5321 §4.5.3.2.1 would give it five minutes).
        """
        self.round_trips += 1
        while self.machine.greeting is None and self._lost is None:
            await self._receive(self._patience if self.connection.bytes_in else 2 * self._patience)
        return self.machine.greeting or self._loss()

    async def ask(self, line: bytes) -> Reply | Lost:
        """Say one line and read its answer."""
        return (await self.ask_group([Line(line)]))[0]

    async def ask_group(self, lines: Sequence[Line]) -> list[Reply | Lost]:
        """Say several lines in one write (RFC 2920) and read an answer for each, in order.

        Of several answers to one line the last is given. A line whose answer need not come is given
        ``Lost(NOT_GIVEN)`` where none came within a moment.
        """
        self.say(lines)
        return await self.hear(lines)

    def say(self, lines: Sequence[Line]) -> None:
        """Say lines in one write; ``hear`` reads what they draw."""
        self._last_byte = time.monotonic()
        self.connection.write(b"".join(self.machine.say(line.data, answers=line.answers) for line in lines))

    async def dribble(self, line: Line) -> Reply | Lost:
        """Say one line a byte a second, and read its answer."""
        self.machine.say(line.data, answers=line.answers)
        for index in range(len(line.data)):
            if self._lost is not None or time.monotonic() >= self._deadline:
                break
            self.connection.write(line.data[index : index + 1])
            await asyncio.sleep(1.0)
        return (await self.hear([line]))[0]

    async def hand_over(self, stuffed: bytes, patience: float = 0.0) -> Reply | Lost:
        """Send a message (dot-stuffed, with its end) and read the answer to it.

        Args:
            patience: seconds without a byte, where that is more than elsewhere: the server may look at the message.
        """
        self.connection.write(self.machine.message(stuffed))
        return (await self.hear([Line(b"")], patience))[0]

    async def hand_over_chunk(self, message: bytes, patience: float = 0.0) -> Reply | Lost:
        """Send a whole message as one BDAT, the last (RFC 3030 §2), and read the answer to it; as ``hand_over``."""
        self.connection.write(self.machine.chunk(message, last=True))
        return (await self.hear([Line(b"")], patience))[0]

    def expect(self, line: bytes) -> None:
        """Say something before the greeting is read; its answer need not come."""
        self.connection.write(self.machine.say(line, answers=(0, 1)))

    async def early_answer(self) -> Reply | Lost:
        """What was said to the bytes before the greeting, if anything comes within a moment."""
        await self._linger(EARLY_GRACE, lambda: bool(self._answers))
        return self._answers.pop(0) if self._answers else Lost(LossKind.NOT_GIVEN)

    def note(self, text: str) -> None:
        """Put a remark of ours into the transcript."""
        self.transcript.add(self.connection.seconds, Direction.NOTE, text.encode())

    async def leave(self, *, wait: bool = False) -> None:
        """QUIT and close; its answer is waited for only where the dialogue is to be shown whole."""
        if self.alive and wait:
            await self.ask(QUIT)
        elif self.alive:
            self.connection.write(QUIT)
        await self.connection.close()

    async def hear(self, lines: Sequence[Line], patience: float = 0.0) -> list[Reply | Lost]:
        """Read an answer for each of the next lines that were said, in order; ``patience`` as in ``hand_over``."""
        self.round_trips += 1
        needed = sum(line.answers[0] for line in lines)
        began = time.monotonic()
        while len(self._answers) < needed and self._lost is None:
            await self._receive(max(patience, self._patience))
        self._quickest = min(self._quickest, time.monotonic() - began) if needed else self._quickest
        if lines[-1].answers[1] > lines[-1].answers[0]:
            await self._maybe_more()
        return [self._pick(line) for line in lines]

    def _pick(self, line: Line) -> Reply | Lost:
        """The answers of the next line in order; the last of them speaks."""
        fewest, most = line.answers
        own = self._answers[: max(fewest, 1)]
        del self._answers[: max(fewest, 1)]
        if most > fewest and self._surplus:
            own = [*own, *self._surplus[: most - fewest]]
            self._surplus.clear()
        if own and len(own) >= fewest:
            return own[-1]
        return self._loss() if fewest else Lost(LossKind.NOT_GIVEN)

    async def _maybe_more(self) -> None:
        await self._linger(self._grace, lambda: bool(self._surplus))

    async def in_step(self) -> bool:
        """Does nothing more come? An answer too many means that each was taken for the one after it."""
        await self._linger(self._grace, lambda: self.confused)
        return not self.confused

    async def _linger(self, seconds: float, arrived: Callable[[], bool]) -> None:
        """Wait for a reply that need not come, to its end once it has begun."""
        while self._lost is None and not arrived():
            known = self.connection.bytes_in
            await self._receive(seconds, silence_is_loss=False)
            if self.connection.bytes_in == known:
                return

    @property
    def _grace(self) -> float:
        """Seconds to wait for an answer that need not come, by how quick this server is, also with its refusals."""
        return max(self.least_grace, min(GRACE, GRACE_TIMES * self._quickest))

    @property
    def punishment(self) -> float:
        """Seconds that the first refusal of this session was kept back; 0 where none was."""
        return self._punishments[0] if self._punishments else 0.0

    async def _receive(self, patience: float, *, silence_is_loss: bool = True) -> None:
        """Wait for bytes, or note why none came."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            self._lost = self._lost or Lost(LossKind.OVERDUE)
            return
        try:
            data = await self.connection.read(min(patience, left))
        except ReadTimeout:
            if silence_is_loss:
                self._lost = Lost(LossKind.SILENT if patience <= left else LossKind.OVERDUE)
            return
        now = time.monotonic()
        self._silence, self._last_byte = max(self._silence, now - self._last_byte), now
        for event in self.machine.receive(data) if data else self.machine.eof():
            self._take(event)
        if not data and self._lost is None:
            self._lost = Lost(LossKind.DROPPED)
        if self.connection.bytes_in > MOST_BYTES and self._lost is None:
            self._lost = Lost(LossKind.FLOOD)

    def _take(self, event: Event) -> None:
        match event:
            case Answered(reply=reply):
                self._answers.append(reply)
                self._weigh_silence(reply)
            case Surplus(reply=reply):
                self._surplus.append(reply)
            case Dropped(partial=partial):
                self._lost = Lost(LossKind.DROPPED, partial)
            case Greeting() | Noise():
                # The machine keeps the greeting; noise stands in the transcript, byte for byte.
                pass

    def _weigh_silence(self, reply: Reply) -> None:
        """Give the dialogue up where each refusal is kept back longer than the one before.

        The next ones would cost more than a fresh session does; a server that is merely slow does not grow slower.
        """
        silence, self._silence = self._silence, 0.0
        if reply.positive or reply.intermediate or silence < PUNISHMENT:
            return
        before = self._punishments
        before.append(silence)
        grown = [later >= GROWTH * earlier for earlier, later in pairwise(before)]
        if (grown and grown[-1] and silence >= LONG) or grown[-2:] == [True, True]:
            self._lost = self._lost or Lost(LossKind.SLOWING)

    def _loss(self) -> Lost:
        return self._lost or Lost(LossKind.DROPPED)

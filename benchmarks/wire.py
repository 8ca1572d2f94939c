# SPDX-License-Identifier: Apache-2.0
"""The way to a server, with a round trip time on it and a count of what it cost: lab.delay's proxy, with times kept.

Started by itself in the network namespace where the way begins: `python3 -m benchmarks.wire LISTEN TO MILLISECONDS`.
It answers each line on stdin with one JSON line on stdout: the conversations since the last one, once all have ended.

From the times of each conversation follow, for any client alike:

    round trips   over all connections: the handshake, and each time that the client waited for the far end
    path          how many of them came one after the other: a connection opened when k waits were over begins at k
    late          replies that the server held back for more than 0.9 s (Postfix sleeps 1 s when errors add up)

Limits: "one after the other" is read off the clock, so two connections that happen to follow each other count as if
one had caused the other: the path is never too short. It needs a round trip time well above the time that programs
take between two turns; at 0 ms it means nothing.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from lab.delay import Count, Proxy, split

#: Seconds beyond the way's own time after which a reply counts as held back.
LATE = 0.9
#: Seconds that open conversations get to end before they are reported as they are.
PATIENCE = 15.0
#: Seconds without a new connection after which none is to be expected from a program that has ended.
SETTLING = 0.1


@dataclass(frozen=True, slots=True)
class Conversation:
    """One connection as the proxy saw it; times are seconds on its clock.

    Attributes:
        started: when the client connected.
        answered: when the client had the whole of each answer, the greeting included.
        late: replies that the server held back.
        slowest: the longest that the server took for one piece of its replies.
    """

    started: float
    answered: tuple[float, ...]
    late: int
    slowest: float

    @property
    def round_trips(self) -> int:
        """The handshake and each wait after it."""
        return 1 + len(self.answered)

    def waits_until(self, moment: float, rtt: float) -> int:
        """How many waits of this conversation were over at a moment."""
        return (self.started + rtt <= moment) + sum(end <= moment for end in self.answered)


@dataclass(slots=True)
class TimedCount(Count):
    """A count that keeps the time of what it counts."""

    half: float = 0.0
    answered: list[float] = field(default_factory=list)
    late: int = 0
    slowest: float = 0.0
    _due: float = 0.0

    def __post_init__(self) -> None:
        # The server can greet once the client's ACK is there: one and a half round trips after the client began.
        self._due = self.started + 3 * self.half

    def add(self, way: str, size: int) -> None:
        """Note one read in a direction, at this moment."""
        self.note(way, size, time.monotonic())

    def note(self, way: str, size: int, now: float) -> None:
        """Note one read in a direction at a moment."""
        if way == "up":
            self._due = max(self._due, now + self.half)
        else:
            self._take_reply(now)
        Count.add(self, way, size)

    def _take_reply(self, now: float) -> None:
        held = now - self._due
        self.late += held > LATE
        self.slowest = max(self.slowest, held)
        self._due = max(self._due, now)
        if self.last == "down":
            self.answered.pop()
        self.answered.append(now + self.half)

    def conversation(self) -> Conversation:
        """What was noted."""
        return Conversation(self.started, tuple(self.answered), self.late, self.slowest)


class Wire(Proxy):
    """The delaying proxy, keeping times; `take` gives the conversations since it was last asked."""

    def __init__(self, to: tuple[str, int], rtt: float) -> None:
        """`rtt` is in seconds."""
        super().__init__(to, rtt)
        self._timed: list[TimedCount] = []
        self._running: set[asyncio.Task[None] | None] = set()

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: Count) -> None:
        """Carry one connection, counted with times."""
        timed = TimedCount(count.started, half=self.half)
        self._timed.append(timed)
        # Once the client's side is closed nothing but the garbage collector may know this task any more.
        task = asyncio.current_task()
        self._running.add(task)
        try:
            await super().join(reader, writer, timed)
        finally:
            self._running.discard(task)

    async def settle(self) -> None:
        """Wait until no connection is open, those included that the kernel has taken and we have not seen yet."""
        known = -1
        while known != len(self.counts):
            known = len(self.counts)
            await asyncio.sleep(SETTLING)
            await self.rest()

    def take(self) -> list[Conversation]:
        """The conversations so far; they are not given again."""
        taken, self._timed = self._timed, []
        return [timed.conversation() for timed in taken]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run of a program cost on the way."""

    connections: int
    round_trips: int
    path: int
    late: int
    slowest: float


def cost(conversations: Sequence[Conversation], rtt: float) -> Cost:
    """What some conversations cost together; `rtt` is in seconds."""
    return Cost(
        connections=len(conversations),
        round_trips=sum(one.round_trips for one in conversations),
        path=path(conversations, rtt),
        late=sum(one.late for one in conversations),
        slowest=max((one.slowest for one in conversations), default=0.0),
    )


def path(conversations: Iterable[Conversation], rtt: float) -> int:
    """The longest chain of waits, each begun when the one before it was over."""
    begun: list[tuple[Conversation, int]] = []
    for one in sorted(conversations, key=lambda one: one.started):
        before = max((base + other.waits_until(one.started, rtt) for other, base in begun), default=0)
        begun.append((one, before))
    return max((base + one.round_trips for one, base in begun), default=0)


async def serve(listen: tuple[str, int], to: tuple[str, int], rtt: float) -> None:
    """Carry connections, and answer each line on stdin with what was carried; ends with stdin."""
    wire = Wire(to, rtt)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with await wire.serve(*listen):
        print(json.dumps({"ready": True}), flush=True)
        while await lines.readline():
            try:
                await asyncio.wait_for(wire.settle(), PATIENCE)
            except TimeoutError:
                print("wire: a connection does not end", file=sys.stderr, flush=True)
            print(json.dumps([asdict(one) for one in wire.take()]), flush=True)


def read_conversations(reply: Iterable[Mapping[str, object]]) -> list[Conversation]:
    """Conversations out of the JSON that `serve` prints."""
    read: list[Conversation] = []
    for one in reply:
        match one:
            case {"started": float(s), "answered": list(a), "late": int(late), "slowest": float(slowest)}:
                read.append(Conversation(s, tuple(map(float, a)), late, slowest))
            case _:
                raise ValueError(f"not a conversation: {one}")
    return read


if __name__ == "__main__":
    asyncio.run(serve(split(sys.argv[1]), split(sys.argv[2]), float(sys.argv[3]) / 1000))

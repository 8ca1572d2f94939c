# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that adds a round trip time: `python3 -m lab.delay --listen 127.0.0.1:2526 --to 127.0.0.1:25 --rtt 100`.

Each direction of a connection is a line with half the round trip time on it. What is read goes onto the line with the
time it is due and comes off in order, the end of the stream as well. A connection to us stands at once, as the kernel
makes it, so the time of TCP's handshake is added behind it: the server sees the connection 1.5 round trips after the
client asked for it (SYN, SYN-ACK, ACK), its greeting arrives after 2, and nothing that the client says reaches it
earlier than 1.5, as over a real way.

It counts for each connection what a real way would have cost: turns, the times the direction changed (who waits for
each reply makes two turns a round trip), and reads, which bound the segments. With --report they are printed on stdout,
one JSON line for each closed connection; `round_trips` there is the handshake's, and one for each change of direction
towards the client.

Limits: a proxy ends TCP on both sides, so acknowledgements, windows and slow start are those of the local way, not of
the long one: it shows the cost of waiting for replies, not of bulk. Bandwidth is not limited, nothing is lost.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
from dataclasses import asdict, dataclass, field

CHUNK = 65536


@dataclass(slots=True)
class Count:
    """What went over one connection."""

    started: float
    seconds: float = 0.0
    turns: int = 0
    reads: dict[str, int] = field(default_factory=lambda: {"up": 0, "down": 0})
    octets: dict[str, int] = field(default_factory=lambda: {"up": 0, "down": 0})
    first: str = ""
    last: str = ""

    def add(self, way: str, size: int) -> None:
        """Note one read in a direction."""
        self.turns += way != self.last
        self.first, self.last = self.first or way, way
        self.reads[way] += 1
        self.octets[way] += size

    def line(self) -> str:
        """The count as one line of JSON."""
        told = {key: value for key, value in asdict(self).items() if key not in ("started", "last")}
        return json.dumps({**told, "round_trips": self.round_trips})

    @property
    def round_trips(self) -> int:
        """How often the client waited for the far end: once to connect, and once for each turn towards it.

        The greeting, where the server speaks first, comes half a round trip after the handshake and is counted whole.
        """
        return 1 + (self.turns + (self.first == "down")) // 2


def split(place: str) -> tuple[str, int]:
    """The address and the port of `address:port`, brackets around an IPv6 address."""
    address, _, port = place.rpartition(":")
    return address.strip("[]"), int(port)


Line = asyncio.Queue[tuple[float, bytes]]


async def load(line: Line, reader: asyncio.StreamReader, delay: float, count: Count, way: str) -> None:
    """Put what comes onto the line, due `delay` seconds later, until its end, which is put there too."""
    data = b"first"
    while data:
        try:
            data = await reader.read(CHUNK)
        except OSError:
            # A reset can't be sent on from here; the end of the stream is the nearest to it.
            data = b""
        if data:
            count.add(way, len(data))
        line.put_nowait((time.monotonic() + delay, data))


async def unload(line: Line, writer: asyncio.StreamWriter) -> None:
    """Take what is due off the line and write it; an empty chunk ends the stream."""
    with contextlib.suppress(OSError):
        while True:
            due, data = await line.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()


class Proxy:
    """The delaying proxy; `counts` tells what went through it, connection by connection."""

    def __init__(self, to: tuple[str, int], rtt: float, report: bool = False) -> None:
        """`rtt` is in seconds."""
        self.to, self.half, self.report = to, rtt / 2, report
        self.counts: list[Count] = []
        self._idle = asyncio.Event()
        self._idle.set()
        self._open = 0

    async def serve(self, address: str, port: int) -> asyncio.Server:
        """Listen; the server is already taking connections when this returns."""
        return await asyncio.start_server(self.connection, address, port, backlog=1024)

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, from connect to the end of both directions."""
        count = Count(time.monotonic())
        self.counts.append(count)
        self._open += 1
        self._idle.clear()
        try:
            with contextlib.suppress(OSError):
                await self.join(reader, writer, count)
        finally:
            writer.close()
            count.seconds = round(time.monotonic() - count.started, 6)
            if self.report:
                print(count.line(), flush=True)
            self._open -= 1
            if not self._open:
                self._idle.set()

    async def rest(self) -> None:
        """Wait until no connection is open."""
        await self._idle.wait()

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: Count) -> None:
        """Connect to the server when the handshake would be over, and carry both directions until both have ended."""
        # SYN and SYN-ACK: for the client, the connection stands now, and what it has said leaves now.
        await asyncio.sleep(2 * self.half)
        up, down = Line(), Line()
        loading = asyncio.create_task(load(up, reader, self.half, count, "up"))
        try:
            # Its ACK: for the server, the connection stands now.
            await asyncio.sleep(self.half)
            far_reader, far_writer = await asyncio.open_connection(*self.to)
            try:
                await asyncio.gather(loading, unload(up, far_writer), load(down, far_reader, self.half, count, "down"),
                                     unload(down, writer))  # fmt: skip
            finally:
                far_writer.close()
        finally:
            loading.cancel()


async def run(listen: tuple[str, int], to: tuple[str, int], rtt: float, report: bool) -> None:
    """Serve until interrupted."""
    server = await Proxy(to, rtt, report).serve(*listen)
    print(f"delay: {rtt * 1000:g} ms round trip, ready", file=sys.stderr, flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="lab.delay", description="Add a round trip time to TCP connections.")
    parser.add_argument("--listen", type=split, required=True, metavar="ADDRESS:PORT")
    parser.add_argument("--to", type=split, required=True, metavar="ADDRESS:PORT")
    parser.add_argument("--rtt", type=float, required=True, metavar="MILLISECONDS")
    parser.add_argument("--report", action="store_true", help="print a JSON line for each closed connection")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(options.listen, options.to, options.rtt / 1000, options.report))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Connections against real servers on loopback: bytes, ends, refusals and silence."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_address

import pytest

from fumidai.evidence.transcript import Direction, Transcript
from fumidai.net.connection import ConnectFailure, Connection, ConnectKind, ReadTimeout, open_connection
from fumidai.net.wire import HIGH_WATER

LOOPBACK = ip_address("127.0.0.1")
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def server(talk: Talk, address: str = "127.0.0.1") -> AsyncIterator[int]:
    """A server that talks as told; yields its port and leaves nothing behind."""
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        plain = writer.transport
        try:
            # A cancelled handler is the end of a test, and asyncio.streams would log it as an error.
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await talk(reader, writer)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await asyncio.wait_for(writer.wait_closed(), 1)
        finally:
            tasks.discard(task)
            plain.abort()

    listening = await asyncio.start_server(one, address, 0, limit=1 << 20)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def connect(port: int, **more: object) -> Connection:
    made = await open_connection(LOOPBACK, port, timeout=5, **more)  # type: ignore[arg-type]
    assert isinstance(made, Connection), made
    return made


async def read_all(conn: Connection) -> bytes:
    got = b""
    while data := await conn.read(5):
        got += data
    return got


async def test_bytes_go_out_and_come_back_and_are_counted_and_recorded():
    async def echo(reader, writer):
        writer.write(b"220 hello\r\n")
        writer.write((await reader.readline()).upper())

    async with server(echo) as port:
        transcript = Transcript(1)
        conn = await connect(port, on_bytes=transcript.add)
        assert await conn.read(5) == b"220 hello\r\n"
        conn.write(b"ehlo \xff\x00\r\n")
        assert await read_all(conn) == b"EHLO \xff\x00\r\n"
        assert conn.eof
        assert await conn.read(0) == b""
        assert (conn.bytes_in, conn.bytes_out, conn.writes, conn.reads) == (20, 9, 1, 2)
        assert conn.error == ""
        assert str(conn.peer_address) == "127.0.0.1"
        assert conn.peer_port == port
        assert str(conn.local_address) == "127.0.0.1"
        assert conn.local_port not in (0, port)
        await conn.close()
    pieces = list(transcript.pieces())
    assert [(piece.direction, piece.data) for piece in pieces] == [
        (Direction.PEER, b"220 hello\r\n"),
        (Direction.US, b"ehlo \xff\x00\r\n"),
        (Direction.PEER, b"EHLO \xff\x00\r\n"),
    ]
    seconds = [piece.seconds for piece in pieces]
    assert seconds == sorted(seconds)
    assert 0 <= seconds[0] < 5


async def test_silence_is_a_timeout_and_the_connection_goes_on():
    said = asyncio.Event()

    async def late(reader, writer):
        await said.wait()
        writer.write(b"220 late\r\n")

    async with server(late) as port:
        conn = await connect(port)
        for timeout in (0.05, 0, -1):
            with pytest.raises(ReadTimeout):
                await conn.read(timeout)
        assert not conn.eof
        said.set()
        assert await conn.read(5) == b"220 late\r\n"
        await conn.close()


async def test_what_we_say_after_the_peers_end_is_still_sent():
    got = asyncio.get_running_loop().create_future()

    async def half_close(reader, writer):
        writer.write(b"421 bye\r\n")
        writer.write_eof()
        got.set_result(await reader.read())

    async with server(half_close) as port:
        conn = await connect(port)
        assert await read_all(conn) == b"421 bye\r\n"
        conn.write(b"QUIT\r\n")
        await conn.close()
        assert await got == b"QUIT\r\n"


async def test_a_reset_reads_like_an_end_and_is_named():
    async def reset(reader, writer):
        await reader.readline()
        plug = writer.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    async with server(reset) as port:
        conn = await connect(port)
        conn.write(b"HELO x\r\n")
        assert await conn.read(5) == b""
        assert "reset" in conn.error.lower()
        conn.write(b"into the void")
        await conn.drained(1)
        await conn.close()


async def test_a_peer_that_floods_is_held_back():
    flood = b"x" * (HIGH_WATER * 40)

    async def flooding(reader, writer):
        writer.write(flood)
        await writer.drain()
        writer.write_eof()
        await reader.read()

    async with server(flooding) as port:
        conn = await connect(port)
        await asyncio.sleep(0.3)
        # The pause takes effect between two reads, so one read more may have come.
        assert conn._wire.waiting <= HIGH_WATER + 256 * 1024
        total = 0
        while data := await conn.read(5):
            total += len(data)
        assert total == len(flood)
        await conn.close()


async def test_a_peer_that_takes_nothing_does_not_stop_us_for_ever():
    async def deaf(reader, writer):
        await asyncio.sleep(30)

    async with server(deaf) as port:
        conn = await connect(port)
        conn.write(b"y" * (32 << 20))
        with pytest.raises(ReadTimeout):
            await conn.drained(0.2)
        with pytest.raises(ReadTimeout):
            await conn.drained(0.1)
        conn.abort()
        await conn.close()
        assert await conn.read(1) == b""


async def test_close_does_not_wait_for_ever():
    async def deaf(reader, writer):
        await asyncio.sleep(30)

    async with server(deaf) as port:
        conn = await connect(port)
        conn.write(b"y" * (32 << 20))
        began = asyncio.get_running_loop().time()
        await conn.close()
        assert asyncio.get_running_loop().time() - began < 4
        await conn.close()


async def test_a_cancelled_read_leaves_the_connection_usable():
    go = asyncio.Event()

    async def late(reader, writer):
        await go.wait()
        writer.write(b"220 x\r\n")

    async with server(late) as port:
        conn = await connect(port)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await conn.read(5)
        go.set()
        assert await conn.read(5) == b"220 x\r\n"
        await conn.close()


# --- no connection ---


async def test_a_refused_port_is_a_value():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        made = await open_connection(LOOPBACK, taken.getsockname()[1], timeout=5)
    assert isinstance(made, ConnectFailure)
    assert made.kind is ConnectKind.REFUSED
    assert made.text


async def test_a_server_that_never_accepts_is_a_timeout():
    with socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            plug = stack.enter_context(socket.socket())
            plug.setblocking(False)
            plug.connect_ex(full.getsockname())
        made = await open_connection(LOOPBACK, full.getsockname()[1], timeout=0.3)
    assert isinstance(made, ConnectFailure)
    assert made.kind is ConnectKind.TIMEOUT


async def test_a_source_that_is_not_ours_is_named():
    made = await open_connection(LOOPBACK, 9, source=ip_address("192.0.2.77"), timeout=1)
    assert isinstance(made, ConnectFailure)
    assert made.kind is ConnectKind.SOURCE
    assert "192.0.2.77" in made.text


async def test_the_source_is_where_we_come_from():
    seen = asyncio.get_running_loop().create_future()

    async def look(reader, writer):
        seen.set_result(writer.get_extra_info("peername")[0])

    async with server(look) as port:
        conn = await connect(port, source=ip_address("127.0.0.9"))
        assert await seen == "127.0.0.9"
        assert str(conn.local_address) == "127.0.0.9"
        await conn.close()


async def test_an_address_without_scope_has_no_route():
    made = await open_connection(ip_address("fe80::1"), 25, timeout=1)
    assert isinstance(made, ConnectFailure)
    assert made.kind is ConnectKind.NO_ROUTE


async def test_out_of_files_is_not_taken_for_a_missing_route():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.open("/dev/null", os.O_RDONLY)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        made = await open_connection(LOOPBACK, 9, timeout=1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert isinstance(made, ConnectFailure)
    assert made.kind is ConnectKind.EXHAUSTED


async def test_many_connections_at_once():
    async def echo(reader, writer):
        writer.write(await reader.readline())

    async def one(port: int) -> bytes:
        conn = await connect(port)
        conn.write(b"x\r\n")
        got = await read_all(conn)
        await conn.close()
        return got

    async with server(echo) as port:
        got = await asyncio.gather(*(one(port) for _ in range(300)))
    assert got == [b"x\r\n"] * 300

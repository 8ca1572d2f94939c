# SPDX-License-Identifier: Apache-2.0
"""TLS over a connection: what was agreed, and every way in which it can fail or end."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from ipaddress import ip_address

import pytest
import trustme

from fumidai.evidence.transcript import Transcript
from fumidai.net.connection import Connection, ReadTimeout, TlsFailure, open_connection
from tests.net.peers import Talk, Wrap, tls_peer

NAMES = ("mail.a.test", "*.a.test", "old.a.test")


def server_side(version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(*NAMES[:2], common_name=NAMES[2]).configure_cert(context)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


@pytest.fixture(scope="module")
def context() -> ssl.SSLContext:
    return server_side()


async def connect(port: int, **more: object) -> Connection:
    made = await open_connection(ip_address("127.0.0.1"), port, timeout=5, **more)  # type: ignore[arg-type]
    assert isinstance(made, Connection), made
    return made


async def connect_ready(port: int, **more: object) -> Connection:
    conn = await connect(port, **more)
    assert await conn.read(5) == b"220 ready\r\n"
    return conn


async def read_all(conn: Connection) -> bytes:
    got = b""
    while data := await conn.read(5):
        got += data
    return got


def echo(plug: socket.socket, wrap: Wrap) -> None:
    plug.sendall(b"220 ready\r\n")
    inside = wrap()
    while data := inside.recv(65536):
        inside.sendall(data.upper())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_bytes_go_both_ways_and_what_was_agreed_is_told(version):
    with tls_peer(server_side(version), echo) as port:
        transcript = Transcript(1)
        conn = await connect_ready(port, on_bytes=transcript.add)
        result = await conn.start_tls("mail.a.test", 5)
        assert result.encrypted
        assert result == conn.tls
        assert result.version == version.name.replace("_", ".")
        assert result.cipher
        assert result.peer_names == NAMES
        big = b"z" * 200_000 + b"\r\n"
        conn.write(big)
        got = b""
        while len(got) < len(big):
            got += await conn.read(5)
        assert got == big.upper()
        # The transcript holds what was said, not how it was encrypted.
        assert [piece.data for piece in transcript.pieces()][1] == big
        with pytest.raises(ReadTimeout):
            await conn.read(0.05)
        assert not conn.eof
        await conn.close()


async def test_a_greeting_that_comes_with_the_handshake_is_read(context):
    def greet(plug: socket.socket, wrap: Wrap) -> None:
        inside = wrap()
        inside.sendall(b"220 inside\r\n")
        inside.unwrap()

    with tls_peer(context, greet) as port:
        conn = await connect(port)
        assert (await conn.start_tls("", 5)).encrypted
        assert await read_all(conn) == b"220 inside\r\n"
        assert conn.eof
        conn.write(b"ignored")
        await conn.close()


@pytest.mark.parametrize("name", ["", "192.0.2.1", "bad..name", "x" * 300, "名前.test", "\x00"])
async def test_any_server_name_will_do(context, name):
    with tls_peer(context, echo) as port:
        conn = await connect_ready(port)
        assert (await conn.start_tls(name, 5)).encrypted
        await conn.close()


async def test_plain_bytes_before_the_handshake_are_not_taken_inside(context):
    def inject(plug: socket.socket, wrap: Wrap) -> None:
        plug.sendall(b"220 ready\r\n")
        plug.recv(100)
        plug.sendall(b"250 injected\r\n")
        plug.recv(100)

    with tls_peer(context, inject) as port:
        conn = await connect_ready(port)
        conn.write(b"STARTTLS\r\n")
        await asyncio.sleep(0.3)
        result = await conn.start_tls("a.test", 5)
        assert result.failure is TlsFailure.LEFTOVER
        assert result.leftover == b"250 injected\r\n"
        assert not result.encrypted
        assert conn.eof
        assert await conn.read(1) == b""
        await conn.close()


def answers_in_plain_text(plug: socket.socket, wrap: Wrap) -> None:
    plug.sendall(b"220 ready\r\n")
    plug.recv(1)
    plug.sendall(b"454 TLS not available\r\n" * 5)
    plug.recv(65536)


def hangs_up(plug: socket.socket, wrap: Wrap) -> None:
    plug.sendall(b"220 ready\r\n")
    plug.recv(1)


def is_silent(plug: socket.socket, wrap: Wrap) -> None:
    plug.sendall(b"220 ready\r\n")
    while plug.recv(65536):
        pass


@pytest.mark.parametrize(
    ("talk", "failure", "word"),
    [
        (answers_in_plain_text, TlsFailure.HANDSHAKE, "wrong version number"),
        (hangs_up, TlsFailure.CLOSED, ""),
        (is_silent, TlsFailure.TIMEOUT, "0.3 s"),
    ],
)
async def test_a_handshake_that_fails_is_a_value(context, talk, failure, word):
    with tls_peer(context, talk) as port:
        conn = await connect_ready(port)
        result = await conn.start_tls("a.test", 0.3)
        assert result.failure is failure
        assert result.text
        assert word in result.text
        assert conn.error == result.text
        assert conn.tls == result
        assert await conn.read(1) == b""
        await conn.close()


def raw_inside(raw: bytes) -> Talk:
    """After the handshake and one line: a good answer, then raw bytes past the encryption."""

    def talk(plug: socket.socket, wrap: Wrap) -> None:
        plug.sendall(b"220 ready\r\n")
        inside = wrap()
        inside.recv(100)
        inside.sendall(b"250 good\r\n")
        os.write(inside.fileno(), raw)

    return talk


async def test_a_stream_that_is_damaged_ends_with_its_reason(context):
    with tls_peer(context, raw_inside(b"\x17\x03\x03\x00\x40" + b"x" * 64)) as port:
        conn = await connect_ready(port)
        assert (await conn.start_tls("a.test", 5)).encrypted
        conn.write(b"EHLO x\r\n")
        assert await read_all(conn) == b"250 good\r\n"
        assert "mac" in conn.error or "decryption" in conn.error
        conn.write(b"more")
        await conn.close()


async def test_a_stream_cut_inside_a_record_ends(context):
    with tls_peer(context, raw_inside(b"\x17\x03\x03\x00\x40" + b"x" * 10)) as port:
        conn = await connect_ready(port)
        assert (await conn.start_tls("a.test", 5)).encrypted
        conn.write(b"NOOP\r\n")
        assert await asyncio.wait_for(read_all(conn), 5) == b"250 good\r\n"
        assert conn.eof
        await conn.close()

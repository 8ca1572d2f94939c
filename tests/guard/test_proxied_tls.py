# SPDX-License-Identifier: Apache-2.0
"""A proxy's header and TLS: the header comes first, in clear, and who the client is survives the handshake."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from fumidai.guard.settings import Place_, ProxyProtocol
from tests.guard.faulty import behind
from tests.guard.guarded import LOOPBACK, guarding
from tests.guard.secured import keyring, trusting
from tests.guard.test_proxied import FRIENDS, ITSELF, LOCAL, ONE, SIX, STRANGER

TLS_PLACE = (Place_(LOOPBACK, 0),)


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Both ends of a connection, closed whatever happens."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


class Inside:
    """A TLS client over a connection that has begun otherwise; its first bytes go out together with these."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = trusting().wrap_bio(self._in, self._out, server_hostname="gate.a.test")

    async def shake_hands(self, before: bytes = b"") -> None:
        while True:
            with suppress(ssl.SSLWantReadError):
                self._tls.do_handshake()
                self._writer.write(before + self._out.read())
                return
            self._writer.write(before + self._out.read())
            before = b""
            await self._more()

    async def say(self, data: bytes) -> bytes:
        """Say something; the answer."""
        if data:
            self._tls.write(data)
            self._writer.write(self._out.read())
        while True:
            with suppress(ssl.SSLWantReadError):
                return self._tls.read(65536)
            await self._more()

    async def _more(self) -> None:
        data = await asyncio.wait_for(self._reader.read(65536), 10)
        assert data, "closed"
        self._in.write(data)


async def asked(inside: Inside) -> bytes:
    """Whether a foreign recipient is taken."""
    await inside.say(b"EHLO c.test\r\n")
    await inside.say(b"MAIL FROM:<>\r\n")
    return (await inside.say(b"RCPT TO:<v@evil.test>\r\n"))[:3]


@pytest.mark.parametrize(("header", "code"), [(ONE, b"250"), (SIX, b"250"), (STRANGER, b"550"), (ITSELF, b"550")])
@pytest.mark.parametrize("together", [True, False])
async def test_the_header_comes_before_the_first_handshake(header: bytes, code: bytes, together: bool) -> None:
    async with (
        behind() as backend,
        guarding(backend.port, policy=FRIENDS, proxies=LOCAL, keyring=keyring(), listen_tls=TLS_PLACE) as running,
    ):
        async with connection(running.guard.addresses[1][1]) as (reader, writer):
            inside = Inside(reader, writer)
            if not together:
                writer.write(header)
                await asyncio.sleep(0.02)
            await inside.shake_hands(header if together else b"")
            assert (await inside.say(b"")).startswith(b"220 ")
            assert await asked(inside) == code
        await running.empty()


async def test_a_handshake_without_a_header_is_none() -> None:
    async with guarding(1, proxies=LOCAL, keyring=keyring(), listen_tls=TLS_PLACE) as running:
        async with connection(running.guard.addresses[1][1]) as (reader, writer):
            with pytest.raises((AssertionError, ConnectionError)):
                await Inside(reader, writer).shake_hands()
        await running.empty()
    assert "proxy-header" in running.rules()


async def test_starttls_behind_a_header_keeps_the_client_and_offers_no_xclient() -> None:
    async with (
        behind() as backend,
        guarding(backend.port, policy=FRIENDS, proxies=LOCAL, keyring=keyring()) as running,
    ):
        async with connection(running.port) as (reader, writer):
            writer.write(STRANGER + b"STARTTLS\r\n")
            said = b""
            while said.count(b"220 ") < 2:
                said += await asyncio.wait_for(reader.read(4096), 10)
            inside = Inside(reader, writer)
            await inside.shake_hands()
            assert b"XCLIENT" not in await inside.say(b"EHLO c.test\r\n")
            assert (await inside.say(b"XCLIENT ADDR=192.0.2.7\r\n"))[:3] == b"502"
            assert await asked(inside) == b"550"
        await running.empty()


async def test_a_proxy_that_speaks_smtp_may_say_it_inside_tls() -> None:
    settings = {"proxies": LOCAL, "proxy_protocol": ProxyProtocol.NEVER}
    async with (
        behind() as backend,
        guarding(backend.port, policy=FRIENDS, keyring=keyring(), **settings) as running,  # type: ignore[arg-type]
    ):
        async with connection(running.port) as (reader, writer):
            await reader.readline()
            writer.write(b"STARTTLS\r\n")
            await reader.readline()
            inside = Inside(reader, writer)
            await inside.shake_hands()
            assert b"XCLIENT NAME" in await inside.say(b"EHLO proxy.test\r\n")
            assert await asked(inside) == b"550"
            assert (await inside.say(b"RSET\r\n"))[:3] == b"250"
            assert (await inside.say(b"XCLIENT ADDR=192.0.2.7\r\n"))[:3] == b"220"
            assert await asked(inside) == b"250"
        await running.empty()

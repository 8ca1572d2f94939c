# SPDX-License-Identifier: Apache-2.0
"""TLS before the guard: the same session inside, nothing carried in from outside."""

from __future__ import annotations

import asyncio
import os
import shutil
import smtplib
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from fumidai.guard.keyring import Keyring
from fumidai.guard.settings import Place_
from tests.guard.faulty import behind
from tests.guard.guarded import LOOPBACK, OWN, Client, Running, calling, guarding, session, without_trace
from tests.guard.secured import calling_tls, keyring, serving, trusting

TLS_PLACE = (Place_(LOOPBACK, 0),)
BODY = b"Subject: x\r\n\r\n..dot\r\n" + bytes(range(14, 256)) * 300


def second_port(running: Running) -> int:
    return int(running.guard.addresses[1][1])


async def take_over(running: Running, keyring: Keyring) -> None:
    """A reload that finds another certificate."""
    await running.guard.take_over(OWN, running.guard._settings, keyring)


async def words(client: Client) -> set[bytes]:
    client.writer.write(b"EHLO c.test\r\n")
    answer = await client.reply()
    assert answer is not None
    return {line.split()[0] for line in answer.lines}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("implicit", [False, True])
async def test_a_message_inside_tls_arrives_octet_by_octet(version: ssl.TLSVersion, implicit: bool) -> None:
    async with (
        behind() as backend,
        guarding(backend.port, keyring=keyring(), listen_tls=TLS_PLACE) as running,
        calling_tls(
            second_port(running) if implicit else running.port, implicit=implicit, context=trusting(version)
        ) as client,
    ):
        for line, code in ((b"MAIL FROM:<s@b.test>", 250), (b"RCPT TO:<u@a.test>", 250), (b"DATA", 354)):
            assert await client.say(line) == code
        assert await client.say(BODY + b"\r\n.") == 250
        assert await client.say(b"QUIT") == 221
        assert await client.reply() is None
    (taken,) = backend.taken
    assert without_trace(taken.message) == BODY.replace(b"\r\n..", b"\r\n.") + b"\r\n"
    assert b"\r\n\tby gate.a.test (Fumidai guard) with ESMTPS id " in taken.message
    assert running.outcomes() == ["delivered"]


async def test_starttls_is_offered_in_clear_only_and_only_with_a_certificate() -> None:
    async with guarding(1, keyring=keyring(), listen_tls=TLS_PLACE) as running:
        async with calling(running.port) as client:
            assert b"STARTTLS" in await words(client)
            assert await client.say(b"STARTTLS now") == 501
            assert await client.say(b"MAIL FROM:<>") == 250
            assert await client.say(b"STARTTLS") == 503
        for implicit in (False, True):
            port = second_port(running) if implicit else running.port
            async with calling_tls(port, implicit=implicit) as client:
                assert b"STARTTLS" not in await words(client)
                assert await client.say(b"STARTTLS") == 502
    async with guarding(1) as running, calling(running.port) as client:
        assert b"STARTTLS" not in await words(client)


async def test_what_was_said_in_clear_is_forgotten() -> None:
    async with guarding(1, keyring=keyring()) as running, calling(running.port) as client:
        assert await client.say(b"EHLO evil.test") == 250
        assert await client.say(b"STARTTLS") == 220
        await client.writer.start_tls(trusting(), server_hostname="gate.a.test")
        assert await client.say(b"MAIL FROM:<s@b.test>") == 503
        assert await client.say(b"AUTH PLAIN x") == 503
        assert await client.say(b"HELO c.test") == 250
        assert await client.say(b"MAIL FROM:<s@b.test>") == 250
        assert await client.say(b"RCPT TO:<v@evil.test>") == 550
    assert [line["helo"] for line in running.lines if line["event"] == "rcpt"] == ["c.test"]
    assert running.lines[0]["tls"] is True


@pytest.mark.parametrize("injected", [b"NOOP\r\n", b"MAIL FROM:<evil@b.test>\r\n", b"x", b"\r\n", b"\x16\x03\x01"])
async def test_anything_in_clear_behind_starttls_ends_the_session(injected: bytes) -> None:
    async with guarding(1, keyring=keyring()) as running, calling(running.port) as client:
        assert await client.say(b"EHLO c.test") == 250
        assert await client.all(b"STARTTLS\r\n" + injected) == [421]
    assert running.rules() == ["injected"]


async def test_what_comes_in_clear_after_the_220_is_no_handshake() -> None:
    async with behind() as backend, guarding(backend.port, keyring=keyring()) as running:
        async with calling(running.port) as client:
            assert await client.say(b"EHLO c.test") == 250
            assert await client.say(b"STARTTLS") == 220
            client.writer.write(session(b"x: y").removeprefix(b"EHLO c.test\r\n"))
            with pytest.raises(asyncio.IncompleteReadError):
                await client._reader.readuntil(b"250")
        await running.empty()
    assert running.rules() == ["tls-handshake"]
    assert not any(heard for heard in backend.heard if b"MAIL" in heard)


async def test_old_versions_and_strangers_to_the_protocol_are_refused() -> None:
    old = trusting(ssl.TLSVersion.TLSv1_2)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    async with guarding(1, keyring=keyring(), listen_tls=TLS_PLACE) as running:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", second_port(running), ssl=old, server_hostname="gate.a.test")
        reader, writer = await asyncio.open_connection("127.0.0.1", second_port(running))
        writer.write(b"EHLO in.clear\r\n")
        assert b"220" not in await reader.read()
        writer.close()
        await running.empty()
        assert running.rules() == ["tls-handshake"] * 2


@pytest.mark.parametrize("implicit", [False, True])
async def test_a_handshake_has_its_time(implicit: bool) -> None:
    async with guarding(1, keyring=keyring(), listen_tls=TLS_PLACE, handshake_time=0.2) as running:
        if implicit:
            reader, writer = await asyncio.open_connection("127.0.0.1", second_port(running))
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            await reader.readline()
            writer.write(b"EHLO c.test\r\nSTARTTLS\r\n")
            await reader.readuntil(b"220 ")
            await reader.readline()
        writer.write(b"\x16\x03\x01\x02")
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 10) == b"", "nothing more is said in clear"
        writer.close()
        await running.empty()
        assert running.rules() == ["tls-too-slow"]


async def test_a_client_that_leaves_in_the_middle_is_gone() -> None:
    async with behind() as backend, guarding(backend.port, keyring=keyring(), listen_tls=TLS_PLACE) as running:
        _, writer = await asyncio.open_connection("127.0.0.1", second_port(running))
        writer.write(b"\x16\x03")
        await asyncio.sleep(0.05)
        writer.close()
        await running.empty()
        async with calling_tls(running.port) as client:
            for line in (b"MAIL FROM:<>", b"RCPT TO:<u@a.test>", b"DATA"):
                await client.say(line)
            client.writer.write(b"half a message\r\n")
            await client.writer.drain()
            client.writer.transport.abort()
        await running.empty()
    assert not backend.taken


async def test_one_that_is_sent_away_inside_tls_hears_it_there() -> None:
    async with guarding(1, keyring=keyring(), errors=3) as running, calling_tls(running.port) as client:
        assert [await client.say(b"XYZZY") for _ in range(3)] == [500, 500, 500]
        assert await client.say(b"NOOP") == 421
        assert await client.reply() is None


async def test_pieces_of_any_size_and_answers_to_a_slow_reader() -> None:
    """A pipelined client that reads nothing until it has said all, a few octets at a time."""
    once = b"MAIL FROM:<s@b.test>\r\nRCPT TO:<u@a.test>\r\nRCPT TO:<v@evil.test>\r\nRSET\r\n"
    async with behind() as backend, guarding(backend.port, keyring=keyring()) as running:  # noqa: SIM117
        async with calling_tls(running.port) as client:
            said = once * 60 + b"QUIT\r\n"
            for start in range(0, len(said), 7):
                client.writer.write(said[start : start + 7])
            codes = []
            while (answer := await client.reply()) is not None:
                codes.append(answer.code)
    assert codes == [250, 250, 550, 250] * 60 + [221]


async def test_the_certificate_is_exchanged_while_clients_are_there() -> None:
    async with guarding(1, keyring=keyring()) as running, calling_tls(running.port) as early:
        await take_over(running, Keyring(serving("other.a.test")))
        assert await early.say(b"NOOP") == 250
        with pytest.raises(ssl.SSLCertVerificationError):
            async with calling_tls(running.port):
                pass
        async with calling(running.port) as late:
            assert b"STARTTLS" in await words(late)
            await take_over(running, Keyring())
            assert await late.say(b"STARTTLS") == 454
            assert await late.say(b"NOOP") == 250


async def test_at_the_end_of_service_a_handshake_is_not_waited_for() -> None:
    async with guarding(1, keyring=keyring(), listen_tls=TLS_PLACE, grace=5.0) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", second_port(running))
        await asyncio.sleep(0.05)
        await asyncio.wait_for(running.guard.stop(), 4)
        assert await reader.read() == b""
        writer.close()


async def test_the_standard_library_speaks_with_it() -> None:
    def send(port: int, implicit: bool) -> None:
        context = trusting()
        server = (
            smtplib.SMTP_SSL("127.0.0.1", port, timeout=10, context=context)
            if implicit
            else smtplib.SMTP("127.0.0.1", port, timeout=10)
        )
        with server:
            if not implicit:
                server.starttls(context=context)
            assert server.sendmail("s@b.test", ["u@a.test"], "Subject: x\n\nhello\n") == {}

    async with behind() as backend, guarding(backend.port, keyring=keyring(), listen_tls=TLS_PLACE) as running:
        await asyncio.to_thread(send, running.port, False)
        await asyncio.to_thread(send, second_port(running), True)
    assert len(backend.taken) == 2


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
async def test_openssl_speaks_with_it_and_may_not_renegotiate(tmp_path: Path) -> None:
    async with guarding(1, keyring=keyring()) as running:
        process = await asyncio.create_subprocess_exec(
            "openssl", "s_client", "-starttls", "smtp", "-tls1_2", "-crlf", "-connect", f"127.0.0.1:{running.port}",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(b"NOOP\n")
        await process.stdin.drain()
        await asyncio.sleep(1)
        process.stdin.write(b"R\n")
        said, _ = await asyncio.wait_for(process.communicate(), 20)
    assert b"250 2.0.0 Ok" in said
    assert b"TLSv1.2" in said
    assert b"no renegotiation" in said.lower()

# SPDX-License-Identifier: Apache-2.0
"""Passwords asked of a real server behind (aiosmtpd), and of one that answers anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from tests.guard.guarded import OWN, guarding
from tests.guard.secured import PASSWORD, calling_tls, keyring, plain
from tests.guard.test_auth import RELAY, logins, words


class Taken:
    """What came in, as aiosmtpd hands it over."""

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], object]] = []

    async def handle_DATA(self, server, session, envelope):
        self.messages.append((envelope.rcpt_tos, session.authenticated))
        return "250 OK"


def judge(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"taro", PASSWORD), handled=False)


@asynccontextmanager
async def old_server(without: tuple[str, ...]) -> AsyncIterator[tuple[int, Taken]]:
    """A server that takes AUTH in clear, but not by these mechanisms."""
    taken = Taken()

    def serve() -> SMTP:
        return SMTP(taken, authenticator=judge, auth_require_tls=False, auth_exclude_mechanism=without)

    server = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], taken


def asked() -> dict[str, Any]:
    return {
        "users": "backend",
        "keyring": keyring(),
        "auth_delay": 0,
    }


@pytest.mark.parametrize("without", [("LOGIN",), ("PLAIN",), ()], ids=["plain", "login", "both"])
async def test_the_servers_235_is_the_only_yes(without: tuple[str, ...]) -> None:
    async with (
        old_server(without) as (port, taken),
        guarding(port, policy=RELAY, **asked()) as running,
        calling_tls(running.port) as client,
    ):
        assert b"AUTH PLAIN LOGIN" in await words(client)
        assert await client.say(b"AUTH PLAIN " + plain(password=b"wrong")) == 535
        assert await client.say(b"AUTH PLAIN " + plain(b"jiro")) == 535
        await client.say(b"MAIL FROM:<s@a.test>")
        assert await client.say(b"RCPT TO:<v@b.test>") == 550
        await client.say(b"RSET")
        assert await client.say(b"AUTH PLAIN " + plain()) == 235
        for line, code in ((b"MAIL FROM:<s@a.test> AUTH=s@a.test", 250), (b"RCPT TO:<v@b.test>", 250), (b"DATA", 354)):
            assert await client.say(line) == code
        assert await client.say(b"x: y\r\n.") == 250
    assert taken.messages == [(["v@b.test"], None)], "the message went over a connection of the guard's own"
    assert [action for _, action, _ in logins(running)] == ["refuse", "refuse", "permit"]


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that greets, offers AUTH, and then gives these answers, one for each line."""
    heard: list[bytes] = []
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        writer.write(b"220 x\r\n")
        due = iter((b"250-x\r\n250 AUTH PLAIN LOGIN\r\n", *answers))
        while line := await reader.readline():
            heard.append(line)
            if (answer := next(due, None)) is None:
                break
            writer.write(answer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard
    await asyncio.wait_for(asyncio.gather(*filter(None, serving)), 10)


@pytest.mark.parametrize(
    "answers",
    [
        (),
        (b"334 \r\n",),
        (b"334 \r\n", b"334 \r\n"),
        (b"334 \r\n", b"250 ok\r\n"),
        (b"334 \r\n", b"454 later\r\n"),
        (b"334 \r\n", b"garbage\r\n"),
        (b"538 encrypt\r\n",),
        (b"502 no\r\n",),
        (b"421 closing\r\n",),
    ],
)
async def test_anything_else_is_no_yes_and_no_no(answers: tuple[bytes, ...]) -> None:
    async with (
        answering(*answers) as (port, _),
        guarding(port, policy=RELAY, **asked()) as running,
        calling_tls(running.port) as client,
    ):
        assert await client.say(b"AUTH PLAIN " + plain()) == 454
        await client.say(b"MAIL FROM:<s@a.test>")
        assert await client.say(b"RCPT TO:<v@b.test>") == 550
    assert [action for _, action, _ in logins(running)] == ["defer"]


async def test_a_server_that_is_not_there_or_offers_nothing() -> None:
    async with guarding(1, policy=OWN, **asked()) as running, calling_tls(running.port) as client:
        assert await client.say(b"AUTH PLAIN " + plain()) == 454


async def test_logins_under_way_at_the_end_are_given_up() -> None:
    async with answering(b"334 \r\n") as (port, heard):  # noqa: SIM117
        async with guarding(port, policy=OWN, grace=0, **asked()) as running, calling_tls(running.port) as client:
            client.writer.write(b"AUTH PLAIN " + plain() + b"\r\n")
            async with asyncio.timeout(10):
                while not any(b"AUTH" in line for line in heard):  # noqa: ASYNC110  # what is asked has no event
                    await asyncio.sleep(0.01)
            await asyncio.wait_for(running.guard.stop(), 5)
    assert not any(action == "permit" for _, action, _ in logins(running))

# SPDX-License-Identifier: Apache-2.0
"""Behind a load balancer: the header and XCLIENT say who the client is, to a declared proxy and to nobody else."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from fumidai.guard.identity import Client as Identity
from fumidai.guard.identity import Told
from fumidai.guard.proxied import client_by_xclient
from fumidai.guard.settings import ProxyProtocol
from fumidai.policy.request import UNKNOWN
from fumidai.smtp.proxy import SIGNATURE
from fumidai.smtp.xclient import parse_xclient
from tests.guard.faulty import behind
from tests.guard.guarded import OWN, Client, calling, guarding, session

LOCAL = (ip_network("127.0.0.0/8"),)
FRIENDS = replace(OWN, relay_networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))
FOREIGN = b"<v@evil.test>"
ONE = b"PROXY TCP4 192.0.2.7 198.51.100.2 4321 25\r\n"
SIX = SIGNATURE + struct.pack("!BBH", 0x21, 0x21, 36) + ip_address("2001:db8::7").packed + bytes(16) + b"\x10\xe1\0\x19"
STRANGER = b"PROXY TCP4 198.51.100.7 198.51.100.2 4321 25\r\n"
NOBODY = b"PROXY UNKNOWN\r\n"
ITSELF = SIGNATURE + b"\x20\0\0\0"


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    """A client that has said nothing yet and was told nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("header", "client", "code"),
    [
        (ONE, "192.0.2.7", 250),
        (SIX, "2001:db8::7", 250),
        (STRANGER, "198.51.100.7", 550),
        (NOBODY, "127.0.0.1", 550),
        (ITSELF, "127.0.0.1", 550),
    ],
)
async def test_the_client_is_the_one_that_the_header_names(header: bytes, client: str, code: int) -> None:
    # The proxy's own address may relay, if it is asked as a client: what hides clients is granted nothing.
    policy = replace(FRIENDS, relay_networks=(*FRIENDS.relay_networks, *LOCAL))
    async with behind() as backend, guarding(backend.port, policy=policy, proxies=LOCAL) as running:
        async with connected(running.port) as proxy:
            codes = await proxy.all(header + session(b"x: y\r\n", to=FOREIGN))
        await running.empty()
    assert codes[:4] == [220, 250, 250, code]
    (line,) = [line for line in running.lines if line["event"] == "rcpt"]
    assert line["client"] == client
    hidden = [line for line in running.lines if line["event"] == "lost-client-address"]
    assert [line["veil"] for line in hidden] == (["proxy"] if client == "127.0.0.1" else [])
    if code == 250:
        assert client.encode() in backend.taken[0].message.partition(b"\r\n")[0]
    else:
        assert not backend.taken


async def test_every_cut_of_the_header_gives_the_same() -> None:
    async with guarding(1, policy=FRIENDS, proxies=LOCAL) as running:
        for header in (ONE, SIX):
            for cut in (1, 6, 13, 16, len(header) - 1):
                async with connected(running.port) as proxy:
                    for piece in (header[:cut], header[cut:] + b"NOOP\r\n"):
                        proxy.writer.write(piece)
                        await proxy.writer.drain()
                        await asyncio.sleep(0.001)
                    answers = [await proxy.reply(), await proxy.reply()]
                    assert [answer.code if answer else 0 for answer in answers] == [220, 250]


@pytest.mark.parametrize(
    "said",
    [
        b"EHLO c.test\r\n",
        b"PROXY TCP4 192.0.2.7\r\n",
        b"PROXY " + b"x" * 200,
        SIGNATURE + b"\x21\x12\0\x0c" + bytes(12),
        SIGNATURE + b"\x21\x11\0\x02" + bytes(2),
        b"",
    ],
)
async def test_a_proxy_that_does_not_say_for_whom_it_speaks_is_not_greeted(said: bytes) -> None:
    async with guarding(1, policy=FRIENDS, proxies=LOCAL, proxy_time=0.3) as running:
        async with connected(running.port) as proxy:
            proxy.writer.write(said)
            assert await proxy.reply() is None
        await running.empty()
    assert running.rules() == ["proxy-header", "lost-client-address"]


async def test_a_health_check_that_says_nothing_leaves_no_trace() -> None:
    async with guarding(1, proxies=LOCAL) as running:
        async with connected(running.port):
            pass
        await running.empty()
    assert not running.lines


@pytest.mark.parametrize("second", [ONE, SIX + b"\r\n"])
async def test_a_second_header_is_the_clients_own_words_and_wrong(second: bytes) -> None:
    async with behind() as backend, guarding(backend.port, policy=FRIENDS, proxies=LOCAL) as running:
        async with connected(running.port) as proxy:
            codes = await proxy.all(STRANGER + second + session(b"x: y\r\n", to=FOREIGN))
        await running.empty()
    assert codes[0] == 220
    assert codes[1] == 500
    assert 250 not in codes[-4:-2]
    assert 550 in codes
    assert {line["client"] for line in running.lines} == {"198.51.100.7"}
    assert not backend.taken


@pytest.mark.parametrize("header", [ONE, SIX + b"\r\n"])
async def test_from_anybody_else_it_is_a_wrong_command(header: bytes) -> None:
    proxies = (ip_network("192.0.2.0/24"),)
    async with guarding(1, policy=FRIENDS, proxies=proxies) as running, calling(running.port) as client:
        codes = await client.all(header + b"EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<v@evil.test>\r\nQUIT\r\n")
        assert codes[0] == 500
        assert codes[-4:] == [250, 250, 550, 221]


async def test_the_limits_are_those_of_the_client_and_not_of_the_proxy() -> None:
    async with guarding(1, policy=FRIENDS, proxies=LOCAL, connections_per_client=1) as running:
        async with connected(running.port) as one, connected(running.port) as other, connected(running.port) as again:
            for client, header in ((one, ONE), (other, STRANGER), (again, ONE)):
                client.writer.write(header)
            answers = [await client.reply() for client in (one, other, again)]
            assert [answer.code if answer else 0 for answer in answers] == [220, 220, 421]
        await running.empty()
        assert running.guard._crowd.connected == 0


@pytest.mark.parametrize("header", [STRANGER, NOBODY, ITSELF])
async def test_a_stranger_behind_a_header_may_not_say_who_he_is(header: bytes) -> None:
    async with guarding(1, policy=FRIENDS, proxies=LOCAL) as running, connected(running.port) as stranger:
        stranger.writer.write(header)
        lines = [b"NOOP", b"EHLO c.test", b"XCLIENT ADDR=192.0.2.7", b"MAIL FROM:<>", b"RCPT TO:<v@evil.test>"]
        answers = [await stranger.say(line) for line in lines]
        assert answers == [220, 250, 250, 502, 250]
        last = await stranger.reply()
        assert last is not None
        assert last.code == 550


# --- XCLIENT ---


def by_xclient(**settings: Any) -> dict[str, Any]:
    return {"proxies": LOCAL, "proxy_protocol": ProxyProtocol.NEVER, **settings}


async def asked(client: Client, said: bytes, *, to: bytes = FOREIGN) -> list[int]:
    """The answers to XCLIENT, EHLO, MAIL and RCPT."""
    lines = [b"XCLIENT " + said, b"EHLO c.test", b"MAIL FROM:<>", b"RCPT TO:" + to]
    return [await client.say(line) for line in lines]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"ADDR=192.0.2.7", 250),
        (b"NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::7 PORT=1 PROTO=ESMTP DESTADDR=192.0.2.1 DESTPORT=25", 250),
        (b"ADDR=198.51.100.7", 550),
        (b"ADDR=[UNAVAILABLE]", 550),
        (b"ADDR=[TEMPUNAVAIL]", 550),
        (b"HELO=friend", 550),
        (b"NAME=friend.test ADDR=[UNAVAILABLE]", 550),
        (b"ADDR=198.51.100.7 LOGIN=hanako", 250),
        (b"ADDR=198.51.100.7 LOGIN=[UNAVAILABLE]", 550),
    ],
)
async def test_the_session_is_the_clients_that_is_named(said: bytes, code: int) -> None:
    policy = replace(FRIENDS, authenticated=("hanako",), relay_networks=(*FRIENDS.relay_networks, *LOCAL))
    async with (
        behind() as backend,
        guarding(backend.port, policy=policy, **by_xclient()) as running,
        calling(running.port) as proxy,
    ):
        assert await proxy.say(b"EHLO proxy.test") == 250
        assert await asked(proxy, said) == [220, 250, 250, code]


async def test_it_is_announced_to_a_proxy_and_to_nobody_else() -> None:
    for proxies, offered in ((LOCAL, True), ((), False)):
        async with guarding(1, **by_xclient(proxies=proxies)) as running, calling(running.port) as client:
            client.writer.write(b"EHLO x\r\n")
            answer = await client.reply()
            assert answer is not None
            assert any(line.startswith(b"XCLIENT NAME ") for line in answer.lines) is offered
            assert await client.say(b"XCLIENT ADDR=192.0.2.7") == (220 if offered else 502)


async def test_not_within_a_transaction_and_never_a_word_too_much() -> None:
    async with (
        behind() as backend,
        guarding(backend.port, policy=FRIENDS, **by_xclient()) as running,
        calling(running.port) as proxy,
    ):
        assert await asked(proxy, b"ADDR=192.0.2.7") == [220, 250, 250, 250]
        assert await proxy.say(b"XCLIENT ADDR=198.51.100.7") == 503
        assert await proxy.say(b"RSET") == 250
        assert await proxy.say(b"XCLIENT ADDR=nowhere") == 501
        assert await proxy.say(b"XCLIENT ADDR=198.51.100.7") == 220
        assert await proxy.say(b"MAIL FROM:<>") == 503, "it has to say EHLO again"
        assert (await asked(proxy, b"ADDR=198.51.100.8"))[-1] == 550


async def test_who_speaks_for_nobody_is_granted_nothing_and_told_of() -> None:
    policy = replace(OWN, relay_networks=LOCAL)
    async with behind() as backend, guarding(backend.port, policy=policy, **by_xclient()) as running:
        for _ in range(2):
            async with calling(running.port) as proxy:
                assert (await proxy.all(session(b"x: y\r\n", to=FOREIGN)))[2] == 550
        async with calling(running.port) as proxy:
            assert (await proxy.all(session(b"x: y\r\n")))[-2:] == [250, 221], "mail for us is taken nevertheless"
    assert running.rules().count("lost-client-address") == 1, "once an hour"


async def test_the_helo_that_is_told_counts_and_not_the_proxys_own() -> None:
    async with behind() as backend, guarding(backend.port, policy=FRIENDS, **by_xclient()) as running:
        async with calling(running.port) as proxy:
            await asked(proxy, b"ADDR=192.0.2.7 HELO=mail.b.test")
        await running.empty()
    assert running.lines[-1]["helo"] == "mail.b.test"
    assert running.lines[-1]["client"] == "192.0.2.7"


PROXY = ip_address("192.0.2.10")
A, B = ip_address("198.51.100.1"), ip_address("198.51.100.2")


@pytest.mark.parametrize(
    ("before", "said", "after"),
    [
        (Identity(PROXY, "p"), b"ADDR=198.51.100.1", Identity(A, told=Told.XCLIENT)),
        (
            Identity(PROXY, "p", True, "admin"),
            b"NAME=x.test",
            Identity(PROXY, None, True, None, "x.test", Told.XCLIENT),
        ),
        (
            Identity(A, "h", user="u", name="n.test", told=Told.XCLIENT, helo_told=True),
            b"PORT=25",
            Identity(A, "h", user="u", name="n.test", told=Told.XCLIENT, helo_told=True),
        ),
        (
            Identity(A, "h", user="u", name="n.test", told=Told.XCLIENT, helo_told=True),
            b"ADDR=198.51.100.2",
            Identity(B, told=Told.XCLIENT),
        ),
        (
            Identity(A, "h", user="u", name="n.test", told=Told.XCLIENT),
            b"ADDR=[TEMPUNAVAIL] NAME=[TEMPUNAVAIL] LOGIN=[UNAVAILABLE] HELO=[UNAVAILABLE]",
            Identity(PROXY, None, name=UNKNOWN, told=Told.XCLIENT),
        ),
        (Identity(PROXY), b"ADDR=IPV6:::ffff:198.51.100.1", Identity(A, told=Told.XCLIENT)),
    ],
)
def test_what_is_not_named_stays_only_as_long_as_the_address(before: Identity, said: bytes, after: Identity) -> None:
    attributes = parse_xclient(said)
    assert isinstance(attributes, dict)
    assert client_by_xclient(attributes, before, PROXY) == after

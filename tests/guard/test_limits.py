# SPDX-License-Identifier: Apache-2.0
"""Hostile clients at a real guard: each of them ends, in time, with the right answer, and takes nothing from others."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from fumidai.guard.crowd import Crowd, Deed
from fumidai.guard.gate import CLIENT_FULL, CONNECTION_RATE, ERROR_RATE, NET_FULL, REFUSAL_RATE, Gate
from fumidai.guard.settings import GuardSettings
from fumidai.net.descriptors import RESERVE, highest_for_clients, raise_bound
from fumidai.policy.access import AccessMap
from fumidai.policy.read import read_policy
from tests.guard.faulty import behind
from tests.guard.guarded import OWN, Client, calling, guarding, session

ONCE = session(b"x: y\r\n")


@asynccontextmanager
async def coming(port: int, source: str = "127.0.0.1") -> AsyncIterator[Client]:
    """A client from an address of this machine; nobody has greeted it yet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


async def first(client: Client) -> tuple[int, bytes]:
    """Code and text of the first answer."""
    answer = await client.reply()
    return (answer.code, answer.lines[0]) if answer else (0, b"")


def access(text: str) -> AccessMap:
    return read_policy(f'[policy]\nreceive_for = ["a.test"]\n[access]\n{text}\n', "f.toml")[0].access


# --- how many ---


async def test_connections_of_an_address_and_of_a_net_and_the_rest_goes_on() -> None:
    async with guarding(1, connections_per_client=3, connections_per_net=5) as running, AsyncExitStack() as open_:
        from_ = ["127.0.0.1"] * 3 + ["127.0.0.2"] * 2
        for source in from_:
            assert (await first(await open_.enter_async_context(coming(running.port, source))))[0] == 220
        for source, text in (("127.0.0.1", CLIENT_FULL.text), ("127.0.0.3", NET_FULL.text)):
            async with coming(running.port, source) as turned_away:
                assert await first(turned_away) == (421, b"4.7.0 " + text.encode())
                assert await turned_away.reply() is None
        async with coming(running.port, "127.0.9.1") as other:
            assert (await first(other))[0] == 220
    assert running.guard._crowd.connected == 0


async def test_a_flood_of_connections_is_answered_each_and_leaves_nothing() -> None:
    async with guarding(1, connections=50, connections_per_client=1000, connections_per_net=0) as running:
        async with AsyncExitStack() as open_:
            clients = [await open_.enter_async_context(coming(running.port)) for _ in range(400)]
            answers = await asyncio.gather(*(first(client) for client in clients))
            assert sorted({code for code, _ in answers}) == [220, 421]
            assert sum(code == 220 for code, _ in answers) == 50
        await running.empty()
        async with calling(running.port) as after:
            assert await after.say(b"NOOP") == 250


async def test_so_many_connections_a_minute_and_the_access_table_has_the_last_word() -> None:
    table = access('"ClientRate:127.0.0.2" = 5\n"ClientRate:127.0.0.3" = 0\n"ClientConn:127.0.0.4" = 1')
    async with guarding(1, policy=replace(OWN, access=table), connection_rate=2) as running:
        for source, most in (("127.0.0.1", 2), ("127.0.0.2", 5), ("127.0.0.3", 8)):
            codes = []
            for _ in range(8):
                async with coming(running.port, source) as client:
                    codes.append((await first(client))[0])
            assert codes == [220] * most + [421] * (8 - most)
        async with coming(running.port, "127.0.0.4") as one, coming(running.port, "127.0.0.4") as two:
            assert [(await first(one))[0], (await first(two))[0]] == [220, 421]
        assert {"connection-rate", "connections-per-client"} == set(running.rules())


async def test_messages_and_recipients_of_a_minute_are_put_off_and_not_refused() -> None:
    async with behind() as backend, guarding(backend.port, message_rate=3, recipient_rate=4) as running:
        again = ONCE.removeprefix(b"EHLO c.test\r\n").removesuffix(b"QUIT\r\n")
        async with calling(running.port) as client:
            codes = await client.all(b"EHLO c.test\r\n" + again * 2)
            assert codes == [250, *[250, 250, 354, 250] * 2]
        async with calling(running.port) as client:  # it is the client that is counted, not the connection
            codes = await client.all(b"EHLO c.test\r\nMAIL FROM:<>\r\n" + b"RCPT TO:<u@a.test>\r\n" * 3 + b"RSET\r\n")
            assert codes == [250, 250, 250, 250, 452, 250]
        async with calling(running.port) as client:
            assert await client.say(b"EHLO c.test") == 250
            assert await client.say(b"MAIL FROM:<>") == 452
    assert {"recipient-rate", "message-rate"} <= set(running.rules())
    assert len(backend.taken) == 2


async def test_refused_recipients_and_errors_are_counted_over_connections() -> None:
    kinds: list[tuple[bytes, int, dict[str, Any], str]] = [
        (b"RCPT TO:<v@evil.test>", 550, {"refusal_rate": 6, "refusals": 4}, "refusal-rate"),
        (b"XYZZY", 500, {"error_rate": 6, "errors": 4}, "error-rate"),
    ]
    for said, code, settings, rule in kinds:
        codes: list[int] = []
        async with guarding(1, **settings) as running:
            while len(codes) < 20:
                async with coming(running.port) as client:
                    if (await first(client))[0] != 220:
                        break
                    await client.say(b"EHLO c.test")
                    await client.say(b"MAIL FROM:<>")
                    while (answer := await client.say(said)) == code:
                        codes.append(answer)
            assert codes == [code] * 6
            async with coming(running.port, "127.0.0.2") as other:
                assert (await first(other))[0] == 220
            assert running.rules().count(rule) >= 2


# --- how long ---


async def test_who_speaks_before_it_is_greeted_is_sent_away() -> None:
    async with guarding(1, greet_pause=60_000) as running, coming(running.port) as client:
        assert (await client.all(ONCE))[:1] == [554]
    assert running.rules() == ["early-talker"]
    async with guarding(1, greet_pause=200) as running:
        began = time.monotonic()
        async with coming(running.port) as patient:
            assert (await first(patient))[0] == 220
            assert time.monotonic() - began > 0.19
            assert await patient.say(b"NOOP") == 250


async def test_the_pause_of_the_access_table() -> None:
    table = access('"GreetPause:127.0.0.1" = 0\n"GreetPause:127" = 5000')
    async with guarding(1, policy=replace(OWN, access=table), greet_pause=5000) as running:
        async with coming(running.port) as client:
            assert await client.all(b"NOOP\r\n") == [220, 250]
        async with coming(running.port, "127.0.0.2") as client:
            assert await client.all(b"NOOP\r\n") == [554]


async def test_one_who_leaves_in_the_pause_or_the_guard_that_ends_in_it() -> None:
    async with guarding(1, greet_pause=60_000) as running:
        async with coming(running.port):
            pass
        await running.empty()
        async with coming(running.port) as client:
            async with asyncio.timeout(5):
                await running.guard.stop()
            assert (await first(client))[0] == 421


def begun(said: bytes = b"") -> bytes:
    """A client that is in the middle of a message."""
    return b"EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<u@a.test>\r\nDATA\r\n" + said


async def flood(client: Client, data: bytes, *, most: float = 10.0) -> list[int]:
    """Say something over and over until the guard closes; all answers."""
    codes: list[int] = []

    async def listen() -> None:
        while (answer := await client.reply()) is not None:
            codes.append(answer.code)

    async def speak() -> None:
        try:
            while True:
                client.writer.write(data)
                await client.writer.drain()
                await asyncio.sleep(0)
        except ConnectionError:
            return

    async with asyncio.timeout(most):
        speaking = asyncio.create_task(speak())
        await listen()
        speaking.cancel()
    return codes


@pytest.mark.parametrize(
    ("head", "data", "last", "settings"),
    [
        pytest.param(b"", b"x" * 4000, 421, {}, id="line"),
        pytest.param(begun(), b"X-Field: " + b"x" * 4000, 552, {"message_size": 100_000}, id="header-line"),
        pytest.param(begun(), b"X: y\r\n" * 500, 552, {"message_size": 100_000}, id="header"),
        pytest.param(begun(b"\r\n"), b"x" * 70 + b"\r\n", 552, {"message_size": 100_000}, id="body"),
        pytest.param(b"EHLO c.test\r\nMAIL FROM:<>\r\n", b"RCPT TO:<u@a.test>\r\n", 421, {"recipients": 9}, id="rcpt"),
        pytest.param(b"EHLO c.test\r\nMAIL FROM:<>\r\n", b"RCPT TO:<v@evil.test>\r\n", 421, {}, id="refused"),
        pytest.param(b"", b"NOOP\r\n", 421, {}, id="noop"),
        pytest.param(b"EHLO c.test\r\n", b"RSET\r\n", 421, {}, id="rset"),
        pytest.param(b"EHLO c.test\r\n", b"VRFY u\r\n", 421, {}, id="vrfy"),
        pytest.param(b"", b"EHLO c.test\r\n", 421, {}, id="ehlo"),
        pytest.param(b"EHLO c.test\r\n", b"MAIL FROM:<>\r\nRSET\r\n", 421, {}, id="mail-rset"),
        pytest.param(b"EHLO c.test\r\n", b"MAIL FROM:<a b>\r\n", 421, {}, id="bad-sender"),
        pytest.param(b"", b"XYZZY\r\n", 421, {}, id="errors"),
        pytest.param(b"", b"\r\n", 421, {}, id="empty-lines"),
        pytest.param(b"", b"\0", 421, {}, id="nul"),
    ],
)
async def test_what_never_ends_ends(head: bytes, data: bytes, last: int, settings: dict[str, Any]) -> None:
    async with behind() as backend, guarding(backend.port, **settings) as running:
        async with calling(running.port) as client:
            client.writer.write(head)
            codes = await flood(client, data)
        await running.empty()
        assert codes[-1:] == [last] or (not codes and data == b"\0")
        assert len(codes) < 1100
    assert not backend.taken


async def test_a_trickle_is_cut_off_wherever_it_is() -> None:
    """Slowloris: one octet now and then, in a command, in a header, in a body."""
    settings: dict[str, Any] = {"command_time": 0.4, "body_time": 0.4, "message_time": 0.8}
    for head, drop in ((b"", b"N"), (begun(), b"x"), (begun(b"x: y\r\n\r\n"), b"y")):
        async with behind() as backend, guarding(backend.port, **settings) as running:
            async with calling(running.port) as client:
                client.writer.write(head)
                codes: list[int] = []

                async def listen(client: Client = client, codes: list[int] = codes) -> None:
                    while (answer := await client.reply()) is not None:
                        codes.append(answer.code)

                listening = asyncio.create_task(listen())
                async with asyncio.timeout(8):
                    while not listening.done():
                        client.writer.write(drop)
                        await asyncio.sleep(0.05)
                assert codes[-1] == 421
            await running.empty()
            assert running.rules()[-1:] == ["too-slow"] or running.outcomes() == ["aborted"]
        assert not backend.taken


async def test_where_nearly_all_places_are_taken_nobody_may_sit_still() -> None:
    async with guarding(1, connections=10, crowded_time=0.3) as running, AsyncExitStack() as open_:
        clients = [await open_.enter_async_context(calling(running.port)) for _ in range(9)]
        assert (await first(clients[-1]))[0] == 421, "the ninth of ten, who says nothing"
        assert await clients[0].say(b"NOOP") == 250, "who came before has his time"
        async with calling(running.port) as after:
            assert await after.say(b"NOOP") == 250
    assert running.rules() == ["too-slow"]


# --- how much at once ---


async def test_what_waits_is_bounded_over_all_clients() -> None:
    """Clients who send on behind a question that nobody answers: each is held back, and all of them together too."""

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        finally:
            writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    most = 1_000_000
    async with server, guarding(port, buffer=most, connections_per_client=1000) as running, AsyncExitStack() as open_:
        clients = [await open_.enter_async_context(calling(running.port)) for _ in range(40)]
        for client in clients:
            client.writer.write(begun()[:-6] + b"NOOP\r\n" * 20_000)
        worst = 0
        async with asyncio.timeout(10):
            while "buffer-full" not in running.rules():
                await asyncio.sleep(0.005)
                worst = max(worst, running.guard._buffered.total)
        assert 0 < worst <= most + 300_000
        codes = await asyncio.gather(*(drained(client) for client in clients[:3]))
        assert all(code in (421, 451, 0) for code in codes)
    await running.empty()
    assert running.guard._buffered.total == 0
    assert "buffer-full" in running.rules()


async def drained(client: Client) -> int:
    """The last answer there is."""
    last = 0
    try:
        while (answer := await client.reply(5)) is not None:
            last = answer.code
    except TimeoutError:
        pass
    return last


@contextmanager
def few_descriptors(left: int) -> Iterator[None]:
    """This process may open so many files more, and the reserve."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as probe:
        lowest = probe.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + left + RESERVE, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_at_the_reserve_nobody_is_let_in_and_after_it_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    with few_descriptors(700):
        bound = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        monkeypatch.setattr("fumidai.guard.run.raise_bound", lambda: bound)
        async with guarding(1, connections_per_client=10_000, connections_per_net=0) as running:
            loop = asyncio.get_running_loop()
            plugs: list[socket.socket] = []
            try:
                # Both ends are in this process: each connection takes two numbers.
                while not running.guard._listener.pauses and len(plugs) < 600:
                    plug = socket.socket()
                    plug.setblocking(False)
                    plugs.append(plug)
                    await loop.sock_connect(plug, ("127.0.0.1", running.port))
                    await asyncio.sleep(0)
                assert running.guard._listener.pauses == 1
                waiting = socket.socket()
                waiting.setblocking(False)
                plugs.append(waiting)
                await loop.sock_connect(waiting, ("127.0.0.1", running.port))
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.6):
                        await loop.sock_recv(waiting, 100)
                assert running.guard._listener.pauses == 1, "no loop of attempts"
                for plug in plugs[:-1]:
                    plug.close()
                async with asyncio.timeout(10):
                    assert (await loop.sock_recv(waiting, 100)).startswith(b"220 ")
            finally:
                for plug in plugs:
                    plug.close()
            await running.empty()
            async with calling(running.port) as after:
                assert await after.say(b"NOOP") == 250
        assert running.rules() == ["file-descriptors"]


def test_the_bound_of_descriptors_is_raised_and_a_reserve_kept() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
        assert raise_bound() == resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= soft
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [highest_for_clients(bound) for bound in (2, 100, 1024, 65536)] == [2, 75, 896, 65408]


# --- the gate by itself, with a clock that is told ---


def test_a_minute_later_a_client_may_come_again() -> None:
    crowd = Crowd(100)
    gate = Gate(GuardSettings(connection_rate=2, error_rate=3, refusal_rate=3), AccessMap(), crowd)
    client = ip_address("192.0.2.1")
    for now in (0.0, 30.0):
        assert gate.turned_away(client, now) is None
        gate.let_in(client, now)
        gate.gone(client)
    assert gate.turned_away(client, 59) is CONNECTION_RATE
    assert gate.turned_away(client, 70) is None
    assert [gate.erred(client, 100) for _ in range(3)] == [None, None, ERROR_RATE]
    assert gate.turned_away(client, 101) is ERROR_RATE
    assert [gate.refused(client, 200) for _ in range(3)] == [None, None, REFUSAL_RATE]
    assert gate.turned_away(client, 201) is REFUSAL_RATE
    assert gate.turned_away(ip_address("192.0.2.2"), 201) is None
    assert gate.turned_away(client, 300) is None
    assert crowd.count(client, Deed.ERROR, 300) == 0


def test_a_reload_changes_the_numbers_and_forgets_nobody() -> None:
    crowd = Crowd(1000)
    client = ip_address("2001:db8::1")
    gate = Gate(GuardSettings(), AccessMap(), crowd)
    for _ in range(5):
        gate.let_in(client, 0)
    stricter = Gate(GuardSettings(connections_per_client=5, clients=200), AccessMap(), crowd)
    assert stricter.turned_away(client, 1) is CLIENT_FULL
    assert gate.turned_away(client, 1) is None
    assert stricter.turned_away(ip_address("2001:db8::2"), 1) is None
    assert crowd.most == 200


def test_workers_share_the_numbers_out() -> None:
    crowd = Crowd(1000)
    client = ip_address("192.0.2.1")
    access_map = access('"ClientConn:192.0.2.2" = 5\n"ClientConn:192.0.2.3" = 0\n"GreetPause:192.0.2.2" = 500')
    gate = Gate(GuardSettings(workers=4, connections_per_client=10, connections_per_net=0), access_map, crowd)
    for address, most in (("192.0.2.1", 3), ("192.0.2.2", 2), ("192.0.2.3", 50)):
        client = ip_address(address)
        let_in = 0
        while gate.turned_away(client, 0) is None and let_in < 50:
            gate.let_in(client, 0)
            let_in += 1
        assert let_in == most
    assert gate.pause(ip_address("192.0.2.2")) == 0.5, "a pause is nobody's share"

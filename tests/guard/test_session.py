# SPDX-License-Identifier: Apache-2.0
"""A client's session: what is permitted arrives as it was sent, what is refused never reaches the backend."""

from __future__ import annotations

import asyncio
import gc
import time
from dataclasses import replace
from ipaddress import ip_network

import pytest

from fumidai.guard.session import Session
from fumidai.net.resolver import Resolver
from fumidai.policy.access import AccessMap
from fumidai.policy.read import read_policy
from fumidai.smtp.server import ServerMachine
from tests.guard.faulty import behind
from tests.guard.guarded import OWN, calling, guarding, session, without_trace

MESSAGE = b"Subject: x\r\n\r\n.. a dot\r\n..\r\n" + bytes(range(1, 10)) + bytes(range(14, 256)) + b"\r\nthe end"
PLAIN = MESSAGE.replace(b"\r\n..", b"\r\n.") + b"\r\n"


async def test_a_message_for_us_arrives_octet_by_octet() -> None:
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        assert await client.all(session(MESSAGE)) == [250, 250, 250, 354, 250, 221]
    (taken,) = backend.taken
    assert (taken.sender, taken.recipients) == (b"<s@b.test>", [b"<u@a.test>"])
    assert without_trace(taken.message) == PLAIN
    trace = taken.message.removesuffix(PLAIN)
    assert trace.startswith(b"Received: from c.test ([127.0.0.1])\r\n\tby gate.a.test (Fumidai guard) with ESMTP id ")
    assert running.outcomes() == ["delivered"]
    assert running.lines[-1]["session"].encode() in trace


@pytest.mark.parametrize(
    "path",
    [
        b"<v@evil.test>",
        b"<v%evil.test@a.test>",
        b"<evil.test!v@a.test>",
        b'<"v@evil.test"@a.test>',
        b"<@a.test:v@evil.test>",
        b"<v@evil.test@a.test>",
        b"v@evil.test",
        b"<u@a.test",
        b"<>",
    ],
)
async def test_the_backend_never_hears_of_what_is_refused(path: bytes) -> None:
    async with behind() as backend, guarding(backend.port) as running:
        async with calling(running.port) as client:
            assert await client.say(b"EHLO c.test") == 250
            assert await client.say(b"MAIL FROM:<s@b.test>") == 250
            assert await client.say(b"RCPT TO:" + path) // 100 == 5
            assert await client.say(b"DATA") // 100 == 5
        await running.empty()
    assert not any(b"MAIL" in heard or b"RCPT" in heard for heard in backend.heard)


async def test_the_permitted_of_several_arrive_and_each_has_its_line() -> None:
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        group = b"EHLO c.test\r\nMAIL FROM:<>\r\n" + b"".join(
            b"RCPT TO:<" + name + b">\r\n" for name in (b"a@a.test", b"b@evil.test", b"c@a.test", b"Postmaster")
        )
        codes = await client.all(group + b"DATA\r\nSubject: x\r\n\r\n.\r\nQUIT\r\n")
    assert codes == [250, 250, 250, 550, 250, 250, 354, 250, 221]
    assert backend.taken[0].recipients == [b"<a@a.test>", b"<c@a.test>", b"<Postmaster>"]
    assert b"\tfor <" not in backend.taken[0].message, "nobody learns of the others"
    assert running.rules() == ["own-domain", "foreign-recipient", "own-domain", "postmaster"]
    refused = running.lines[1]
    assert {**refused, "time": "", "session": ""} == {
        "time": "",
        "event": "rcpt",
        "session": "",
        "client": "127.0.0.1",
        "helo": "c.test",
        "from": "<>",
        "to": "<b@evil.test>",
        "action": "refuse",
        "rule": "foreign-recipient",
        "why": "evil.test is not ours, and 127.0.0.1 may not relay",
        "reply": "550 5.7.1",
    }


async def test_a_declared_network_may_send_out() -> None:
    policy = replace(OWN, relay_networks=(ip_network("127.0.0.0/8"),))
    async with behind() as backend, guarding(backend.port, policy=policy) as running, calling(running.port) as client:
        assert await client.all(session(b"x: y\r\n", to=b"<v@evil.test>")) == [250, 250, 250, 354, 250, 221]
    assert backend.taken[0].recipients == [b"<v@evil.test>"]


@pytest.mark.parametrize(
    ("right", "code"),
    [("REJECT", 550), ("DISCARD", 550), ("QUARANTINE:look", 451), ("ERROR:4.7.1:450 later", 450), ("OK", 250)],
)
async def test_the_access_table_is_served_and_nothing_is_acknowledged_and_dropped(right: str, code: int) -> None:
    text = f'[policy]\nreceive_for = ["a.test"]\n[access]\n"Connect:127.0.0.1" = "{right}"\n'
    policy, _ = read_policy(text, "x.toml")
    async with behind() as backend, guarding(backend.port, policy=policy) as running, calling(running.port) as client:
        codes = await client.all(session(b"x: y\r\n"))
    assert codes[2] == code
    assert len(backend.taken) == (code == 250)


async def test_a_session_carries_several_messages_over_one_connection() -> None:
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        once = session(b"Subject: x\r\n").removeprefix(b"EHLO c.test\r\n").removesuffix(b"QUIT\r\n")
        codes = await client.all(b"HELO c.test\r\n" + once * 5 + b"QUIT\r\n")
    assert codes == [250, *[250, 250, 354, 250] * 5, 221]
    assert len(backend.taken) == 5
    assert b" with SMTP id " in backend.taken[0].message
    used = [heard for heard in backend.heard if b"MAIL" in heard]
    assert len(used) == 1, "the connection to the backend is kept"


async def test_reset_and_a_second_hello_forget_the_transaction() -> None:
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        await client.say(b"EHLO c.test")
        for forget in (b"RSET", b"EHLO c.test"):
            assert await client.say(b"MAIL FROM:<s@b.test>") == 250
            assert await client.say(b"MAIL FROM:<s@b.test>") == 503
            assert await client.say(b"RCPT TO:<u@a.test>") == 250
            assert await client.say(forget) == 250
            assert await client.say(b"DATA") == 503
        assert await client.all(session(b"x: y\r\n")) == [250, 250, 250, 354, 250, 221]
    assert [taken.recipients for taken in backend.taken] == [[b"<u@a.test>"]]


async def test_a_message_over_the_bound_is_refused_and_nothing_of_it_stays() -> None:
    async with behind() as backend, guarding(backend.port, message_size=5000) as running:
        async with calling(running.port) as client:
            assert await client.say(b"EHLO c.test") == 250
            assert await client.say(b"MAIL FROM:<s@b.test> SIZE=5001") == 552
            assert await client.say(b"MAIL FROM:<s@b.test> SIZE=-1") == 501
            assert await client.say(b"MAIL FROM:<s@b.test>") == 250
            assert await client.say(b"RCPT TO:<u@a.test>") == 250
            assert await client.say(b"DATA") == 354
            assert await client.say(b"x" * 6000 + b"\r\n.") == 552
            assert await client.say(b"NOOP") == 250
        await running.empty()
    assert not backend.taken
    assert running.outcomes() == ["refused"]


async def test_limits_end_a_session_with_421() -> None:
    async with guarding(1, errors=3, refusals=4, recipients=2) as running:
        async with calling(running.port) as client:
            assert [await client.say(b"XYZZY") for _ in range(3)] == [500, 500, 500]
            assert await client.say(b"NOOP") == 421
            assert await client.say(b"NOOP") == 0
        async with calling(running.port) as client:
            await client.say(b"EHLO c.test")
            await client.say(b"MAIL FROM:<>")
            assert [await client.say(b"RCPT TO:<v@evil.test>") for _ in range(6)][:4] == [550] * 4
            assert await client.reply() is None
        async with calling(running.port) as client:
            codes = await client.all(b"NOOP\r\n" * 10)
            assert codes == [250, 250, 250, 250, 250, 421]
    assert {"too-many-errors", "too-many-refusals", "too-much-talk"} <= set(running.rules())


async def test_connections_above_the_bound_are_turned_away() -> None:
    async with guarding(1, connections_per_client=2) as running, calling(running.port), calling(running.port):
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        assert (await reader.read()).startswith(b"421 4.7.0 Too many connections from your address")
        writer.close()


async def test_a_silent_client_is_left_and_a_trickle_is_no_answer() -> None:
    async with guarding(1, command_time=0.3) as running, calling(running.port) as client:
        began = time.monotonic()
        for _ in range(8):
            client.writer.write(b"N")
            await asyncio.sleep(0.03)
        answer = await client.reply()
        assert time.monotonic() - began < 0.5, "the time is the command's, not the letter's"
        assert answer is not None
        assert answer.code == 421
        assert await client.reply() is None
    assert running.rules() == ["too-slow"]


async def test_a_body_without_end_is_left_and_aborted() -> None:
    async with behind() as backend, guarding(backend.port, body_time=0.3) as running:
        async with calling(running.port) as client:
            client.writer.write(session(b"Subject: x").removesuffix(b"\r\n.\r\nQUIT\r\n"))
            codes = [(await client.reply()).code for _ in range(5)]  # type: ignore[union-attr]
            assert codes == [250, 250, 250, 354, 421]
        await running.empty()
    assert not backend.taken


async def test_what_a_client_calls_itself_can_forge_no_line() -> None:
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        hello = b"EHLO x) by evil.test;\tReceived: <\x1b[31m>\r\n"
        codes = await client.all(hello + session(b"Subject: x\r\n").removeprefix(b"EHLO c.test\r\n"))
    assert codes[-2:] == [250, 221]
    trace = backend.taken[0].message.partition(b"Subject:")[0]
    assert trace.count(b"\r\n") == 4
    assert trace.startswith(b"Received: from x??by?evil.test??Received:???[31m? ([127.0.0.1])\r\n")
    assert b"\x1b" not in trace


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("MAIL FROM:<ö@b.test>".encode(), 553),
        (b"MAIL FROM:<a b@c.test>", 501),
        (b"MAIL FROM:<a@b.test> BODY=BINARYMIME", 501),
        (b"MAIL FROM:<a@b.test> XYZZY=1", 555),
        (b"BDAT x LAST", 501),
        (b"GET / HTTP/1.1", 500),
        (b"STARTTLS", 502),
        (b"AUTH PLAIN x", 502),
        (b"VRFY u", 252),
        (b"XCLIENT ADDR=127.0.0.1", 502),
        (b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2", 500),
    ],
)
async def test_what_is_not_offered_is_refused(line: bytes, code: int) -> None:
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        await client.say(b"EHLO c.test")
        assert await client.say(line) == code


async def test_names_are_looked_up_where_the_policy_asks_and_a_failure_puts_off() -> None:
    policy = replace(OWN, sender_must_resolve=True)
    dead = Resolver(["127.0.0.1"], port=1, deadline=0.3)
    async with (
        behind() as backend,
        guarding(backend.port, policy=policy, resolver=dead) as running,
        calling(running.port) as client,
    ):
        codes = await client.all(session(b"x: y\r\n"))
    assert codes[:4] == [250, 250, 451, 554]
    assert running.rules()[0] == "sender-domain-missing"
    assert not backend.taken


async def test_the_name_of_a_client_is_looked_up_where_the_table_asks(tmp_path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 good.b.test\n")
    policy, _ = read_policy('[policy]\nreceive_for = ["a.test"]\n[access]\n"Connect:good.b.test" = "RELAY"\n', "x")
    assert isinstance(policy.access, AccessMap)
    resolver = Resolver([], hosts=hosts)
    async with (
        behind() as backend,
        guarding(backend.port, policy=policy, resolver=resolver) as running,
        calling(running.port) as client,
    ):
        assert (await client.all(session(b"x: y\r\n", to=b"<v@evil.test>")))[-2:] == [250, 221]
    assert backend.taken[0].recipients == [b"<v@evil.test>"]


async def test_at_the_end_of_service_what_is_being_sent_may_be_finished() -> None:
    async with behind() as backend, guarding(backend.port, grace=5.0) as running:  # noqa: SIM117
        async with calling(running.port) as idle, calling(running.port) as busy:
            await busy.say(b"EHLO c.test")
            await busy.say(b"MAIL FROM:<s@b.test>")
            await busy.say(b"RCPT TO:<u@a.test>")
            assert await busy.say(b"DATA") == 354
            stopping = asyncio.create_task(running.guard.stop())
            answer = await idle.reply()
            assert answer is not None
            assert answer.code == 421
            assert await busy.say(b"x: y\r\n\r\n.") == 250
            last = await busy.reply()
            assert last is not None
            assert last.code == 421
            await stopping
    assert len(backend.taken) == 1


def of_clients() -> list[object]:
    """What there is for each connection."""
    return [one for one in gc.get_objects() if type(one) in (Session, ServerMachine)]


async def test_nothing_of_a_client_is_left_for_the_search_of_cycles() -> None:
    """With thousands of connections a minute, what only that search can free is memory, and work for it."""
    gc.collect()
    before = {id(one) for one in of_clients()}  # of other tests, whose tracebacks may hold them
    gc.disable()
    try:
        async with behind() as backend, guarding(backend.port) as running:
            for _ in range(5):
                async with calling(running.port) as client:
                    assert (await client.all(session(MESSAGE)))[-2:] == [250, 221]
            await running.empty()
            async with asyncio.timeout(5):
                while any(id(one) not in before for one in of_clients()):  # noqa: ASYNC110  # that it is free is no event
                    await asyncio.sleep(0.05)
    finally:
        gc.enable()

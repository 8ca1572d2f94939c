# SPDX-License-Identifier: Apache-2.0
"""Where a proof domain leads, seen through a name server and real servers on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from ipaddress import ip_address

import pytest

from fumidai.evidence.token import TokenKey
from fumidai.net.resolver import Resolver
from fumidai.sink.lead import Where, leads_here
from fumidai.sink.sink import Sink
from tests.net.nameserver import Table, name_server

KEY = TokenKey(b"k" * 32)
TABLE: Table = {
    ("here.test", "MX"): ["10 mx.here.test."],
    ("mx.here.test", "A"): ["127.0.0.1"],
    ("bare.test", "A"): ["127.0.0.1"],
    ("backup.test", "MX"): ["10 mx.here.test.", "20 mx.there.test."],
    ("mx.there.test", "A"): ["127.0.0.2"],
    ("there.test", "MX"): ["10 mx.there.test."],
    ("both.test", "MX"): ["10 mx.here.test.", "10 mx.there.test."],
    ("shut.test", "A"): ["127.0.0.3"],
    ("shutboth.test", "A"): ["127.0.0.1", "127.0.0.3"],
    ("nomail.test", "MX"): ["0 ."],
    ("dangling.test", "MX"): ["10 gone.test."],
    ("broken.test", "MX"): ["SERVFAIL"],
    ("broken.test", "A"): ["SERVFAIL"],
    ("broken.test", "AAAA"): ["SERVFAIL"],
}
SAID: list[bytes] = []


@contextlib.asynccontextmanager
async def places() -> AsyncIterator[int]:
    """Our sink on 127.0.0.1 and somebody else's server on 127.0.0.2, same port."""

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220-other.test ESMTP\r\n")
        await asyncio.sleep(0.05)
        writer.write(b"220 Postfix\r\n")
        SAID.append(await reader.read())
        writer.close()

    sink = Sink(KEY, ["here.test"], [], lambda arrival: None, lambda arrival: "x")
    ((_, port),) = await sink.start([(ip_address("127.0.0.1"), 0)])
    server = await asyncio.start_server(other, "127.0.0.2", port)
    try:
        yield port
    finally:
        server.close()
        await sink.close()


@pytest.fixture(scope="module")
def dns_port():
    with name_server(TABLE) as port:
        yield port


@pytest.mark.parametrize(
    ("domain", "where", "words"),
    [
        ("here.test", Where.HERE, "mx.here.test [127.0.0.1]"),
        ("bare.test", Where.HERE, "bare.test [127.0.0.1]"),
        ("127.0.0.1", Where.HERE, "127.0.0.1"),
        ("backup.test", Where.HERE, "mx.here.test [127.0.0.1]"),
        ("there.test", Where.ELSEWHERE, "mx.there.test [127.0.0.2]"),
        ("both.test", Where.ELSEWHERE, "mx.there.test [127.0.0.2]"),
        ("shut.test", Where.UNKNOWN, "shut.test [127.0.0.3]"),
        ("shutboth.test", Where.HERE, "shutboth.test [127.0.0.1]"),
        ("nomail.test", Where.NOWHERE, ""),
        ("dangling.test", Where.NOWHERE, "gone.test"),
        ("nothing.test", Where.NOWHERE, "nothing.test"),
        ("broken.test", Where.UNKNOWN, "broken.test"),
    ],
)
async def test_where_a_domain_leads(dns_port, domain, where, words):
    resolver = Resolver(["127.0.0.1"], port=dns_port, deadline=2.0)
    async with places() as port:
        lead = await leads_here(domain, KEY.fingerprint, resolver, port=port)
    assert (lead.where, lead.host) == (where, words)
    if where in (Where.ELSEWHERE, Where.UNKNOWN):
        assert lead.text


async def test_another_key_is_another_sink(dns_port):
    resolver = Resolver(["127.0.0.1"], port=dns_port, deadline=2.0)
    async with places() as port:
        lead = await leads_here("here.test", TokenKey(b"o" * 32).fingerprint, resolver, port=port)
    assert lead.where is Where.ELSEWHERE
    assert KEY.fingerprint in lead.text


@pytest.mark.parametrize(
    ("said", "where", "words"),
    [
        (b"", Where.UNKNOWN, "does not greet"),
        (b"SSH-2.0-x\r\n", Where.ELSEWHERE, "SSH-2.0-x"),
        (b"554 no \x1b[2J\r\n", Where.ELSEWHERE, "no"),
        (b"220-" + KEY.fingerprint.encode(), Where.UNKNOWN, "does not greet"),
    ],
)
async def test_what_is_no_greeting(said, where, words):
    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    server = await asyncio.start_server(odd, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    lead = await leads_here("127.0.0.1", KEY.fingerprint, Resolver([]), port=port)
    server.close()
    assert lead.where is where
    assert words in lead.text


async def test_nothing_but_quit_is_said(dns_port):
    resolver = Resolver(["127.0.0.1"], port=dns_port, deadline=2.0)
    SAID.clear()
    async with places() as port:
        lead = await leads_here("there.test", KEY.fingerprint, resolver, port=port)
        await asyncio.sleep(0.1)
    assert lead.text == "other.test ESMTP Postfix"
    assert SAID == [b"QUIT\r\n"]

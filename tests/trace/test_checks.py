# SPDX-License-Identifier: Apache-2.0
"""What the DNS says of a trace, asked of a name server on loopback; it never changes a verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from fumidai.net.resolver import Resolver
from fumidai.received.read import read_head
from fumidai.received.trace import Trace
from fumidai.received.weigh import weigh
from fumidai.trace.checks import check, checked
from tests.net.nameserver import Table, name_server
from tests.trace.mail import spam

RELAY = ("25.2.0.192.in-addr.arpa", "PTR")
SOURCE = ("7.113.0.203.in-addr.arpa", "PTR")


def traced(message: bytes = b"") -> Trace:
    """The trace of a message."""
    head = read_head(message or spam())
    return weigh(head.hops, head.headers)


@pytest.fixture
def table() -> Table:
    """Records that a test may change."""
    return {
        ("relay.a.test", "A"): ["192.0.2.25"],
        RELAY: ["relay.a.test."],
        ("dial-7.example.org", "A"): ["203.0.113.7"],
        SOURCE: ["dial-7.example.org."],
    }


@pytest.fixture
def resolver(table: Table, tmp_path: Path) -> Iterator[Resolver]:
    """Asks the table alone."""
    with name_server(table) as port:
        yield Resolver(["127.0.0.1"], port=port, deadline=2, hosts=tmp_path / "none", keep=False)


def said(resolver: Resolver, trace: Trace) -> list[tuple[str, str]]:
    """Findings with whom they concern."""
    return [(one.id, one.target) for one in asyncio.run(check(trace, resolver))]


def test_names_that_lead_back(resolver: Resolver) -> None:
    assert said(resolver, traced()) == [
        ("dns-confirms", "relay.a.test"),
        ("dns-reverse-confirms", "192.0.2.25"),
        ("dns-confirms", "dial-7.example.org"),
        ("dns-reverse-confirms", "203.0.113.7"),
    ]


def test_names_that_lead_elsewhere(resolver: Resolver, table: Table) -> None:
    table["relay.a.test", "A"] = ["198.51.100.1"]
    table[SOURCE] = ["other.example.org."]
    found = asyncio.run(check(traced(), resolver))
    assert [one.id for one in found] == ["dns-differs", "dns-reverse-differs", "dns-confirms", "dns-reverse-differs"]
    assert found[0].params["addresses"] == "198.51.100.1"
    assert found[3].params["name"] == "other.example.org"


def test_nothing_there_and_nobody_who_could_tell(resolver: Resolver, table: Table) -> None:
    del table["relay.a.test", "A"], table[RELAY]
    table["dial-7.example.org", "A"] = table["dial-7.example.org", "AAAA"] = ["SERVFAIL"]
    table[SOURCE] = ["SERVFAIL"]
    assert [one for one, _ in said(resolver, traced())] == ["dns-missing", "dns-missing", "dns-failed", "dns-failed"]


def test_a_masked_address_is_not_guessed(resolver: Resolver) -> None:
    trace = traced(spam().replace(b"[192.0.2.25]", b"[***.***.***.***]"))
    assert said(resolver, trace)[0] == ("dns-hint", "relay.a.test")
    with asyncio.Runner() as loop:
        after = checked(trace, resolver, loop)
    assert after.relay == trace.relay is not None
    assert after.relay is not None
    assert after.relay.ip == ""


FOR = b"with ESMTP id 4Xk1 for <you@example.net>"
EXCHANGERS = ["10 mx.example.net.", "20 relay.a.test."]


def exchanger(found: list[tuple[str, str]]) -> list[str]:
    """Whom the findings call a mail exchanger."""
    return [target for one, target in found if one == "dns-mail-exchanger"]


@pytest.mark.parametrize(
    ("line", "to"),
    [(b"with ESMTP id 4Xk1", "example.net"), (FOR, ""), (FOR, "elsewhere.example"), (FOR.upper(), "")],
)
def test_a_mail_exchanger_of_the_recipient(resolver: Resolver, table: Table, line: bytes, to: str) -> None:
    """A second one that nobody named looks like a relay; the DNS of the recipient's domain knows it."""
    table["example.net", "MX"] = EXCHANGERS
    trace = traced(spam().replace(b"with ESMTP id 4Xk1", line))
    found = asyncio.run(check(trace, resolver, to))
    (one,) = (one for one in found if one.id == "dns-mail-exchanger")
    assert dict(one.params) == {"name": "relay.a.test", "domain": "example.net"}


def test_the_recipients_own_address_where_there_is_no_exchanger(resolver: Resolver, table: Table) -> None:
    table["example.net", "A"] = ["192.0.2.25"]
    assert exchanger(asyncio.run(_named(resolver, "example.net"))) == ["relay.a.test"]
    table["example.net", "MX"] = ["0 ."]
    assert exchanger(asyncio.run(_named(resolver, "example.net"))) == []


def test_a_name_alone_makes_no_exchanger(resolver: Resolver, table: Table) -> None:
    """A stranger may call himself like one: its address decides; only where that is masked, its name."""
    table["example.net", "MX"] = EXCHANGERS
    table["relay.a.test", "A"] = ["198.51.100.1"]
    assert exchanger(asyncio.run(_named(resolver, "example.net"))) == []
    masked = traced(spam().replace(b"[192.0.2.25]", b"[***.***.***.***]"))
    assert exchanger(asyncio.run(_named(resolver, "example.net", masked))) == ["relay.a.test"]
    assert exchanger(asyncio.run(_named(resolver, "other.example", masked))) == []


def test_exchangers_that_nobody_could_tell(resolver: Resolver, table: Table) -> None:
    table["example.net", "MX"] = ["SERVFAIL"]
    assert ("dns-failed", "example.net") in asyncio.run(_named(resolver, "example.net"))
    table["example.net", "MX"] = [f"{rank} x{rank}.example." for rank in range(10)] + ["99 relay.a.test."]
    assert exchanger(asyncio.run(_named(resolver, "example.net"))) == []


async def _named(resolver: Resolver, to: str, trace: Trace | None = None) -> list[tuple[str, str]]:
    return [(one.id, one.target) for one in await check(trace or traced(), resolver, to)]


def test_the_verdict_stays(resolver: Resolver, table: Table) -> None:
    table.clear()
    before = traced()
    with asyncio.Runner() as loop:
        after = checked(before, resolver, loop)
    assert (after.verdict, after.confidence, after.relay, after.source) == (
        before.verdict, before.confidence, before.relay, before.source,
    )  # fmt: skip
    assert after.findings[: len(before.findings)] == before.findings


@pytest.mark.parametrize("name", ["localhost", "pc", "a..b", "-", "10.1.1.1", "x" * 300 + ".example"])
def test_what_is_not_asked(name: str, resolver: Resolver) -> None:
    """No question for private addresses or names of somebody's own; and nothing raises."""
    trace = traced(spam().replace(b"dial-7.example.org [203.0.113.7]", name.encode() + b" [10.0.0.1]"))
    assert all(target in ("relay.a.test", "192.0.2.25") for _, target in said(resolver, trace))

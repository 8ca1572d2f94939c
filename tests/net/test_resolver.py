# SPDX-License-Identifier: Apache-2.0
"""The resolver against a name server on loopback: what there is, what there is not, and what nobody could tell."""

from __future__ import annotations

import time
from ipaddress import ip_address

import pytest

from fumidai.net.resolver import Exchangers, Resolver, as_address
from tests.net.nameserver import Table, name_server

TABLE: Table = {
    ("mail.a.test", "A"): ["192.0.2.25", "192.0.2.26"],
    ("mail.a.test", "AAAA"): ["2001:db8::25"],
    ("v4.a.test", "A"): ["192.0.2.4"],
    ("half.test", "A"): ["192.0.2.4"],
    ("half.test", "AAAA"): ["SERVFAIL"],
    ("broken.test", "A"): ["SERVFAIL"],
    ("broken.test", "AAAA"): ["SERVFAIL"],
    ("broken.test", "MX"): ["SERVFAIL"],
    ("silent.test", "A"): ["SILENCE"],
    ("silent.test", "AAAA"): ["SILENCE"],
    ("silent.test", "MX"): ["SILENCE"],
    ("a.test", "MX"): ["20 second.a.test.", "10 mail.a.test.", "10 also.a.test."],
    ("nomail.test", "MX"): ["0 ."],
    ("nomail.test", "A"): ["192.0.2.9"],
    ("25.2.0.192.in-addr.arpa", "PTR"): ["mail.a.test."],
    ("4.2.0.192.in-addr.arpa", "PTR"): ["liar.test."],
    ("liar.test", "A"): ["192.0.2.99"],
}


@pytest.fixture(scope="module")
def port():
    with name_server(TABLE) as port:
        yield port


@pytest.fixture
def resolver(port, tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text(
        "# fixed\n127.0.0.1 localhost\n192.0.2.50 Fixed.test fixed # note\n2001:db8::50 fixed.test\nnonsense x\n\n"
    )
    return Resolver(["127.0.0.1"], port=port, deadline=1.0, hosts=hosts)


def texts(found) -> list[str]:
    return [str(address) for address in found.addresses]


async def test_addresses_of_both_families(resolver):
    found = await resolver.addresses("mail.a.test")
    assert sorted(map(str, found.v4)) == ["192.0.2.25", "192.0.2.26"]
    assert texts(found)[-1] == "2001:db8::25"
    assert [str(address) for address in found.v6] == ["2001:db8::25"]
    assert not found.failed


async def test_one_family_only(resolver):
    found = await resolver.addresses("v4.a.test.")
    assert (texts(found), found.failed) == (["192.0.2.4"], False)


async def test_there_is_none_and_nobody_could_tell_are_two_things(resolver):
    none = await resolver.addresses("nothing.test")
    assert (none.addresses, none.failed) == ((), False)
    broken = await resolver.addresses("broken.test")
    assert (broken.addresses, broken.failed) == ((), True)
    assert broken.text
    half = await resolver.addresses("half.test")
    assert (texts(half), half.failed) == (["192.0.2.4"], True)


async def test_silence_has_an_end(resolver):
    began = time.monotonic()
    found = await resolver.addresses("silent.test")
    assert (found.addresses, found.failed) == ((), True)
    assert "1 s" in found.text
    assert time.monotonic() - began < 2.5


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("[192.0.2.1]", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[IPv6:2001:db8::1]", "2001:db8::1"),
    ],
)
async def test_literals_pass_through(resolver, text, address):
    assert texts(await resolver.addresses(text)) == [address]
    assert str(as_address(text)) == address


async def test_fixed_names(resolver):
    assert texts(await resolver.addresses("fixed.TEST")) == ["192.0.2.50", "2001:db8::50"]
    assert texts(await resolver.addresses("fixed")) == ["192.0.2.50"]
    assert (await resolver.ptr(ip_address("192.0.2.50"))).name == "fixed.test"
    assert texts(await resolver.addresses("localhost")) == ["127.0.0.1"]
    assert texts(await resolver.addresses("x.localhost")) == ["127.0.0.1", "::1"]
    assert await resolver.confirmed_name(ip_address("127.0.0.1")) == "localhost"


@pytest.mark.parametrize("name", ["", ".", "a..b", "x" * 64 + ".test", "y." * 130, "\x00", "sp ace.test", "名前.test"])
async def test_what_is_no_name_has_no_address(resolver, name):
    found = await resolver.addresses(name)
    assert (found.addresses, found.failed) == ((), False)


async def test_exchangers_come_best_first(resolver):
    found = await resolver.mx("a.test")
    assert found.names == ("also.a.test", "mail.a.test", "second.a.test")
    assert not found.null
    assert (await resolver.mx("nothing.test")).names == ()
    assert (await resolver.mx("broken.test")).failed
    assert (await resolver.mx("nomail.test")).null
    assert found.best == ("also.a.test", "mail.a.test")
    assert await resolver.mx("[192.0.2.1]") == Exchangers()


async def test_reverse_names(resolver):
    assert (await resolver.ptr(ip_address("192.0.2.25"))).name == "mail.a.test"
    assert (await resolver.ptr(ip_address("::ffff:192.0.2.25"))).name == "mail.a.test"
    assert (await resolver.ptr(ip_address("192.0.2.200"))).name == ""
    assert await resolver.confirmed_name(ip_address("192.0.2.25")) == "mail.a.test"
    assert await resolver.confirmed_name(ip_address("192.0.2.4")) == ""
    assert await resolver.confirmed_name(ip_address("192.0.2.200")) == ""


async def test_does_mail_have_somewhere_to_go(resolver):
    assert await resolver.exists("a.test") is True
    assert await resolver.exists("v4.a.test") is True
    assert await resolver.exists("nothing.test") is False
    assert await resolver.exists("nomail.test") is False
    assert await resolver.exists("broken.test") is None


async def test_no_name_server_is_a_failure_not_a_crash(tmp_path):
    found = await Resolver([], deadline=0.5, hosts=tmp_path / "none").addresses("a.test")
    assert (found.addresses, found.failed) == ((), True)
    found = await Resolver(["127.0.0.1"], port=1, deadline=0.5).addresses("a.test")
    assert (found.addresses, found.failed) == ((), True)

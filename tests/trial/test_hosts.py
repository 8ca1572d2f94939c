# SPDX-License-Identifier: Apache-2.0
"""From what a user types to the hosts behind it."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from fumidai.errors import TargetError, UsageError
from fumidai.net.resolver import Resolver
from fumidai.trial.hosts import find_hosts, parse_target

GOOD = {
    "mail.a.test": ("mail.a.test", ()),
    " mail.a.test ": ("mail.a.test", ()),
    "mail.a.test:587": ("mail.a.test", (587,)),
    "192.0.2.1": ("192.0.2.1", ()),
    "192.0.2.1:26": ("192.0.2.1", (26,)),
    "2001:db8::1": ("2001:db8::1", ()),
    "[2001:db8::1]": ("2001:db8::1", ()),
    "[2001:db8::1]:465": ("2001:db8::1", (465,)),
    "192.0.2.0/28": ("192.0.2.0/28", ()),
    "2001:db8::/124": ("2001:db8::/124", ()),
}

BAD = [
    "",
    " ",
    ":25",
    "mail.a.test:",
    "mail.a.test:0",
    "mail.a.test:65536",
    "mail.a.test:25x",
    "mail.a.test:２５",
    "a b",
    "a\x1bb",
    "[::1",
    "[mail.a.test]",
    "[::1]25",
    "[::1]:",
    "192.0.2.0/33",
    "192.0.2/28/2",
    "a/b",
]


@pytest.mark.parametrize("text", GOOD)
def test_a_target(text: str) -> None:
    spec = parse_target(text)
    assert (spec.host, spec.ports) == GOOD[text]
    assert spec.text == text.strip()


@pytest.mark.parametrize("text", BAD)
def test_no_target(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_target(text)
    assert caught.value.mend


@pytest.fixture
def resolver(tmp_path: Path) -> Resolver:
    """Knows a hosts file and no name server."""
    hosts = tmp_path / "hosts"
    hosts.write_text("192.0.2.1 mail.a.test\n2001:db8::1 mail.a.test\n192.0.2.2 two.a.test\n")
    return Resolver([], hosts=hosts)


async def test_all_addresses_of_a_name(resolver: Resolver) -> None:
    (host,) = await find_hosts(parse_target("mail.a.test:26"), resolver, 0)
    assert host.addresses == (ip_address("192.0.2.1"), ip_address("2001:db8::1"))
    assert (host.name, host.ports, host.skipped) == ("mail.a.test", (26,), ())
    assert host.ptrs[ip_address("192.0.2.1")] == "mail.a.test"


@pytest.mark.parametrize(("only", "left"), [(4, "2001:db8::1"), (6, "192.0.2.1")])
async def test_one_family(only: int, left: str, resolver: Resolver) -> None:
    (host,) = await find_hosts(parse_target("mail.a.test"), resolver, only)
    assert [address.version for address in host.addresses] == [only]
    assert host.skipped == (ip_address(left),)


async def test_each_address_of_a_network(resolver: Resolver) -> None:
    hosts = await find_hosts(parse_target("192.0.2.0/30"), resolver, 0)
    assert [host.name for host in hosts] == ["192.0.2.1", "192.0.2.2"]
    assert hosts[1].ptrs[ip_address("192.0.2.2")] == "two.a.test"
    (one,) = await find_hosts(parse_target("192.0.2.9/32"), resolver, 0)
    assert one.addresses == (ip_address("192.0.2.9"),)


async def test_a_network_too_large(resolver: Resolver) -> None:
    with pytest.raises(UsageError, match="16777216 addresses"):
        await find_hosts(parse_target("10.0.0.0/8"), resolver, 0)
    with pytest.raises(UsageError, match="at most 1024"):
        await find_hosts(parse_target("2001:db8::/32"), resolver, 0)


async def test_a_name_that_nobody_can_tell(resolver: Resolver) -> None:
    with pytest.raises(TargetError, match=r"The DNS gave no answer for nosuch\.test"):
        await find_hosts(parse_target("nosuch.test"), resolver, 0)

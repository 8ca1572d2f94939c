# SPDX-License-Identifier: Apache-2.0
"""Names of addresses and domains, and the test points (RFC 5782)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import dns.name
import dns.reversename
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fumidai.dnsbl.names import LONGEST_ZONE, Takes, kind_of, query_name, read_subject
from fumidai.dnsbl.names import test_points as points


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("192.0.2.99", "99.2.0.192.bl.test"),
        # RFC 5782 §2.4 has this example.
        (
            "2001:db8:1:2:3:4:567:89ab",
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.test",
        ),
    ],
)
def test_addresses(what: str, name: str) -> None:
    assert query_name(ip_address(what), "bl.test") == name


# dnspython takes the IPv4 address out of a mapped one; lists have their test points there, so we don't.
@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_any_address_has_the_name_that_its_reverse_name_has(address: IPv4Address | IPv6Address) -> None:
    assume(isinstance(address, IPv4Address) or address.ipv4_mapped is None)
    zone = {4: "in-addr.arpa", 6: "ip6.arpa"}[address.version]
    assert dns.name.from_text(query_name(address, zone)) == dns.reversename.from_address(address.exploded)


@given(st.ip_addresses(v=6))
def test_the_longest_zone_can_still_be_asked(address: IPv6Address) -> None:
    zone = ".".join(["z" * 62] * 3)[:LONGEST_ZONE]
    assert dns.name.from_text(query_name(address, zone)).is_absolute()


def test_domains_and_dots() -> None:
    assert query_name("Evil.TEST.", "dbl.test.") == "evil.test.dbl.test"
    assert query_name(ip_address("192.0.2.1"), ".bl.test.") == "1.2.0.192.bl.test"


def test_test_points() -> None:
    assert points(Takes.IPV4, "bl.test") == ("2.0.0.127.bl.test", "1.0.0.127.bl.test")
    head = "0.0.0.0.0.f.7.f.f.f.f." + "0." * 20
    assert points(Takes.IPV6, "bl.test") == (f"2.{head}bl.test", f"1.{head}bl.test")
    assert points(Takes.DOMAIN, "bl.test") == ("test.bl.test", "invalid.bl.test")


def test_kinds() -> None:
    texts = ("192.0.2.1", "2001:db8::1", "a.test", "192.0.2.1.test")
    kinds = [kind_of(read_subject(text)) for text in texts]
    assert kinds == [Takes.IPV4, Takes.IPV6, Takes.DOMAIN, Takes.DOMAIN]

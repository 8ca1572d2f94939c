# SPDX-License-Identifier: Apache-2.0
"""Domains and literals in the form that is compared, and the numbers that a host takes for an address."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.smtp.literal import (
    domain_key,
    is_domain_name,
    is_tagged_literal,
    literal_key,
    numeric_address,
    parse_literal,
)


@pytest.mark.parametrize(
    ("domain", "key"),
    [
        ("A.Com", "a.com"),
        ("a.com.", "a.com"),
        ("a.com..", "a.com."),
        ("", ""),
        (".", ""),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("[IPv6:2001:0DB8:0::1]", "[ipv6:2001:db8::1]"),
        ("[IPv6:::FFFF:192.0.2.1]", "[ipv6:::ffff:192.0.2.1]"),
        ("[IPv6:::ffff:c000:201]", "[ipv6:::ffff:192.0.2.1]"),
        ("[X-Tag:Y]", "[x-tag:y]"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("straße.test", "xn--strae-oqa.test"),
        ("ü" * 64, "ü" * 64),
    ],
)
def test_the_key_of_a_domain(domain: str, key: str) -> None:
    assert domain_key(domain) == key


@given(st.text(max_size=100))
def test_a_key_is_made_of_anything_and_is_its_own_key(domain: str) -> None:
    key = domain_key(domain)
    if not key.endswith("."):
        assert domain_key(key) == key


@given(st.ip_addresses())
def test_every_address_has_one_literal(address: IPv4Address | IPv6Address) -> None:
    assert parse_literal(literal_key(address)) == address
    assert domain_key(literal_key(address).upper()) == literal_key(address)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1.", "192.0.2.1"),
        ("127.1", "127.0.0.1"),
        ("127.0.257", "127.0.1.1"),
        ("2130706433", "127.0.0.1"),
        ("#2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0X7F.1", "127.0.0.1"),
        ("0177.0.0.01", "127.0.0.1"),
        ("0x", "0.0.0.0"),
        ("0", "0.0.0.0"),
        ("::1", "::1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_numbers_that_a_host_takes_for_an_address(text: str, address: str) -> None:
    assert numeric_address(text) == ip_address(address)


@pytest.mark.parametrize(
    "text",
    ["", "a", "1.2.3.4.5", "256.1", "1.2.3.256", "4294967296", "08", "1..2", "0xg", "::1%eth0", "::g", "1:2", "９.1"],
)
def test_numbers_that_it_doesnt(text: str) -> None:
    assert numeric_address(text) is None


def test_numeric_addresses_agree_with_the_c_library() -> None:
    import socket

    for text in ("1", "1.2", "1.2.3", "1.2.3.4", "0x10.020.3", "255.16777215", "4294967295", "0.0.0.0"):
        assert numeric_address(text) == IPv4Address(socket.inet_aton(text))


@pytest.mark.parametrize(
    ("domain", "is_one"),
    [
        ("[tag:x]", True),
        ("[t-g:!]", True),
        ("[tag]", False),
        ("[tag:]", False),
        ("[-:x]", False),
        ("tag:x", False),
        ("[tag:x", False),
    ],
)
def test_tagged_literals(domain: str, is_one: bool) -> None:
    assert is_tagged_literal(domain) is is_one


@pytest.mark.parametrize(
    ("domain", "is_one"),
    [
        ("a", True),
        ("a.com.", True),
        ("xn--a.test", True),
        ("1.2.3.4", True),
        ("ü.test", True),
        ("", False),
        (".", False),
        ("a b", False),
        ("a-.test", False),
        ("a" * 63 + ".test", True),
        ("a" * 64 + ".test", False),
        ("ü" * 64 + ".test", False),
        ("a." * 127 + "a", True),
        ("a." * 127 + "ab", False),
    ],
)
def test_domain_names(domain: str, is_one: bool) -> None:
    assert is_domain_name(domain) is is_one

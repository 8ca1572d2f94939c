# SPDX-License-Identifier: Apache-2.0
"""Private and neighbouring addresses, by the words of the design."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from fumidai.evidence.vantage import is_private, same_neighbourhood

PRIVATE = [
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "192.168.0.0",
    "192.168.255.255",
    "127.0.0.1",
    "127.9.9.9",
    "100.64.0.1",
    "100.127.255.255",
    "::1",
    "fc00::1",
    "fdff:ffff::1",
    "fe80::1",
    "febf::1",
    "::ffff:10.0.0.1",
]
PUBLIC = [
    "9.255.255.255",
    "11.0.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "192.169.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "192.0.2.1",
    "198.51.100.7",
    "203.0.113.5",
    "2001:db8::1",
    "::2",
    "fbff::1",
    "fe00::1",
    "fec0::1",
    "::ffff:192.0.2.1",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_private(text):
    assert is_private(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_public(text):
    assert not is_private(ip_address(text))


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("192.0.2.1", "192.0.2.254", True),
        ("192.0.2.1", "192.0.3.1", False),
        ("192.0.2.1", "::ffff:192.0.2.9", True),
        ("2001:db8:1::1", "2001:db8:1:ffff::1", True),
        ("2001:db8:1::1", "2001:db8:2::1", False),
        ("192.0.2.1", "2001:db8::1", False),
    ],
)
def test_neighbours(one, other, near):
    assert same_neighbourhood(ip_address(one), ip_address(other)) is near
    assert same_neighbourhood(ip_address(other), ip_address(one)) is near

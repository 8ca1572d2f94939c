# SPDX-License-Identifier: Apache-2.0
"""Routes and addresses of this machine, asked of the kernel."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from fumidai.net.route import has_route, is_own, source_towards


def test_loopback_is_reached_from_loopback():
    assert source_towards(ip_address("127.0.0.1")) == ip_address("127.0.0.1")
    assert source_towards(ip_address("127.0.0.1"), ip_address("127.0.0.5")) == ip_address("127.0.0.5")


def test_no_way_without_a_scope_or_from_an_address_that_is_not_ours():
    assert not has_route(ip_address("fe80::1"))
    assert not has_route(ip_address("127.0.0.1"), ip_address("192.0.2.77"))
    assert not has_route(ip_address("127.0.0.1"), ip_address("::1"))


@pytest.mark.parametrize(
    ("address", "own"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::ffff:127.0.0.1", True), ("192.0.2.77", False), ("0.0.0.0", False)],
)
def test_own_addresses(address, own):
    assert is_own(ip_address(address)) is own

# SPDX-License-Identifier: Apache-2.0
"""A peer's address is an address like any other, made once."""

from __future__ import annotations

import copy
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.net.peer_address import peer_address


@given(st.ip_addresses())
def test_it_is_equal_to_the_address_and_found_under_it(address: IPv4Address | IPv6Address) -> None:
    peer = peer_address(str(address))
    if getattr(address, "ipv4_mapped", None) is None:
        assert (peer, str(peer), f"{peer}", hash(peer)) == (address, str(address), str(address), hash(address))
        assert {peer: 1}[address] == {address: 1}[peer] == 1
        assert peer in ip_network(f"{address}/8", strict=False)
    assert peer_address(str(address)) is peer
    assert copy.copy(peer) == peer
    assert sorted([peer, peer]) == [peer, peer]


@pytest.mark.parametrize(
    ("text", "address"),
    [("::ffff:192.0.2.1", "192.0.2.1"), ("fe80::1%eth0", "fe80::1"), ("192.0.2.1", "192.0.2.1")],
)
def test_scope_and_mapping_are_taken_off(text: str, address: str) -> None:
    assert peer_address(text) == ip_address(address)
    assert str(peer_address(text)) == address

# SPDX-License-Identifier: Apache-2.0
"""Which layer probably put its own address in place of ours."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.dialects import layer
from fumidai.dialects.layer import layer_that_ate_it
from fumidai.evidence.endpoint import Endpoint, TlsState
from fumidai.report.findings import LAYERS

V4, V6 = "192.0.2.25", "2001:db8:1::25"
OUR4, OUR6 = "198.51.100.7", "2001:db8:7::7"


def endpoint(address: str) -> Endpoint:
    return Endpoint("mail.a.com", "mail.a.com", ip_address(address), 25, TlsState.CLEAR)


@pytest.mark.parametrize(
    ("seen", "target", "source", "expected"),
    [
        ("172.17.0.1", V4, OUR4, layer.CONTAINER),
        ("172.22.1.1", V6, OUR6, layer.USERLAND_PROXY),
        ("172.31.255.1", V6, OUR6, layer.USERLAND_PROXY),
        ("::ffff:172.22.1.1", V6, OUR6, layer.USERLAND_PROXY),
        ("10.0.2.2", V4, OUR4, layer.CONTAINER),
        ("10.0.2.100", V4, OUR4, layer.CONTAINER),
        ("10.88.0.1", V4, OUR4, layer.CONTAINER),
        ("10.89.3.1", V6, OUR6, layer.USERLAND_PROXY),
        ("169.254.1.1", V4, OUR4, layer.CONTAINER),
        ("192.168.65.1", V4, OUR4, layer.CONTAINER),
        ("fd00:dead:beef::1", V6, OUR6, layer.CONTAINER),
        ("fe80::1", V6, OUR6, layer.CONTAINER),
        ("127.0.0.1", V4, OUR4, layer.LOOPBACK),
        ("::1", V6, OUR6, layer.LOOPBACK),
        ("127.0.0.1", V6, OUR6, layer.LOOPBACK),
        (V4, V4, OUR4, layer.NAT),
        (V6, V6, OUR6, layer.NAT),
        ("192.168.1.1", V4, OUR4, layer.NAT),
        ("100.64.3.4", V4, OUR4, layer.NAT),
        ("10.244.1.0", V4, OUR4, layer.LOAD_BALANCER),
        ("10.42.0.1", V4, OUR4, layer.LOAD_BALANCER),
        ("10.5.6.7", V4, OUR4, layer.LOAD_BALANCER),
        ("203.0.113.80", V4, OUR4, layer.LOAD_BALANCER),
        ("192.0.2.1", V4, OUR4, layer.OWN_NETWORK),
        ("2001:db8:1::1", V6, OUR6, layer.OWN_NETWORK),
        ("172.17.0.1", V4, None, layer.CONTAINER),
        (OUR4, V4, OUR4, layer.UNKNOWN),
    ],
)
def test_layer(seen: str, target: str, source: str | None, expected: str) -> None:
    ours = ip_address(source) if source else None
    assert layer_that_ate_it(ip_address(seen), endpoint(target), ours) == expected


@given(st.ip_addresses(), st.ip_addresses(), st.none() | st.ip_addresses())
def test_every_answer_has_its_words(seen, target, source) -> None:
    place = Endpoint("t", "t", target, 25, TlsState.CLEAR)
    assert layer_that_ate_it(seen, place, source) in {*LAYERS, layer.UNKNOWN}

# SPDX-License-Identifier: Apache-2.0
"""The gateways of this machine, as the kernel's tables of routes tell them."""

from __future__ import annotations

import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from fumidai.net.surroundings import look_around

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


def word(address: str) -> str:
    return f"{int.from_bytes(ip_address(address).packed, sys.byteorder):08X}"


def row(target: str, gateway: str, flags: int, mask: str) -> str:
    return f"eth0\t{word(target)}\t{word(gateway)}\t{flags:04X}\t0\t0\t0\t{word(mask)}\t0\t0\t0\n"


def row6(target: str, length: int, gateway: str, flags: int) -> str:
    to, by = (ip_address(address).packed.hex() for address in (target, gateway))
    return f"{to} {length:02x} {'0' * 32} 00 {by} 400 1 0 {flags:08x} eth0\n"


@pytest.mark.parametrize(
    ("rows", "gateways"),
    [
        (row("0.0.0.0", "172.17.0.1", 3, "0.0.0.0"), ["172.17.0.1"]),
        (row("10.0.0.0", "192.0.2.1", 3, "255.0.0.0"), ["192.0.2.1"]),
        (row("0.0.0.0", "192.0.2.1", 2, "0.0.0.0"), []),
        (row("192.0.2.0", "0.0.0.0", 1, "255.255.255.0"), []),
        (row("172.19.0.0", "0.0.0.0", 1, "255.255.0.0"), ["172.19.0.1"]),
        (row("172.19.0.9", "0.0.0.0", 1, "255.255.255.255"), []),
        (row("172.19.0.0", "0.0.0.0", 1, "255.0.255.0"), []),
        ("eth0\tnonsense\n\n" + row("0.0.0.0", "192.0.2.1", 3, "0.0.0.0"), ["192.0.2.1"]),
    ],
)
def test_ipv4(rows: str, gateways: list[str], tmp_path: Path) -> None:
    (tmp_path / "route").write_text(HEAD + rows)
    assert look_around(tmp_path).gateways == set(map(ip_address, gateways))


def test_ipv6_and_what_is_no_table(tmp_path: Path) -> None:
    lines = row6("::", 0, "2001:db8::1", 3) + row6("2001:db8::", 64, "::", 1) + row6("::", 0, "fe80::1", 2) + "x\n"
    (tmp_path / "ipv6_route").write_text(lines)
    assert look_around(tmp_path).gateways == {ip_address("2001:db8::1")}
    assert look_around(tmp_path / "missing").gateways == frozenset()


@pytest.mark.skipif(not Path("/proc/net/route").exists(), reason="no Linux")
def test_this_machine_can_be_asked() -> None:
    assert not any(address.is_unspecified for address in look_around().gateways)

# SPDX-License-Identifier: Apache-2.0
"""Lost client address: what hides all clients is granted nothing, and a process of this machine keeps what it has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from fumidai.guard.hidden_at_load import warn_of_hidden
from fumidai.guard.lost_client import SILENCE, LostClients, Veil
from fumidai.guard.settings import GuardSettings, read_settings
from fumidai.net.surroundings import Surroundings
from fumidai.policy.lines import key_lines
from fumidai.policy.model import Policy, policy_for_domains
from fumidai.policy.notice import Source
from fumidai.policy.read import read_policy

GATEWAY, OWN, LOOPBACK = ip_address("172.17.0.1"), ip_address("192.0.2.5"), ip_address("127.0.0.1")
STRANGER, PROXY = ip_address("203.0.113.9"), ip_address("192.0.2.10")
AROUND = Surroundings(frozenset({GATEWAY}))


def relaying(*networks: str, access: str = "") -> Policy:
    rules = f"[access]\n{access}\n" if access else ""
    text = f'[policy]\nreceive_for = ["a.test"]\n[policy.relay]\nnetworks = {list(networks)!r}\n{rules}'
    return read_policy(text.replace("'", '"'), "f.toml")[0]


def made(policy: Policy, proxies: Iterable[str] = ()) -> LostClients:
    lost = LostClients(lambda: AROUND, lambda address: address == OWN)
    lost.declare(policy, tuple(map(ip_network, proxies)), ("gate.a.test", "gate"))
    return lost


@pytest.mark.parametrize("networks", [(), ("172.17.0.0/16",), ("172.17.0.1/32",)])
def test_a_gateway_is_never_a_client_however_it_is_named(networks: tuple[str, ...]) -> None:
    lost = made(relaying(*networks))
    assert lost.meet(GATEWAY, "gate.a.test", 0) is Veil.GATEWAY
    assert lost.meet(STRANGER, "c.test", 0) is None


def test_a_proxy_is_never_a_client() -> None:
    assert made(relaying("192.0.2.0/24"), ["192.0.2.10/31"]).meet(PROXY, None, 0) is Veil.PROXY


@pytest.mark.parametrize(
    ("policy", "address", "veil"),
    [
        (relaying("127.0.0.1"), LOOPBACK, None),
        (relaying("127.0.0.0/8"), LOOPBACK, None),
        (relaying("::1"), ip_address("::1"), None),
        (relaying("192.0.2.5"), OWN, None),
        (relaying("192.0.2.0/24"), OWN, Veil.SELF),
        (relaying("126.0.0.0/7"), LOOPBACK, Veil.SELF),
        (relaying(access='"Connect:127.0.0.1" = "RELAY"'), LOOPBACK, None),
        (relaying(access='"Connect:127" = "RELAY"'), LOOPBACK, None),
        (relaying(access='"Connect:192.0.2.5" = "RELAY"'), OWN, None),
        (relaying(access='"192.0.2.5" = "RELAY"'), OWN, None),
        (relaying(access='"Connect:192.0.2" = "RELAY"'), OWN, Veil.SELF),
        (relaying(access='"Connect:192.0.2" = "REJECT"'), OWN, None),
        (relaying(), OWN, None),
    ],
)
def test_this_machine_may_where_it_is_named_alone(policy: Policy, address: object, veil: Veil | None) -> None:
    lost = made(policy)
    for _ in range(50):
        assert lost.meet(address, "gate.a.test", 0) is veil  # type: ignore[arg-type]  # an address, by the table


@pytest.mark.parametrize("others", [False, True])
def test_strangers_from_this_machine_end_its_right_for_good(others: bool) -> None:
    lost = made(relaying("127.0.0.1"))
    if others:
        assert lost.meet(STRANGER, "c.test", 0) is None
    ours = ["gate", "GATE.a.test.", "localhost", "[127.0.0.1]", "127.0.0.1", "web.a.test", None]
    assert [lost.meet(LOOPBACK, name, 1) for name in ours] == [None] * len(ours)
    names = ["one.test", "ONE.test", "two.test", "three.test"]
    assert [lost.meet(LOOPBACK, name, 2) for name in names] == [
        None,
        None,
        *([None] if others else [Veil.SELF]),
        Veil.SELF,
    ]
    assert lost.meet(LOOPBACK, "localhost", 1e6) is Veil.SELF


def test_a_process_with_one_name_of_its_own_keeps_its_right() -> None:
    lost = made(relaying("127.0.0.1"))
    assert {lost.meet(LOOPBACK, "app.internal", now) for now in range(1000)} == {None}


def test_the_log_is_told_once_an_hour_for_each_address() -> None:
    lost = made(relaying())
    assert [lost.is_news(GATEWAY, Veil.GATEWAY, now) for now in (0, 1, SILENCE - 1, SILENCE, SILENCE + 1)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert lost.is_news(PROXY, Veil.PROXY, 1)
    for last in range(10_000):
        lost.is_news(ip_address(last), Veil.PROXY, 2)
    assert len(lost._told) <= 4096


def test_a_machine_that_is_only_swept_in_is_worth_no_line_until_strangers_come() -> None:
    lost = made(relaying("192.0.2.0/24"))
    assert lost.meet(OWN, "gate", 0) is Veil.SELF
    assert not lost.is_news(OWN, Veil.SELF, 0)
    for name in ("one.test", "two.test"):
        lost.meet(OWN, name, 0)
    assert lost.is_news(OWN, Veil.SELF, 0)


def test_routes_are_read_again_after_a_while_and_what_is_remembered_is_bounded() -> None:
    seen = [Surroundings(), AROUND]
    lost = LostClients(lambda: seen.pop(0), lambda address: False)
    assert lost.meet(GATEWAY, "x", 0) is None
    assert lost.meet(GATEWAY, "x", 299) is None
    assert lost.meet(GATEWAY, "x", 300) is Veil.GATEWAY
    for number in range(10_000):
        lost.meet(ip_address(number + 2**31), "x", 301)
    assert len(lost._kinds) <= 4096


def test_a_reload_forgets_no_stranger() -> None:
    lost = made(relaying("127.0.0.1"))
    for name in ("one.test", "two.test"):
        lost.meet(LOOPBACK, name, 0)
    lost.declare(relaying("127.0.0.1", "198.51.100.0/24"), (), ("gate",))
    assert lost.meet(LOOPBACK, "localhost", 1) is Veil.SELF


# --- at load ---


def warned(networks: list[str], *lines: str) -> list[str]:
    text = (
        '[policy]\nreceive_for = ["a.test"]\n[policy.relay]\nnetworks = [\n'
        + "".join(f'"{network}",\n' for network in networks)
        + ']\n[guard]\nbackend = "smtp://127.0.0.1:2525"\n'
        + "\n".join(lines)
    )
    policy, _ = read_policy(text, "f.toml")
    source = Source("f.toml", key_lines(text))
    settings: GuardSettings = read_settings(policy, source)
    warn_of_hidden(policy, settings, source, AROUND, lambda address: address == OWN)
    return [warning.place for warning in source.warnings]


@pytest.mark.parametrize(
    ("networks", "lines", "places"),
    [
        (["198.51.100.0/24", "172.17.0.0/16"], ['listen = ":25"'], ["f.toml:6: policy.relay.networks"]),
        (["172.17.0.1"], ['listen = ":25"'], ["f.toml:5: policy.relay.networks"]),
        (["192.0.2.0/24"], ['listen = ":25"', 'proxies = ["192.0.2.10"]'], ["f.toml:5: policy.relay.networks"]),
        (["127.0.0.1"], ['listen = ":25"'], ["f.toml:5: policy.relay.networks"]),
        (["127.0.0.1"], ['listen = ["192.0.2.5:25"]'], ["f.toml:5: policy.relay.networks"]),
        (["127.0.0.1"], ['listen = ["127.0.0.1:25"]'], []),
        (["198.51.100.0/24", "2001:db8::/32"], ['listen = ":25"', 'proxies = ["192.0.2.10"]'], []),
    ],
)
def test_a_network_that_holds_such_an_address_is_warned_of(
    networks: list[str], lines: list[str], places: list[str]
) -> None:
    assert warned(networks, *lines) == places


def test_the_policy_of_nobody_asks_nothing() -> None:
    lost = made(replace(policy_for_domains(["a.test"])))
    assert lost.meet(LOOPBACK, "c.test", 0) is None

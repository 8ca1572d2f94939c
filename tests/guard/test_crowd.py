# SPDX-License-Identifier: Apache-2.0
"""The tables behind the limits, with a clock that is told: no minute holds more than it says, and no table grows."""

from __future__ import annotations

from ipaddress import ip_address

from hypothesis import given, settings
from hypothesis import strategies as st

from fumidai.guard.crowd import MOST_IN_SLOT, SLOT, SLOTS, Crowd, Deed, Minute, client_key, net_key

WAITS = st.lists(st.one_of(st.just(0.0), st.floats(0, 200), st.sampled_from([9.999, 10.0, 59.9, 60.0, 70.0])))
ADDRESSES = st.one_of(
    st.ip_addresses(v=4, network="192.0.2.0/23"),
    st.ip_addresses(v=6, network="2001:db8::/63"),
)


@given(st.floats(0, 1e6), st.lists(st.tuples(st.floats(0, 40), st.sampled_from(Deed), st.integers(1, 5)), max_size=60))
def test_all_of_the_last_minute_is_counted_and_nothing_older_than_seventy_seconds(start, steps):
    minute, now = Minute(start), start
    done: list[tuple[float, Deed, int]] = []
    for wait, deed, number in steps:
        now += wait
        minute.add(deed, now, number)
        done.append((now, deed, number))
        for asked in Deed:
            told = minute.count(asked, now)
            assert told >= sum(n for at, d, n in done if d is asked and at > now - SLOT * (SLOTS - 1))
            assert told <= sum(n for at, d, n in done if d is asked and at > now - SLOT * SLOTS)


@given(WAITS, st.integers(1, 5))
def test_a_limit_of_so_many_a_minute_is_never_passed_and_quiet_lifts_it(waits, limit):
    crowd, now, let_in = Crowd(10), 0.0, []
    address = ip_address("192.0.2.1")
    for wait in waits:
        now += wait
        if crowd.count(address, Deed.CONNECTION, now) < limit:
            crowd.enter(address, now)
            let_in.append(now)
    for at in let_in:
        assert sum(1 for other in let_in if at - 60 < other <= at) <= limit
    assert crowd.count(address, Deed.CONNECTION, now + 70) == 0


@settings(max_examples=50)
@given(st.lists(st.tuples(ADDRESSES, st.booleans(), st.floats(0, 30)), max_size=80), st.integers(1, 8))
def test_what_is_open_is_what_came_and_did_not_leave(steps, most):
    crowd, now, inside = Crowd(most), 0.0, []
    for address, comes, wait in steps:
        now += wait
        if comes:
            crowd.enter(address, now)
            inside.append(address)
        elif inside:
            crowd.leave(inside.pop())
        assert crowd.remembered <= most
        assert crowd.connected == len(inside)
        assert crowd.open_from(address) == inside.count(address)
        assert crowd.open_near(address) == sum(1 for other in inside if net_key(other) == net_key(address))
    for address in inside:
        crowd.leave(address)
    assert (crowd.connected, len(crowd._addresses), len(crowd._nets)) == (0, 0, 0)


def test_the_client_seen_longest_ago_is_forgotten_first():
    crowd = Crowd(2)
    one, two, three = (ip_address(f"192.0.2.{last}") for last in (1, 2, 3))
    crowd.add(one, Deed.ERROR, 0)
    crowd.add(two, Deed.ERROR, 0)
    crowd.add(one, Deed.ERROR, 1)
    crowd.add(three, Deed.ERROR, 1)
    assert [crowd.count(address, Deed.ERROR, 1) for address in (one, two, three)] == [2, 0, 1]


def test_an_ipv6_client_is_a_64_and_never_an_ipv4_one():
    near, far = ip_address("2001:db8::1"), ip_address("2001:db8:0:1::1")
    assert client_key(near) == client_key(ip_address("2001:db8::ffff")) != client_key(far)
    assert client_key(ip_address("::192.0.2.1")) != client_key(ip_address("192.0.2.1"))
    assert net_key(ip_address("::")) != net_key(ip_address("0.0.0.1"))


def test_a_number_without_end_is_no_error():
    crowd = Crowd(1)
    crowd.add(ip_address("192.0.2.1"), Deed.RECIPIENT, 5, 2**40)
    crowd.add(ip_address("192.0.2.1"), Deed.RECIPIENT, 5, 2**40)
    assert crowd.count(ip_address("192.0.2.1"), Deed.RECIPIENT, 5) == MOST_IN_SLOT

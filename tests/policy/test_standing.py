# SPDX-License-Identifier: Apache-2.0
"""What is remembered of clients and addresses: never another answer, never without bounds."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address

from hypothesis import given, settings
from hypothesis import strategies as st

from fumidai.policy import case
from fumidai.policy.case import path_of, readings_of
from fumidai.policy.decide import decide
from fumidai.policy.hosts_access import Named
from fumidai.policy.model import Policy
from fumidai.policy.request import UNKNOWN, Request
from fumidai.policy.standing import MOST, Standings
from fumidai.smtp.address import parse_path
from fumidai.smtp.forms import ALL
from fumidai.smtp.readings import readings
from tests.policy.asking import POLICIES, REQUESTS, with_access


@settings(max_examples=200)
@given(POLICIES, st.lists(REQUESTS, max_size=6))
def test_the_same_question_has_the_same_answer_whatever_was_asked_before(
    policy: Policy, requests: list[Request]
) -> None:
    fresh = [decide(_again(policy), request) for request in requests]
    assert [decide(policy, request) for request in (*requests, *requests)] == fresh + fresh


def _again(policy: Policy) -> Policy:
    """An equal policy that remembers nothing."""
    made = {name: getattr(policy, name) for name in policy.__match_args__}
    return Policy(**made)


def test_many_clients_are_not_all_remembered() -> None:
    standings = with_access({"Connect:192.0.2": "RELAY"}).standings
    for number in range(MOST + 10):
        standings.of(IPv4Address(number), Named.NOTHING)
    assert 0 < standings.remembered <= MOST
    assert standings.of(ip_address("192.0.2.1"), Named.NOTHING).right is not None


def test_what_can_be_no_name_is_not_remembered() -> None:
    standings = Standings((), with_access({"Connect:test": "REJECT"}).access)
    long_name = "a" * 10_000 + ".test"
    assert standings.of(None, long_name).hit is not None
    assert standings.remembered == 0
    assert standings.of(None, UNKNOWN).hit is None
    assert standings.remembered == 1


@given(st.binary(max_size=300))
def test_a_remembered_path_is_the_path(raw: bytes) -> None:
    for _ in range(2):
        assert path_of(raw) == parse_path(raw)
        assert readings_of(raw, ALL) == readings(raw)


def test_long_paths_are_not_remembered() -> None:
    before = case._path.cache_info().misses
    path_of(b"<" + b"a" * 5000 + b"@a.com>")
    readings_of(b"<" + b"a" * 5000 + b"@a.com>", ALL)
    assert case._path.cache_info().misses == before

# SPDX-License-Identifier: Apache-2.0
"""Which domains are ours, and which lie too near to be a proof."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.policy.domains import above_or_below, match, pattern_key
from fumidai.policy.model import Host, Policy, is_foreign, policy_for_domains, related, with_domains
from tests.policy.asking import with_access

PATTERNS = frozenset(map(pattern_key, ["a.com", ".b.com", "[192.0.2.1]", "例え.jp", ".c.b.com"]))


@pytest.mark.parametrize(
    ("domain", "pattern"),
    [
        ("a.com", "a.com"),
        ("A.Com.", "a.com"),
        ("x.b.com", ".b.com"),
        ("x.c.b.com", ".c.b.com"),
        ("c.b.com", ".b.com"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("例え.jp", "xn--r8jz45g.jp"),
        ("xn--r8jz45g.jp", "xn--r8jz45g.jp"),
        ("b.com", None),
        ("x.a.com", None),
        ("xa.com", None),
        ("a.com.evil.test", None),
        ("com", None),
        (".b.com", None),
        ("[192.0.2.2]", None),
        ("192.0.2.1", None),
        ("[x.b.com]", None),
        ("", None),
        (".", None),
    ],
)
def test_match(domain: str, pattern: str | None) -> None:
    assert match(PATTERNS, domain) == pattern


@given(st.text(max_size=40))
def test_nothing_matches_but_what_is_named(domain: str) -> None:
    found = match(PATTERNS, domain)
    assert found is None or domain.lower().rstrip(".").endswith(found.removeprefix(".")) or not domain.isascii()


@pytest.mark.parametrize(
    ("domain", "near"),
    [
        ("a.com", "a.com"),
        ("proof.a.com", "a.com"),
        ("com", "a.com"),
        ("b.com", "b.com"),
        ("x.y.b.com", "b.com"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("[192.0.2.2]", None),
        ("xa.com", None),
        ("proof.example.net", None),
    ],
)
def test_above_or_below(domain: str, near: str | None) -> None:
    assert above_or_below(domain, ["a.com", ".b.com", "[192.0.2.1]", "."]) == near


def test_a_policy_for_domains_receives_and_relays_nothing() -> None:
    policy = policy_for_domains(["A.com", ".lab.a.com", "a.com.", ""])
    assert policy.receive_for == ("a.com", ".lab.a.com")
    assert policy.relay_networks == policy.authenticated == ()
    assert not is_foreign(policy, "x.lab.a.com")
    assert is_foreign(policy, "evil.test")


def test_domains_are_added_to_a_policy_once() -> None:
    policy = with_domains(Policy(receive_for=("a.com",), postmaster="p@a.com"), ["a.com", "b.com"])
    assert policy.receive_for == ("a.com", "b.com")
    assert policy.postmaster == "p@a.com"
    assert not is_foreign(policy, "b.com")


def test_a_proof_domain_is_held_against_all_that_a_server_may_deliver_to() -> None:
    policy = replace(
        with_access({"To:u@relayed.test": "RELAY", "To:refused.test": "REJECT"}),
        hosts=(Host("mail.host.test"),),
    )
    assert related(policy, "proof.a.com") == "a.com"
    assert related(policy, "x.relayed.test") == "relayed.test"
    assert related(policy, "mail.host.test") == "mail.host.test"
    assert related(policy, "refused.test") is None
    assert related(policy, "other.host.test") is None

# SPDX-License-Identifier: Apache-2.0
"""What a stranger is refused for by the name in HELO, and who is not asked."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from fumidai.policy.case import helo_need
from fumidai.policy.decide import decide
from fumidai.policy.model import HeloCheck, Host, OnFailure, Policy
from fumidai.policy.needs import Stage, needs
from fumidai.policy.request import UNKNOWN, Action, Fact, Unknown
from tests.policy.asking import ask, with_access

CHECKED = with_access(
    {"Connect:198.51.100": "OK", "Connect:198.51.101": "RELAY", "Spam:friend@a.com": "FRIEND"},
    "a.com",
    ".a.com",
    "[192.0.2.25]",
    "bücher.test",
    relay_networks=(ip_network("192.0.2.0/28"), ip_network("2001:db8::/32")),
    authenticated=("*",),
    hosts=(Host("ns.other.test"),),
    refuse_helo=frozenset(HeloCheck) - {HeloCheck.UNRESOLVABLE},
)
RESOLVED = replace(CHECKED, refuse_helo=frozenset({HeloCheck.UNRESOLVABLE}))
NAME = helo_need("mx.evil.test")


@pytest.mark.parametrize(
    ("helo", "rule"),
    [
        ("mx.evil.test", "own-domain"),
        ("MX_1.Evil.Test.", "own-domain"),
        ("xa.com", "own-domain"),
        ("xn--mnchen-3ya.test", "own-domain"),
        ("xn--bcher-kva.test", "helo-ours"),
        ("[203.0.113.9]", "own-domain"),
        ("[IPv6:2001:db9::1]", "own-domain"),
        ("[x400:anything]", "own-domain"),
        (None, "helo-malformed"),
        ("", "helo-malformed"),
        ("two words", "helo-malformed"),
        ("bücher.test", "helo-malformed"),
        ("bücher.test".encode().decode("latin-1"), "helo-malformed"),
        ("\u212aiwi.test", "helo-malformed"),  # small it would be a k
        ("mx。evil.test", "helo-malformed"),
        ("[１92.0.2.25]", "helo-malformed"),
        ("a..b", "helo-malformed"),
        ("-x.test", "helo-malformed"),
        ("(pc.test)", "helo-malformed"),
        ("203.0.113.9", "helo-malformed"),
        ("0x7f000001", "helo-malformed"),
        ("2001:db9::1", "helo-malformed"),
        ("[203.0.113.999]", "helo-malformed"),
        ("[pc]", "helo-malformed"),
        ("pc", "helo-unqualified"),
        ("pc.", "helo-unqualified"),
        ("a.com", "helo-ours"),
        ("A.COM.", "helo-ours"),
        ("mail.a.com", "helo-ours"),
        ("ns.other.test", "helo-ours"),
        ("[192.0.2.25]", "helo-ours"),
        ("[192.0.2.3]", "helo-ours"),
        ("[IPv6:::ffff:192.0.2.3]", "helo-ours"),
        ("[IPv6:2001:db8::1]", "helo-ours"),
        ("[127.0.0.1]", "helo-ours"),
        ("[IPv6:::1]", "helo-ours"),
        ("localhost.localdomain", "helo-ours"),
        (UNKNOWN, "unknown-helo"),
    ],
)
def test_what_a_stranger_calls_himself(helo: str | None | Unknown, rule: str) -> None:
    answer = decide(CHECKED, ask("<u@a.com>", helo=helo))
    assert answer.rule == rule
    assert answer.action is (Action.PERMIT if rule == "own-domain" else Action.REFUSE)
    assert decide(replace(CHECKED, refuse_helo=frozenset()), ask("<u@a.com>", helo=helo)).rule == "own-domain"


@pytest.mark.parametrize(
    ("check", "helo", "rule"),
    [
        (HeloCheck.OURS, "localhost", "helo-ours"),
        (HeloCheck.OURS, "192.0.2.3", "helo-ours"),
        (HeloCheck.OURS, "pc", "own-domain"),
        (HeloCheck.OURS, None, "own-domain"),
        (HeloCheck.UNQUALIFIED, "two words", "own-domain"),
        (HeloCheck.UNQUALIFIED, "localhost", "helo-unqualified"),
        (HeloCheck.MALFORMED, "pc", "own-domain"),
        (HeloCheck.MALFORMED, "a.com", "own-domain"),
        (HeloCheck.UNQUALIFIED, "pç", "own-domain"),
        (HeloCheck.OURS, "bücher.test", "helo-ours"),
    ],
)
def test_each_check_by_itself(check: HeloCheck, helo: str | None, rule: str) -> None:
    assert decide(replace(CHECKED, refuse_helo=frozenset({check})), ask("<u@a.com>", helo=helo)).rule == rule


@pytest.mark.parametrize(
    "parts",
    [
        {"client": ip_address("192.0.2.1")},
        {"user": "alice"},
        {"client": ip_address("198.51.100.1")},
        {"client": ip_address("198.51.101.1")},
        {"forward_path": b"<friend@a.com>"},
    ],
)
@pytest.mark.parametrize("policy", [CHECKED, RESOLVED])
@pytest.mark.parametrize("helo", ["a.com", "two words", None, UNKNOWN, "mx.evil.test"])
def test_who_is_not_asked(policy: Policy, parts: dict[str, object], helo: str | None | Unknown) -> None:
    asked = ask("<u@a.com>", helo=helo, **parts)
    assert decide(policy, asked).action is Action.PERMIT
    assert needs(policy, asked, Stage.RCPT) == ()


def test_a_name_is_looked_up_once_it_is_known() -> None:
    asked = ask("<u@a.com>", helo="MX.evil.test.")
    assert needs(RESOLVED, asked, Stage.CONNECT) == ()
    assert needs(RESOLVED, asked, Stage.MAIL) == needs(RESOLVED, asked, Stage.RCPT) == (NAME,)
    for fact, rule in (
        (None, "helo-missing"),
        (Fact(failed=True), "helo-missing"),
        (Fact(""), "helo-unresolvable"),
        (Fact("yes"), "own-domain"),
    ):
        assert decide(RESOLVED, asked, {} if fact is None else {NAME: fact}).rule == rule
    ignoring = replace(RESOLVED, on_failure=OnFailure.IGNORE)
    assert decide(ignoring, asked, {NAME: Fact(failed=True)}).rule == "own-domain"
    assert decide(ignoring, asked, {NAME: Fact("")}).rule == "helo-unresolvable"


@pytest.mark.parametrize("helo", ["[203.0.113.9]", "203.0.113.9", "two words", "münchen.test", "a.com", None])
def test_what_is_no_name_of_the_dns_is_not_looked_up(helo: str | None) -> None:
    asked = ask("<u@a.com>", helo=helo)
    assert needs(RESOLVED, asked, Stage.RCPT) == ()
    assert decide(RESOLVED, asked).rule == "own-domain"

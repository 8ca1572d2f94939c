# SPDX-License-Identifier: Apache-2.0
"""What holds for every policy and every request (DESIGN §5, Law 3, and the promises of ``decide``)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from fumidai.policy.access import REFUSING, AccessMap, Kind, RightSide
from fumidai.policy.case import make_case
from fumidai.policy.decide import decide
from fumidai.policy.hosts_access import HostsRule, HostsTables
from fumidai.policy.model import HeloCheck, OnFailure, Policy, is_foreign
from fumidai.policy.needs import Stage, needs
from fumidai.policy.request import UNKNOWN, Action, Fact, FactKind, Need, Request, Unknown
from fumidai.policy.rules import Rule
from fumidai.smtp.address import Path, parse_path
from fumidai.smtp.forms import ALL
from fumidai.smtp.readings import readings
from tests.policy.asking import (
    ACCESS_KEYS,
    DENYING_RULES,
    FACT,
    HELOS,
    KNOWN_REQUESTS,
    POLICIES,
    REQUESTS,
    SIDES,
)

PERMITTING = {
    Rule.OWN_DOMAIN,
    Rule.POSTMASTER,
    Rule.RELAY_NETWORK,
    Rule.AUTHENTICATED,
    Rule.ACCESS_CONNECT_RELAY,
    Rule.ACCESS_TO_RELAY,
}
MISSING = {
    Rule.HOSTS_NAME_MISSING,
    Rule.CLIENT_NAME_MISSING,
    Rule.BLOCKLIST_MISSING,
    Rule.SENDER_DOMAIN_MISSING,
    Rule.HELO_MISSING,
}


def known_facts(policy: Policy, request: Request, data: st.DataObject) -> dict[Need, Fact]:
    """Any answers to all needs, and to one that nobody asked for."""
    asked = [*needs(policy, request, Stage.CONNECT), *needs(policy, request, Stage.RCPT)]
    return {need: data.draw(FACT) for need in asked}


@given(POLICIES, REQUESTS, st.data())
def test_an_answer_always_names_its_rule_and_fits_it(policy: Policy, request: Request, data: st.DataObject) -> None:
    answer = decide(policy, request, known_facts(policy, request, data))
    assert (answer.action is Action.PERMIT) == (Rule(answer.rule) in PERMITTING)
    assert answer.code // 100 == {Action.PERMIT: 0, Action.DEFER: 4, Action.REFUSE: 5}[answer.action]
    assert answer.why
    assert "{" not in answer.why


@settings(max_examples=300)
@given(POLICIES, REQUESTS, ACCESS_KEYS, SIDES.filter(lambda side: side.kind in REFUSING), st.data())
def test_a_rule_that_refuses_never_accepts_more(
    policy: Policy, request: Request, key: str, side: RightSide, data: st.DataObject
) -> None:
    stricter = replace(policy, access=AccessMap({**policy.access.sides, key: side}))
    facts = known_facts(policy, request, data) | known_facts(stricter, request, data)
    if decide(stricter, request, facts).action is Action.PERMIT:
        assert decide(policy, request, facts).action is Action.PERMIT


@settings(max_examples=300)
@given(POLICIES, REQUESTS, DENYING_RULES, st.integers(0, 4), st.data())
def test_a_client_rule_that_denies_never_accepts_more(
    policy: Policy, request: Request, rule: HostsRule, place: int, data: st.DataObject
) -> None:
    rules = policy.client_rules.rules
    stricter = replace(policy, client_rules=HostsTables((*rules[:place], rule, *rules[place:])))
    facts = known_facts(policy, request, data) | known_facts(stricter, request, data)
    if decide(stricter, request, facts).action is Action.PERMIT:
        assert decide(policy, request, facts).action is Action.PERMIT


@settings(max_examples=200)
@given(POLICIES, REQUESTS, st.data())
def test_client_rules_grant_nothing(policy: Policy, request: Request, data: st.DataObject) -> None:
    without = replace(policy, client_rules=HostsTables())
    facts = known_facts(policy, request, data)
    if decide(policy, request, facts).action is Action.PERMIT:
        assert decide(without, request, facts) == decide(policy, request, facts)


@given(POLICIES, REQUESTS, st.data())
def test_more_blocklists_and_more_readings_never_accept_more(
    policy: Policy, request: Request, data: st.DataObject
) -> None:
    for stricter in (
        replace(policy, refuse_listed=(*policy.refuse_listed, "more.test")),
        replace(policy, sender_must_resolve=True),
        replace(policy, refuse_helo=frozenset(HeloCheck)),
        replace(policy, refuse_helo=policy.refuse_helo | {HeloCheck.OURS}),
        replace(policy, on_failure=OnFailure.DEFER),
        replace(policy, routing=ALL),
    ):
        facts = known_facts(policy, request, data) | known_facts(stricter, request, data)
        if decide(stricter, request, facts).action is Action.PERMIT:
            assert decide(policy, request, facts).action is Action.PERMIT


@settings(max_examples=600)
@given(POLICIES, REQUESTS, st.data())
def test_a_permission_is_one_for_every_reading(policy: Policy, request: Request, data: st.DataObject) -> None:
    answer = decide(policy, request, known_facts(policy, request, data))
    if answer.action is not Action.PERMIT or answer.rule == Rule.POSTMASTER:
        return
    assert isinstance(request.forward_path, bytes)
    path = parse_path(request.forward_path)
    assert isinstance(path, Path)
    may_relay = make_case(policy, request, known_facts(policy, request, data)).right() is not None
    for reading in readings(path, policy.routing):
        assert not reading.unresolvable
        hit = policy.access.recipient(reading.local_part, reading.domain, ours=False)
        ours = not reading.scheme and not is_foreign(policy, reading.domain)
        assert ours or may_relay or answer.rule == Rule.ACCESS_CONNECT_RELAY or (hit and hit.side.kind is Kind.RELAY)


@settings(max_examples=300)
@given(POLICIES, KNOWN_REQUESTS, st.data())
def test_what_is_unknown_permits_nothing_that_each_value_would_not(
    policy: Policy, request: Request, data: st.DataObject
) -> None:
    policy = replace(policy, on_failure=OnFailure.DEFER)
    part = data.draw(st.sampled_from(["client", "client_name", "helo", "tls", "user", "reverse_path", "forward_path"]))
    unknown = replace(request, **{part: UNKNOWN})
    facts = known_facts(policy, request, data) | known_facts(policy, unknown, data)
    if part == "client_name":
        # A fact would make it known after all.
        facts = {need: fact for need, fact in facts.items() if need.kind is not FactKind.CLIENT_NAME}
    if decide(policy, unknown, facts).action is Action.PERMIT:
        # A client that turns out to be listed is another matter: its list was not asked for an unknown address.
        answer = decide(policy, request, facts)
        assert answer.action is Action.PERMIT or Rule(answer.rule) in MISSING


@given(POLICIES, KNOWN_REQUESTS)
def test_an_unknown_client_and_user_get_what_a_known_stranger_gets_at_most(policy: Policy, request: Request) -> None:
    unknown = replace(request, client=UNKNOWN, client_name=UNKNOWN, user=UNKNOWN)
    stranger = replace(request, client=ip_address("198.51.100.77"), client_name=None, user=None)
    if decide(policy, unknown).action is Action.PERMIT:
        answer = decide(policy, stranger)
        assert answer.action is Action.PERMIT or Rule(answer.rule) in MISSING


@settings(max_examples=300)
@given(POLICIES, REQUESTS, st.data())
def test_needs_names_all_that_matters(policy: Policy, request: Request, data: st.DataObject) -> None:
    asked = needs(policy, request, Stage.RCPT)
    more = {need: data.draw(FACT) for need in needs(policy, request, Stage.MAIL)}
    facts = {need: fact for need, fact in more.items() if need in asked}
    assert set(asked) <= set(more)
    assert decide(policy, request, more) == decide(policy, request, facts)
    resolved = {need: Fact(fact.value) for need, fact in facts.items()}
    assert Rule(decide(policy, request, resolved).rule) not in MISSING


@given(POLICIES, REQUESTS)
def test_needs_grow_with_what_is_known_and_are_named_once(policy: Policy, request: Request) -> None:
    early, later = needs(policy, request, Stage.CONNECT), needs(policy, request, Stage.MAIL)
    assert set(early) <= set(later)
    assert len(set(later)) == len(later)


@given(POLICIES, KNOWN_REQUESTS, st.one_of(st.just(UNKNOWN), st.none(), st.text(max_size=5)), st.booleans())
def test_a_claim_never_helps(policy: Policy, request: Request, helo: str | None | Unknown, tls: bool) -> None:
    without = replace(policy, refuse_helo=frozenset())
    claiming = replace(request, helo=helo, tls=tls)
    assert decide(without, request) == decide(without, claiming)
    if decide(policy, claiming).action is Action.PERMIT:
        assert decide(without, request).action is Action.PERMIT


@given(POLICIES, REQUESTS, HELOS | st.text(max_size=5), st.data())
def test_who_may_send_anywhere_may_call_himself_what_he_likes(
    policy: Policy, request: Request, helo: str | None, data: st.DataObject
) -> None:
    facts = known_facts(policy, request, data)
    if make_case(policy, request, facts).right() is not None:
        assert decide(policy, request, facts) == decide(policy, replace(request, helo=helo), facts)


@pytest.mark.slow
def test_the_strategies_reach_every_rule() -> None:
    # A law that was never put to the test would hold of nothing.
    reached: set[Rule] = set()

    @settings(max_examples=6000, derandomize=True, database=None, deadline=None, phases=[Phase.generate])
    @given(POLICIES, REQUESTS, st.one_of(st.none(), FACT))
    def draw(policy: Policy, request: Request, fact: Fact | None) -> None:
        if len(reached) == len(Rule):
            raise _Enough
        reached.add(_rule(policy, request, fact))

    with suppress(_Enough):
        draw()
    assert reached == set(Rule)


class _Enough(Exception):
    """Every rule has been reached."""


def _rule(policy: Policy, request: Request, fact: Fact | None) -> Rule:
    facts = dict.fromkeys(needs(policy, request, Stage.MAIL), fact) if fact else {}
    return Rule(decide(policy, request, facts).rule)

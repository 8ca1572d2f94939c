# SPDX-License-Identifier: Apache-2.0
"""What the door has at hand is worth what it would have looked up."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from fumidai.guard.door import AtHand
from fumidai.policy.decide import decide
from fumidai.policy.model import Policy
from fumidai.policy.needs import Stage, needs
from fumidai.policy.request import Fact, FactKind, Need, Request
from tests.policy.asking import KNOWN_REQUESTS, POLICIES

FACTS = st.sampled_from([Fact(), Fact("mail.evil.test"), Fact("127.0.0.2"), Fact(failed=True), None])


@settings(max_examples=400)
@given(POLICIES, KNOWN_REQUESTS, st.data())
def test_a_decision_that_found_everything_is_the_one_with_everything_looked_up(
    policy: Policy, request: Request, data: st.DataObject
) -> None:
    known: dict[Need, Fact | None] = {}

    def peek(need: Need) -> Fact | None:
        assert need.kind in policy.asks
        return known.setdefault(need, data.draw(FACTS))

    at_hand = AtHand(policy.asks, peek)
    decision = decide(policy, request, at_hand)
    wanted = needs(policy, request, Stage.RCPT)
    facts: Mapping[Need, Fact] = {need: fact for need in wanted if (fact := peek(need)) is not None}
    if at_hand.complete:
        assert decision == decide(policy, request, facts)


def test_what_nobody_asks_for_is_not_there_and_not_missed() -> None:
    at_hand = AtHand({FactKind.DNSBL}, lambda need: Fact("x") if need.subject == "a" else None)
    assert at_hand.get(Need(FactKind.CLIENT_NAME, "a")) is None
    assert at_hand.get(Need(FactKind.DNSBL, "a")) == Fact("x")
    assert (at_hand.complete, bool(at_hand), list(at_hand), len(at_hand)) == (True, True, [], 0)
    assert at_hand.get(Need(FactKind.DNSBL, "b")) is None
    assert not at_hand.complete

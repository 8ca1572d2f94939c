# SPDX-License-Identifier: Apache-2.0
"""What the door has at hand is worth what it would have looked up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from fumidai.guard.door import AtHand, Door
from fumidai.net.resolver import Resolver
from fumidai.policy.decide import decide
from fumidai.policy.model import Policy
from fumidai.policy.needs import Stage, needs
from fumidai.policy.read import read_policy
from fumidai.policy.request import Decision, Fact, FactKind, Need, Request
from tests.guard.guarded import OWN
from tests.net.listserver import good_list, list_server
from tests.net.nameserver import name_server
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


def asked_by(client: str, *, to: bytes = b"<u@a.test>") -> Request:
    return Request(ip_address(client), helo="c", tls=False, user=None, reverse_path=b"<s@b.test>", forward_path=to)


async def told(door: Door, request: Request) -> Decision:
    answer: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
    door.ask(request, answer.set_result)
    return await asyncio.wait_for(answer, 20)


async def test_what_comes_too_late_for_one_decision_serves_the_next() -> None:
    zone = good_list("bl.test", "203.0.113.9")
    zone.delay = 0.5
    with list_server(zone) as port:
        policy = replace(OWN, refuse_listed=("bl.test",))
        door = Door(policy, Resolver(["127.0.0.1"], port=port), deadline=0.1)
        request = asked_by("203.0.113.9")
        assert door.decide(request) is None
        assert (await told(door, request)).rule == "blocklist-missing"
        async with asyncio.timeout(15):
            while (decision := door.decide(request)) is None:  # noqa: ASYNC110  # what is asked has no event
                await asyncio.sleep(0.02)
        assert decision.rule == "listed-client"
        door.close()


async def test_a_name_that_the_answer_does_not_hang_on_is_not_waited_for(tmp_path: Path) -> None:
    text = '[policy]\nreceive_for = ["a.test"]\n[access]\n"Connect:evil.test" = "REJECT"\n"To:no@a.test" = "REJECT"\n'
    policy, _ = read_policy(text, "f.toml")
    table = {("9.113.0.203.in-addr.arpa", "PTR"): ["x.evil.test."], ("x.evil.test", "A"): ["203.0.113.9"]}
    with name_server(table) as port:
        door = Door(policy, Resolver(["127.0.0.1"], port=port, hosts=tmp_path / "none"))
        refused = door.decide(asked_by("203.0.113.9", to=b"<no@a.test>"))
        assert refused is not None
        assert refused.rule == "access-to"
        request = asked_by("203.0.113.9")
        assert door.decide(request) is None
        assert (await told(door, request)).rule == "access-connect"
        again = door.decide(request)
        assert again is not None
        assert again.rule == "access-connect"
        door.close()

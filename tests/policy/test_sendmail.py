# SPDX-License-Identifier: Apache-2.0
"""The access table against the recorded answers of a real sendmail (``record_sendmail`` says how they were made).

Where sendmail refuses, so do we, always. Where it takes and we don't, it is for one of the reasons that ``access``
names.
"""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path

from fumidai.policy.access import Kind
from fumidai.policy.decide import decide
from fumidai.policy.model import Policy
from fumidai.policy.request import Action, Request
from fumidai.policy.rules import Rule
from fumidai.smtp.readings import readings
from tests.policy.asking import with_access

ANSWERS = Path(__file__).with_name("sendmail_answers.jsonl")


def _stricter_on_purpose(policy: Policy, recipient: bytes, rule: str) -> bool:
    users = any(
        key.rpartition(":")[2].endswith("@") and side.kind is Kind.RELAY for key, side in policy.access.sides.items()
    )
    return users or (rule == Rule.ACCESS_TO and len(readings(recipient)) > 1)


def test_the_recorded_answers_of_sendmail() -> None:
    asked, taken, stricter = 0, 0, 0
    for line in ANSWERS.read_text().splitlines():
        record = json.loads(line)
        policy = with_access(record["table"], "a.com")
        for client, name, sender, recipient, takes in record["asked"]:
            forward, reverse = f"<{recipient}>".encode(), f"<{sender}>".encode()
            answer = decide(policy, Request(ip_address(client), name, "h", False, None, reverse, forward))
            permits = answer.action is Action.PERMIT
            told = f"{client} {name} <{sender}> <{recipient}> {record['table']}: {answer.rule}"
            assert takes or not permits, told
            assert permits or not takes or _stricter_on_purpose(policy, forward, answer.rule), told
            asked, taken, stricter = asked + 1, taken + takes, stricter + (takes and not permits)
    assert asked > 1500
    assert asked / 5 < taken < asked
    assert stricter < asked / 50

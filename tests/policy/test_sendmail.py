# SPDX-License-Identifier: Apache-2.0
"""The access table against the recorded answers of a real sendmail, rule set by rule set.

Where sendmail refuses, so do we, always, and with its code; DISCARD is 550 and QUARANTINE 451 here. Where it takes and
we don't, it is for one of the reasons that ``access`` names.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

from fumidai.policy.access import AccessMap, Kind, RightSide
from fumidai.policy.decide import decide
from fumidai.policy.model import Policy
from fumidai.policy.request import Decision, Request
from fumidai.policy.rules import Rule
from fumidai.smtp.readings import readings
from tests.policy.asking import STRANGER, with_access
from tests.policy.sendmail import RULE_SETS, Answer, Question

ANSWERS = Path(__file__).with_name("sendmail_answers.jsonl")
# Nothing is acknowledged that is not delivered.
CODES = {"ok": 0, "discard": 550, "quarantine": 451}
NOBODY = ip_address("233.252.0.1")
FRIENDS = {f"spam:{name}": RightSide(Kind.FRIEND) for name in ("com", "test", "net")}


def decisions(policy: Policy, question: Question) -> tuple[Decision, Decision, Decision]:
    """What we say of the client alone, of the sender alone, and of the recipient if neither were held against it."""
    client, name, sender, recipient = question
    whole = Request(ip_address(client), name, "h", False, None, f"<{sender}>".encode(), f"<{recipient}>".encode())
    forgiving = replace(policy, access=AccessMap({**policy.access.sides, **FRIENDS}))
    return (
        decide(policy, replace(whole, reverse_path=b"<>", forward_path=b"<postmaster>")),
        decide(policy, replace(whole, client=NOBODY, client_name=None, forward_path=b"<postmaster>")),
        decide(forgiving, whole),
    )


def is_stricter_on_purpose(policy: Policy, recipient: str, answer: Decision) -> bool:
    """``To:user@`` never lets relay; any reading of a recipient is held against it, and ambiguity is never lifted."""
    users = any(
        key.rpartition(":")[2].endswith("@") and side.kind is Kind.RELAY for key, side in policy.access.sides.items()
    )
    many = len(readings(f"<{recipient}>".encode())) > 1
    return users or (many and answer.rule in (Rule.ACCESS_TO, Rule.AMBIGUOUS_RECIPIENT))


def differences(table: dict[str, str], asked: Iterable[tuple[Question, Answer]]) -> tuple[list[str], Counter[str]]:
    """Where we say something else than sendmail; and how often which rule set said what, and we were stricter."""
    policy, told, count = with_access(table, "a.com"), [], Counter[str]()
    for question, said in asked:
        for rule_set, word, answer in zip(RULE_SETS, said, decisions(policy, question), strict=True):
            count[f"{rule_set} {word}"] += 1
            code = CODES[word] if word in CODES else int(word)
            if answer.code == code:
                continue
            if answer.code and rule_set == "check_rcpt" and is_stricter_on_purpose(policy, question[3], answer):
                count["stricter"] += 1
                continue
            told.append(f"{rule_set} {question} {table}: {word}, we say {answer.code} {answer.rule}")
    return told, count


def recorded() -> Iterable[tuple[dict[str, str], list[tuple[Question, Answer]]]]:
    """What a real sendmail once said."""
    for line in ANSWERS.read_text().splitlines():
        record = json.loads(line)
        yield record["table"], [(tuple(row[:4]), tuple(row[4:])) for row in record["asked"]]


def test_the_recorded_answers_of_sendmail() -> None:
    count, different = Counter[str](), []
    for table, asked in recorded():
        told, counted = differences(table, asked)
        different += told
        count += counted
    assert different[:3] == []
    for rule_set in RULE_SETS:
        words = {word: number for word, number in count.items() if word.startswith(rule_set)}
        assert sum(words.values()) >= 3000
        # Each kind of answer was put to the test many times.
        assert all(count[f"{rule_set} {word}"] > 20 for word in ("ok", "550", "450", "discard", "quarantine")), words
    assert count["stricter"] < 3000 / 20


def test_a_difference_would_be_seen() -> None:
    question: Question = ("203.0.113.9", None, "u@evil.test", "u@a.com")
    for answer in (("550", "ok", "ok"), ("ok", "450", "ok"), ("ok", "ok", "quarantine")):
        told, _ = differences({}, [(question, answer)])
        assert len(told) == 1
    assert STRANGER != NOBODY

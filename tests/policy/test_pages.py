# SPDX-License-Identifier: Apache-2.0
"""The operator's pages say what the code does: every rule with its reply, every form, key and right-hand side."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fumidai.policy.access import Kind
from fumidai.policy.decide import decide
from fumidai.policy.model import policy_for_domains
from fumidai.policy.read import read_policy
from fumidai.policy.request import Action
from fumidai.policy.rules import VERDICTS, Rule
from fumidai.policy.schema import KNOWN, BlocklistsTable
from fumidai.smtp.forms import Form
from tests.policy.asking import ask

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = {name: (DOCS / name).read_text(encoding="utf-8") for name in ("policy.md", "policy.ja.md")}
ROW = re.compile(r"^\| `([a-z-]+)` \| ((?:\\.|[^|\\])*?) \|", re.MULTILINE)
BY_TABLE = {Rule.ACCESS_CONNECT, Rule.ACCESS_FROM, Rule.ACCESS_TO}


@pytest.mark.parametrize("page", PAGES)
def test_every_rule_stands_there_with_its_reply(page: str) -> None:
    rows = dict(ROW.findall(PAGES[page]))
    assert set(rows) >= set(Rule)
    for rule, verdict in VERDICTS.items():
        if rule in BY_TABLE:
            assert rows[rule] in ("as the table says", "表のとおり")
        elif verdict.action is Action.PERMIT:
            assert rows[rule] in ("permit", "許可")
        else:
            assert rows[rule] == f"{verdict.code} {verdict.enhanced}"


@pytest.mark.parametrize("page", PAGES)
def test_every_form_stands_there_with_an_example_that_it_refuses(page: str) -> None:
    rows = dict(ROW.findall(PAGES[page]))
    assert set(rows) >= set(Form)
    for form in Form:
        for example in re.findall(r"`(.*?)`", rows[form.value].replace("\\|", "|")):
            answer = decide(policy_for_domains(["a.com"]), ask(example))
            assert answer.action is Action.REFUSE, example


@pytest.mark.parametrize("page", PAGES)
def test_every_key_and_right_hand_side_stands_there(page: str) -> None:
    keys = {key for known in KNOWN.values() for key in known} | set(BlocklistsTable.model_fields)
    mentioned = set(re.findall(r"[a-z_]+", PAGES[page]))
    # Tables of commands to come are named by a few of them and "so on".
    unborn = {"sink", "lookup", "trace", "audit", "configure", "discover", "blocklist", "fleet"}
    assert keys - unborn <= mentioned
    for kind in Kind:
        if kind not in (Kind.NUMBER, Kind.HATER):
            assert kind.value in PAGES[page]


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_are_read_without_a_warning(page: str) -> None:
    examples = re.findall(r"```toml\n(.*?)```", PAGES[page], re.DOTALL)
    assert len(examples) == 3
    policy, warnings = read_policy("\n".join(examples), page)
    assert not warnings
    assert policy.receive_for == ("a.com", ".lab.a.com")
    assert len(policy.access.sides) == 6

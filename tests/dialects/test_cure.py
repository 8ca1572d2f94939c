# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501
"""The right cures in the order of an emergency, with commands and pages that exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.dialects.cure import Cure, cures
from fumidai.dialects.marks import BANNERS
from fumidai.dialects.remedies import REMEDIES, Hole, Order

ROOT = Path(__file__).resolve().parents[2]
SOFTWARE = ("Sendmail", "Postfix", "Exim", "OpenSMTPD", "qmail", "Exchange", "Haraka", "")
FAMILIES = sorted(path.stem for path in (ROOT / "src/fumidai/battery/catalogue").glob("*.toml"))


def ids(found: tuple[Cure, ...]) -> list[str]:
    return [cure.id for cure in found]


@pytest.mark.parametrize(
    ("software", "version", "tests", "findings", "families", "expected"),
    [
        ("Sendmail", "8.8.8", ["pct-domain", "q-domain"], ["open-relay", "software-outdated"], ["percent-hack", "quoted-local"],
         ["sendmail-now", "sendmail-upgrade", "sendmail-route", "sendmail-clear", "generic-tell"]),
        ("Sendmail", "8.17.1/8.17.1", ["plain-foreign"], ["open-relay"], ["baseline"],
         ["sendmail-now", "sendmail-relay", "sendmail-clear", "generic-tell"]),
        ("Sendmail", "8.17.1", ["sender-domain-random"], ["open-relay"], ["sender-claim"],
         ["sendmail-now", "sendmail-sender", "sendmail-clear", "generic-tell"]),
        ("Sendmail", "8.17.1", ["scope-mx-anyone"], ["open-relay"], ["relay-scope"],
         ["sendmail-now", "sendmail-scope", "sendmail-clear", "generic-tell"]),
        ("Postfix", "", ["plain-foreign"], ["lost-client-address", "open-relay"], ["baseline", "sender-claim"],
         ["containers-now", "containers-address", "postfix-clear", "generic-tell"]),
        ("Postfix", "", ["plain-foreign", "pct-host", "sender-null"], ["open-relay"], ["baseline", "percent-hack", "sender-claim"],
         ["postfix-now", "postfix-relay", "postfix-sender", "postfix-clear", "generic-tell"]),
        ("Postfix", "3.7", ["plain-foreign"], ["promised-to-relay"], ["baseline"], ["postfix-look", "postfix-relay"]),
        ("Postfix", "", [], ["reflects-backscatter"], [], ["postfix-reflects"]),
        ("Postfix", "", [], ["postmaster-refused"], [], ["generic-postmaster"]),
        ("Exim", "4.96", ["state-starttls-only"], ["open-relay"], ["session-state"],
         ["exim-now", "exim-tls", "exim-clear", "generic-tell"]),
        ("Haraka", "3.0.3", ["plain-foreign"], ["open-relay"], ["baseline"],
         ["haraka-now", "haraka-relay", "haraka-clear", "generic-tell"]),
        ("", "", ["pct-host"], ["open-relay"], ["percent-hack"], ["generic-now", "generic-route", "generic-clear", "generic-tell"]),
        ("Mercury/32", "4.8", ["plain-foreign"], ["open-relay"], ["baseline"],
         ["generic-now", "generic-relay", "generic-clear", "generic-tell"]),
        ("Postfix", "", [], ["late-refusal", "late-refusal-untried"], [], ["generic-untried"]),
        # nothing proven, nothing promised: nothing to do
        ("Postfix", "", ["pct-host"], ["catch-all"], ["percent-hack"], []),
        ("Postfix", "", [], [], [], []),
        ("Postfix", "", [], ["tester-blocked"], [], []),
    ],
)  # fmt: skip
def test_which_cures(software, version, tests, findings, families, expected) -> None:
    assert ids(cures(software, version, tests, findings, families)) == expected


@pytest.mark.parametrize("software", SOFTWARE)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_hole_of_every_software_has_a_first_step_a_mend_and_a_page(software: str, family: str) -> None:
    found = cures(software, "", ["some-test"], ["open-relay"], [family])
    assert [cure.order for cure in found] == [Order.NOW, Order.MEND, Order.CLEAR, Order.TELL]
    for cure in found:
        assert (ROOT / cure.page).is_file()
        assert (ROOT / cure.page.replace(".md", ".ja.md")).is_file()


@given(
    st.sampled_from([*SOFTWARE, "nonsense"]),
    st.text(max_size=20),
    st.lists(st.sampled_from(["plain-foreign", "state-starttls-only", "x"])),
    st.lists(st.sampled_from(["open-relay", "lost-client-address", "promised-to-relay", "reflects-backscatter", "x"])),
    st.lists(st.sampled_from([*FAMILIES, "x"])),
)
def test_cures_stand_in_their_order_and_once(software, version, tests, findings, families) -> None:
    found = cures(software, version, tests, findings, families)
    orders = [list(Order).index(cure.order) for cure in found]
    assert orders == sorted(orders)
    assert len(ids(found)) == len(set(ids(found)))
    assert sum(cure.order is Order.MEND for cure in found) <= 2


def test_ids_are_unique_and_name_their_page() -> None:
    names = [remedy.id for remedy in REMEDIES]
    assert len(names) == len(set(names))
    assert all(remedy.id.startswith(f"{remedy.software}-") for remedy in REMEDIES)


def test_sentences_are_short_and_without_a_stop() -> None:
    for remedy in REMEDIES:
        assert len(remedy.text) <= 130, remedy.id
        assert not remedy.text.endswith("."), remedy.id


def test_every_command_stands_on_its_page_in_both_languages() -> None:
    left = []
    for remedy in REMEDIES:
        for page in (f"docs/mend/{remedy.software}.md", f"docs/mend/{remedy.software}.ja.md"):
            text = (ROOT / page).read_text(encoding="utf-8")
            left += [(page, command) for command in remedy.commands if command not in text]
    assert not left


def test_only_commands_of_ours_that_exist() -> None:
    ours = re.compile(r"\bfumidai (\w+)")
    for path in [*(ROOT / "docs" / "mend").glob("*.md"), *(ROOT / "docs").glob("blocked*.md")]:
        assert set(ours.findall(path.read_text(encoding="utf-8"))) <= {"test", "sink", "show", "demo"}, path


def test_pages_have_the_four_steps_in_order() -> None:
    for path in (ROOT / "docs" / "mend").glob("*.md"):
        heads = re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        wanted = (
            ["今すぐ", "直す", "キュー", "確かめる"]
            if path.name.endswith(".ja.md")
            else ["Now", "Mend", "Clear", "Prove"]
        )
        found = [next((i for i, head in enumerate(heads) if head.startswith(word)), -1) for word in wanted]
        assert -1 not in found, (path.name, heads)
        assert found == sorted(found), (path.name, heads)


def test_software_with_a_page_is_named_as_identify_names_it() -> None:
    named = {name for name, _ in BANNERS}
    assert {name for name in SOFTWARE if name} <= named


def test_every_hole_is_mended_by_something() -> None:
    assert {hole for remedy in REMEDIES for hole in remedy.holes} == set(Hole)


def test_families_are_those_of_the_catalogue() -> None:
    for path in (ROOT / "src/fumidai/battery/catalogue").glob("*.toml"):
        assert tomllib.loads(path.read_text(encoding="utf-8")), path

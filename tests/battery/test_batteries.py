# SPDX-License-Identifier: Apache-2.0
"""Batteries: order, printed names and size are promises to people who know the old services."""

from __future__ import annotations

import pytest

from fumidai.battery.batteries import batteries, battery, select
from fumidai.battery.expand import expand
from fumidai.battery.load import catalogue
from fumidai.errors import UsageError
from tests.battery.grounds import V4, decide, mint
from tests.battery.test_load import REQUIRED


def lines(name):
    attempts, void = expand(battery(name), V4, decide, mint, 1)
    return [(attempt.label, attempt.mail_from, attempt.rcpt_to) for attempt in attempts], void


def test_there_are_five():
    assert list(batteries()) == ["full", "quick", "maps", "abuse.net", "nmap"]


def test_full_is_every_row_that_runs():
    assert {entry.test.id for entry in battery("full")} == {test.id for test in catalogue().values() if test.runs}
    assert battery("full")[0].test.id == "plain-foreign"


def test_quick_is_short_has_every_family_and_says_why():
    quick = batteries()["quick"]
    assert len(quick.entries) <= 20
    assert {entry.test.family for entry in quick.entries} == set(REQUIRED)
    assert all(quick.reasons[entry.test.id] for entry in quick.entries)
    assert not any(entry.test.slow or entry.test.opt_in for entry in quick.entries)


def test_nmap_asks_its_sixteen_in_its_order():
    i, h = "[192.0.2.25]", "mail.target.example"
    found, void = lines("nmap")
    assert not void
    assert [label for label, _, _ in found] == [str(number) for number in range(1, 17)]
    t = [f"tokr{number:05d}z" for number in range(17)]
    s = [f"toks{number:05d}z" for number in range(17)]
    d = "proof.example"
    assert [recipient for _, _, recipient in found] == [
        f"<{t[1]}@{d}>",
        f"<{t[2]}@{d}>",
        f"<{t[3]}@{d}>",
        f"<{t[4]}@{d}>",
        f"<{t[5]}%{d}@{i}>",
        f"<{t[6]}%{d}@{h}>",
        f'<"{t[7]}@{d}">',
        f'<"{t[8]}%{d}">',
        f"<{t[9]}@{d}@{i}>",
        f'<"{t[10]}@{d}"@{i}>',
        f"<{t[11]}@{d}@{h}>",
        f"<@{i}:{t[12]}@{d}>",
        f"<@{h}:{t[13]}@{d}>",
        f"<{d}!{t[14]}>",
        f"<{d}!{t[15]}@{i}>",
        f"<{d}!{t[16]}@{h}>",
    ]
    assert [sender for _, sender, _ in found[:5]] == [
        "<>",
        f"<{s[2]}@{d}>",
        f"<{s[3]}@{h}>",
        f"<{s[4]}@{i}>",
        f"<{s[5]}@{i}>",
    ]
    assert all(sender.endswith(f"@{i}>") for _, sender, _ in found[4:])


def test_maps_prints_its_names_and_uses_the_reverse_name():
    found, void = lines("maps")
    assert not void
    names = ["#Quote test"] + [f"#{'test' if n in (3, 19) else 'Test'} {n}" for n in range(1, 20)]
    assert [label for label, _, _ in found] == names
    assert found[0][1:] == ("<spamtest@host25.target.example>", '<"tokr00001z@proof.example">')
    assert found[8][1:] == ("<spamtest@host25.target.example>", "<tokr00009z%proof.example@host25.target.example>")
    assert found[14][1:] == ("<spamtest@[192.0.2.25]>", "<@host25.target.example:tokr00015z@proof.example>")
    assert found[19][1:] == ("<postmaster@host25.target.example>", "<tokr00020z@proof.example>")


def test_abuse_net_asks_seventeen():
    found, void = lines("abuse.net")
    assert not void
    assert [label for label, _, _ in found] == [f"Relay test {n}" for n in range(1, 18)]
    assert found[16][2] == "<proof.example!tokr00017z@target.example>"


def test_naming_a_row_opts_in_and_keeps_the_order_of_the_user():
    chosen = select("full", tests=["state-error-limit", "pipe-local", "plain-foreign", "plain-foreign"])
    assert [(entry.test.id, entry.named) for entry in chosen] == [
        ("state-error-limit", True),
        ("pipe-local", True),
        ("plain-foreign", True),
    ]


def test_naming_a_row_keeps_the_wording_of_the_battery():
    (entry,) = select("maps", tests=["pct-ip"])
    assert (entry.label, entry.test.mail_from) == ("#Test 9", "<spamtest@{name}>")
    assert "sender" in entry.test.alters


def test_families_narrow_and_never_opt_in():
    chosen = select("full", families=["bang-and-legacy", "lexical"])
    assert {entry.test.family for entry in chosen} == {"bang-and-legacy", "lexical"}
    assert not any(entry.named for entry in chosen)


def test_opt_in_names_the_dangerous_but_not_the_slow():
    named = {entry.test.id for entry in select("full", opt_in=True) if entry.named}
    assert "pipe-local" in named
    assert "state-error-limit" not in named


@pytest.mark.parametrize(
    "asked",
    [
        {"name": "none"},
        {"name": "full", "tests": ["none"]},
        {"name": "full", "families": ["none"]},
        {"name": "full", "families": ["auth"]},
    ],
)
def test_what_is_not_there_is_a_usage_error(asked):
    with pytest.raises(UsageError):
        select(**asked)

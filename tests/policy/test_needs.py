# SPDX-License-Identifier: Apache-2.0
"""Which look-ups are asked for, stage by stage."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from fumidai.policy.case import listed_need, name_need, sender_need
from fumidai.policy.hosts_file import read_hosts
from fumidai.policy.needs import Stage, needs
from fumidai.policy.request import UNKNOWN
from tests.policy.asking import STRANGER, ask, with_access

NAME, SENDER = name_need(STRANGER), sender_need("sender.test")
ONE, TWO = listed_need("one.test", STRANGER), listed_need("two.test", STRANGER)
ASKING = with_access(
    {"Connect:x.test": "RELAY", "Connect:192.0.2": "RELAY", "Spam:friend@a.com": "FRIEND", "To:off@a.com": "REJECT"},
    refuse_listed=("one.test", "two.test"),
    sender_must_resolve=True,
)
QUIET = with_access({"Connect:192.0.2": "REJECT"})


def test_what_is_asked_stage_by_stage() -> None:
    asked = ask("<u@a.com>", client_name=UNKNOWN)
    assert needs(ASKING, asked, Stage.CONNECT) == (NAME, ONE, TWO)
    assert needs(ASKING, asked, Stage.MAIL) == (NAME, ONE, TWO, SENDER)
    assert needs(ASKING, asked, Stage.RCPT) == (NAME, ONE, TWO, SENDER)


def test_a_policy_that_asks_nothing_needs_nothing() -> None:
    for stage in Stage:
        assert needs(QUIET, ask("<u@a.com>", client_name=UNKNOWN), stage) == ()


@pytest.mark.parametrize("recipient", ["<u@a.com", "<off@a.com>"])
def test_nothing_is_looked_up_for_what_is_refused_whatever_comes(recipient: str) -> None:
    assert needs(ASKING, ask(recipient, client_name=UNKNOWN), Stage.RCPT) == ()


def test_for_a_foreign_recipient_only_the_name_may_still_matter() -> None:
    assert needs(ASKING, ask("<|x@a.com>"), Stage.RCPT) == ()
    assert needs(ASKING, ask("<v@evil.test>"), Stage.RCPT) == ()
    assert NAME in needs(ASKING, ask("<v@evil.test>", client_name=UNKNOWN), Stage.RCPT)


def test_a_friend_is_not_checked() -> None:
    assert needs(ASKING, ask("<friend@a.com>"), Stage.RCPT) == ()
    assert needs(ASKING, ask("<friend@a.com>", client_name=UNKNOWN), Stage.RCPT) == (NAME,)
    by_net = replace(ASKING, access=with_access({"Spam:u@a.com": "FRIEND", "Connect:x.test": "REJECT"}).access)
    assert needs(by_net, ask("<u@a.com>", client_name=UNKNOWN), Stage.RCPT) == ()


def test_who_may_relay_is_not_checked_either() -> None:
    assert needs(ASKING, ask("<u@a.com>", client=ip_address("192.0.2.7")), Stage.MAIL) == ()


def test_an_unknown_client_can_not_be_looked_up() -> None:
    asked = ask("<u@a.com>", client=UNKNOWN, client_name=UNKNOWN)
    assert needs(ASKING, asked, Stage.CONNECT) == ()
    assert needs(ASKING, asked, Stage.MAIL) == (SENDER,)
    assert needs(ASKING, replace(asked, forward_path=UNKNOWN), Stage.RCPT) == ()


def test_nothing_is_looked_up_for_a_client_that_is_turned_away_whatever_its_name() -> None:
    asked = ask("<u@a.com>", client_name=UNKNOWN)
    rules, _ = read_hosts("", "smtp: 203.0.113.\nsmtp: .evil.test\n")
    for stage in Stage:
        assert needs(replace(ASKING, client_rules=rules), asked, stage) == ()
    named = replace(QUIET, client_rules=read_hosts("", "smtp: .evil.test\n")[0])
    assert needs(named, asked, Stage.CONNECT) == needs(named, asked, Stage.RCPT) == (NAME,)
    assert needs(named, ask("<u@a.com>"), Stage.RCPT) == ()

# SPDX-License-Identifier: Apache-2.0
"""``decide`` by example: each rule, and what it says and answers."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from fumidai.policy.case import listed_need, name_need, sender_need
from fumidai.policy.decide import decide
from fumidai.policy.model import OnFailure, Policy, policy_for_domains
from fumidai.policy.request import UNKNOWN, Action, Fact
from fumidai.policy.rules import VERDICTS, Rule
from fumidai.smtp.forms import ALL, Form
from tests.policy.asking import STRANGER, ask, with_access

OURS = policy_for_domains(["a.com", ".lab.a.com"])
RELAY = replace(
    OURS,
    relay_networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")),
    authenticated=("alice", "*@a.com"),
)


@pytest.mark.parametrize(
    ("recipient", "rule"),
    [
        ("<u@a.com>", Rule.OWN_DOMAIN),
        ("u@A.COM.", Rule.OWN_DOMAIN),
        ("<u@x.y.lab.a.com>", Rule.OWN_DOMAIN),
        ('<"u v"@a.com>', Rule.OWN_DOMAIN),
        ("<@a.com:u@a.com>", Rule.OWN_DOMAIN),
        ("<SRS0=h=tt=evil.test=v@a.com>", Rule.OWN_DOMAIN),
        ("<prvs=0123456789=v@a.com>", Rule.OWN_DOMAIN),
        ("<list-bounce-v=evil.test@a.com>", Rule.OWN_DOMAIN),
        ("<v=evil.test@a.com>", Rule.OWN_DOMAIN),
        ("<Postmaster>", Rule.POSTMASTER),
        ('<"postmaster">', Rule.POSTMASTER),
        ("<u@evil.test>", Rule.FOREIGN_RECIPIENT),
        ("<u@lab.a.com>", Rule.FOREIGN_RECIPIENT),
        ("<u@b.a.com>", Rule.FOREIGN_RECIPIENT),
        ("<u@xa.com>", Rule.FOREIGN_RECIPIENT),
        ("<u@com>", Rule.FOREIGN_RECIPIENT),
        ("<u@[192.0.2.1]>", Rule.FOREIGN_RECIPIENT),
        ("<SRS0=h=tt=evil.test=v@evil.test>", Rule.FOREIGN_RECIPIENT),
        ("<v%evil.test@a.com>", Rule.AMBIGUOUS_RECIPIENT),
        ("<evil.test!v@a.com>", Rule.AMBIGUOUS_RECIPIENT),
        ("<@evil.test:u@a.com>", Rule.AMBIGUOUS_RECIPIENT),
        ('<"v@evil.test"@a.com>', Rule.AMBIGUOUS_RECIPIENT),
        ("<IMCEASMTP-v+40evil.test@a.com>", Rule.AMBIGUOUS_RECIPIENT),
        ("<IMCEAEX-_O=x@a.com>", Rule.AMBIGUOUS_RECIPIENT),
        ("<FAX=+81@a.com>", Rule.AMBIGUOUS_RECIPIENT),
        ("<@a.com:v@evil.test>", Rule.FOREIGN_RECIPIENT),
        ("<|x@a.com>", Rule.UNRESOLVABLE_RECIPIENT),
        ("<" + "h!" * 20 + "u@a.com>", Rule.AMBIGUOUS_RECIPIENT),
        ("<" + "u" * 600 + "@a.com>", Rule.UNRESOLVABLE_RECIPIENT),
        ("<u>", Rule.UNQUALIFIED_RECIPIENT),
        ("<v%evil.test>", Rule.UNQUALIFIED_RECIPIENT),
        ("<>", Rule.MALFORMED_RECIPIENT),
        ("", Rule.MALFORMED_RECIPIENT),
        ("<u@a.com", Rule.MALFORMED_RECIPIENT),
        ("<v@evil.test@a.com>", Rule.MALFORMED_RECIPIENT),
        ("<u@a.com,v@a.com>", Rule.MALFORMED_RECIPIENT),
    ],
)
def test_a_stranger_gets_what_is_ours_and_nothing_else(recipient: str, rule: Rule) -> None:
    for policy in (OURS, RELAY):
        answer = decide(policy, ask(recipient))
        assert answer.rule == rule
        permits = rule in (Rule.OWN_DOMAIN, Rule.POSTMASTER)
        assert answer.action is (Action.PERMIT if permits else Action.REFUSE)


@pytest.mark.parametrize(
    ("parts", "rule"),
    [
        ({"client": ip_address("192.0.2.77")}, Rule.RELAY_NETWORK),
        ({"client": ip_address("::ffff:192.0.2.77")}, Rule.RELAY_NETWORK),
        ({"client": ip_address("2001:db8::7%eth0")}, Rule.RELAY_NETWORK),
        ({"client": ip_address("192.0.3.77")}, Rule.FOREIGN_RECIPIENT),
        ({"client": ip_address("::192.0.2.77")}, Rule.FOREIGN_RECIPIENT),
        ({"user": "alice"}, Rule.AUTHENTICATED),
        ({"user": "bob@a.com"}, Rule.AUTHENTICATED),
        ({"user": "Alice"}, Rule.FOREIGN_RECIPIENT),
        ({"user": ""}, Rule.FOREIGN_RECIPIENT),
        ({"user": UNKNOWN}, Rule.FOREIGN_RECIPIENT),
        ({"client": UNKNOWN}, Rule.UNKNOWN_CLIENT),
        ({"client": UNKNOWN, "user": "alice"}, Rule.AUTHENTICATED),
        ({"client_name": "mail.a.com"}, Rule.FOREIGN_RECIPIENT),
        ({"helo": "mail.a.com"}, Rule.FOREIGN_RECIPIENT),
        ({"reverse_path": b"<u@a.com>"}, Rule.FOREIGN_RECIPIENT),
        ({"reverse_path": b"<>"}, Rule.FOREIGN_RECIPIENT),
    ],
)
def test_who_may_send_out(parts: dict[str, Any], rule: Rule) -> None:
    assert decide(RELAY, ask("<v@evil.test>", **parts)).rule == rule


def test_a_client_that_may_relay_may_use_every_form_that_leads_somewhere() -> None:
    inside = {"client": ip_address("192.0.2.77")}
    assert decide(RELAY, ask("<u@a.com>", **inside)).rule == Rule.OWN_DOMAIN
    assert decide(RELAY, ask("<v%evil.test@a.com>", **inside)).rule == Rule.RELAY_NETWORK
    assert decide(RELAY, ask("<FAX=+81@evil.test>", **inside)).rule == Rule.RELAY_NETWORK
    assert decide(RELAY, ask("<user>", **inside)).rule == Rule.RELAY_NETWORK
    assert decide(RELAY, ask("<|x@a.com>", **inside)).rule == Rule.UNRESOLVABLE_RECIPIENT
    assert decide(RELAY, ask("<|x@evil.test>", **inside)).rule == Rule.UNRESOLVABLE_RECIPIENT
    assert decide(RELAY, ask("<v@evil.test@a.com>", **inside)).rule == Rule.MALFORMED_RECIPIENT


def test_an_ambiguous_recipient_is_told_with_its_second_reading() -> None:
    answer = decide(OURS, ask("<v%evil.test@a.com>"))
    assert answer.why == "also reads as v@evil.test"
    assert answer.params == {"reading": "v@evil.test", "recipient": "v%evil.test@a.com", "form": "percent"}
    assert (answer.code, answer.enhanced) == (550, "5.7.1")
    assert decide(OURS, ask("<FAX=+81@a.com>")).why == "also reads as fax:FAX=+81"


def test_routing_says_which_readings_count() -> None:
    lax = replace(OURS, routing=ALL - {Form.PERCENT, Form.ENCODED})
    assert decide(lax, ask("<v%evil.test@a.com>")).rule == Rule.OWN_DOMAIN
    assert decide(lax, ask("<evil.test!v@a.com>")).rule == Rule.AMBIGUOUS_RECIPIENT


def test_a_recipient_that_nobody_knows_is_refused_even_from_inside() -> None:
    answer = decide(RELAY, ask(b"", client=ip_address("192.0.2.77"), forward_path=UNKNOWN))
    assert (answer.action, answer.rule) == (Action.REFUSE, Rule.UNKNOWN_RECIPIENT)


def test_an_empty_policy_takes_mail_for_the_postmaster_only() -> None:
    assert decide(Policy(), ask("<postmaster>")).rule == Rule.POSTMASTER
    assert decide(Policy(), ask("<postmaster@a.com>")).rule == Rule.FOREIGN_RECIPIENT


def test_text_from_outside_is_a_value_and_no_template() -> None:
    answer = decide(OURS, ask("<{client}@{0.__class__}.test>"))
    assert answer.params["recipient"] == "{client}@{0.__class__}.test"
    assert decide(OURS, ask(b"<\xff{x}@a.com>")).why == "\ufffd{x}@a.com is no address by RFC 5321 (eight-bit)"


# --- the access table -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("table", "parts", "rule"),
    [
        ({"Connect:203.0.113": "REJECT"}, {}, Rule.ACCESS_CONNECT),
        ({"Connect:203.0.113": "REJECT"}, {"client": ip_address("203.0.114.9")}, Rule.OWN_DOMAIN),
        ({"203.0.113.9": "REJECT"}, {}, Rule.ACCESS_CONNECT),
        ({"Connect:[203.0.113.9]": "REJECT"}, {}, Rule.ACCESS_CONNECT),
        ({"Connect:[203.0.113.9]": "REJECT"}, {"client_name": "x.test"}, Rule.OWN_DOMAIN),
        ({"Connect:spam.test": "REJECT"}, {"client_name": "x.spam.test"}, Rule.ACCESS_CONNECT),
        ({"Connect:spam.test": "REJECT"}, {"client_name": "xspam.test"}, Rule.OWN_DOMAIN),
        ({"Connect:x.test": "OK", "Connect:203.0.113": "REJECT"}, {"client_name": "x.test"}, Rule.OWN_DOMAIN),
        ({"Connect:x.test": "SKIP", "Connect:203.0.113": "REJECT"}, {"client_name": "x.test"}, Rule.ACCESS_CONNECT),
        ({"From:sender.test": "REJECT"}, {}, Rule.ACCESS_FROM),
        ({"From:s@": "DISCARD"}, {}, Rule.ACCESS_FROM),
        ({"From:s@": "REJECT"}, {"reverse_path": b'<"s"@x.test>'}, Rule.ACCESS_FROM),
        ({"From:sender.test": "REJECT"}, {"reverse_path": b"<s%sender.test@x.test>"}, Rule.ACCESS_FROM),
        ({"From:sender.test": "REJECT"}, {"reverse_path": b"<s@x@sender.test>"}, Rule.ACCESS_FROM),
        ({"From:sender.test": "REJECT"}, {"reverse_path": b"<>"}, Rule.OWN_DOMAIN),
        ({"To:u@a.com": "REJECT"}, {}, Rule.ACCESS_TO),
        ({"To:u@": "REJECT"}, {}, Rule.ACCESS_TO),
        ({"To:a.com": "OK"}, {}, Rule.OWN_DOMAIN),
        ({"To:a.com": "RELAY"}, {}, Rule.OWN_DOMAIN),
        ({"a.com": "REJECT"}, {}, Rule.ACCESS_TO),
    ],
)
def test_the_access_table_refuses_what_is_ours(table: dict[str, str], parts: dict[str, Any], rule: Rule) -> None:
    assert decide(with_access(table), ask("<u@a.com>", **parts)).rule == rule


def test_quotes_hide_no_recipient_from_the_access_table() -> None:
    assert decide(with_access({"To:u@a.com": "REJECT"}), ask('<"u"@a.com>')).rule == Rule.ACCESS_TO


@pytest.mark.parametrize(
    ("table", "recipient", "parts", "rule"),
    [
        ({"To:evil.test": "RELAY"}, "<v@evil.test>", {}, Rule.ACCESS_TO_RELAY),
        ({"To:evil.test": "RELAY"}, "<v@x.evil.test>", {}, Rule.ACCESS_TO_RELAY),
        ({"To:evil.test": "RELAY"}, "<v%evil.test@a.com>", {}, Rule.OWN_DOMAIN),
        ({"To:evil.test": "RELAY"}, "<v%b.test@evil.test>", {}, Rule.AMBIGUOUS_RECIPIENT),
        ({"To:v@evil.test": "RELAY"}, "<v@evil.test>", {}, Rule.ACCESS_TO_RELAY),
        ({"To:v@evil.test": "RELAY"}, "<w@evil.test>", {}, Rule.FOREIGN_RECIPIENT),
        ({"To:v@": "RELAY"}, "<v@evil.test>", {}, Rule.FOREIGN_RECIPIENT),
        ({"To:evil.test": "OK"}, "<v@evil.test>", {}, Rule.FOREIGN_RECIPIENT),
        ({"To:x.test": "SKIP", "To:test": "RELAY"}, "<v@x.test>", {}, Rule.FOREIGN_RECIPIENT),
        ({"evil.test": "RELAY"}, "<v@evil.test>", {}, Rule.ACCESS_TO_RELAY),
        ({"Connect:203.0.113": "RELAY"}, "<v@evil.test>", {}, Rule.ACCESS_CONNECT_RELAY),
        ({"Connect:203.0.113": "OK"}, "<v@evil.test>", {}, Rule.FOREIGN_RECIPIENT),
        ({"Connect:[203.0.113.9]": "RELAY"}, "<v@evil.test>", {}, Rule.FOREIGN_RECIPIENT),
        ({"Connect:x.test": "RELAY"}, "<v@evil.test>", {"client_name": "y.x.test"}, Rule.ACCESS_CONNECT_RELAY),
        ({"Connect:x.test": "RELAY"}, "<v@evil.test>", {"helo": "x.test"}, Rule.FOREIGN_RECIPIENT),
        ({"Connect:x.test": "RELAY"}, "<v@evil.test>", {"client": UNKNOWN}, Rule.UNKNOWN_CLIENT),
        ({"From:sender.test": "RELAY"}, "<v@evil.test>", {}, Rule.FOREIGN_RECIPIENT),
        ({"Connect:203.0.113": "RELAY"}, "<v%evil.test@a.com>", {}, Rule.ACCESS_CONNECT_RELAY),
        ({"Spam:v@evil.test": "FRIEND"}, "<v@evil.test>", {}, Rule.FOREIGN_RECIPIENT),
        ({"Spam:u@a.com": "FRIEND", "Connect:203": "REJECT"}, "<u@a.com>", {}, Rule.OWN_DOMAIN),
        ({"Spam:u@a.com": "FRIEND", "To:u@a.com": "REJECT"}, "<u@a.com>", {}, Rule.ACCESS_TO),
        ({"Spam:u@a.com": "HATER", "Connect:203": "REJECT"}, "<w@a.com>", {}, Rule.ACCESS_CONNECT),
        ({"Spam:u@a.com": "HATER", "Connect:203": "REJECT"}, "<u@a.com>", {}, Rule.ACCESS_CONNECT),
    ],
)
def test_the_access_table_grants_relaying_and_nothing_more(
    table: dict[str, str], recipient: str, parts: dict[str, Any], rule: Rule
) -> None:
    assert decide(with_access(table), ask(recipient, **parts)).rule == rule


@pytest.mark.parametrize(
    ("side", "action", "code", "enhanced", "text"),
    [
        ("REJECT", Action.REFUSE, 550, "5.7.1", "Access denied"),
        ("DISCARD", Action.REFUSE, 550, "5.7.1", "Access denied"),
        ("QUARANTINE", Action.DEFER, 451, "4.7.1", "Access denied"),
        ("QUARANTINE: wait here", Action.DEFER, 451, "4.7.1", "wait here"),
        ("ERROR:5.1.1:553 no such user", Action.REFUSE, 553, "5.1.1", "no such user"),
        ("ERROR:450 busy", Action.DEFER, 450, "4.7.1", "busy"),
        ("553 gone", Action.REFUSE, 553, "5.7.1", "gone"),
    ],
)
def test_the_reply_is_the_one_that_the_table_names(
    side: str, action: Action, code: int, enhanced: str, text: str
) -> None:
    answer = decide(with_access({"Connect:203.0.113.9": side}), ask("<u@a.com>"))
    assert (answer.action, answer.code, answer.enhanced, answer.text) == (action, code, enhanced, text)
    assert answer.params["key"] == "Connect:203.0.113.9"


def test_a_refused_mailbox_has_its_own_reply() -> None:
    answer = decide(with_access({"To:u@a.com": "REJECT"}), ask("<u@a.com>"))
    assert (answer.code, answer.enhanced, answer.text) == (550, "5.2.1", "Mailbox disabled for this recipient")


# --- what is unknown --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("table", "unknown", "rule"),
    [
        ({"Connect:198.51.100": "REJECT"}, {"client": UNKNOWN}, Rule.CLIENT_MISSING),
        ({"Connect:198.51.100": "REJECT"}, {"client": UNKNOWN, "client_name": UNKNOWN}, Rule.CLIENT_MISSING),
        (
            {"Connect:x.test": "OK", "Connect:198": "REJECT"},
            {"client": UNKNOWN, "client_name": "x.test"},
            Rule.OWN_DOMAIN,
        ),
        ({"From:x.test": "REJECT"}, {"client": UNKNOWN}, Rule.OWN_DOMAIN),
        ({"Connect:x.test": "REJECT"}, {"client_name": UNKNOWN}, Rule.CLIENT_NAME_MISSING),
        ({"Connect:x.test": "RELAY"}, {"client_name": UNKNOWN}, Rule.OWN_DOMAIN),
        ({"From:x.test": "REJECT"}, {"reverse_path": UNKNOWN}, Rule.UNKNOWN_SENDER),
        ({"From:x.test": "OK"}, {"reverse_path": UNKNOWN}, Rule.OWN_DOMAIN),
        ({"From:x.test": "REJECT"}, {"reverse_path": b"<" + b"s" * 999 + b"@y.test>"}, Rule.UNKNOWN_SENDER),
        ({"From:x.test": "REJECT"}, {"helo": UNKNOWN, "tls": UNKNOWN, "user": UNKNOWN}, Rule.OWN_DOMAIN),
    ],
)
def test_what_is_unknown_never_permits(table: dict[str, str], unknown: dict[str, Any], rule: Rule) -> None:
    assert decide(with_access(table), ask("<u@a.com>", **unknown)).rule == rule


def test_a_name_that_could_let_relay_is_waited_for() -> None:
    policy, need = with_access({"Connect:x.test": "RELAY"}), name_need(STRANGER)
    asked = ask("<v@evil.test>", client_name=UNKNOWN)
    assert decide(policy, asked).rule == Rule.CLIENT_NAME_MISSING
    assert decide(policy, asked, {need: Fact(failed=True)}).action is Action.DEFER
    assert decide(policy, asked, {need: Fact("y.x.test")}).rule == Rule.ACCESS_CONNECT_RELAY
    assert decide(policy, asked, {need: Fact("")}).rule == Rule.FOREIGN_RECIPIENT
    assert decide(policy, ask("<|x@evil.test>", client_name=UNKNOWN)).rule == Rule.FOREIGN_RECIPIENT


# --- look-ups ---------------------------------------------------------------------------------------------------------
LISTED = replace(RELAY, refuse_listed=("one.test", "two.test"))
ONE, TWO = listed_need("one.test", STRANGER), listed_need("two.test", STRANGER)


def test_blocklists() -> None:
    asked = ask("<u@a.com>")
    clean, listed, failed = Fact(), Fact("127.0.0.2"), Fact("127.0.0.2", failed=True)
    assert decide(LISTED, asked, {ONE: clean, TWO: clean}).rule == Rule.OWN_DOMAIN
    answer = decide(LISTED, asked, {TWO: listed})
    assert (answer.rule, answer.params["zone"]) == (Rule.LISTED_CLIENT, "two.test")
    answer = decide(LISTED, asked, {ONE: clean})
    assert (answer.rule, answer.params["zone"], answer.action) == (Rule.BLOCKLIST_MISSING, "two.test", Action.DEFER)
    assert decide(LISTED, asked, {ONE: failed, TWO: clean}).rule == Rule.BLOCKLIST_MISSING
    lax = replace(LISTED, on_failure=OnFailure.IGNORE)
    assert decide(lax, asked, {ONE: failed}).rule == Rule.OWN_DOMAIN
    assert decide(lax, asked, {ONE: failed, TWO: listed}).rule == Rule.LISTED_CLIENT


def test_who_is_not_held_against_a_blocklist() -> None:
    assert decide(LISTED, ask("<u@a.com>", user="alice")).rule == Rule.OWN_DOMAIN
    assert decide(LISTED, ask("<v@evil.test>", client=ip_address("192.0.2.7"))).rule == Rule.RELAY_NETWORK
    for side in ("OK", "RELAY"):
        excused = with_access({"Connect:203.0.113": side}, refuse_listed=("one.test",))
        assert decide(excused, ask("<u@a.com>")).rule == Rule.OWN_DOMAIN
    assert decide(LISTED, ask("<u@a.com>", client=UNKNOWN)).rule == Rule.CLIENT_MISSING
    assert decide(LISTED, ask("<v@evil.test>")).rule == Rule.FOREIGN_RECIPIENT


RESOLVING = replace(OURS, sender_must_resolve=True)
SENDER = sender_need("sender.test")


def test_senders_that_must_exist() -> None:
    asked = ask("<u@a.com>")
    assert decide(RESOLVING, asked, {SENDER: Fact("yes")}).rule == Rule.OWN_DOMAIN
    assert decide(RESOLVING, asked, {SENDER: Fact("")}).rule == Rule.UNRESOLVABLE_SENDER
    assert decide(RESOLVING, asked, {SENDER: Fact("yes", failed=True)}).rule == Rule.SENDER_DOMAIN_MISSING
    assert decide(RESOLVING, asked).action is Action.DEFER
    lax = replace(RESOLVING, on_failure=OnFailure.IGNORE)
    assert decide(lax, asked).rule == Rule.OWN_DOMAIN


@pytest.mark.parametrize(
    ("reverse_path", "rule"),
    [
        (b"<>", Rule.OWN_DOMAIN),
        (b"<s>", Rule.OWN_DOMAIN),
        (b"<s@[192.0.2.1]>", Rule.OWN_DOMAIN),
        (b"<s@a.com>", Rule.OWN_DOMAIN),
        (b"<s@b@c.test>", Rule.UNRESOLVABLE_SENDER),
        (UNKNOWN, Rule.UNKNOWN_SENDER),
    ],
)
def test_senders_whose_domain_nobody_looks_up(reverse_path: Any, rule: Rule) -> None:
    assert decide(RESOLVING, ask("<u@a.com>", reverse_path=reverse_path)).rule == rule


def test_who_is_not_asked_for_a_sender_that_exists() -> None:
    policy = with_access({"From:sender.test": "OK"}, sender_must_resolve=True)
    assert decide(policy, ask("<u@a.com>")).rule == Rule.OWN_DOMAIN
    inside = replace(RELAY, sender_must_resolve=True)
    assert decide(inside, ask("<u@a.com>", client=ip_address("192.0.2.7"))).rule == Rule.OWN_DOMAIN


# --- the rules themselves ---------------------------------------------------------------------------------------------
def test_every_rule_has_a_name_a_sentence_and_a_reply_that_fit_together() -> None:
    assert set(VERDICTS) == set(Rule)
    for rule, verdict in VERDICTS.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule)
        assert verdict.why
        first = {Action.PERMIT: 0, Action.DEFER: 4, Action.REFUSE: 5}[verdict.action]
        assert verdict.code // 100 == first
        assert verdict.enhanced[:1] == (str(first) if first else "")
        assert verdict.text.isascii()

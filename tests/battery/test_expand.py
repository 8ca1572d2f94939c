# SPDX-License-Identifier: Apache-2.0
"""Expansion: what goes on the wire, how far, and why a row can't be asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fumidai.battery.attempt import ControlKind
from fumidai.battery.batteries import battery, select
from fumidai.battery.expand import controls, decoy_for, expand
from fumidai.battery.load import catalogue, used_words
from fumidai.battery.row import Entry, Reach, RowClass, StepKind
from fumidai.evidence.outcome import Reason
from fumidai.evidence.token import Role
from fumidai.policy.request import UNKNOWN, Action
from tests.battery.grounds import BARE, V4, V6, decide, mint
from tests.battery.test_load import REQUIRED

EVERYTHING = tuple(replace(entry, named=True) for entry in battery("full"))


def one(name, ground=V4, **more):
    attempts, void = expand([Entry(catalogue()[name], named=True)], ground, decide, mint, 7, **more)
    assert len(attempts) + len(void) == 1
    return attempts[0] if attempts else void[0].reason


def said(attempt):
    return [step.data for step in attempt.script]


def test_the_plain_triple_with_its_message():
    attempt = one("plain-foreign")
    assert said(attempt) == [
        b"MAIL FROM:<toks00007z@proof.example>\r\n",
        b"RCPT TO:<tokr00007z@proof.example>\r\n",
        b"DATA\r\n",
        b"",
    ]
    assert attempt.plain
    assert attempt.tokens == {Role.RECIPIENT: "tokr00007z", Role.SENDER: "toks00007z", Role.HEADER: "tokh00007z"}
    assert attempt.request.client == IPv4Address("198.51.100.7")
    assert attempt.request.helo == "tester.example"
    assert attempt.request.reverse_path == b"<toks00007z@proof.example>"
    assert attempt.request.forward_path == b"<tokr00007z@proof.example>"
    assert attempt.expected.action is Action.REFUSE


@pytest.mark.parametrize("ground", [V4, V6], ids=["v4", "v6"])
@pytest.mark.parametrize("family", REQUIRED)
def test_every_required_family_expands(ground, family):
    attempts, _ = expand(select("full", families=[family]), ground, decide, mint, 1)
    assert attempts


@pytest.mark.parametrize("ground", [V4, V6, BARE, replace(V4, encrypted=True)], ids=["v4", "v6", "bare", "tls"])
def test_nothing_is_lost_numbers_rise_and_expansion_is_the_same_twice(ground):
    attempts, void = expand(EVERYTHING, ground, decide, mint, 100)
    numbers = sorted([item.number for item in attempts] + [item.number for item in void])
    assert numbers == list(range(100, 100 + len(EVERYTHING)))
    assert (attempts, void) == expand(EVERYTHING, ground, decide, mint, 100)


@pytest.mark.parametrize("ground", [V4, V6, BARE], ids=["v4", "v6", "bare"])
def test_lines_end_in_crlf_and_hold_no_braces(ground):
    for attempt in expand(EVERYTHING, ground, decide, mint, 1)[0]:
        for step in attempt.script:
            assert step.data == b"" or step.data.endswith(b"\r\n"), attempt.test.id
            assert b"{" not in step.data, attempt.test.id
            assert len(step.data) < 2000, attempt.test.id


def test_no_two_attempts_say_the_same():
    neutral = []
    for attempt in expand(EVERYTHING, V4, decide, mint, 1)[0]:
        steps = [
            (
                step.data.replace(b"%05d" % attempt.number, b"#"),
                step.kind,
                step.glued,
                step.dribble,
                step.header_lines and attempt.number,
            )
            for step in attempt.script
        ]
        neutral.append((attempt.early, repr(steps)))
    assert not [question for question, count in Counter(neutral).items() if count > 1]


def test_equal_names_are_asked_once():
    same = replace(V4, host="target.example", ptr="TARGET.example")
    _, void = expand(select("full", families=["percent-hack"]), same, decide, mint, 1)
    reasons = {item.test.id: item.reason for item in void}
    assert reasons["pct-domain"] is reasons["pct-ptr"] is Reason.SAME_QUESTION
    assert "pct-host" not in reasons


def test_a_row_that_a_control_asks_is_not_asked_again():
    assert one("scope-unknown-local") is Reason.SAME_QUESTION


def test_every_token_is_minted_once_and_stands_where_its_role_says():
    minted = []

    def once(number, role):
        minted.append((number, role))
        return mint(number, role)

    attempts, _ = expand(EVERYTHING, V4, decide, once, 1)
    assert len(minted) == len(set(minted)) == sum(len(attempt.tokens) for attempt in attempts)
    for attempt in attempts:
        said = (step.data + b"".join(step.header_lines) + step.tail for step in attempt.script)
        wire = b"".join(said).lower()
        for role in (Role.RECIPIENT, Role.SENDER):
            assert (mint(attempt.number, role).encode() in wire) == (role in attempt.tokens), attempt.test.id
        assert Role.HEADER in attempt.tokens


def test_a_bounce_can_never_carry_the_token_of_the_recipient_but_where_sender_and_recipient_are_one():
    for attempt in expand(EVERYTHING, V4, decide, mint, 1)[0]:
        if isinstance(attempt.request.reverse_path, bytes) and attempt.test.id != "plain-self":
            assert mint(attempt.number, Role.RECIPIENT).encode() not in attempt.request.reverse_path, attempt.test.id


# -- how far ----------------------------------------------------------------------------------------------------------


def reaches_data(attempt):
    return attempt.script[-1].kind is StepKind.MESSAGE


def test_without_proof_or_with_rcpt_only_nothing_is_handed_over():
    for attempts, _ in (
        expand(EVERYTHING, replace(V4, sending=False), decide, mint, 1),
        expand(EVERYTHING, V4, decide, mint, 1, rcpt_only=True),
    ):
        assert attempts
        assert not any(step.kind in (StepKind.DATA, StepKind.MESSAGE) for item in attempts for step in item.script)


def test_rcpt_rows_end_at_rcpt():
    for attempt in expand(EVERYTHING, V4, decide, mint, 1)[0]:
        if attempt.test.reach is Reach.RCPT:
            assert attempt.script[-1].kind is StepKind.RCPT, attempt.test.id


def test_announced_names_that_do_not_lead_to_the_target_end_at_rcpt():
    strange = replace(V4, own_names=frozenset())
    assert reaches_data(one("pct-host"))
    assert not reaches_data(one("pct-host", strange))
    assert not reaches_data(one("sender-hostname", strange))
    assert not reaches_data(one("sender-ptr", strange))
    assert reaches_data(one("pct-domain", strange))


@pytest.mark.parametrize(
    "name", ["state-local-then-foreign", "lex-two-angles", "lex-semicolon", "at-comma-list", "lex-lf-only"]
)
def test_a_transaction_with_the_postmaster_in_it_ends_at_rcpt(name):
    assert reaches_data(one(name))
    nobody = one(name, replace(V4, local_user=""))
    assert b"postmaster@target.example" in b"".join(said(nobody))
    assert not reaches_data(nobody)


def test_a_transaction_that_was_given_up_does_not_count():
    attempt = one("state-rset-leak", replace(V4, local_user=""))
    assert reaches_data(attempt)
    assert b"RCPT TO:<postmaster@target.example>\r\n" in said(attempt)


# -- why not ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "ground", "reason"),
    [
        ("pct-domain", replace(V4, domain=""), Reason.NO_DOMAIN),
        ("sender-domain-real", replace(V4, local_user=""), Reason.NO_LOCAL_USER),
        ("state-header-bcc", replace(V4, local_user=""), Reason.NO_LOCAL_USER),
        ("state-header-bcc", replace(V4, sending=False), Reason.NO_PROOF),
        ("pct-host", replace(V4, host=""), Reason.NO_NAME),
        ("pct-ptr", replace(V4, ptr=""), Reason.NO_NAME),
        ("pct-bare-ip", V6, Reason.NO_IPV4),
        ("lit-proof-ip", replace(V4, sink4=None), Reason.NO_IPV4),
        ("lit-proof-ip6", replace(V4, sink6=None), Reason.NO_IPV6),
        ("u-fullwidth-at", replace(V4, extensions=frozenset()), Reason.NO_EXTENSION),
        ("state-starttls-only", replace(V4, extensions=frozenset()), Reason.NO_EXTENSION),
        ("bdat-single", replace(V4, extensions=frozenset()), Reason.NO_EXTENSION),
        ("bdat-zero", replace(V4, sending=False), Reason.NO_PROOF),
        ("state-starttls-only", replace(V4, encrypted=True), Reason.SAME_QUESTION),
        ("scope-mx-anyone", replace(V4, mx_domain=""), Reason.NO_MX_DOMAIN),
        ("sender-random-sub", BARE, Reason.NO_NAME),
        ("auth-any", V4, Reason.NOT_RUN_YET),
    ],
)
def test_why_a_row_does_not_apply(name, ground, reason):
    assert one(name, ground) is reason


def test_slow_and_dangerous_rows_wait_to_be_named():
    _, void = expand(battery("full"), V4, decide, mint, 1)
    reasons = {item.test.id: item.reason for item in void}
    assert reasons["state-error-limit"] is Reason.SLOW
    assert reasons["pipe-local"] is Reason.OPT_IN
    assert not isinstance(one("state-error-limit"), Reason)
    assert not isinstance(one("pipe-local"), Reason)


def test_no_row_is_void_on_the_richest_ground_but_for_a_known_reason():
    _, void = expand(EVERYTHING, V4, decide, mint, 1)
    assert {item.test.id: item.reason for item in void} == {
        "pct-backup-mx": Reason.SAME_QUESTION,
        "atat-virtual-catchall": Reason.SAME_QUESTION,
        "q-percent-inside": Reason.SAME_QUESTION,
        "lit-self-pct": Reason.SAME_QUESTION,
        "helo-partner": Reason.SAME_QUESTION,
        "scope-mx-wild": Reason.SAME_QUESTION,
        "scope-unknown-local": Reason.SAME_QUESTION,
        "u-normalization": Reason.NO_DOMAIN,
        "scope-parent": Reason.NO_DOMAIN,
        "scope-sibling": Reason.NO_DOMAIN,
    }


# -- scripts ----------------------------------------------------------------------------------------------------------


def test_an_address_literal_of_ipv6_carries_its_tag():
    assert b"@[IPv6:2001:db8:25::25]>" in said(one("pct-ip", V6))[1]
    assert said(one("helo-own-ip", V6))[0] == b"HELO [IPv6:2001:db8:25::25]\r\n"


def test_a_row_that_greets_by_itself_is_asked_as_the_name_it_gave():
    attempt = one("helo-own-domain")
    assert said(attempt)[0] == b"HELO target.example\r\n"
    assert attempt.request.helo == "target.example"
    assert not attempt.plain
    assert one("helo-missing").request.helo is None
    assert one("helo-ehlo-switch").request.helo == "tester.example"


def test_a_whole_line_stands_as_it_is():
    assert said(one("lex-verb-case"))[1] == b"rcpt to:<tokr00007z@proof.example>\r\n"
    assert said(one("lex-no-colon"))[1] == b"RCPT TO <tokr00007z@proof.example>\r\n"
    assert said(one("sender-empty-noangle"))[0] == b"MAIL FROM:\r\n"
    assert one("lex-no-colon").rcpt_to == "<tokr00007z@proof.example>"
    assert one("sender-bare-address").mail_from == "toks00007z@proof.example"


def test_parameters_are_no_part_of_the_reverse_path():
    attempt = one("u-smtputf8-mail")
    assert said(attempt)[0] == b"MAIL FROM:<toks00007z@proof.example> SMTPUTF8\r\n"
    assert attempt.request.reverse_path == b"<toks00007z@proof.example>"


def test_raw_bytes():
    assert said(one("lex-nul"))[1] == b"RCPT TO:<tokr00007z@proof.example\x00@target.example>\r\n"
    assert said(one("u-overlong-at"))[1] == b"RCPT TO:<tokr00007z\xc1\x80proof.example@target.example>\r\n"
    assert "\uff20".encode() in said(one("u-fullwidth-at"))[1]


def test_the_policy_is_asked_about_the_last_command_of_a_doubled_line():
    attempt = one("lex-lf-only")
    assert said(attempt)[1] == b"RCPT TO:<user@target.example>\nRCPT TO:<tokr00007z@proof.example>\r\n"
    assert attempt.request.forward_path == b"<tokr00007z@proof.example>"
    assert attempt.script[1].answers == (1, 2)


def test_a_row_without_rcpt_is_about_its_recipient():
    attempt = one("state-data-no-rcpt")
    assert [step.kind for step in attempt.script] == [StepKind.MAIL, StepKind.DATA, StepKind.MESSAGE]
    assert attempt.script[2].header_lines == (b"To: <tokr00007z@proof.example>",)
    assert attempt.request.forward_path == b"<tokr00007z@proof.example>"


def test_a_local_message_is_marked_as_one():
    attempt = one("state-header-bcc")
    assert [(step.kind, step.local) for step in attempt.script[1:]] == [
        (StepKind.RCPT, True),
        (StepKind.DATA, True),
        (StepKind.MESSAGE, True),
    ]
    assert attempt.request.forward_path == b"<user@target.example>"
    assert attempt.expected.action is Action.PERMIT


def test_early_bytes_repeats_pauses_and_connections():
    early = one("state-early-talk")
    assert early.early == b"DATA\r\n"
    assert early.script[0].answers == (0, 1)
    assert one("state-many-local-then-foreign").script[:-3].count(one("state-many-local-then-foreign").script[2]) == 11
    again = one("state-second-attempt").script[2]
    assert (again.kind, again.pause) == (StepKind.RECONNECT, 420)
    assert one("state-slow-dribble").script[1].dribble
    assert one("state-starttls-inject").script[0].glued


def test_behind_nat_the_client_is_unknown():
    assert one("plain-foreign", replace(V4, source=None)).request.client is UNKNOWN


def test_tls_is_part_of_the_question():
    assert one("plain-foreign", replace(V4, encrypted=True)).request.tls is True
    assert one("state-starttls-only").request.tls is True
    assert one("plain-foreign").request.tls is False


def test_a_plain_mailbox_at_the_own_literal_is_the_server_s_own():
    assert one("lit-self").expected.action is Action.PERMIT
    assert one("lit-self", V6).expected.action is Action.PERMIT
    assert one("scope-no-at").expected.action is Action.PERMIT
    assert one("lit-proof-ip").expected.action is Action.REFUSE
    assert one("pct-ip").expected.action is Action.REFUSE


# -- controls and decoys ----------------------------------------------------------------------------------------------


def test_controls_with_a_domain():
    postmaster, unknown, decoy = controls(V4, decide, mint, 1)
    assert [item.control for item in (postmaster, unknown, decoy)] == list(ControlKind)
    assert postmaster.rcpt_to == "<postmaster@target.example>"
    assert unknown.rcpt_to.endswith("@target.example>")
    assert "%" in decoy.rcpt_to
    assert decoy.rcpt_to.endswith(".invalid@target.example>")
    assert [reaches_data(item) for item in (postmaster, unknown, decoy)] == [False, True, False]
    assert Role.SENDER in unknown.tokens
    assert Role.RECIPIENT not in unknown.tokens


def test_controls_without_a_domain():
    found = controls(replace(BARE, address=V6.address), decide, mint, 1)
    assert found[0].rcpt_to == "<postmaster>"
    assert all(item.rcpt_to.endswith("@[IPv6:2001:db8:25::25]>") for item in found[1:])
    assert not any(reaches_data(item) for item in found)


def test_a_decoy_has_the_shape_the_sender_and_nobody_s_address():
    attempt = one("pct-domain")
    decoy = decoy_for(attempt, V4, 900)
    assert decoy is not None
    assert decoy.number == 900
    assert decoy.decoy_of == attempt.number
    assert decoy.control is ControlKind.DECOY
    assert decoy.mail_from == attempt.mail_from
    assert decoy.rcpt_to.count("%") == 1
    assert decoy.rcpt_to.endswith(".invalid@target.example>")
    assert decoy.tokens == {}
    assert not reaches_data(decoy)


def test_decoys_are_for_l_and_n_rows_and_hold_nothing_of_ours_in_the_recipient():
    for attempt in expand(EVERYTHING, V4, decide, mint, 1)[0]:
        decoy = decoy_for(attempt, V4, 9000)
        if attempt.test.row_class not in (RowClass.LOCAL, RowClass.MALFORMED):
            assert decoy is None
            continue
        assert decoy is not None
        assert decoy.script[-1].kind is StepKind.RCPT
        assert isinstance(decoy.request.forward_path, bytes)
        for ours in (b"tokr", b"proof.example", b"198.51.100.8", b"backup.example"):
            assert ours not in decoy.request.forward_path.lower(), attempt.test.id


# -- any ground -------------------------------------------------------------------------------------------------------

LABEL = st.text(alphabet="abcdefghijklmnopqrstuvwxyzABC0123456789", min_size=1, max_size=10)
NAME = st.lists(LABEL, min_size=0, max_size=3).map(".".join)


@settings(max_examples=25, deadline=None)
@given(NAME, NAME, NAME, st.booleans(), st.sampled_from(["", "user@t.example"]), st.ip_addresses())
def test_any_ground_expands_without_an_error_and_without_strangers(host, ptr, domain, sending, user, address):
    ground = replace(V4, host=host, ptr=ptr, domain=domain, sending=sending, local_user=user, address=address)
    attempts, void = expand(EVERYTHING, ground, decide, mint, 1)
    assert len(attempts) + len(void) == len(EVERYTHING)
    announced = {"host", "ptr", "name"}
    for attempt in (*attempts, *controls(ground, decide, mint, 1)):
        if used_words(attempt.test) & announced and not {host.lower(), ptr.lower()} & {"", domain.lower()}:
            assert not reaches_data(attempt)
        assert sending or not reaches_data(attempt)

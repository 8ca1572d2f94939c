# SPDX-License-Identifier: Apache-2.0
"""Tokens are found wherever mail may carry them, and nothing that was altered is taken for one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.evidence.token import MAX_ATTEMPT, Role, Token, TokenKey, find_tokens, make_token, run_mark

KEY = TokenKey(b"k" * 32)
OTHER = TokenKey(b"o" * 32)

runs = st.binary(min_size=5, max_size=5)
attempts = st.integers(0, MAX_ATTEMPT)
roles = st.sampled_from(Role)
tokens = st.builds(lambda run, attempt, role: make_token(KEY, run, attempt, role), runs, attempts, roles)

FORMS = (
    "{}",
    "<{}@proof.example.net>",
    '"{}@proof.example.net"@a.com',
    "{}%proof.example.net@a.com",
    "proof.example.net!{}",
    "<@a.com:{}@proof.example.net>",
    "SRS0=HHH=TT=proof.example.net={}@a.com",
    "SRS0+4a5b=XY=proof.example.net={}@relay.example",
    "bounces+{}=proof.example.net@a.com",
    "prvs=4612345678={}@proof.example.net",
    "IMCEASMTP-{}+40proof+2Eexample+2Enet@a.com",
    "=?utf-8?Q?relay_test=20{}=20?=",
    "fmfmfm{}fm",
    "aaaa{}zzzz",
)


@given(runs, attempts, roles)
def test_a_token_says_what_was_put_into_it(run, attempt, role):
    text = make_token(KEY, run, attempt, role)
    assert find_tokens(KEY, text) == (Token(text, run, attempt, role),)


@given(tokens)
def test_a_token_fits_into_any_local_part(text):
    assert len(text) <= 40
    assert text.isascii()
    assert text.isalnum()
    assert text == text.lower()
    assert text[0].isalpha()


@given(tokens, st.sampled_from(FORMS), st.sampled_from([str.lower, str.upper, str.swapcase, str.title]))
def test_it_is_found_in_every_form_and_case(text, form, recase):
    assert [token.text for token in find_tokens(KEY, recase(form.format(text)))] == [text]


@given(st.binary(max_size=300), tokens, st.binary(max_size=300))
def test_it_is_found_inside_any_bytes(before, text, after):
    assert text in [token.text for token in find_tokens(KEY, before + text.encode() + after)]


@given(st.text(max_size=100), tokens, st.text(max_size=100))
def test_it_is_found_inside_any_text(before, text, after):
    assert text in [token.text for token in find_tokens(KEY, before + text + after)]


@given(st.lists(tokens, min_size=1, max_size=5, unique=True))
def test_several_are_found_once_each_in_their_order(texts):
    line = " ".join([*texts, *texts])
    assert [token.text for token in find_tokens(KEY, line)] == texts


@given(tokens, st.integers(0, 25), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_one_altered_letter_makes_it_nothing(text, place, letter):
    altered = text[:place] + letter + text[place + 1 :]
    expected = [text] if altered == text else []
    assert [token.text for token in find_tokens(KEY, altered)] == expected


@given(tokens, st.integers(1, 25))
def test_a_part_of_it_is_nothing(text, cut):
    assert find_tokens(KEY, text[:cut]) == ()
    assert find_tokens(KEY, text[:cut] + "\r\n " + text[cut:]) == ()


@given(tokens)
def test_another_key_does_not_know_it(text):
    assert find_tokens(OTHER, text) == ()


@given(st.binary(max_size=2000))
def test_noise_holds_no_token(noise):
    assert find_tokens(KEY, noise) == ()


def test_letters_that_only_look_alike_do_not_count():
    text = make_token(KEY, b"12345", 7, Role.SENDER)
    assert find_tokens(KEY, text.replace("f", "\uff46", 1)) == ()
    assert find_tokens(KEY, text.replace("k", "\u212a")) == (() if "k" in text else find_tokens(KEY, text))


@given(runs, attempts, roles)
def test_a_run_is_found_by_its_mark(run, attempt, role):
    assert make_token(KEY, run, attempt, role).startswith(run_mark(run))
    assert len(run_mark(run)) == 10


def test_a_mebibyte_of_false_tokens_costs_little():
    true = make_token(KEY, b"12345", 1, Role.HEADER)
    started = time.process_time()
    assert find_tokens(KEY, true.encode() + b"fm" * 524_288)[0].text == true
    assert time.process_time() - started < 2.0


def test_arguments_that_do_not_fit_are_refused():
    with pytest.raises(ValueError):
        make_token(KEY, b"1234", 1, Role.RECIPIENT)
    for attempt in (-1, MAX_ATTEMPT + 1):
        with pytest.raises(ValueError):
            make_token(KEY, b"12345", attempt, Role.RECIPIENT)
    with pytest.raises(ValueError):
        TokenKey(b"short")


def test_the_fingerprint_names_the_key_and_does_not_tell_it():
    assert KEY.fingerprint != OTHER.fingerprint
    assert len(bytes.fromhex(KEY.fingerprint)) == 6
    assert KEY.secret.hex() not in KEY.fingerprint
    assert "kkkk" not in repr(KEY)

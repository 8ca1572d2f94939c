# SPDX-License-Identifier: Apache-2.0
"""Words: what stands in braces comes out as the right bytes, or is known to be missing."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.battery import words
from tests.battery.grounds import BARE, V4, V6


def test_raw_bytes_and_words_and_text():
    assert words.fill("a{x00}{xff}{one}ü{two}", {"one": "1", "two": ""}) == b"a\x00\xff1\xc3\xbc"


def test_a_word_without_value_is_an_error_not_an_empty_string():
    with pytest.raises(KeyError):
        words.fill("{host}", words.of_ground(BARE))


@given(st.text(alphabet=st.characters(exclude_characters="{}", codec="utf-8")))
def test_text_without_braces_goes_out_as_utf8(text):
    assert words.fill(text, {}) == text.encode()


def test_literals_of_both_families():
    assert words.of_ground(V4)["ip"] == "192.0.2.25"
    assert words.of_ground(V6)["ip"] == "IPv6:2001:db8:25::25"


def test_the_proof_domain_inside_another_address():
    assert words.of_ground(V4)["pd"] == "proof.example"
    assert words.of_ground(BARE)["pd"] == "198.51.100.7"
    assert "pd-zone" not in words.of_ground(BARE)
    six = words.of_ground(replace(BARE, proof_domain="[IPv6:2001:db8::1]"))
    assert "pd" not in six


def test_numbers_of_the_sink():
    found = words.of_ground(replace(V4, sink4=IPv4Address("192.0.2.1")))
    assert (found["sink4-decimal"], found["sink4-hex"]) == ("3221225985", "0xc0000201")


@pytest.mark.parametrize(
    ("domain", "parent", "tld"),
    [
        ("a.example", None, "example"),
        ("b.a.example", "a.example", "example"),
        ("example", None, None),
        ("", None, None),
    ],
)
def test_the_domain_above(domain, parent, tld):
    found = words.of_ground(replace(V4, domain=domain))
    assert (found.get("parent"), found.get("tld")) == (parent, tld)


def test_only_an_internationalised_domain_decomposes():
    assert "domain-nfd" not in words.of_ground(V4)
    assert words.of_ground(replace(V4, domain="xn--bcher-kva.example"))["domain-nfd"] == "bu\u0308cher.example"
    assert "domain-nfd" not in words.of_ground(replace(V4, domain="xn--a.example"))


def test_known_is_the_named_user_or_the_postmaster():
    assert words.of_ground(V4)["known"] == "user@target.example"
    assert words.of_ground(replace(V4, local_user=""))["known"] == "postmaster@target.example"
    assert "known" not in words.of_ground(BARE)


@given(st.text(max_size=20), st.integers(1, 1 << 22))
def test_a_nonce_is_a_label_and_stays_the_same(run, number):
    made = words.nonce(run, number)
    assert made == words.nonce(run, number)
    assert made.isascii()
    assert made.isalnum()
    assert made[0].isalpha()
    assert len(made) == 12


def test_nonces_differ():
    assert len({words.nonce("run", number, part) for number in range(500) for part in ("", "domain")}) == 1000

# SPDX-License-Identifier: Apache-2.0
"""Law 6: whatever a peer says, nothing of it can act on a terminal, a log or a header."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.report.escape import clip, encodable_in, lines_of, raw, show

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def is_safe(text: str) -> bool:
    """No control, no format character (bidi, zero-width, tags), no line break of Unicode, no surrogate."""
    bad = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return all(unicodedata.category(character) not in bad for character in text)


@given(st.binary())
def test_any_bytes_are_safe(data):
    assert is_safe(show(data))


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_is_safe_and_shown_twice_reads_the_same(text):
    once = show(text)
    assert is_safe(once)
    assert show(once) == once


@given(st.text(), st.sampled_from(["ascii", "latin-1", "cp932", "euc_jp", "koi8-r", "no-such-encoding"]))
def test_the_output_can_always_encode_it(text, encoding):
    shown = show(text, encodable=encodable_in(encoding))
    shown.encode("ascii" if encoding == "no-such-encoding" else encoding)


@pytest.mark.parametrize(
    "character", ["\0", "\t", "\n", "\r", "\x1b", "\x7f", "\x85", "\x9b", *BIDI, "\u200b", "\ufeff"]
)
def test_dangerous_characters_are_written_as_escapes(character):
    shown = show(f"a{character}b")
    assert shown.isascii()
    assert shown[:2] == "a\\"
    assert shown.endswith(f"{ord(character):x}b")


def test_each_kind_of_escape():
    assert show(b"\x1b[2J") == "\\x1b[2J"
    assert show(b"caf\xe9 \xff") == "caf\\xe9 \\xff"
    assert show("\u202e\U000e0001") == "\\u202e\\U000e0001"
    assert show("\u3164\ufe0f") == "\\u3164\\ufe0f"


def test_what_can_be_read_is_kept():
    assert show("踏み台 café Ж".encode()) == "踏み台 café Ж"
    assert show("250 2.1.5 Ok") == "250 2.1.5 Ok"


def test_an_output_without_the_character_gets_its_escape():
    assert show("é踏", encodable=encodable_in("ascii")) == "\\xe9\\u8e0f"
    assert show("✗踏", encodable=encodable_in("cp932")) == "\\u2717踏"


def test_a_combining_mark_joins_nothing_of_ours():
    assert show("\u0301a") == "\\u0301a"
    assert show("a\u0301") == "a\u0301"


def test_a_limit_counts_what_it_leaves_out():
    assert show(b"x" * 100, limit=10) == "xxxxxxxxxx...(+90)"
    assert clip("abc", 3) == "abc"


def test_lines_show_a_bare_line_feed():
    assert lines_of(b"250-a\r\n250 b\n") == [b"250-a", b"250 b\n"]
    assert lines_of(b"") == []
    assert show(lines_of(b"x\ny\r\n")[0]) == "x\\x0a"


@given(st.binary())
def test_lines_lose_nothing_but_crlf(data):
    assert b"".join(lines_of(data)) == data.replace(b"\r\n", b"")


def test_raw_gives_bytes_back():
    assert raw("caf\xc3\xa9") == "café".encode()
    assert raw("踏") == "踏"

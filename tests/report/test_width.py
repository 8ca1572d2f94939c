# SPDX-License-Identifier: Apache-2.0
"""Lines fit, lose nothing, and never begin with a closing mark."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fumidai.report.width import cells, pad, wrap

WORDS = st.text(alphabet="abc@%<>.踏み台。、「」é", min_size=1, max_size=40)


@given(st.lists(WORDS, min_size=1, max_size=12), st.integers(20, 100))
def test_every_line_fits_and_no_character_is_lost(words, width):
    lines = wrap(" ".join(words), width, first="> ", rest="  ")
    assert all(cells(line) <= width for line in lines)
    assert "".join(line[2:] for line in lines).replace(" ", "") == "".join(words)


def test_a_wide_character_takes_two_columns():
    assert cells("踏み台a") == 7
    assert cells("e\u0301") == 1
    assert cells("·") == 1
    assert cells("·", ambiguous=2) == 2
    assert pad("踏み", 6) == "踏み  "
    assert pad("abcdef", 3) == "abcdef"


def test_an_address_is_broken_not_cut():
    address = "<" + "a" * 64 + "@example.com>"
    lines = wrap(f"RCPT TO:{address}", 40, rest="    ")
    assert len(lines) > 1
    assert "".join(line.strip() for line in lines) == f"RCPT TO:{address}"


def test_a_long_run_of_spaces_is_evidence():
    assert wrap("<a@b.test>     x", 40) == ["<a@b.test>     x"]


def test_japanese_breaks_without_spaces_but_not_before_a_closing_mark():
    text = "あ" * 9 + "。" + "い" * 9
    lines = wrap(text, 20)
    assert lines == ["あ" * 9 + "。", "い" * 9]
    assert not any(line.startswith("。") for line in wrap("あ" * 10 + "。", 20))


def test_a_prefix_wider_than_the_line_still_leaves_room():
    assert wrap("hello", 5, first="123456789012 ") == ["123456789012 hello"]

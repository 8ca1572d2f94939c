# SPDX-License-Identifier: Apache-2.0
"""Signs fall back one by one, never all at once."""

from __future__ import annotations

import pytest

from fumidai.evidence.outcome import Word
from fumidai.report.escape import encodable_in
from fumidai.report.glyphs import PLAIN, choose_glyphs


def test_utf8_gets_the_nicer_ones():
    glyphs = choose_glyphs()
    assert (glyphs.delivered, glyphs.refused, glyphs.full) == ("✗", "✓", "█")


def test_a_terminal_that_doubles_ambiguous_characters_loses_only_those():
    glyphs = choose_glyphs(ambiguous_is_wide=True)
    assert glyphs.full == "#"
    assert glyphs.between == "-"
    assert glyphs.delivered == "✗"


@pytest.mark.parametrize("encoding", ["ascii", "cp932", "euc_jp", "latin-1"])
def test_each_sign_can_be_written(encoding):
    glyphs = choose_glyphs(encodable_in(encoding))
    for word in Word:
        glyphs.of(word).encode(encoding)
    f"{glyphs.full}{glyphs.empty}{glyphs.between}".encode(encoding)


def test_latin1_keeps_the_middle_dot_alone():
    glyphs = choose_glyphs(encodable_in("latin-1"))
    assert (glyphs.between, glyphs.delivered) == ("·", "x")


def test_every_outcome_has_a_sign_of_its_own():
    assert len({PLAIN.of(word) for word in Word}) == len(Word)

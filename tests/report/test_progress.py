# SPDX-License-Identifier: Apache-2.0
"""What is shown while a run goes on fits its line and says what was met."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.evidence.outcome import Outcome, Reason, Stage, Word
from fumidai.evidence.result import Software
from fumidai.report.glyphs import choose_glyphs
from fumidai.report.progress import (
    ProgressState,
    asking_line,
    attempt_lines,
    controls_lines,
    header_lines,
    progress_line,
    promised_lines,
    proof_line,
    putting_off_line,
    waiting_line,
)
from fumidai.report.voice import Voice
from fumidai.report.width import cells
from tests.report.golden import TOKYO
from tests.report.results import WINDOW_CLOSED, controls, endpoint, row

ENGLISH, JAPANESE = Voice("en", TOKYO), Voice("ja", TOKYO)
COUNTS = {Word.DELIVERED: 2, Word.ACCEPTED: 1, Word.REFUSED: 126, Word.UNTESTED: 2}


def test_the_bar_of_a_wide_terminal():
    line = progress_line(ProgressState(131, 198, COUNTS, 4.2), ENGLISH, width=120)
    assert line == (
        "[#####################-----------] 131/198  "
        "x 2 delivered  ! 1 accepted  + 126 refused  ? 2 untested   about 4 s left"
    )


def test_long_waits_are_told_in_minutes():
    assert progress_line(ProgressState(1, 2, {}, 600), ENGLISH).endswith("about 10 min left")


@given(
    st.integers(0, 5000),
    st.integers(0, 5000),
    st.dictionaries(st.sampled_from(Word), st.integers(0, 5000)),
    st.none() | st.floats(0, 1e6),
    st.integers(1, 200),
    st.sampled_from([ENGLISH, JAPANESE]),
)
def test_it_never_wraps(done, total, counts, left, width, voice):
    line = progress_line(ProgressState(done, total, counts, left), voice, glyphs=choose_glyphs(), width=width)
    assert cells(line) <= width


def test_header_says_who_is_asked():
    lines = header_lines(
        endpoint(),
        ENGLISH,
        software=Software("Sendmail", "8.8.8"),
        extensions=("8BITMIME", "PIPELINING"),
        sessions=3,
        most=9,
        width=120,
    )
    assert lines == ["mail.a.com - 192.0.2.25 port 25 - Sendmail 8.8.8 - offers PIPELINING - 3 sessions of 9"]


def test_header_leaves_out_what_nobody_knows():
    bare = replace(endpoint(), name="192.0.2.25")
    assert header_lines(bare, ENGLISH) == ["192.0.2.25 port 25"]


def test_header_escapes_a_banner():
    assert "\x1b" not in "".join(header_lines(endpoint(), ENGLISH, software=Software("\x1b[2J")))


def test_controls():
    assert controls_lines(controls(), ENGLISH) == [
        "controls  postmaster taken, unknown user refused (550), decoy refused (550)"
    ]
    assert controls_lines((), ENGLISH) == []


def test_each_test_has_its_number_and_what_it_met():
    answered = row(7, "pct-domain")
    assert attempt_lines(131, 198, answered.id, answered.outcome, ENGLISH) == [
        "  + 131/198 pct-domain  550 5.7.1 Relaying denied"
    ]
    silent = Outcome(8, Word.UNTESTED, Stage.RCPT, reason=Reason.TIMEOUT)
    assert attempt_lines(132, 198, "q", silent, ENGLISH) == ["  ? 132/198 q  no answer in time"]
    odd = Outcome(8, Word.REFUSED, Stage.RCPT, 550, b"550-a\r\n550 \x1b[2J\n", Reason.RELAY)
    assert attempt_lines(1, 2, "q", odd, ENGLISH) == ["  + 1/2 q  550-a / 550 \\x1b[2J"]


def test_proofs_and_waiting():
    assert proof_line("pct-domain", "192.0.2.25", ENGLISH) == "  x pct-domain arrived from 192.0.2.25"
    assert proof_line("pct-domain", "", ENGLISH, bounced=True) == "  ! a bounce of pct-domain came from ?"
    assert putting_off_line(3, WINDOW_CLOSED, ENGLISH) == (
        "3 tests put off by the server (4xx); asked again at 03:13:40 JST"
    )
    assert waiting_line(2, WINDOW_CLOSED, ENGLISH) == (
        "2 promises open, proof window until 03:13:40 JST (Ctrl-C keeps what is here)"
    )
    assert waiting_line(1, WINDOW_CLOSED, ENGLISH).startswith("1 promise open")


@pytest.mark.parametrize("voice", [ENGLISH, JAPANESE], ids=["en", "ja"])
def test_without_set_up(voice):
    assert asking_line(voice)
    text = " ".join(promised_lines(3, voice))
    assert "3" in text
    assert "--proof-domain NAME --sink :25" in text

# SPDX-License-Identifier: Apache-2.0
"""Figures become medians, ratios and tables; a page is written between its marks and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.figures import Part, Spread, Table, Target, spread
from benchmarks.table import BEGIN, END, markdown, replace_figures, targets_table, text

PART = Part(
    (Table("Speed", ("what", "s"), (("a", "1"), ("bb", "22")), ("A note.",)),), (Target("a", 2, 1.0, "s", "b 4 s"),)
)


def test_a_spread_shows_median_and_range_where_there_is_one() -> None:
    assert spread([3.0, 1.0, 2.0]).show(1) == "2.0 (1.0-3.0)"
    assert spread([0.0101, 0.0102]).show(0, 1000) == "10"
    with pytest.raises(ValueError, match="no values"):
        spread([])


def test_ratios_are_taken_run_by_run() -> None:
    # The third run of the one stood beside none of the other.
    assert Spread((10.0, 30.0, 99.0)).over(Spread((1.0, 2.0))) == Spread((10.0, 15.0))


@pytest.mark.parametrize(("reached", "word"), [(1.9, "met"), (2.0, "met"), (2.1, "MISSED")])
def test_a_target_says_whether_it_was_reached(reached: float, word: str) -> None:
    assert targets_table([Target("a", 2, reached, "s")]).rows[0][3] == word


@pytest.mark.parametrize(("reached", "word"), [(1.9, "MISSED"), (2.0, "met"), (2.1, "met")])
def test_so_does_one_that_has_a_least(reached: float, word: str) -> None:
    row = targets_table([Target("a", 2, reached, "s", at_least=True)]).rows[0]
    assert (row[1], row[3]) == (">= 2 s", word)


def test_the_text_is_aligned_and_says_where_it_was_measured() -> None:
    shown = text([PART], ["Machine: here."])
    assert "  what  s\n  a     1\n  bb    22\n  A note." in shown
    assert shown.endswith("Machine: here.")


def test_a_page_keeps_all_but_its_figures() -> None:
    page = f"# Title\n\n{BEGIN}\nold\n{END}\n\nafter\n"
    written = replace_figures(page, markdown([PART], ["Machine: here.", "Today."]))
    assert "old" not in written
    assert written.startswith("# Title\n")
    assert written.endswith("\n\nafter\n")
    assert "| bb | 22 |" in written
    assert "≤ 2 s" in written
    assert replace_figures(written, markdown([PART], ["Machine: here.", "Today."])) == written
    with pytest.raises(ValueError, match="no marks"):
        replace_figures("# Title\n", "x")


def test_the_page_of_the_benchmarks_can_be_written() -> None:
    page = Path(command.PAGE).read_text("utf-8")
    for names in ("", "guard"):
        assert replace_figures(page, "figures\n", names) != page


@pytest.mark.parametrize("arguments", [["fast"], ["--repeat", "0"], ["--repeat", "x"]])
def test_a_wrong_call_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(arguments) == 64
    assert capsys.readouterr().err

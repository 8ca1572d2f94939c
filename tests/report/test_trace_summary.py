# SPDX-License-Identifier: Apache-2.0
"""Many traces on one screen and in a table; nothing that a message says gets out as a command or a formula."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.received.read import read_head
from fumidai.received.weigh import weigh
from fumidai.report.trace_row import COLUMNS, Row, csv_head, csv_line, row_of
from fumidai.report.trace_summary import MOST, Summary, render_summary
from tests.trace.mail import spam


def row(**parts: str) -> Row:
    """A row of a relayed message, with other parts."""
    head = read_head(spam())
    return row_of(weigh(head.hops, head.headers), "box")._replace(**parts)  # type: ignore[arg-type]  # only texts are replaced


def test_a_row() -> None:
    assert row() == Row(
        "box", 0, 0, "2026-03-02T10:00:05Z", "relay", row().confidence, "relay.a.test", "192.0.2.25",
        row().software, 0, "203.0.113.7", "dial-7.example.org",
    )  # fmt: skip


def test_the_summary_counts() -> None:
    summary = Summary()
    for number in range(30):
        summary.add(row(source=f"203.0.113.{number % 3}", date=f"2026-03-{number % 28 + 1:02}T00:00:00Z"))
    summary.add(row(verdict="direct", relay="", relay_ip=""))
    summary.add(row(verdict="no-evidence", relay="", relay_ip="", source="", source_name=""))
    text = render_summary(summary)
    head = "RELAY 32 messages: 30 passed on by a stepping stone, 1 direct, 0 undecided, 1 without evidence."
    assert " ".join(text.split()).startswith(head)
    lines = {" ".join(line.split()) for line in text.splitlines()}
    assert "relay.a.test 192.0.2.25 30 3 sources 2026-03-01 - 2026-03-28" in lines
    assert "203.0.113.0 dial-7.example.org 10 1 relays 2026-03-01 - 2026-03-28" in lines
    assert len(text.splitlines()) <= 24
    assert len(render_summary(summary, quiet=True).splitlines()) == 1


def test_more_than_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fumidai.report.trace_summary.MOST", 5)
    summary = Summary()
    for number in range(9):
        summary.add(row(relay=f"r{number}", source=f"s{number}"))
    assert (len(summary.relays), len(summary.sources), summary.others, summary.messages) == (5, 5, 8, 9)
    assert MOST > 1000


def test_a_table_that_a_spreadsheet_can_open() -> None:
    found = csv_head() + csv_line(row(relay='=cmd|"/c calc"!A1', source="a,b\nc"))
    names, cells = csv.reader(io.StringIO(found, newline=""))
    assert tuple(names) == COLUMNS
    assert dict(zip(names, cells, strict=True))["relay"] == '\'=cmd|"/c calc"!A1'
    assert dict(zip(names, cells, strict=True))["source"] == "a,b\nc"


@given(st.binary(max_size=60), st.sampled_from([b"relay.a.test", b"203.0.113.7", b"8.9.3", b"pc"]))
def test_whatever_a_message_says(noise: bytes, where: bytes) -> None:
    head = read_head(spam().replace(where, where + noise))
    one = row_of(weigh(head.hops, head.headers), "box")
    summary = Summary()
    summary.add(one)
    text = render_summary(summary, width=60) + csv_line(one)
    assert all(letter.isprintable() or letter in "\r\n" for letter in text)


@pytest.mark.parametrize("verdict", ["relay", "direct", "undecided", "no-evidence"])
def test_the_summary_begins_with_the_gravest_word(verdict: str) -> None:
    summary = Summary()
    for _ in range(5):
        summary.add(row(verdict=verdict))
    summary.add(row(verdict="no-evidence"))
    assert render_summary(summary).startswith(f"{verdict.upper()}   6 messages")


def test_a_screen_gets_what_it_can_show() -> None:
    summary = Summary()
    summary.add(row(relay="中継.example", source_name="踏み台"))
    assert "中継.example" in render_summary(summary)
    assert render_summary(summary, encodable=str.isascii).isascii()

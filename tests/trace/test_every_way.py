# SPDX-License-Identifier: Apache-2.0
"""The kept inputs of the fuzz target, written in every way there is; and that its rules see what breaks them."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from jsonschema import ValidationError

from fumidai.received.read import read_head
from fumidai.received.weigh import weigh
from fumidai.report.trace_arf import render_arf
from fumidai.report.trace_html import render_trace_html
from fumidai.report.trace_json import Message, render_trace_line
from fumidai.report.trace_row import csv_head, csv_line, row_of
from fumidai.report.trace_summary import Summary
from fuzz import campaign, fuzz_trace, trace_outputs
from tests.trace.mail import spam

FILES = campaign.corpus("trace")


@pytest.mark.parametrize("number", range(len(fuzz_trace.WAYS)))
def test_a_way(number: int) -> None:
    """Each way with another input."""
    fuzz_trace.hold(FILES[number % len(FILES)].read_bytes(), fuzz_trace.WAYS[number])


def test_changed_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short walk from the kept ones with what means something here."""
    monkeypatch.setattr(campaign, "PIECES", campaign.PIECES + fuzz_trace.PIECES)
    dice = random.Random("every way")
    for _ in range(150):
        fuzz_trace.target(campaign.changed(dice.choice(FILES).read_bytes(), dice))


def message() -> Message:
    """One that a relay passed on."""
    head = read_head(spam())
    return Message(weigh(head.hops, head.headers), "f", head.headers)


def page(old: str, new: str) -> str:
    """A page in which something got through."""
    return render_trace_html([message()], Summary()).replace(old, new, 1)


def arf(old: bytes = b"", new: bytes = b"") -> bytes:
    """A report in which something got through."""
    return render_arf(message(), spam(), now=fuzz_trace.NOW, key=b"key").replace(old, new, 1)


def hold_arf(report: bytes) -> None:
    """The rule for reports."""
    trace_outputs.hold_report(report, spam(), b"key")


def text(shown: str, *, colour: bool = True, ascii_only: bool = False) -> Callable[[], None]:
    """The rule for terminals."""
    return lambda: trace_outputs.hold_text(shown, colour=colour, ascii_only=ascii_only)


ROW = row_of(message().trace, "f")
BROKEN: dict[str, Callable[[], object]] = {
    "moves the cursor": text("a\x1b[2Jb\n"),
    "a colour where there is none": text("a\x1b[1mb\n", colour=False),
    "C1": text("a\x9b31mb\n"),
    "turns the line around": text("a\u202eb\n"),
    "letters that ASCII has not": text("踏\n", ascii_only=True),
    "a line that doesn't fit": lambda: trace_outputs.hold_width("x" * 81 + "\nlast\n", 80),
    "wide letters that don't fit": lambda: trace_outputs.hold_width("踏" * 21 + "\nlast\n", 20),
    "an element": lambda: trace_outputs.hold_page(page("<p", "<script></script><p")),
    "an element that stays open": lambda: trace_outputs.hold_page(page("</p>", "")),
    "an attribute": lambda: trace_outputs.hold_page(page("<p", "<p onclick='x'")),
    "a comment": lambda: trace_outputs.hold_page(page("<p", "<!-- x --><p")),
    "no protection": lambda: trace_outputs.hold_page(page("default-src", "x")),
    "the end of a style": lambda: trace_outputs.hold_page(page("</h1>", "</style></h1>")),
    "a key that is missing": lambda: trace_outputs.hold_json(render_trace_line(message()).replace('"hops"', '"h"')),
    "a formula": lambda: trace_outputs.hold_csv(csv_head() + csv_line(ROW).replace("relay.a", "=relay.a"), 1),
    "a cell more": lambda: trace_outputs.hold_csv(csv_head() + csv_line(ROW).replace("relay.a", "x,y"), 1),
    "a bare LF": lambda: hold_arf(arf(b"\r\n\r\n", b"\n\n")),
    "a field": lambda: hold_arf(arf(b"Subject:", b"Bcc: x\r\nSubject:")),
    "a part": lambda: hold_arf(arf(b"The message is", arf().partition(b"\r\n\r\n")[2].partition(b"\r\n")[0] + b"\r\n")),
    "a recipient": lambda: hold_arf(arf(b"redacted-", b"you-")),
    "another body": lambda: hold_arf(arf(b"Text of", b"Test of")),
}


def test_what_is_sound_passes() -> None:
    text("a\x1b[1mb\x1b[0m 踏\n")()
    trace_outputs.hold_width("踏" * 20 + "\n" + "x" * 99 + "\n", 20)
    trace_outputs.hold_page(page("", ""))
    trace_outputs.hold_json(render_trace_line(message()))
    trace_outputs.hold_csv(csv_head() + csv_line(ROW), 1)
    hold_arf(arf())


@pytest.mark.parametrize("name", BROKEN)
def test_the_rules_see_it(name: str) -> None:
    assert not _holds(BROKEN[name])


def _holds(rule: Callable[[], object]) -> bool:
    try:
        rule()
    except (AssertionError, ValueError, ValidationError):
        return False
    return True

# SPDX-License-Identifier: Apache-2.0
"""Every input that the fuzz target has kept, a short walk from there; and input that is meant to be bad."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from fumidai.received.headers import HEAD_AT_MOST
from fumidai.received.read import HOPS_AT_MOST, read_head, spans
from fumidai.received.trace import Trace, TraceVerdict
from fumidai.received.weigh import weigh
from fuzz import campaign, fuzz_received
from tests.received.work import lines_run

FILES = campaign.corpus("received")
LINE = b"Received: from x (y.example [198.51.100.7]) by mx.us.example with SMTP id 1; 24 Nov 2026 10:00:00 +0000\n"
DATES = (b"0 Jan 0 0:0:0", b"31 Feb 2001 00:00:00 +0000", b"1 Jan 2001 00:00:00 +9999", b"9" * 5000, b"-" * 5000)
DATE = b"; 1 Jan 2001 00:00:00 +0000\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_kept_input(path):
    fuzz_received.target(path.read_bytes())


def test_changed_inputs(monkeypatch):
    monkeypatch.setattr(campaign, "PIECES", campaign.PIECES + fuzz_received.PIECES)
    dice = random.Random("received")
    seeds = [path.read_bytes() for path in FILES]
    for _ in range(500):
        fuzz_received.target(campaign.changed(dice.choice(seeds), dice))


def test_the_target_sees_a_span_that_is_wrong(monkeypatch):
    monkeypatch.setattr(fuzz_received, "spans", lambda hop: {**spans(hop), "by": hop.span})
    with pytest.raises(AssertionError):
        fuzz_received.target(LINE)


def traced(message: bytes) -> Trace:
    head = read_head(message)
    return weigh(head.hops, head.headers, message=message)


BAD = {
    "empty": b"",
    "only a line end": b"\r\n",
    "binary": bytes(range(256)) * 400,
    "NULs": b"\0" * 10_000,
    "a line that never ends": b"Received: from " + b"x" * 5_000_000,
    "comments 10,000 deep": b"Received: from x "
    + b"(" * 10_000
    + b")" * 10_000
    + b" by y; 1 Jan 2001 00:00:00 +0000\n",
    "comments that never end": b"Received: from x (y [1.2.3.4]" + b"(a [" * 100_000 + b"\n",
    "folds without end": b"Received: from x" + b"\n " * 300_000,
    "no head's end": b"X: y\n" * 200_000,
    "escapes for a terminal": b"Received: from \x1b]0;x\x07 (\x1b[2J [198.51.100.7]) by \x9b31m" + DATE,
    "dates that are none": b"".join(b"Received: from a by b; " + date + b"\n" for date in DATES),
    "mixed encodings": "Received: from ホスト (名前 [198.51.100.7]) by 受信".encode()
    + "先; 日付".encode("shift-jis")
    + b"\n",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_read(name):
    fuzz_received.target(BAD[name])


def test_a_hundred_thousand_lines_are_counted_and_most_left_out():
    head = read_head(LINE * 100_000)
    assert len(head.hops) == HOPS_AT_MOST
    # The line that is cut in two may count as well.
    assert head.left_out - (HEAD_AT_MOST // len(LINE) - HOPS_AT_MOST) in {0, 1}
    assert weigh(head.hops, head.headers).verdict is not TraceVerdict.NO_EVIDENCE


def test_a_message_of_any_size_takes_little_memory():
    message = b"Received: from " + b"x" * 50_000_000
    tracemalloc.start()
    traced(message)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * HEAD_AT_MOST


@pytest.mark.parametrize(
    "piece",
    [
        LINE,
        b"Received: (((((\n",
        b"Received: from a (b [c\n",
        b"X: y\n",
        b" \n",
        b"\n\t",
        b"Received: by b; by c\n",
        b"(a",
        b"(a)",
    ],
)
def test_work_grows_with_the_message_and_not_faster(piece):
    small, large = (lines_run(traced, b"Received: from x (" + piece * size) for size in (150, 1200))
    assert large <= 12 * small + 2000

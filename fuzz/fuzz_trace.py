# SPDX-License-Identifier: Apache-2.0
"""Invariant: whatever is traced, there is an answer, its places lie in the text, and nothing of it is a command.

An input is what a user may have: a message, a report, pasted text. It is read, weighed and printed in every format.
Nothing is raised; a part of a hop stands where its span says; the text and the table hold printable characters only;
the JSON is what its schema says. Of a message that is itself the span's bytes are the part's own.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from typing import Final

from jsonschema import Draft202012Validator

from fumidai.received.read import spans
from fumidai.received.trace import TraceVerdict
from fumidai.report.trace_json import Message, published_trace_schema, render_trace_line
from fumidai.report.trace_row import csv_line, row_of
from fumidai.report.trace_text import render_trace_text
from fumidai.trace.letter import How, Letter
from fumidai.trace.letters import letters
from fumidai.trace.work import Question, trace_letter
from fuzz import campaign

_EXACT: Final = frozenset({"by", "id", "helo", "rdns"})


def target(data: bytes) -> None:
    """Hold the invariant for one input."""
    found = letters(data, "input")
    assert found, "no answer"
    for letter in found:
        _hold(letter, data)


def _hold(letter: Letter, data: bytes) -> None:
    trace = trace_letter(letter, Question())
    if trace.verdict is TraceVerdict.RELAY:
        assert trace.relay is not None
    for step in trace.hops:
        start, end = step.hop.span
        assert letter.message[start:end] == step.hop.raw
        for name, (first, last) in spans(step.hop).items():
            assert start <= first <= last <= end, name
            if name in _EXACT and "\n" not in letter.message[first:last].decode("latin-1"):
                assert letter.message[first:last].strip(), name
        if letter.origin.how is not How.ATTACHED:
            first, last = letter.span(step.hop.span)
            assert 0 <= first <= last <= len(data)
    message = Message(
        trace,
        letter.origin.source,
        letter.head.headers,
        letter.origin.offset,
        letter.origin.number,
        letter.origin.how.value,
        letter.around,
        letter.span,
    )
    text = render_trace_text(message, verbose=1) + csv_line(row_of(trace, "input"))
    assert all(character.isprintable() or character in "\r\n" for character in text)
    line = render_trace_line(message)
    assert line.isascii()
    _schema().validate(json.loads(line))


@cache
def _schema() -> Draft202012Validator:
    return Draft202012Validator(published_trace_schema())


if __name__ == "__main__":
    sys.exit(campaign.run(target, "trace"))

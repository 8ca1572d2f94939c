# SPDX-License-Identifier: Apache-2.0
"""The message that is meant is found, in whatever it lies, and its offsets lead back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.received.hop import Span
from fumidai.received.trace import TraceVerdict
from fumidai.trace.letter import How, Letter
from fumidai.trace.letters import letters
from fumidai.trace.work import Question, trace_letter
from tests.trace.mail import report, spam

PAGE = Path(__file__).parent.parent / "messages" / "pasted" / "maps-page.txt"


def only(found: bytes) -> Letter:
    """The one message that is meant."""
    (letter,) = letters(found, "it")
    return letter


def relay(letter: Letter) -> str:
    """Name of the stepping stone."""
    found = trace_letter(letter, Question()).relay
    return found.name if found else ""


def test_a_message_is_itself() -> None:
    letter = only(spam())
    assert (letter.message, letter.origin.how, str(letter.origin)) == (spam(), How.MESSAGE, "it")
    assert relay(letter) == "relay.a.test"


@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers"])
@pytest.mark.parametrize("encoding", ["7bit", "base64"])
def test_of_a_report_the_original(kind: str, encoding: str) -> None:
    """Not the report itself, whose Received lines tell the way of the reporter."""
    letter = only(report(spam(), kind=kind, encoding=encoding))
    assert letter.origin.how is How.ATTACHED
    assert relay(letter) == "relay.a.test"
    assert b"desk.example.com" not in letter.message


def test_the_place_of_an_original() -> None:
    found = report(spam())
    letter = only(found)
    start, end = letter.span(letter.head.hops[1].span)
    assert found[start:end] == letter.head.hops[1].raw


def test_a_report_by_its_header_field() -> None:
    """X-ARF: the field says so, the original is an attachment."""
    found = report(spam()).replace(b"multipart/report; report-type=feedback-report;", b"multipart/mixed;")
    assert only(found).origin.how is How.MESSAGE
    assert only(b"X-ARF: PLAIN\n" + found).origin.how is How.ATTACHED
    assert only(b"X-XARF: PLAIN\n" + found).origin.how is How.ATTACHED


def test_forwarded_from_a_folder_of_sent_mail() -> None:
    """A draft that never travelled has no Received lines; what is attached to it has."""
    found = report(spam()).partition(b"From: abuse")[2].replace(b"feedback-report", b"other")
    assert only(b"From: abuse" + found).origin.how is How.ATTACHED


def test_the_page_of_the_report() -> None:
    found = PAGE.read_bytes()
    letter = only(found)
    assert letter.origin.how is How.PASTED
    trace = trace_letter(letter, Question())
    assert trace.verdict is TraceVerdict.RELAY
    assert trace.relay is not None
    assert (trace.relay.name, trace.relay.masked, trace.relay.ip) == ("ns.a.co.jp", "***.***.***.***", "")
    assert trace.source is not None
    assert trace.source.ip == "216.76.216.45"
    assert letter.around is not None
    assert (letter.around.filed, letter.around.filed_text) == (
        datetime(2000, 10, 17, 10, 41, 25),
        "Tue Oct 17 10:41:25 2000",
    )
    assert letter.around.quoted is not None
    start, end = letter.span(letter.around.quoted)
    assert found[start:end].startswith(b"-----Original\nMessage-----")
    start, end = letter.span(letter.head.hops[3].span)
    assert found[start:end].split() == letter.head.hops[3].raw.split()


def test_wraps_that_lost_their_indentation() -> None:
    """It looks like a message, but the lines that go on look like others."""
    broken = spam().replace(b" (8.9.3", b"\n(8.9.3").replace(b" by ", b"\nby ").replace(b"; ", b";\n")
    letter = only(broken)
    assert letter.origin.how is How.PASTED
    assert relay(letter) == "relay.a.test"


def test_pasted_into_an_encoded_mail() -> None:
    import base64

    found = b"From: me\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(
        b"Look:\n\n" + spam()
    )
    assert relay(only(found)) == "relay.a.test"


def test_two_pasted_into_one_text() -> None:
    found = letters(b"These came in:\n\n" + spam(1) + b"\nand\n\n" + spam(2), "it")
    assert [str(letter.origin) for letter in found] == ["it#1", "it#2"]


@pytest.mark.parametrize("found", [b"", b"\0\xff" * 1000, b"Hello.\n", b"a" * 100_000, b"Received:", b"\n\n\n"])
def test_nothing_to_trace(found: bytes) -> None:
    letter = only(found)
    assert trace_letter(letter, Question()).verdict is TraceVerdict.NO_EVIDENCE


PIECES = [*report(spam()).split(b"\n"), b"Content-Type: message/rfc822", b"X-ARF: yes", b"> ", b"\xff\0", b"\r"]


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_whatever_it_is(pieces: list[bytes]) -> None:
    """Never an exception, and every place lies in what was found."""
    found = b"\n".join(pieces)
    for letter in letters(found, "it"):
        trace_letter(letter, Question())
        for hop in letter.head.hops:
            start, end = letter.span(Span(*hop.span))
            assert 0 <= start <= end

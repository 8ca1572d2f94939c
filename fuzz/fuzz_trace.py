# SPDX-License-Identifier: Apache-2.0
"""Invariant: whatever is traced, there is an answer, its places lie in the text, and nothing of it is a command.

An input is what a user may have: a message, a report, pasted text. It is read, weighed and written by every writer
there is: on the screen (with colour and without, wide and narrow), as JSON, JSON lines, a table, a page and an abuse
report, and as one of thousands in a summary. Nothing is raised; a part of a hop stands where its span says; what comes
out holds to ``trace_outputs``; the abuse report, traced in its turn, is the message again.

The input's own digest chooses what was asked (``--ours``, ``--relay-address``, a log and the DNS with hostile answers)
and how it is written, in which language, so that a find stays one; the tests go through all ``WAYS``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import ip_network
from itertools import product
from typing import Final

from fumidai.evidence.finding import Finding, Severity
from fumidai.logs.join import Logged
from fumidai.logs.noted import Delivery
from fumidai.received.read import spans
from fumidai.received.trace import TraceVerdict
from fumidai.received.weigh import Ours
from fumidai.report.escape import always
from fumidai.report.trace_arf import render_arf
from fumidai.report.trace_html import render_trace_html
from fumidai.report.trace_json import Message, render_trace_json, render_trace_line
from fumidai.report.trace_row import csv_head, csv_line, row_of
from fumidai.report.trace_summary import Summary, render_summary
from fumidai.report.trace_text import render_trace_text
from fumidai.texts import Language
from fumidai.trace.letter import How, Letter
from fumidai.trace.letters import letters
from fumidai.trace.work import Question, trace_letter
from fuzz import campaign
from fuzz.trace_outputs import COLOUR, hold_cells, hold_csv, hold_json, hold_page, hold_report, hold_text, hold_width

#: What means something to MIME, to a page, a table, a terminal or a redaction.
PIECES: Final = [
    *(b"\n\n", b"\r\n\r\n", b"\n ", b"--part\n", b"\n--a\n", b"\n--a--\n", b'boundary="part"', b"\nX-ARF: yes\n"),
    *(b"Content-Type: message/rfc822\n\n", b"Content-Transfer-Encoding: base64\n", b"From a@b Mon\n", b"charset=x"),
    *(b"To: a@b.example\n", b" for <x@y.example>", b"<", b">", b"@", b'"', b"=40", b"Subject: ", b"Return-Path: "),
    *(b"<script>", b"</style>", b"<!--", b"&#x3c;", b"=1+1", b"\x1b[2J", b"\x9b", b"\xe2\x80\xae", b"\xe3\x80\x80"),
    *("踏み台".encode(), "踏み台".encode("iso2022_jp"), b"=?utf-8?q?=0a?=", b"[192.0.2.1]", b"[***.***.***.***]"),
]
_EXACT: Final = frozenset({"by", "id", "helo", "rdns"})
NOW: Final = datetime(2026, 11, 24, 3, 12, tzinfo=UTC)
_KEY: Final = b"a key for fuzzing"
#: Names and networks that stand in the corpus.
_OURS: Final = Ours((ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")), ("mail.pimpdaddy.com", ".example.net"))
_LANGUAGES: Final[tuple[Language, ...]] = ("en", "ja")


@dataclass(frozen=True, slots=True)
class Way:
    """What is asked, and how the answer is written."""

    question: Question
    language: Language
    colour: bool
    width: int
    ascii_only: bool
    more: bool


WAYS: Final = tuple(
    Way(Question(ours, address), language, colour, width, ascii_only, more)
    for ours, address, language, colour, width, ascii_only, more in product(
        (None, _OURS), ("", "192.0.2.9"), _LANGUAGES, (False, True), (80, 20), (False, True), (False, True)
    )
)


def target(data: bytes) -> None:
    """Hold the invariant for one input, in the way that it chooses."""
    hold(data, WAYS[int.from_bytes(sha256(data).digest()[:4]) % len(WAYS)])


def hold(data: bytes, way: Way) -> None:
    """Hold it in one way."""
    # A file's name is as hostile as what is in it.
    name = data[:24].decode("utf-8", "surrogateescape") if way.more else "input"
    found = letters(data, name)
    assert found, "no answer"
    messages = [_read(letter, data, way) for letter in found]
    for letter, message in zip(found, messages, strict=True):
        _hold_places(letter, message, data)
        _hold_alone(message, way)
        _hold_report(letter, message, way)
    _hold_together(messages, way)


def _read(letter: Letter, data: bytes, way: Way) -> Message:
    trace = trace_letter(letter, way.question)
    if trace.verdict is TraceVerdict.RELAY:
        assert trace.relay is not None
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
    return _with_more(message, data) if way.more else message


def _with_more(message: Message, data: bytes) -> Message:
    """What a log and the DNS may say, in the words of the input."""
    words = [data[at : at + 40].decode("utf-8", "surrogateescape") for at in range(0, 400, 40)]
    delivery = Delivery(words[0], words[1], words[2])
    logged = Logged(words[3], "postfix", words[4], words[5], words[6], words[7], words[8], deliveries=[delivery])
    logged.lines.append((7, words[9]))
    said = Finding("dns-reverse-differs", Severity.INFO, words[0], params={"name": words[1], "address": words[2]})
    unknown = Finding("no-such-finding", Severity.INFO, words[3], params={"name": words[4]})
    trace = replace(message.trace, findings=(*message.trace.findings, said, unknown))
    return replace(message, trace=trace, logged={0: logged} if message.trace.hops else {})


def _hold_places(letter: Letter, message: Message, data: bytes) -> None:
    for step in message.trace.hops:
        start, end = step.hop.span
        assert letter.message[start:end] == step.hop.raw
        for name, (first, last) in spans(step.hop).items():
            assert start <= first <= last <= end, name
            if name in _EXACT and "\n" not in letter.message[first:last].decode("latin-1"):
                assert letter.message[first:last].strip(), name
        if letter.origin.how is not How.ATTACHED:
            first, last = letter.span(step.hop.span)
            assert 0 <= first <= last <= len(data)


def _hold_alone(message: Message, way: Way) -> None:
    """One message on the screen, as JSON and as a row."""
    encodable = str.isascii if way.ascii_only else always
    for verbose, quiet in ((0, False), (1, False), (0, True)):
        text = render_trace_text(
            message,
            language=way.language,
            colour=way.colour,
            width=way.width,
            verbose=verbose,
            quiet=quiet,
            encodable=encodable,
        )
        hold_text(text, colour=way.colour, ascii_only=way.ascii_only)
        hold_width(COLOUR.sub("", text), way.width)
        assert not quiet or text.count("\n") == 1
    hold_json(render_trace_line(message))
    row = row_of(message.trace, message.file, message.offset, message.number)
    hold_cells(row)
    hold_csv(csv_head() + csv_line(row), 1)


def _hold_together(messages: list[Message], way: Way) -> None:
    """All of an input in a document and on a page; and as some of thousands."""
    troubles = [{"source": messages[0].file, "why": "missing", "text": messages[0].file}]
    hold_json(render_trace_json(messages, troubles))
    summary = Summary()
    for message in messages:
        summary.add(row_of(message.trace, message.file))
    hold_page(render_trace_html(messages[:3], summary, language=way.language, troubles=[messages[0].file]))
    for row in [row_of(message.trace, message.file) for message in messages[:3]]:
        for day in range(40):
            summary.add(row._replace(date=f"2026-{day % 12 + 1:02}-{day % 28 + 1:02}T00:00:00Z"))
            summary.add(row._replace(date="", verdict=TraceVerdict.RELAY, relay=row.file, source=row.source_name))
    hold_page(render_trace_html([], summary, language=way.language))
    encodable = str.isascii if way.ascii_only else always
    for verbose, quiet in ((0, False), (1, False), (0, True)):
        text = render_summary(
            summary,
            language=way.language,
            colour=way.colour,
            width=way.width,
            verbose=verbose,
            quiet=quiet,
            encodable=encodable,
        )
        hold_text(text, colour=way.colour, ascii_only=way.ascii_only)


def _hold_report(letter: Letter, message: Message, way: Way) -> None:
    """An abuse report, with and without correspondents; traced again, it is the message."""
    if message.trace.verdict is TraceVerdict.NO_EVIDENCE:
        return
    named = {"sender": "post@a.example", "to": "abuse@b.example"} if way.more else {}
    report = render_arf(message, letter.message, now=NOW, key=_KEY, **named)
    attached = hold_report(report, letter.message, _KEY)
    again = letters(report, "report.arf")
    assert [one.origin.how for one in again] == [How.ATTACHED]
    assert again[0].message == attached
    for hop in again[0].head.hops:
        start, end = again[0].span(hop.span)
        assert report[start:end] == hop.raw
    hops = [step.hop.kind for step in message.trace.hops]
    assert [hop.kind for hop in again[0].head.hops] == hops


if __name__ == "__main__":
    campaign.PIECES += PIECES
    sys.exit(campaign.run(target, "trace"))

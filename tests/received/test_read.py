# SPDX-License-Identifier: Apache-2.0
"""Received lines of many programs read as hops; any bytes read without an error, in linear work."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fumidai.received import tokens
from fumidai.received.address import read_address
from fumidai.received.clauses import GROUPS, NOWHERE, cut, cut_by_tokens
from fumidai.received.date import read_date
from fumidai.received.headers import FIELDS_AT_MOST, blanked, header_fields, words
from fumidai.received.hop import Hop, Kind, Span
from fumidai.received.read import HOPS_AT_MOST, client_seen, read_hop, read_received
from fumidai.received.spans import spans
from tests.received.lines import LINES
from tests.received.work import lines_run


@pytest.mark.parametrize("name", LINES)
def test_what_a_line_says(name: str) -> None:
    line, said = LINES[name]
    (hop,) = read_received(f"Received: {line}\r\nSubject: x\r\n\r\nbody\r\n".encode())
    date = hop.date.isoformat() if hop.date else ""
    client = hop.client
    got = (client.helo, client.rdns, client.ip, hop.by, hop.with_, hop.id, hop.for_, date)
    assert got == said
    assert hop.known


@pytest.mark.parametrize(
    "line", [b"", b"no clause at all", b"from nowhere", b"\xff\x00(((", b"(hidden)", b";;;", b"for x"]
)
def test_an_unknown_form_is_kept_raw(line: bytes) -> None:
    hop = read_hop(line)
    assert hop == Hop(raw=line.strip(), span=hop.span)
    assert hop.kind is Kind.UNKNOWN


def test_newest_first_and_other_fields_left_alone() -> None:
    message = (
        b"From x Tue\nReceived: from b by c; 24 Nov 2026 03:12:09 +0900\nX-Received: from no by no\n"
        b"received:\n from a\n by b; 24 Nov 2026 03:12:08 +0900\n\nReceived: from body by body\n"
    )
    hops = read_received(message)
    assert [(hop.client.helo, hop.by) for hop in hops] == [("b", "c"), ("a", "b")]
    assert hops[0].date is not None
    assert hops[1].date is not None
    assert hops[0].date - hops[1].date == timedelta(seconds=1)


def test_fields() -> None:
    message = (
        b"Subject: one\r\n two\r\n\tthree\r\nTo : x\r\n stray\r\nno colon here\r\n lost\r\nEmpty:\r\n\r\nBody: no\r\n"
    )
    assert header_fields(message) == (("Subject", b"one two\tthree"), ("To", b"x stray"), ("Empty", b""))
    assert header_fields(b"") == ()
    assert header_fields(b" leading\r\nA: b") == (("A", b"b"),)
    assert header_fields(b"bad name: x\nG: y\r\n") == (("G", b"y"),)


def test_bounds() -> None:
    many = b"Received: from a by b; x\n" * (HOPS_AT_MOST + 10)
    assert len(read_received(many)) == HOPS_AT_MOST
    assert len(header_fields(b"A: b\n" * (FIELDS_AT_MOST + 10))) == FIELDS_AT_MOST
    assert read_hop(b"from a by " + b"b" * 100_000).by == "b" * (tokens.LINE_AT_MOST - len("from a by "))


@given(st.binary(max_size=2000))
def test_any_bytes_are_read(raw: bytes) -> None:
    for message in (raw, b"Received: " + raw, b"Received: from a (" + raw + b") by b; " + raw):
        for hop in read_received(message):
            assert isinstance(hop, Hop)
            assert hop.date is None or hop.date.utcoffset() is not None


PIECES = st.sampled_from(
    [
        "from ",
        "by ",
        "with ",
        "id ",
        "for ",
        "(",
        ")",
        "[",
        "]",
        "198.51.100.7",
        "helo=",
        "HELO ",
        ";",
        '"',
        "\\",
        "a",
        "@",
        " ",
        "::1",
        "\n\t",
    ]
)


@given(st.lists(PIECES, max_size=60).map("".join))
def test_any_mixture_of_pieces_is_read(text: str) -> None:
    hop = read_hop(text.encode())
    assert hop.raw == text.strip(" \t\r\n").encode()
    assert re.fullmatch(r"[0-9a-f.:]*", hop.client.ip)


@given(st.lists(PIECES, max_size=60).map("".join))
def test_clauses_are_places_in_the_line(text: str) -> None:
    places = [place for place in cut(text.strip()).regs if place != NOWHERE]
    assert all(0 <= start <= end <= len(text) for start, end in places)


def same_cuts(line: str) -> None:
    """The usual lines are cut as the tokens cut them."""
    line = line.strip(" \t\r\n")
    usual, any_form = cut(line), cut_by_tokens(line)
    ours, theirs = (dict(zip(GROUPS, one.groups(), strict=False)) for one in (usual, any_form))
    for name in ("day", "month", "year", "clock", "zone"):
        ours.pop(name)
        theirs.pop(name)
    assert ours == theirs


@pytest.mark.parametrize("name", LINES)
def test_usual_lines_are_cut_as_any_others(name: str) -> None:
    same_cuts(LINES[name][0].replace("\r\n", "  "))


WORDS = st.sampled_from(
    ["from", "by", "with", "id", "for", "via", "FROM", "tls", "a", "[1]", "(a)", "(b (c))", "a.b", ";"]
)
TAILS = st.sampled_from(
    [
        "; Tue, 24 Nov 2026 03:12:09 +0900 (JST)",
        "; Tue, 6 Jul 93 18:22:05 +0900",
        ";24 Nov 26 03:12:09 GMT",
        "; 6 Jul 93",
    ]
)


@given(st.lists(WORDS, max_size=14).map(" ".join), TAILS)
@example("by b", "; Tue, 6 Jul 93 18:22:05 +0900")
def test_any_order_is_cut_alike(text: str, tail: str) -> None:
    same_cuts(f"{text}{tail}")
    same_cuts(f"from a (b [192.0.2.1]) by c {text}{tail}")
    same_cuts(f"(qmail 1 invoked {text}){tail}")
    for glue in ("", " "):
        same_cuts(f"from mail pickup service{glue}{text}{tail}")
        same_cuts(f"from a [192.0.2.1]{glue}{text}{tail}")


@given(st.lists(PIECES, max_size=60).map("".join))
def test_tokens_only_go_forward(text: str) -> None:
    ends = [place for pair in tokens.places(text) for place in pair]
    assert ends == sorted(ends)
    assert all(end <= len(text) for end in ends)


def said(hop: Hop) -> dict[str, str]:
    """The parts of a hop that stand in its line as they are."""
    client = hop.client
    parts = {"helo": client.helo, "rdns": client.rdns, "ident": client.ident, "masked": client.masked}
    parts |= {"by": hop.by, "with": hop.with_, "id": hop.id, "for": hop.for_}
    parts |= {"envelope_from": hop.envelope_from, "auth": hop.auth}
    return {name: part for name, part in parts.items() if part}


def check_spans(message: bytes, hop: Hop) -> None:
    """The bytes at each span are the part they are the span of."""
    assert message[hop.span.start : hop.span.end] == hop.raw
    there = {name: message[span.start : span.end].decode("latin-1") for name, span in spans(hop).items()}
    date, ip = there.pop("date", ""), there.pop("ip", "")
    assert {name: " ".join(words(blanked(part.encode("latin-1")))) for name, part in there.items()} == {
        name: " ".join(words(blanked(part.encode("latin-1")))) for name, part in said(hop).items()
    }
    assert read_date(date) == hop.date
    assert read_address(ip) == hop.client.ip


@given(st.lists(PIECES, max_size=60).map("".join))
def test_spans_point_at_what_they_say(text: str) -> None:
    message = f"Subject: x\r\nReceived: {text}\r\n\r\nbody".encode()
    for hop in read_received(message):
        check_spans(message, hop)


@pytest.mark.parametrize("name", LINES)
def test_spans_of_real_lines(name: str) -> None:
    message = f"X: y\nReceived: {LINES[name][0]}\nSubject: x\n\nbody".encode()
    (hop,) = read_received(message)
    check_spans(message, hop)
    assert Span(0, 0) not in spans(hop).values()


@pytest.mark.parametrize(
    "piece",
    [
        b"(",
        b")",
        b"((a)",
        b"from ",
        b"by x ",
        b"a ",
        b'"',
        b'"\\',
        b"\\",
        b"[",
        b"([1.2.3.4",
        b"; ",
        b"helo=",
        b"(helo ",
    ],
)
def test_work_grows_with_the_line_and_not_faster(piece: bytes) -> None:
    small, large = (lines_run(read_hop, b"from a by b " + piece * (size // len(piece))) for size in (800, 6400))
    assert large <= 12 * small + 200


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("Tue, 24 Nov 2026 03:12:09 +0900", "2026-11-24T03:12:09+09:00"),
        ("24 Nov 26 03:12 JST", "2026-11-24T03:12:00+09:00"),
        ("Mon, 16 Oct 100 18:07:18 +0900", "2000-10-16T18:07:18+09:00"),
        ("Tue, 24 Nov 99 03:12:60 GMT", "1999-11-24T03:12:59+00:00"),
        ("Tue, 24 Nov 2026 03:12:09 -0330", "2026-11-24T03:12:09-03:30"),
        ("Tue, 24 Nov 2026 03:12:09 +9999", "2026-11-24T03:12:09+00:00"),
        ("Tue, 24 Nov 2026 03:12:09 XYZ", "2026-11-24T03:12:09+00:00"),
        ("Tue, 24 Nov 2026 03:12:09", "2026-11-24T03:12:09+00:00"),
        ("Tue, 24 November 2026 03:12:09 PST", "2026-11-24T03:12:09-08:00"),
        ("2023-09-09 11:08:19.722287449 +0000 UTC m=+10495721.9", "2023-09-09T11:08:19+00:00"),
        ("Tue Oct 17 10:41:25 2000", "2000-10-17T10:41:25+00:00"),
        ("Wed Jul 24 07:02:49 JST 2002", "2002-07-24T07:02:49+09:00"),
    ],
)
def test_dates(text: str, date: str) -> None:
    found = read_date(text)
    assert found is not None
    assert found.isoformat() == date


@pytest.mark.parametrize(
    "text", ["", "yesterday", "31 Feb 2026 00:00:00", "1 Xyz 2026 00:00", "1 Jan 0000 00:00", "1 Jan 2026 25:00"]
)
def test_no_date(text: str) -> None:
    assert read_date(text) is None


def hops(*lines: str) -> tuple[Hop, ...]:
    return tuple(read_hop(f"{line}; Tue, 24 Nov 2026 03:12:09 +0900".encode()) for line in lines)


DIRECT = "from t (unknown [198.51.100.7]) by mail.a.com with ESMTP id 1"
LOST = "from t (unknown [172.22.1.1]) by mail.a.com with ESMTP id 1"
FILTER = "from localhost (localhost [127.0.0.1]) by mail.a.com with ESMTP id 2"
AFTER = "from mail.a.com (mail.a.com [192.0.2.25]) by mx.proof.example with ESMTP id 3"
BEHIND = "from gate.a.com (gate.a.com [192.0.2.1]) by mail.a.com with ESMTP id 4"
GATE = "from t ([198.51.100.7]) by gate.a.com with ESMTP id 5"


@pytest.mark.parametrize(
    ("lines", "names", "address"),
    [
        ([DIRECT], ["mail.a.com"], "198.51.100.7"),
        ([DIRECT], ["MAIL.A.COM."], "198.51.100.7"),
        ([LOST], ["mail.a.com"], "172.22.1.1"),
        ([AFTER, DIRECT], ["mail.a.com"], "198.51.100.7"),
        ([AFTER, FILTER, DIRECT], ["mail.a.com"], "198.51.100.7"),
        ([BEHIND, GATE], ["mail.a.com"], "198.51.100.7"),
        ([AFTER], ["mail.a.com"], None),  # its own line was taken out: nothing can be told
        ([DIRECT], ["other.example"], None),
        ([DIRECT], [""], None),
        ([DIRECT], [], None),
        ([], ["mail.a.com"], None),
        (["by mail.a.com with ESMTP id 1"], ["mail.a.com"], None),
        (["from t ([198.51.100.7]) by [192.0.2.25] with ESMTP id 1"], ["192.0.2.25"], "198.51.100.7"),
    ],
)
def test_the_address_the_server_wrote_down_for_us(lines: list[str], names: list[str], address: str | None) -> None:
    assert client_seen(hops(*lines), names) == address

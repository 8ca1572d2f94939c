# SPDX-License-Identifier: Apache-2.0
"""A head that was pasted, quoted, wrapped and run together comes out as it was, and knows where it stood."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.received.paste import Pasted, unpaste

PAGE = Path(__file__).parent.parent / "messages" / "pasted" / "maps-page.txt"
HEAD = b"""\
Received: (qmail 17970 invoked by uid 407); 16 Oct 2000 08:54:41 -0000
Received: (qmail 17968 invoked from network); 16 Oct 2000 08:54:40 -0000
Received: from ns.a.co.jp (@***.***.***.***) by mail.pimpdaddy.com with SMTP; 16 Oct 2000 08:54:40 -0000
Received: from 216.76.216.45 (host-216-76-216-45.dab.bellsouth.net [216.76.216.45]) by ns.a.co.jp with SMTP \
(8.7.1/8.7.1) id SAA13665; Mon, 16 Oct 2000 18:07:18 +0900 (JST)
Received: from relay.example.net (unknown [203.0.113.9]) by mx.example.com (Postfix) with ESMTPS id 4Xyz12abc for \
<user@example.com>; Tue, 3 Jan 2017 09:07:01 +0100 (CET)
Received: from [192.0.2.4] (helo=pc) by mail.example.org with esmtp (Exim 4.94) id 1abCdE-0001xy-Ab; Wed, 14 Feb 2024 \
00:00:59 -0800
From: money1jesus@usa.net
Subject: Ever see this? 27206
"""
LINES = HEAD.splitlines()


def head(pasted: Pasted) -> list[bytes]:
    """The fields of what was found."""
    return pasted.message.partition(b"\r\n\r\n")[0].split(b"\r\n")


def only(text: bytes) -> Pasted:
    """The one message of a text."""
    (found,) = unpaste(text)
    return found


def test_the_page_of_the_report() -> None:
    """All on few lines, broken inside, a stamp before it, ``-0000`` alone on a line, a quoted original behind it."""
    text = PAGE.read_bytes()
    found = only(text)
    assert head(found) == [
        *LINES[:4],
        b"From: money1jesus@usa.net",
        b"Message-ID: <0000037447a2$000056d8$00006a46@216.76.216.45>",
        b"To:",
        b"Subject: Ever see this? 27206",
        b"Date: Mon, 16 Oct 2000 04:42:39 -0400",
        b"X-Priority: 3",
        b"X-MSMail-Priority: Normal",
        b"Reply-To: christina_andrews38@yahoo.com",
    ]
    assert (found.before, found.quoted) == (b"Tue Oct 17 10:41:25 2000 ----", True)
    assert found.message.partition(b"\r\n\r\n")[2].startswith(b"-----Original\nMessage-----")


def test_what_stands_well_stays_as_it_is() -> None:
    found = only(HEAD + b"\nHello: this is the body\nReceived with thanks\n")
    assert head(found) == LINES
    assert found.message.endswith(b"\r\n\r\nHello: this is the body\nReceived with thanks\n")
    assert not found.quoted


def test_one_break_anywhere() -> None:
    """Every single break that a page can make in a Received line is found out."""
    places = [at for at in range(1, HEAD.index(b"\nFrom:")) if b"\n" not in HEAD[at - 1 : at + 1]]
    broken = {at: [head(found) for found in unpaste(HEAD[:at] + b"\n" + HEAD[at:])] for at in places}
    assert [HEAD[at - 15 : at + 15] for at, heads in broken.items() if heads != [LINES]] == []


@pytest.mark.parametrize("mark", [b"> ", b">", b"| ", b">> ", b"> > ", b"    "])
def test_quoted(mark: bytes) -> None:
    text = b"He wrote:\n\n" + b"".join(mark + line + b"\n" for line in LINES) + mark + b"\n" + mark + b"Buy!\n"
    assert head(only(text)) == LINES


@given(st.randoms(use_true_random=False), st.integers(min_value=20, max_value=100))
def test_wrapped_anew_without_indentation(rng: random.Random, width: int) -> None:
    """Wrapped at blanks by a program that knows nothing of heads."""
    wrapped = []
    for line in LINES:
        length = 0
        for word in line.split():
            turn = length and (length + len(word) > width or rng.random() < 0.05)
            wrapped.append((b"\n" if turn else b" " if length else b"") + word)
            length = len(word) if turn else length + len(word) + 1
        wrapped.append(b"\n")
    assert head(only(b"".join(wrapped))) == LINES


def test_out_of_a_page() -> None:
    """Entities, no-break and ideographic spaces."""
    text = HEAD.replace(b"<", b"&lt;").replace(b">", b"&gt;").replace(b" with ", b"\xc2\xa0with\xe3\x80\x80")
    found = only(text)
    assert head(found) == LINES
    start = found.message.index(b"<user@example.com>")
    first, last = found.span(start, start + len(b"<user@example.com>"))
    assert text[first:last] == b"&lt;user@example.com&gt;"


def test_two_in_one_text() -> None:
    text = HEAD + b"\nBuy this.\n\nAnd one more:\n\n" + HEAD + b"\nBuy that.\n"
    first, second = unpaste(text)
    assert head(first) == head(second) == LINES


def test_a_text_without_lines_of_a_head() -> None:
    assert unpaste(b"") == unpaste(b"To be honest: nothing was received.\nSubject: none\n\nFrom: nobody\n") == ()


@given(st.integers(min_value=1, max_value=len(HEAD) - 1))
def test_spans_lead_back(place: int) -> None:
    """Every word that stands in both is found where it stood."""
    text = b"> seen today ---- " + HEAD[:place] + b"\n" + HEAD[place:]
    for found in unpaste(text):
        at = 0
        for word in found.message.split():
            at = found.message.index(word, at)
            start, end = found.span(at, at + len(word))
            assert text[start:end].replace(b"\n", b"") == word
            at += len(word)


@given(
    st.lists(
        st.sampled_from([*HEAD.split(), b"\n", b"\n\n", b">", b"(", b"Received:", b"\xff", b"-----O"]), max_size=80
    )
)
def test_never_raises_and_loses_no_place(pieces: list[bytes]) -> None:
    text = b" ".join(pieces)
    for found in unpaste(text):
        start, end = found.span(0, len(found.message))
        assert 0 <= start <= end <= len(text)


@given(st.binary(max_size=400))
def test_any_octets(text: bytes) -> None:
    assert isinstance(unpaste(b"Received: " + text), tuple)


@pytest.mark.parametrize(
    "piece",
    [
        b"Received: x\n\nfoo\n\n",
        b"Received: from a by b; 1 Jan 2000 00:00:00 +0000\n",
        b"(",
        b"a ",
        b"From: a\n",
        b"> ",
    ],
)
def test_much_of_it_takes_no_time(piece: bytes) -> None:
    """Half a megabyte of the worst: the test's own time limit would tell of anything that is not linear."""
    text = b"Received: " + piece * (600_000 // len(piece))
    assert sum(len(found.message) for found in unpaste(text)) < 3 * len(text)

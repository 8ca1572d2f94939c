# SPDX-License-Identifier: Apache-2.0
"""The report of 2001, line for line."""

from __future__ import annotations

from dataclasses import replace

from fumidai.evidence.outcome import Word
from fumidai.evidence.transcript import Direction, Transcript
from fumidai.evidence.verdict import Verdict, VerdictReason
from fumidai.report.maps import render_maps
from tests.report.results import entry, row

V, R = Verdict, VerdictReason


def session() -> Transcript:
    """Two tests as the service asked them."""
    transcript = Transcript(1, "maps")
    said = [
        (Direction.PEER, b"220 a.co.jp ESMTP Sendmail 8.9.3\r\n"),
        (Direction.US, b"HELO probe.example.net\r\n"),
        (Direction.PEER, b"250 a.co.jp Hello\r\n"),
        (Direction.NOTE, b":Relay test: #Quote test"),
        (Direction.US, b"mail from: <spamtest@ns.a.co.jp>\r\n"),
        (Direction.PEER, b"250 Sender ok\r\n"),
        (Direction.US, b'rcpt to: <"7f3k1@proof.example.net">\r\n'),
        (Direction.PEER, b"553 Relay operation rejected\r\n"),
        (Direction.US, b"rset\r\n"),
        (Direction.PEER, b"250 Reset state\r\n"),
        (Direction.NOTE, b":Relay test: #Test 1"),
        (Direction.US, b"mail from: <7f3k2@proof.example.net>\r\n"),
        (Direction.PEER, b"250 Sender \x1b[31mok\r\n"),
        (Direction.US, b"rcpt to: <7f3k2@proof.example.net>\r\n"),
        (Direction.PEER, b"250 " + b"x" * 300 + b"\r\n"),
        (Direction.US, b"QUIT\r\n"),
        (Direction.PEER, b"221 closing connection\r\n"),
    ]
    for number, (direction, data) in enumerate(said):
        transcript.add(number / 10, direction, data)
    return transcript


ROWS = (
    row(1, "maps-quote", rcpt_to='<"7f3k1@proof.example.net">'),
    row(2, "plain-self", Word.DELIVERED, rcpt_to="<7f3k2@proof.example.net>"),
)
BANNER = b"220 a.co.jp ESMTP Sendmail 8.9.3\r\n"


def test_a_closed_one_reads_as_in_2001():
    text = render_maps(entry(V.CLOSED, R.ALL_REFUSED, ROWS[:1], transcripts=(session(),), banner=BANNER))
    lines = text.splitlines()
    assert lines[:10] == [
        "Connecting to 192.0.2.25 ...",
        "<<< 220 a.co.jp ESMTP Sendmail 8.9.3",
        ">>> HELO probe.example.net",
        "<<< 250 a.co.jp Hello",
        ":Relay test: #Quote test",
        ">>> mail from: <spamtest@ns.a.co.jp>",
        "<<< 250 Sender ok",
        '>>> rcpt to: <"7f3k1@proof.example.net">',
        "<<< 553 Relay operation rejected",
        ">>> rset",
    ]
    assert lines[-4:] == [
        ">>> QUIT",
        "<<< 221 closing connection",
        "Tested host banner: 220 a.co.jp ESMTP Sendmail 8.9.3",
        "System appeared to reject relay attempts",
    ]


def test_long_lines_stay_and_control_characters_do_not():
    text = render_maps(entry(V.CLOSED, R.ALL_REFUSED, transcripts=(session(),)))
    assert "<<< 250 " + "x" * 300 + "\n" in text
    assert "<<< 250 Sender \\x1b[31mok\n" in text


def test_a_proven_one_names_its_tests_as_they_were_announced():
    text = render_maps(entry(V.OPEN, R.DELIVERED, ROWS, transcripts=(session(),)))
    assert text.endswith("A message for a stranger was delivered through this system (#Test 1)\n")


def test_a_promise_is_no_proof():
    taken = row(2, "plain-self", Word.ACCEPTED, rcpt_to="<7f3k2@proof.example.net>")
    text = render_maps(entry(V.ACCEPTS, R.PROMISED_AT_RCPT, (taken,), transcripts=(session(),)))
    assert text.splitlines()[-1] == "System promised to relay (#Test 1); only a proof can tell whether it does"


def test_a_test_that_no_transcript_knows_goes_by_its_id():
    hole = replace(ROWS[1], rcpt_to="<elsewhere@proof.example.net>")
    assert "(plain-self)" in render_maps(entry(V.OPEN, R.DELIVERED, (hole,), transcripts=(session(),)))


def test_without_a_session_it_says_why():
    text = render_maps(entry(V.UNREACHABLE, R.NO_CONNECTION, transcripts=(), banner=b""))
    assert text.splitlines() == [
        "Connecting to 192.0.2.25 ...",
        "No connection to 192.0.2.25:25. The server may be down, or this line may block outbound port 25.",
    ]


def test_a_closed_that_was_not_made_sure_of_says_so_behind_the_line_of_2001():
    made = entry(V.CLOSED, R.ALL_REFUSED, ROWS, verdict_params={"untried": 2})
    *_, line, reservation = render_maps(made).splitlines()
    assert line == "System appeared to reject relay attempts"
    assert reservation.startswith("It said no only after it had taken the recipients")
    assert "(2) were not made. To make them: --local-user ADDRESS" in reservation

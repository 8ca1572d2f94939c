# SPDX-License-Identifier: Apache-2.0
"""An abuse report is a sound one, names who handed the message over, and nobody it was sent to."""

from __future__ import annotations

import email
import email.policy
import re
import time
from datetime import UTC, datetime
from email.header import Header
from email.policy import SMTP
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fumidai.received.read import read_head
from fumidai.received.weigh import weigh
from fumidai.report.trace_arf import render_arf
from fumidai.report.trace_json import Message
from fumidai.report.trace_redact import redact, token
from fumidai.trace.letter import How
from fumidai.trace.letters import letters
from tests.trace.mail import spam

NOW = datetime(2026, 11, 24, 3, 12, tzinfo=UTC)
KEY = b"a key for tests"
LF = re.compile(rb"(?<!\r)\n")


def arf(original: bytes, told: str = "", sender: str = "", to: str = "") -> bytes:
    """The report of a message."""
    head = read_head(original)
    trace = weigh(head.hops, head.headers, relay_address=told)
    return render_arf(Message(trace, "f", head.headers), original, now=NOW, key=KEY, sender=sender, to=to)


def parts(report: bytes) -> list[email.message.Message]:
    """The three parts."""
    mail = email.message_from_bytes(report, policy=email.policy.default)
    assert mail.get_content_type() == "multipart/report"
    assert mail.get_param("report-type") == "feedback-report"
    assert not mail.defects
    return list(mail.iter_parts())


def test_it_is_a_feedback_report() -> None:
    text, machine, original = parts(arf(spam().replace(b"From: lucky", b"Return-Path: <a@b.example>\nFrom: lucky")))
    assert [part.get_content_type() for part in (text, machine, original)] == [
        "text/plain", "message/feedback-report", "message/rfc822",
    ]  # fmt: skip
    told = dict(line.split(": ", 1) for line in machine.as_string().partition("\n\n")[2].splitlines() if line)
    assert told.pop("User-Agent").startswith("Fumidai/")
    assert told == {
        "Feedback-Type": "abuse",
        "Version": "1",
        "Source-IP": "192.0.2.25",
        "Reported-Domain": "relay.a.test",
        "Arrival-Date": "Mon, 02 Mar 2026 10:00:05 +0000",
        "Original-Mail-From": "a@b.example",
    }
    assert str(text.get_payload()).startswith("relay.a.test, Sendmail 8.9.3, passed this message on.")


def test_who_writes_to_whom() -> None:
    """A report that can be mailed has what RFC 5322 wants; who and to whom is told, never made up."""
    mail = email.message_from_bytes(arf(spam(), sender="post@a.example", to="abuse@a.test"), policy=SMTP)
    assert (mail["From"], mail["To"], mail["Date"]) == ("post@a.example", "abuse@a.test", format_datetime(NOW))
    assert mail["Message-ID"].endswith("@a.example>")
    assert not mail.defects
    nobody = email.message_from_bytes(arf(spam()))
    assert not {"From", "To", "Cc", "Sender", "Message-ID"} & set(nobody.keys())
    assert arf(spam(), sender="post@a.example") != arf(spam(2), sender="post@a.example")


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        (b"Subject: Make money\n", "FW: Make money"),
        (b"Subject: Make\n\tmoney " + b"fast " * 30 + b"\n", "FW: Make money " + ("fast " * 30).strip()),
        (b"subject: " + "踏み台にしました".encode() + b"\n", "FW: 踏み台にしました"),
        (b"Subject: " + Header("踏み台", "iso-2022-jp").encode().encode() + b"\n", "FW: 踏み台"),
        (b"Subject: you@example.net\n", "FW: " + token(b"you@example.net", KEY).decode() + "@example.net"),
        (b"Subject: a\0\x1b[2J\xff\n", "FW: a\\x00\\x1b[2J\\xff"),
        (b"Subject: " + b"x" * 250 + b"\n", "FW: " + "x" * 250),
        (b"Subject: \n", "FW: spam from relay.a.test [192.0.2.25]"),
        (b"", "FW: spam from relay.a.test [192.0.2.25]"),
    ],
)
def test_its_subject_is_the_messages(subject: bytes, said: str) -> None:
    report = arf(spam().replace(b"Subject: number 1\n", subject))
    assert email.message_from_bytes(report, policy=SMTP)["Subject"] == said


BODIES = {
    "plain": (b"text\n", "7bit"),
    "no line end": (b"text", "7bit"),
    "UTF-8": ("踏み台\n".encode(), "8bit"),
    "Shift_JIS": ("踏み台\n".encode("shift-jis"), "8bit"),
    "a bare CR": (b"a\rb\r\r\nc\n", "binary"),
    "NUL": (b"\0\n", "binary"),
    "a long line": (b"x" * 999 + b"\n", "binary"),
    "a dot": (b".\n..\n", "7bit"),
    "a part that never ends": (b'--x\nContent-Type: multipart/mixed; boundary="y"\n\n--y\n', "7bit"),
}


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("name", BODIES)
def test_the_message_is_as_it_was(name: str, end: bytes) -> None:
    """Octet for octet but for line ends, which mail writes as CR LF, and for its recipients."""
    body, label = BODIES[name]
    original = b'Content-Type: multipart/mixed; boundary="x"\n' + spam() + body
    wanted = LF.sub(b"\r\n", original).replace(b"you@example.net", token(b"you@example.net", KEY) + b"@example.net")
    report = arf(b"From a@b.example Mon Mar  2 10:00:00 2026\n" + LF.sub(end, original))
    assert report.count(wanted + b"\r\n--fumidai-") == 1
    assert f"\r\nContent-Transfer-Encoding: {label}\r\n\r\n".encode() + wanted in report
    assert report.partition(b"\r\n\r\n")[0].endswith(f"Content-Transfer-Encoding: {label}".encode())
    assert b"\n" not in report.replace(b"\r\n", b"")


def test_what_is_traced_in_it_is_the_same() -> None:
    again = letters(arf(spam()), "report.arf")
    assert [letter.origin.how for letter in again] == [How.ATTACHED]
    trace = weigh(again[0].head.hops, again[0].head.headers)
    assert trace.relay is not None
    assert (trace.relay.name, trace.relay.ip) == ("relay.a.test", "192.0.2.25")


HEAD = b"""\
Return-Path: <list-bounces-you=example.net@lists.example>
Delivered-To: You@Example.NET
Received: from a (a.test [192.0.2.1]) by mx.example.net (Postfix) with ESMTP id 9 for <you@example.net>;
 Mon, 2 Mar 2026 10:00:05 +0000
Authentication-Results: mx.example.net; spf=pass smtp.rcpttodomain=example.net rcpt=you@example.net
To: "Y. Ou, Accounts" <you@example.net>,
 other.one@corp.example (Other One)
Cc: =?utf-8?q?Third?= <third@corp.example>
Subject: you@example.net, thankyou@example.net and me@corp.example
X-Nobody: you@example.net.evil.example

you@example.net is in the body
"""


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_recipients_are_redacted(end: bytes) -> None:
    found = redact(HEAD.replace(b"\n", end), KEY).replace(end, b"\n")
    head, _, body = found.partition(b"\n\n")
    you = token(b"you@example.net", KEY)
    assert b"<list-bounces-" + you + b"=example.net@lists.example>" in head
    assert b"for <" + you + b"@example.net>" in head
    assert b"rcpt=" + you + b"@example.net" in head
    assert b"Delivered-To: " + you + b"@Example.NET\n" in head
    assert b"Subject: " + you + b"@example.net, thankyou@example.net and me@corp.example" in head
    assert b"X-Nobody: you@example.net.evil.example" in head
    for hidden in (b"Y. Ou", b"Accounts", b"other.one", b"Other One", b"third@", b"Third", b"<you@"):
        assert hidden not in head
    assert body == b"you@example.net is in the body\n"
    assert redact(HEAD, KEY) == redact(HEAD, KEY) != redact(HEAD, b"another key")


@pytest.mark.parametrize("after", [b".", b".-", b"." * 9])
def test_a_dot_behind_an_address_hides_it_from_nobody(after: bytes) -> None:
    head = b"Received: from a by b for you@example.net" + after + b"; x\nTo: other@example.net" + after + b"\n\n"
    found = redact(head, KEY)
    assert b"you@" not in found
    assert b"other@" not in found


def test_an_empty_to_stays_empty() -> None:
    assert redact(b"To: \nSubject: x\n\n", KEY) == b"To: \nSubject: x\n\n"


@pytest.mark.parametrize("junk", [b"a", b"a-", b'"', b"a@", b"for <", b"=", b" ", b"\n ", b"To: a@b.c\n"])
def test_a_great_head_is_read_once(junk: bytes) -> None:
    """Two million letters that lead nowhere take no minutes."""
    began = time.monotonic()
    redact(b"To: you@example.net\nX: " + junk * (2_000_000 // len(junk)) + b"\n\n", KEY)
    assert time.monotonic() - began < 20


def test_the_address_as_the_user_knows_it() -> None:
    masked = spam().replace(b"[192.0.2.25]", b"[***.***.***.***]")
    assert b"Source-IP" not in arf(masked)
    assert b"Source-IP: 192.0.2.9\r\n" in arf(masked, "192.0.2.9")


@pytest.mark.parametrize("body", [b"\0\xff\r\r\n", b"--x\n--x--\n" * 9, b"a\r\nb\r\n", b"From here\n", b"\xe8\xb8\x8f"])
def test_the_body_is_as_it_was(body: bytes) -> None:
    found = arf(spam() + body).replace(token(b"you@example.net", KEY), b"you")
    assert b"".join((spam() + body).split()) in b"".join(found.split())


@given(st.binary(max_size=400))
@settings(max_examples=60, deadline=None)
def test_whatever_the_message_it_can_be_read_again(junk: bytes) -> None:
    """A hostile message can neither break the report nor slip parts or fields into it."""
    report = arf(junk.replace(b"\n\n", b"\n") + b"\n" + spam() if b":" in junk else spam() + junk)
    assert len(parts(report)) == 3
    fields = ["Date", "Subject", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"]
    assert email.message_from_bytes(report).keys() == fields


@given(st.text(st.characters(codec="latin-1"), max_size=60))
@settings(max_examples=60, deadline=None)
def test_a_name_can_not_add_a_field(name: str) -> None:
    hostile = name.encode("latin-1")
    data = spam().replace(b"relay.a.test [", hostile + b" [").replace(b"id 4Xk1", b"id 4 (" + hostile + b")")
    allowed = {"Feedback-Type", "User-Agent", "Version", "Source-IP", "Reported-Domain", "Arrival-Date"}
    lines = parts(arf(data))[1].as_string().partition("\n\n")[2].splitlines()
    assert {line.partition(":")[0] for line in lines if line} <= allowed

# SPDX-License-Identifier: Apache-2.0
"""One trace on the screen: it fits, says nothing twice, offers what there is, and shows what was really seen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fumidai.received.read import read_head
from fumidai.received.weigh import weigh
from fumidai.report.trace_json import Message, message_json
from fumidai.report.trace_path import delay_text
from fumidai.report.trace_text import render_trace_text
from fumidai.report.voice import Voice
from fumidai.report.width import cells
from fumidai.texts import Language
from fumidai.trace.letters import letters
from tests.trace.mail import spam

PASTED = (Path(__file__).parents[1] / "messages" / "pasted" / "maps-page.txt").read_bytes()

SIX = b"""\
Received: from edge.example.net (edge.example.net [192.0.2.1]) by store.example.net (Postfix) with ESMTP id A1;
 Mon, 2 Mar 2026 10:00:09 +0000
Received: from post.far.example (post.far.example [198.51.100.25]) by edge.example.net (Postfix) with ESMTPS id A2;
 Mon, 2 Mar 2026 10:00:05 +0000
Received: from EX1.far.example (ex1.far.example [10.1.1.1]) by post.far.example (Postfix) with ESMTPS id A3;
 Mon, 2 Mar 2026 10:00:04 +0000
Received: from EX2.far.example (10.1.1.2) by EX1.far.example (10.1.1.1) with Microsoft SMTP Server
 (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.1.2507.35; Mon, 2 Mar 2026 11:00:03 +0100
Received: from gw.far.example (2001:db8::25) by EX2.far.example (10.1.1.2) with Microsoft SMTP Server id 15.1.2507.35
 via Frontend Transport; Mon, 2 Mar 2026 11:00:02 +0100
Received: from pc (dsl-203-0-113-7.pool.isp.example [203.0.113.7]) by gw.far.example with ESMTP id XX;
 Mon, 2 Mar 2026 10:00:00 +0000
From: a@b.example

"""


def message_of(data: bytes, file: str = "spam.eml", told: str = "") -> Message:
    """A message and its trace."""
    letter = letters(data, file)[0]
    head, around = letter.head, letter.around
    trace = weigh(head.hops, head.headers, relay_address=told, around=around, message=letter.message)
    return Message(trace, file, letter.head.headers, around=letter.around)


MASKED = (Path(__file__).parents[1] / "messages" / "fields" / "masked.eml").read_bytes()


@pytest.mark.parametrize("quote", [b"", b"> "])
def test_an_address_that_a_field_still_tells_is_offered(quote: bytes) -> None:
    data = b"".join(quote + line for line in MASKED.splitlines(keepends=True))
    text = render_trace_text(message_of(data), width=200)
    assert "Received-SPF says that ns.relay.example had the address 192.0.2.25." in text
    assert "trace spam.eml --relay-address 192.0.2.25" in text
    told = render_trace_text(message_of(data, told="192.0.2.25"), width=200)
    assert "Received-SPF" not in told
    assert "Name it:" not in told


def test_of_several_addresses_none_is_put_into_the_command() -> None:
    text = render_trace_text(message_of(b"X-Sender-IP: 192.0.2.26\n" + MASKED), width=200)
    assert "X-Sender-IP says" in text
    assert "--relay-address ADDRESS" in text


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("data", [PASTED, spam(), SIX, b"\n"], ids=["pasted", "plain", "six", "none"])
def test_it_fits_a_screen(data: bytes, language: Language) -> None:
    lines = render_trace_text(message_of(data), language=language).splitlines()
    assert len(lines) <= (24 if data is not SIX else 34)
    assert max(cells(line) for line in lines[:-1]) <= 80


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_long_names_are_wrapped_and_whole(width: int, language: Language) -> None:
    name = "a-host-with-a-name-that-goes-on." + "sub." * 12 + "example.co.jp"
    data = SIX.replace(b"post.far.example", name.encode()).replace(b"store.example.net", b"s" * 63 + b".example.net")
    lines = render_trace_text(message_of(data), width=width, language=language).splitlines()
    steps = [line for line in lines if "fumidai trace" in line or "fumidai test" in line]
    assert all(cells(line) <= width for line in lines[:-1] if line not in steps)
    assert name in "".join(line.strip() for line in lines[:-1])


def test_delays_and_what_the_client_was() -> None:
    text = render_trace_text(message_of(PASTED))
    first = next(line for line in text.splitlines() if "mail.pimpdaddy.com" in line)
    assert first.split()[-2:] == ["-758", "s"]
    beside_the_source = text.partition("host-216-76-216-45.dab.bellsouth.net\n")[2]
    assert " ".join(beside_the_source.split()).startswith(
        "claimed by the line above; HELO is a bare address; by its name a customer's line"
    )
    for once in ("HELO is a bare address", "-758 s", "758 s fast", "customer's line"):
        assert text.count(once) == 1


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, ""), (2, "+2 s"), (-758, "-758 s"), (0, "+0 s"), (5400, "+1.5 h"), (-100800, "-28.0 h"),
     (10 * 86400, "+10 days"), (-3_000_000_000, "-34,722 days")],
)  # fmt: skip
def test_delays(seconds: int | None, said: str) -> None:
    assert delay_text(seconds, Voice()) == said


def test_what_was_seen_of_a_host_that_calls_itself_otherwise() -> None:
    """A line that nobody vouches for stands beside what the last believed line really saw."""
    data = spam().replace(
        b"From: lucky",
        b"Received: from bank.example ([203.0.113.9]) by mail.bank.example with SMTP id 1; "
        b"Mon, 2 Mar 2026 09:00:00 +0000\nFrom: lucky",
    )
    text = " ".join(render_trace_text(message_of(data)).split())
    assert "claimed: nobody vouches for it; the line above saw dial-7.example.org [203.0.113.7]" in text


def test_the_same_reason_is_not_said_again() -> None:
    text = render_trace_text(message_of(SIX))
    assert text.count("written at the same site") == 1
    assert len(re.findall(r"believed$", text, re.MULTILINE)) == 1


def test_steps_name_what_is_known() -> None:
    text = render_trace_text(message_of(PASTED, "my spam.txt"))
    assert "fumidai trace 'my spam.txt' --relay-address ADDRESS" in text
    assert "fumidai test ns.a.co.jp " in text
    assert "fumidai trace 'my spam.txt' -o report.arf" in text
    told = render_trace_text(message_of(PASTED, told="192.0.2.9"))
    assert "--relay-address" not in told
    assert "fumidai test 192.0.2.9 " in told
    assert "fumidai" not in render_trace_text(message_of(b"Subject: x\n\n", "-"))


@pytest.mark.parametrize("name", ["-", "a\x1bb", "a\u202eb", "\udc80"])
def test_a_file_that_can_not_be_pasted_is_not_offered(name: str) -> None:
    assert "fumidai trace FILE -o report.arf" in render_trace_text(message_of(spam(), name))


@given(st.text(st.characters(codec="latin-1"), max_size=40))
@settings(max_examples=60, deadline=None)
def test_nothing_of_a_message_is_pasted_into_a_command(name: str) -> None:
    """Only a plain host name or an address may follow ``fumidai test``."""
    hostile = name.replace("\r", "").replace("\n", "").encode("latin-1")
    data = spam().replace(b"relay.a.test (relay.a.test [192.0.2.25])", hostile + b" ([***.***.***.***])")
    head = read_head(data)
    text = render_trace_text(Message(weigh(head.hops, head.headers), "f", head.headers), width=200)
    for target in re.findall(r"fumidai test (.*?)(?:   #|$)", text, re.MULTILINE):
        assert re.fullmatch(r"[0-9A-Za-z_.:-]+", target)


def test_an_unknown_form_is_said() -> None:
    data = spam().replace(b"From: lucky", b"Received: what is this\nFrom: lucky")
    assert "1 Received line has a form that we don't know" in render_trace_text(message_of(data))


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"8.8.8/3.7W", "Sendmail 8.8.8/3.7W"),
        (b"8.8.8/8.8.8", "Sendmail 8.8.8 "),
        (b"8.12.3/8.12.3/Debian-6.6", "Sendmail 8.12.3/Debian-6.6"),
        (b"8.9.3/3.7W\x9b", "Sendmail 8.9.3/3.7W\\x9b"),
    ],
)
def test_the_configuration_stands_beside_the_version(line: bytes, shown: str) -> None:
    """The relay of 2000 was mended with CF: what generated its rules is worth a word."""
    message = message_of(spam().replace(b"8.9.3/8.9.3", line))
    assert f"{shown} " in f"{render_trace_text(message)} "
    assert message_json(message)["hops"][1]["config"] in line.decode("latin-1").partition("/")[2].replace(
        "\x9b", "\\x9b"
    )


@pytest.mark.parametrize(
    ("client", "hint"),
    [
        (b"relay.a.test (relay.a.test [192.0.2.25])", "for abuse@a.test? (RFC 2142)"),
        (b"relay.a.test ([192.0.2.25])", ""),
        (b"relay.a.test (relay.a.test [192.0.2.25] (may be forged))", ""),
        (b"relay.a.test (192-0-2-25 [192.0.2.25])", ""),
    ],
)
def test_whom_to_tell_is_a_hint(client: bytes, hint: str) -> None:
    """Only of a name that was looked up: whom a stranger calls himself after has nothing to do with it."""
    data = spam().replace(b"relay.a.test (relay.a.test [192.0.2.25])", client)
    if b"forged" in client:
        data = data.replace(b"(Postfix)", b"(8.12.3/8.12.3)")
    text = " ".join(render_trace_text(message_of(data)).split())
    assert "-o report.arf" in text
    assert hint in text
    assert ("abuse@" in text) == bool(hint)


def test_a_name_that_the_screen_can_not_show_is_no_word_of_a_command() -> None:
    message = message_of(spam(), "証拠.eml")
    assert "fumidai trace '証拠.eml' -o" in render_trace_text(message)
    told = render_trace_text(message, encodable=str.isascii)
    assert "fumidai trace FILE -o" in told
    assert told.isascii()


@pytest.mark.parametrize("width", [40, 80])
def test_a_way_of_many_hosts_stays_on_the_screen(width: int) -> None:
    line = b"Received: from h%d.example ([203.0.113.7]) by h%d.example with SMTP; Mon, 2 Mar 2026 10:00:01 GMT\n"
    data = b"".join(line % (number + 1, number) for number in range(150)) + b"\n"
    lines = render_trace_text(message_of(data), width=width).splitlines()
    assert max(cells(line) for line in lines[:-1] if "fumidai t" not in line) <= width
    assert any("h149.example" in line for line in lines)

# SPDX-License-Identifier: Apache-2.0
"""Who handed a message in, by the log of each family: lines as the real programs wrote them, with other names."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.logs.join import Join, Logged
from fumidai.logs.line import Line, read_line
from fumidai.policy.decide import decide
from fumidai.policy.model import policy_for_domains
from fumidai.policy.request import UNKNOWN

LOG = Path(__file__).with_name("mail.log")
LINES = LOG.read_bytes().splitlines()


def join(*wanted: str) -> dict[str, Logged]:
    """What the log tells of these messages, of all without a name."""
    joined = Join(wanted or None)
    for number, line in enumerate(LINES, 1):
        joined.add(number, line)
    return joined.found


@pytest.mark.parametrize(
    ("queue", "told"),
    [
        ("477C4AB", ("postfix", "203.0.113.7", "pc.example.org", "bob@a.com", "", "bob@a.com", "one@example.org")),
        ("5123DB6", ("postfix", "", "", "", "uid 33", "www-data", "")),
        ("6AOBHT2b000210", ("sendmail", "2001:db8:7::8", "mx.b.com", "", "", "s@b.com", "two@b.com")),
        ("6AOBHTAA000128", ("sendmail", "203.0.113.7", "pc.example.org", "bob", "", "bob@a.com", "three@a.com")),
        ("6AOBHTBB000128", ("sendmail", "192.0.2.99", "", "", "", "x@c.com", "four@c.com")),
        ("6AOBI1jh000263", ("sendmail", "", "", "", "www-data@localhost", "www-data", "five@a.com")),
        (
            "SAA13665",
            (
                "sendmail",
                "216.76.216.45",
                "host-216-76-216-45.dab.bellsouth.net",
                "",
                "",
                "money1jesus@usa.net",
                "0000037447a2$000056d8$00006a46@216.76.216.45",
            ),
        ),
        (
            "1xVoWe-00001X-0F",
            ("exim", "2001:db8:7::8", "sink.proof2.test", "bob", "", "s@proof2.test", "six@proof2.test"),
        ),
        ("1xVoXC-000000002Mx-2K00", ("exim", "", "", "", "www-data", "www-data@a.com", "")),
        ("5edee4a3", ("opensmtpd", "2001:db8:7::8", "sink.proof2.test", "bob", "", "n58@a.com", "")),
        ("4d5209bd", ("opensmtpd", "", "", "", "the local socket", "www-data@a.com", "")),
        ("17968", ("qmail", "192.0.2.25", "ns.a.co.jp", "", "uid 407", "money1jesus@usa.net", "")),
    ],
)
def test_who_handed_it_in(queue: str, told: tuple[str, ...]) -> None:
    one = join(queue)[queue]
    assert (one.family, one.ip, one.name, one.user, one.local, one.sender, one.message_id) == told


def test_what_was_not_known_of_one_client_is_not_said_of_another() -> None:
    """The process number of a login is used again by a client who never logged in."""
    found = join()
    assert (found["6AOBHTAA000128"].tls, found["6AOBHTBB000128"].tls) == (True, None)
    assert found["6AOBHTBB000128"].user == ""


@pytest.mark.parametrize(
    ("queue", "went"),
    [
        ("477C4AB", [("x@b.com", "sent"), ("y@b.com", "bounced")]),
        ("5123DB6", [("tok@b.com", "deferred")]),
        ("6AOBHTAA000128", [("r@b.com", "sent"), ("q@b.com", "sent")]),
        ("SAA13665", [("a@pimpdaddy.com", "sent"), ("b@pimpdaddy.com", "sent")]),
        ("1xVoWe-00001X-0F", [("r@proof2.test", "sent"), ("q@proof2.test", "sent"), ("n@proof2.test", "bounced")]),
        ("5edee4a3", [("r@proof2.test", "sent")]),
        ("17968", [("a@pimpdaddy.com", "sent")]),
    ],
)
def test_what_became_of_it(queue: str, went: list[tuple[str, str]]) -> None:
    assert [(one.to, one.status) for one in join(queue)[queue].deliveries] == went


def test_the_reply_of_a_bounce_is_whole() -> None:
    bounced = join("477C4AB")["477C4AB"].deliveries[1]
    assert bounced.text == "(host mx.b.com[198.51.100.8] said: 550 no such user, sorry)"


def test_only_what_is_wanted_is_kept() -> None:
    assert set(join("477C4AB", "no-such-id")) == {"477C4AB"}


def test_the_lines_it_rests_on() -> None:
    lines = join("SAA13665")["SAA13665"].lines
    assert [LINES[number - 1].startswith(b"Oct 16 18:07") for number, _ in lines] == [True, True]
    assert lines[0][1].startswith("Oct 16 18:07:18 SAA13665: from=<money1jesus@usa.net>")


def test_as_questions_to_a_policy() -> None:
    """A line of a log, a stranger at the door and a test are one type."""
    first, second = join("477C4AB")["477C4AB"].requests()
    assert (first.client, first.user, first.reverse_path) == (ip_address("203.0.113.7"), "bob@a.com", b"<bob@a.com>")
    assert (first.forward_path, second.forward_path) == (b"<x@b.com>", b"<y@b.com>")
    assert join("5123DB6")["5123DB6"].requests()[0].client is UNKNOWN
    assert decide(policy_for_domains(["a.com"]), first).rule == "foreign-recipient"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            b"2026-11-24T03:12:09.214+09:00 ns postfix/smtpd[77]: 4X: client=x[192.0.2.7]\n",
            Line("2026-11-24T03:12:09.214+09:00", "postfix/smtpd", "77", "4X: client=x[192.0.2.7]"),
        ),
        (b"<22>Nov  4 11:17:26 relay exim: text", Line("Nov  4 11:17:26", "exim", "", "text")),
        (
            json.dumps({
                "__REALTIME_TIMESTAMP": "1795488729214000",
                "SYSLOG_IDENTIFIER": "sm-mta",
                "_PID": "7",
                "MESSAGE": "AUTH=server",
            }).encode(),
            Line("1795488729214000", "sm-mta", "7", "AUTH=server"),
        ),
        (b'{"MESSAGE": [65, 255, 66]}', Line("", "", "", "A\udcffB")),
        (b'{"MESSAGE": 1', Line("", "", "", '{"MESSAGE": 1')),
        (
            b"2024-02-14 00:00:59.123 +0100 [7] 1abCdE-0001xy-Ab <= x",
            Line("2024-02-14 00:00:59.123 +0100", "", "7", "1abCdE-0001xy-Ab <= x"),
        ),
        (b"@4000000039eac8d025f5e1a4 end msg 7", Line("@4000000039eac8d025f5e1a4", "", "", "end msg 7")),
        (b"nothing that we know", Line("", "", "", "nothing that we know")),
        (b"", Line("", "", "", "")),
    ],
)  # fmt: skip
def test_lines(data: bytes, line: Line) -> None:
    assert read_line(data) == line


WORDS = sorted({word for line in LINES for word in line.replace(b"=", b"= ").replace(b",", b" , ").split()})


@given(st.lists(st.lists(st.sampled_from(WORDS) | st.binary(max_size=8), max_size=12), max_size=30))
def test_whatever_it_is(lines: list[list[bytes]]) -> None:
    """No log raises anything, in whatever order its words stand."""
    joined = Join()
    for number, words in enumerate(lines, 1):
        for data in (b" ".join(words), b"Nov 24 11:17:26 relay " + b"".join(words)):
            joined.add(number, data)
    for one in joined.found.values():
        one.requests()


@given(st.permutations(LINES))
def test_in_any_order(lines: list[bytes]) -> None:
    joined = Join()
    for number, line in enumerate(lines, 1):
        joined.add(number, line)
    assert joined.found["477C4AB"].user == "bob@a.com"
    assert {one.to for one in joined.found["477C4AB"].deliveries} == {"x@b.com", "y@b.com"}

# SPDX-License-Identifier: Apache-2.0
"""Parameters of delivery reports, by RFC 3461's grammar."""

from __future__ import annotations

import pytest

from fumidai.smtp.dsn import bad_parameter
from fumidai.smtp.refusals import Refusal
from fumidai.smtp.server import ServerMachine
from tests.smtp.test_server import Talk, refusals

RIGHT = [
    ("NOTIFY", b"NEVER"),
    ("NOTIFY", b"success,FAILURE,DELAY"),
    ("RET", b"full"),
    ("RET", b"HDRS"),
    ("ENVID", b"QQ314159"),
    ("ENVID", b"a+2Bb+3Dc+20"),
    ("ENVID", b"x" * 100),
    ("ORCPT", b"rfc822;Bob@example.com"),
    ("ORCPT", b"rfc822;Bob+2Bx@example.com"),
    ("ORCPT", b"x-unknown-type;a"),
    ("ORCPT", b"utf-8;b\\x{F6}rk@example.com"),
    ("ORCPT", "utf-8;björk@example.com".encode()),
    ("SIZE", b"+0A"),
]
WRONG = [
    ("NOTIFY", b""),
    ("NOTIFY", b"NEVER,SUCCESS"),
    ("NOTIFY", b"SUCCESS,"),
    ("NOTIFY", b"ALWAYS"),
    ("RET", b"ALL"),
    ("RET", b""),
    ("ENVID", b""),
    ("ENVID", b"a+2"),
    ("ENVID", b"a+2b"),
    ("ENVID", b"a=b"),
    ("ENVID", b"a+0Ab"),
    ("ENVID", b"a+0D+0AEvil:"),
    ("ENVID", b"a+7F"),
    ("ENVID", b"\xc3\xb6"),
    ("ENVID", b"x" * 101),
    ("ORCPT", b"Bob@example.com"),
    ("ORCPT", b"rfc822;"),
    ("ORCPT", b";Bob@example.com"),
    ("ORCPT", b"rfc822;Bob+@example.com"),
    ("ORCPT", b"rfc822;" + b"x" * 494),
    ("ORCPT", "rfc822;björk@example.com".encode()),
    ("ORCPT", b"utf-8;b\xf6rk@example.com"),
    ("ORCPT", b"utf-8;\xc0\xaf"),
    ("ORCPT", b"utf-8;\xed\xa0\x80"),
    ("ORCPT", "utf-8;bj\u0085rk@example.com".encode()),
]


@pytest.mark.parametrize(("name", "value"), RIGHT)
def test_right(name, value):
    assert bad_parameter({"BODY": b"8BITMIME", name: value}) == ""


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_wrong(name, value):
    assert bad_parameter({"BODY": b"8BITMIME", name: value}) == name


def test_the_machine_refuses_them_where_it_offers_reports():
    talk = Talk(ServerMachine(["DSN"]))
    talk.hear(b"EHLO x\r\nMAIL FROM:<a> RET=BODY\r\nMAIL FROM:<a> RET=HDRS ENVID=q+0A\r\nMAIL FROM:<a> ENVID=q\r\n")
    talk.hear(b"RCPT TO:<b> NOTIFY=NEVER,DELAY\r\nRCPT TO:<b> NOTIFY=NEVER ORCPT=rfc822;b@c\r\n")
    assert talk.codes == [220, 250, 501, 501, 250, 501, 250]
    assert refusals(talk.events) == [Refusal.DSN_SYNTAX] * 3


def test_not_offered_they_are_not_known():
    talk = Talk(ServerMachine(["SIZE"]))
    assert refusals(talk.hear(b"EHLO x\r\nMAIL FROM:<a> RET=HDRS\r\n")) == [Refusal.PARAMETER]

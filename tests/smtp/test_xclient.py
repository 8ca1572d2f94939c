# SPDX-License-Identifier: Apache-2.0
"""XCLIENT: what is said is read, what can't be told is no answer, and nobody is believed who was not meant to be."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.smtp import command
from fumidai.smtp.client import ClientMachine
from fumidai.smtp.refusals import Refusal
from fumidai.smtp.server import Refuse, ServerMachine, ServerState, XClient, usual
from fumidai.smtp.xclient import ANNOUNCED, Absent, Attribute, XClientFault, from_xtext, parse_xclient
from tests.smtp.test_server import Talk, refusals


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        (b"ADDR=192.0.2.1", {"ADDR": ip_address("192.0.2.1")}),
        (b"addr=ipv6:2001:db8::1 Port=0", {"ADDR": ip_address("2001:db8::1"), "PORT": 0}),
        (b"NAME=mail.b.test  REVERSE_NAME=x.b.test", {"NAME": "mail.b.test", "REVERSE_NAME": "x.b.test"}),
        (b"NAME=[UNAVAILABLE] ADDR=[TEMPUNAVAIL]", {"NAME": Absent.UNAVAILABLE, "ADDR": Absent.TEMPORARILY}),
        (b"LOGIN=[unavailable]", {"LOGIN": Absent.UNAVAILABLE}),
        (b"LOGIN=a+2Bb+20c+3Dd HELO=x+09+FFy PROTO=esmtp", {"LOGIN": "a+b c=d", "HELO": "x\t\xffy", "PROTO": "ESMTP"}),
        (b"LOGIN=+C3+A9=e", {"LOGIN": "é=e"}),
        (b"DESTADDR=192.0.2.25 DESTPORT=25", {"DESTADDR": ip_address("192.0.2.25"), "DESTPORT": 25}),
    ],
)
def test_what_is_said(argument: bytes, said: dict[str, object]):
    assert parse_xclient(argument) == {Attribute(name): value for name, value in said.items()}


@pytest.mark.parametrize(
    ("argument", "fault"),
    [
        (b"", XClientFault.EMPTY),
        (b"ADDR", XClientFault.NO_VALUE),
        (b"NAME=", XClientFault.NO_VALUE),
        (b"LOGIN=", XClientFault.NO_VALUE),
        (b"COLOUR=red", XClientFault.UNKNOWN),
        (b"=x", XClientFault.UNKNOWN),
        (b"ADDR=192.0.2.1 addr=192.0.2.2", XClientFault.REPEATED),
        (b"LOGIN=a+2", XClientFault.XTEXT),
        (b"LOGIN=a+0Ab", XClientFault.XTEXT),
        (b"LOGIN=a+FFb", XClientFault.XTEXT),
        (b"LOGIN=\xc3\xa9", XClientFault.XTEXT),
        (b"ADDR=2001:db8::1", XClientFault.ADDRESS),
        (b"ADDR=IPV6:192.0.2.1", XClientFault.ADDRESS),
        (b"ADDR=[192.0.2.1]", XClientFault.ADDRESS),
        (b"PORT=65536", XClientFault.NUMBER),
        (b"DESTPORT=-1", XClientFault.NUMBER),
        (b"NAME=two+20words", XClientFault.NAME),
        (b"PROTO=LMTP", XClientFault.PROTOCOL),
    ],
)
def test_what_is_wrong(argument: bytes, fault: XClientFault):
    assert parse_xclient(argument) is fault


@given(st.one_of(st.binary(max_size=80), st.lists(st.sampled_from([*Attribute, b"+", b"=", b" "])).map(repr)))
def test_no_argument_raises(argument: bytes | str):
    said = parse_xclient(argument.encode("latin-1") if isinstance(argument, str) else argument)
    assert isinstance(said, XClientFault) or said


@given(st.binary())
def test_xtext_comes_back(plain: bytes):
    written = b"".join(bytes([c]) if 33 <= c < 127 and c not in b"+=" else b"+%02X" % c for c in plain)
    assert from_xtext(written) == plain


def proxied() -> Talk:
    return Talk(ServerMachine(("PIPELINING", ANNOUNCED)), lambda asked: answer(asked))


def answer(asked: object) -> tuple[int, str, str]:
    return (220, "mail.example ESMTP", "") if isinstance(asked, XClient) else usual(asked)  # type: ignore[arg-type]


def test_the_session_begins_anew():
    talk = proxied()
    talk.hear(b"EHLO proxy\r\n")
    (said,) = talk.hear(b"XCLIENT ADDR=192.0.2.1\r\n")
    assert isinstance(said, XClient)
    assert said.said == {Attribute.ADDR: ip_address("192.0.2.1")}
    assert talk.machine.hello is None
    assert talk.at(ServerState.READY)
    assert refusals(talk.hear(b"MAIL FROM:<>\r\n")) == [Refusal.HELLO_FIRST]
    talk.hear(b"EHLO client\r\nMAIL FROM:<>\r\n")
    assert talk.codes == [220, 250, 220, 503, 250, 250]


def test_it_may_be_the_first_word_and_come_again():
    talk = proxied()
    talk.hear(b"XCLIENT ADDR=192.0.2.1\r\nXCLIENT ADDR=192.0.2.2\r\nEHLO x\r\n")
    assert talk.codes == [220, 220, 220, 250]


def test_a_refusal_changes_nothing():
    talk = Talk(
        ServerMachine((ANNOUNCED,)), lambda asked: (550, "no", "") if isinstance(asked, XClient) else (250, "", "")
    )
    talk.hear(b"EHLO x\r\nXCLIENT ADDR=192.0.2.1\r\n")
    assert talk.at(ServerState.GREETED)
    assert talk.machine.hello is not None


@pytest.mark.parametrize("begun", [b"MAIL FROM:<>\r\n", b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\n"])
def test_not_within_a_transaction(begun: bytes):
    talk = proxied()
    talk.hear(b"EHLO x\r\n" + begun)
    state = talk.machine.state
    assert refusals(talk.hear(b"XCLIENT ADDR=192.0.2.1\r\n")) == [Refusal.IN_TRANSACTION]
    assert talk.codes[-1] == 503
    assert talk.machine.state is state


def test_what_is_no_xclient_is_said():
    talk = proxied()
    (refused,) = talk.hear(b"XCLIENT ADDR=nowhere\r\n")
    assert isinstance(refused, Refuse)
    assert refused.reply == b"501 5.5.4 Bad XCLIENT: a value that is no address\r\n"


def test_nobody_else_is_believed():
    talk = Talk()
    assert refusals(talk.hear(b"EHLO x\r\nXCLIENT ADDR=192.0.2.1\r\n")) == [Refusal.NO_XCLIENT]
    assert b"XCLIENT " not in talk.written.replace(b"XCLIENT is not", b"")


def test_the_asking_side_forgets_what_was_announced():
    machine = ClientMachine()
    machine.receive(b"220 hi\r\n")
    machine.say(command.ehlo("x"))
    machine.receive(b"250-hi\r\n250 XCLIENT NAME ADDR\r\n")
    machine.say(b"XCLIENT ADDR=192.0.2.1\r\n")
    machine.receive(b"550 no\r\n")
    assert str(machine.state) == "greeted"
    machine.say(b"XCLIENT ADDR=192.0.2.1\r\n")
    machine.receive(b"220 hi\r\n")
    assert machine.hello is None
    assert str(machine.state) == "ready"

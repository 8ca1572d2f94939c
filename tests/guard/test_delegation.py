# SPDX-License-Identifier: Apache-2.0
"""Postfix's policy delegation as bytes: requests in any cutting, addresses as the guard's own door sees them."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.guard.delegation import (
    LONGEST_LINE,
    LONGEST_REQUEST,
    MOST_ATTRIBUTES,
    Attributes,
    Gibberish,
    RequestReader,
    action_of,
    request_of,
)
from fumidai.policy.decide import decide
from fumidai.policy.model import policy_for_domains
from fumidai.policy.request import UNKNOWN, Action, Decision, Request

HEAD = b"request=smtpd_access_policy\n"
OWN = policy_for_domains(["a.test"])


def asked(**attributes: str) -> bytes:
    return HEAD + b"".join(f"{name}={value}\n".encode() for name, value in attributes.items()) + b"\n"


def read(pieces: list[bytes]) -> list[Attributes | str]:
    """All requests, and at last what was wrong."""
    reader, found = RequestReader(), list[Attributes | str]()
    try:
        for piece in pieces:
            reader.push(piece)
            while (one := reader.next()) is not None:
                found.append(one)
    except Gibberish as what:
        found.append(str(what))
    return found


def test_many_requests_on_one_connection_in_any_order_with_unknown_names() -> None:
    first = HEAD + b"recipient=u@a.test\nprotocol_state=RCPT\nnobody_knows=this=too\nsender=\n\n"
    second = b"protocol_state=DATA\n" + HEAD + b"\n"
    one, two = read([first + second])
    assert isinstance(one, dict)
    assert one["nobody_knows"] == b"this=too"
    assert one["sender"] == b""
    assert isinstance(two, dict)
    assert two["protocol_state"] == b"DATA"


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"request=other\n\n",
        b"sender=a\n\n",
        b"=x\n\n",
        b"nothing\n",
        HEAD + b"sender=a\0b\n\n",
        HEAD + b"x=" + b"y" * LONGEST_LINE + b"\n\n",
        b"x" * (LONGEST_LINE + 1),
        HEAD + b"".join(b"n%d=1\n" % n for n in range(MOST_ATTRIBUTES)) + b"\n",
        HEAD + (b"x=" + b"y" * 8000 + b"\n") * (LONGEST_REQUEST // 8000 + 1) + b"\n",
        b"n\xc3\xa4me=1\n",
    ],
)
def test_what_is_no_request_ends_the_connection(data: bytes) -> None:
    assert isinstance(read([data])[-1], str)


@given(st.lists(st.sampled_from([asked(recipient="u@a.test"), asked(sender="x"), b"x\n", b"\n", b"a=b\n"])), st.data())
def test_any_cutting_of_the_same_bytes_gives_the_same_requests(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)))))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert read(pieces) == read([whole]) == read([whole[at : at + 1] for at in range(len(whole))])


@given(st.binary())
def test_nothing_but_gibberish_comes_of_any_bytes(data: bytes) -> None:
    for one in read([data]):
        if not isinstance(one, str):
            decide(OWN, request_of(one))


def test_what_postfix_tells_becomes_a_request() -> None:
    (one,) = read(
        [
            asked(
                client_address="2001:db8::7",
                client_name="mx.b.test",
                helo_name="mx",
                sasl_username="joe",
                sender="s@b.test",
                recipient="u@a.test",
                encryption_protocol="TLSv1.3",
            )
        ]
    )
    assert isinstance(one, dict)
    assert request_of(one) == Request(
        client=ip_address("2001:db8::7"),
        client_name="mx.b.test",
        helo="mx",
        tls=True,
        user="joe",
        reverse_path=b"<s@b.test>",
        forward_path=b"<u@a.test>",
    )


def test_what_is_empty_is_none_and_what_is_missing_is_unknown() -> None:
    empty = dict.fromkeys(("client_address", "client_name", "helo_name", "sasl_username"), b"")
    request = request_of({**empty, "sender": b"", "encryption_protocol": b""})
    assert request == Request(helo=None, user=None, tls=False, reverse_path=b"<>")
    assert request_of({}) == Request()
    assert request_of({"client_name": b"unknown"}).client_name is UNKNOWN
    assert request_of({"client_address": b"::ffff:192.0.2.1"}).client == ip_address("192.0.2.1")
    assert request_of({"client_address": b"\xff"}).client is UNKNOWN


@pytest.mark.parametrize(
    ("address", "path"),
    [
        (b"u@a.test", b"<u@a.test>"),
        (b"postmaster", b"<postmaster>"),
        (b"x@b.test@a.test", b'<"x@b.test"@a.test>'),
        (b'a"b\\c d@a.test', b'<"a\\"b\\\\c d"@a.test>'),
        (b"u%b.test@a.test", b"<u%b.test@a.test>"),
        (b"u@[192.0.2.1]", b"<u@[192.0.2.1]>"),
    ],
)
def test_an_address_gets_the_quotes_that_postfix_took_off(address: bytes, path: bytes) -> None:
    assert request_of({"recipient": address}).forward_path == path


@pytest.mark.parametrize(
    "recipient", [b"x%b.test@a.test", b"b.test!x@a.test", b"x@b.test@a.test", b"@b.test:x@a.test", b"x@b.test"]
)
def test_ambiguity_is_judged_as_at_the_guard(recipient: bytes) -> None:
    decision = decide(OWN, request_of({"recipient": recipient, "client_address": b"203.0.113.7"}))
    assert decision.action is Action.REFUSE
    assert action_of(decision).startswith(b"action=550 5.7.1 Relaying denied")


def test_permitted_is_never_ok() -> None:
    permitted = decide(OWN, request_of({"recipient": b"u@a.test", "client_address": b"203.0.113.7"}))
    assert permitted.action is Action.PERMIT
    assert action_of(permitted) == action_of(None) == b"action=DUNNO\n\n"


def test_codes_and_texts_come_from_the_decision_on_one_line() -> None:
    told = Decision(Action.REFUSE, "access-from", "", code=553, enhanced="5.1.8", text="no\n\naction=OK")
    assert action_of(told) == b"action=553 5.1.8 no  action=OK\n\n"
    told = Decision(Action.DEFER, "blocklist-missing", "", code=451, enhanced="4.4.3", text="later")
    assert action_of(told) == b"action=DEFER_IF_PERMIT 4.4.3 later\n\n"

# SPDX-License-Identifier: Apache-2.0
"""AUTH PLAIN and LOGIN: who says to be whom, and everything that is neither."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.smtp.sasl import (
    ANOTHER,
    CANCELLED,
    MALFORMED,
    UNDECODABLE,
    Challenge,
    Credentials,
    Exchange,
    Fault,
    Mechanism,
)

TARO = Credentials("taro", b"sesame")


def plain(*parts: bytes) -> bytes:
    return b64encode(b"\0".join(parts))


@pytest.mark.parametrize(
    ("said", "step"),
    [
        (plain(b"", b"taro", b"sesame"), TARO),
        (plain(b"taro", b"taro", b"sesame"), TARO),
        (plain(b"", "太郎".encode(), b"\xff"), Credentials("太郎", b"\xff")),
        (plain(b"jiro", b"taro", b"sesame"), ANOTHER),
        (plain(b"", b"taro", b""), MALFORMED),
        (plain(b"", b"", b"sesame"), MALFORMED),
        (plain(b"", b"\xff", b"sesame"), MALFORMED),
        (plain(b"", b"ta\x1bro", b"sesame"), MALFORMED),
        (plain(b"taro", b"sesame"), MALFORMED),
        (plain(b"", b"taro", b"sesame", b""), MALFORMED),
        (b"=", MALFORMED),
        (b"dGFybw", UNDECODABLE),
        (b"d GFybw==", UNDECODABLE),
        (b"\xff\xff\xff\xff", UNDECODABLE),
    ],
)
def test_plain_says_all_at_once(said: bytes, step: object) -> None:
    assert Exchange(Mechanism.PLAIN).begin(said) == step


def test_plain_may_be_asked() -> None:
    exchange = Exchange(Mechanism.PLAIN)
    assert exchange.begin(b"") == Challenge("")
    assert exchange.line(plain(b"", b"taro", b"sesame")) == TARO
    assert exchange.line(b"*") == CANCELLED
    assert exchange.line(b"=") == UNDECODABLE, "only an initial response has a sign for nothing"


@pytest.mark.parametrize("initial", [False, True])
def test_login_asks_twice(initial: bool) -> None:
    exchange, name = Exchange(Mechanism.LOGIN), b64encode(b"taro")
    if not initial:
        assert exchange.begin(b"") == Challenge("VXNlcm5hbWU6")
    assert (exchange.begin(name) if initial else exchange.line(name)) == Challenge("UGFzc3dvcmQ6")
    assert exchange.line(b64encode(b"sesame")) == TARO


def test_login_needs_both() -> None:
    assert Exchange(Mechanism.LOGIN).begin(b"=") == MALFORMED
    exchange = Exchange(Mechanism.LOGIN)
    exchange.begin(b64encode(b"taro"))
    assert exchange.line(b"") == MALFORMED
    assert exchange.line(b"*") == CANCELLED


def test_the_password_is_in_no_representation() -> None:
    assert "sesame" not in repr(TARO)


@given(st.sampled_from(Mechanism), st.binary(), st.lists(st.binary(), max_size=4))
def test_anything_said_is_a_step_and_no_name_holds_control_letters(
    mechanism: Mechanism, initial: bytes, lines: list[bytes]
) -> None:
    exchange = Exchange(mechanism)
    for step in (exchange.begin(initial), *(exchange.line(line) for line in lines)):
        assert isinstance(step, Challenge | Credentials | Fault)
        if isinstance(step, Credentials):
            assert step.user.isprintable()
            assert step.user
            assert step.password

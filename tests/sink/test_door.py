# SPDX-License-Identifier: Apache-2.0
"""Who is let in: our domains, our literals, our tokens; nobody else."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.evidence.token import Role, TokenKey, make_token
from fumidai.sink.door import Door, envelope_text

KEY = TokenKey(b"k" * 32)
TOKEN = make_token(KEY, b"run-1", 7, Role.RECIPIENT)
HERE = ip_address("192.0.2.7")
DOOR = Door.of(KEY, ["Proof.Example.NET.", "mx.example.net"], [ip_address("198.51.100.7"), ip_address("2001:db8::7")])


@pytest.mark.parametrize(
    "path",
    [
        b"<any@proof.example.net>",
        b"<ANY@PROOF.EXAMPLE.NET.>",
        b"any@mx.example.net",
        b'<"x%y@z"@proof.example.net>',
        b"<@a.com:any@proof.example.net>",
        b"<any@[192.0.2.7]>",
        b"<any@[198.51.100.7]>",
        b"<any@[IPv6:2001:DB8:0::7]>",
        b"<any@[IPv6:::ffff:192.0.2.7]>",
        b"<postmaster>",
        b"<Postmaster>",
        f"<{TOKEN}@elsewhere.test>".encode(),
        f"<{TOKEN.upper()}>".encode(),
        f"<@@{TOKEN}@@>".encode(),
        f"<\xff{TOKEN}@proof.example.net>".encode("latin-1"),
    ],
)
def test_heard_out(path):
    assert DOOR.hears(path, HERE)


@pytest.mark.parametrize(
    "path",
    [
        b"<any@elsewhere.test>",
        b"<any@sub.proof.example.net>",
        b"<any@example.net>",
        b"<any@[203.0.113.1]>",
        b"<any@[IPv6:2001:db8::8]>",
        b"<any%proof.example.net@elsewhere.test>",
        b"<any>",
        b"<>",
        b"<@>",
        b"",
        f"<{TOKEN[:-1]}@elsewhere.test>".encode(),
    ],
)
def test_turned_away(path):
    assert not DOOR.hears(path, HERE)


def test_without_domains_only_tokens_and_literals_are_heard():
    door = Door.of(KEY, [], [])
    assert door.hears(f"<{TOKEN}@any.test>".encode(), HERE)
    assert not door.hears(b"<any@any.test>", HERE)


BODY_ONLY = b"Subject: x\r\n\r\n" + TOKEN.encode()


@pytest.mark.parametrize(
    ("sender", "recipients", "message", "kept"),
    [
        (b"<>", [f"<{TOKEN}@p>".encode()], b"", True),
        (b"<>", [b"<x@p>", f"<{TOKEN}@p>".encode()], b"", True),
        (f"<{TOKEN}@p>".encode(), [b"<x@p>"], b"", True),
        (b"<>", [b"<x@p>"], f"Subject: {TOKEN}\r\n\r\n".encode(), True),
        (b"<>", [b"<x@p>"], f"Subject: {TOKEN}".encode(), True),
        (b"<>", [b"<x@p>"], f"X: y\nSubject: a\n {TOKEN}\n\n".encode(), True),
        (b"<>", [b"<x@p>"], BODY_ONLY, False),
        (b"<>", [b"<x@p>"], BODY_ONLY.replace(b"\r\n", b"\n"), False),
        (b"<>", [b"<x@p>"], b"X: " + b"x" * 300_000 + TOKEN.encode(), False),
        (b"<a@b>", [b"<x@p>"], b"Subject: spam\r\n\r\n", False),
    ],
)
def test_what_is_kept(sender, recipients, message, kept):
    assert DOOR.keeps(sender, recipients, message) is kept


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"<>", ""),
        (b"<a@b>", "a@b"),
        (b"a@b", "a@b"),
        (b" <a@b> ", "a@b"),
        ("<名@b>".encode(), "名@b"),
        (b"<\xff@b>", "\xff@b"),
        (b"<a", "<a"),
    ],
)
def test_a_path_as_text(path, text):
    assert envelope_text(path) == text


@given(st.binary(max_size=200))
def test_nothing_breaks_it(path):
    envelope_text(path)
    assert not DOOR.keeps(path, [path], path)
    DOOR.hears(path, HERE)

# SPDX-License-Identifier: Apache-2.0
"""``parse_path`` against the grammar of RFC 5321 §4.1.2, case by case and for any bytes."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.smtp.address import Fault, Malformed, NullPath, Path, is_quoted, parse_path, unquote

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
DOMAIN = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
ATOM = st.text("abcxyzABC019!#$%&'*+-/=?^_`{|}~", min_size=1, max_size=8)
DOT_STRING = st.lists(ATOM, min_size=1, max_size=3).map(".".join)
QUOTED = st.lists(st.sampled_from(["a", " ", "@", "<", ">", ",", ":", "\\\\", '\\"', "\\@"]), max_size=8).map(
    lambda parts: '"' + "".join(parts) + '"'
)


@pytest.mark.parametrize(
    ("raw", "local_part", "domain", "route"),
    [
        (b"<u@a.com>", "u", "a.com", ()),
        (b"u@a.com", "u", "a.com", ()),
        (b" <u@a.com> ", "u", "a.com", ()),
        (b"<U@A.COM.>", "U", "a.com", ()),
        (b"<postmaster>", "postmaster", "", ()),
        (b'<"a b"@a.com>', '"a b"', "a.com", ()),
        (b'<"a>b\\"@"@a.com>', '"a>b\\"@"', "a.com", ()),
        (b'<"">', '""', "", ()),
        (b"<@h.test,@[IPv6:2001:DB8::1]:u@a.com>", "u", "a.com", ("h.test", "[ipv6:2001:db8::1]")),
        (b"<u%v.test@a.com>", "u%v.test", "a.com", ()),
        (b"<u@a_b.test>", "u", "a_b.test", ()),
        (b"<u@[X-tag:content]>", "u", "[x-tag:content]", ()),
        (b"<u@[fe80::1]>", "u", "[fe80::1]", ()),
        ("<ü@bücher.example>".encode(), "ü", "xn--bcher-kva.example", ()),
        ("<u@BU\u0308CHER.example>".encode(), "u", "xn--bcher-kva.example", ()),
    ],
)
def test_a_path(raw: bytes, local_part: str, domain: str, route: tuple[str, ...]) -> None:
    path = parse_path(raw)
    assert isinstance(path, Path)
    assert (path.raw, path.local_part, path.domain, path.route) == (raw, local_part, domain, route)
    assert path.quoted == local_part.startswith('"')


@pytest.mark.parametrize(
    ("raw", "literal"),
    [
        (b"<u@[192.0.2.1]>", IPv4Address("192.0.2.1")),
        (b"<u@[IPV6:2001:db8::1]>", IPv6Address("2001:db8::1")),
        (b"<u@[IPv6:::ffff:192.0.2.1]>", IPv6Address("::ffff:192.0.2.1")),
        (b"<u@192.0.2.1>", None),
    ],
)
def test_a_literal_is_an_address(raw: bytes, literal: object) -> None:
    path = parse_path(raw)
    assert isinstance(path, Path)
    assert path.literal == literal


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", Fault.EMPTY),
        (b"   ", Fault.EMPTY),
        (b"<u@a.com", Fault.BRACKET),
        (b"<u@a.com>x", Fault.BRACKET),
        (b"u@a.com>", Fault.DOMAIN),
        (b"<<u@a.com>>", Fault.LOCAL_PART),
        (b"<u@a.com\0>", Fault.CONTROL),
        ("<u@a.com\u0085>".encode(), Fault.CONTROL),
        (b"<u\x7f@a.com>", Fault.CONTROL),
        (b"<u@a.com\xa0>", Fault.EIGHT_BIT),
        (b"<@a.com>", Fault.ROUTE),
        (b"<@:u@a.com>", Fault.ROUTE),
        (b"<@a.com,b.com:u@a.com>", Fault.ROUTE),
        (b"<@a.com:u>", Fault.DOMAIN),
        (b"<u@>", Fault.DOMAIN),
        (b"<u@a..com>", Fault.DOMAIN),
        (b"<u@.a.com>", Fault.DOMAIN),
        (b"<u@-a.com>", Fault.DOMAIN),
        (b"<u@a.com..>", Fault.DOMAIN),
        (b"<u@[1.2.3]>", Fault.DOMAIN),
        (b"<u@[IPv6:fe80::1%eth0]>", Fault.DOMAIN),
        (b"<u@[1.2.3.4>", Fault.DOMAIN),
        (b"<u@" + b"a" * 64 + b".com>", Fault.DOMAIN),
        (b"<u@" + b"a." * 127 + b"com>", Fault.DOMAIN),
        (b"<u@v@a.com>", Fault.DOUBLE_AT),
        (b"<@v@a.com>", Fault.ROUTE),
        (b"<u @a.com>", Fault.LOCAL_PART),
        (b"< u@a.com>", Fault.LOCAL_PART),
        (b"<.u@a.com>", Fault.LOCAL_PART),
        (b"<u..v@a.com>", Fault.LOCAL_PART),
        (b"<u\\@v@a.com>", Fault.LOCAL_PART),
        (b'<"u@a.com>', Fault.LOCAL_PART),
        (b'<"u"v@a.com>', Fault.LOCAL_PART),
        (b"<u,v@a.com>", Fault.LOCAL_PART),
    ],
)
def test_no_path_says_why(raw: bytes, why: Fault) -> None:
    assert parse_path(raw) == Malformed(raw, why)


def test_the_null_path_is_neither() -> None:
    assert parse_path(b"<>") == NullPath()
    assert parse_path(b" <> ") == NullPath(b" <> ")


def test_two_spellings_of_one_mailbox_have_one_content() -> None:
    plain, quoted = parse_path(b"<a.b@a.com>"), parse_path(b'<"a\\.b"@a.com>')
    assert isinstance(plain, Path)
    assert isinstance(quoted, Path)
    assert plain.content == quoted.content == "a.b"


def test_unquote_takes_off_exactly_the_quoting() -> None:
    assert unquote('"a\\"b\\\\c"') == 'a"b\\c'
    assert is_quoted('"a\\""')
    assert not is_quoted('"a"b')


@given(st.one_of(DOT_STRING, QUOTED), DOMAIN, st.lists(DOMAIN, max_size=2))
def test_whatever_the_grammar_makes_is_read_back(local_part: str, domain: str, hops: list[str]) -> None:
    route = ",".join(f"@{hop}" for hop in hops) + ":" if hops else ""
    path = parse_path(f"<{route}{local_part}@{domain}>".encode())
    assert isinstance(path, Path)
    assert (path.local_part, path.domain, path.route) == (local_part, domain, tuple(hops))


@given(DOT_STRING, DOMAIN, st.data())
def test_the_case_of_a_domain_says_nothing(local_part: str, domain: str, data: st.DataObject) -> None:
    other = "".join(data.draw(st.sampled_from([letter, letter.upper()])) for letter in domain)
    dot = data.draw(st.sampled_from(["", "."]))
    one, two = parse_path(f"{local_part}@{domain}".encode()), parse_path(f"{local_part}@{other}{dot}".encode())
    assert isinstance(one, Path)
    assert isinstance(two, Path)
    assert (one.local_part, one.domain) == (two.local_part, two.domain)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=100).map(lambda text: text.encode("utf-8", "ignore"))))
def test_any_bytes_are_a_path_or_a_fault(raw: bytes) -> None:
    path = parse_path(raw)
    assert path.raw == raw
    if isinstance(path, Path):
        assert path.local_part
        assert path.domain.isascii()
        assert path.domain == path.domain.lower()


@given(
    st.from_regex(rb"<[A-Za-z0-9_+.-]{1,8}@[A-Za-z0-9.-]{1,12}>", fullmatch=True)
    | st.builds(lambda name, last: b"<u@" + name + b"." + last + b">", st.binary(max_size=70), st.binary(max_size=5))
)
def test_an_ordinary_path_is_read_as_every_other(raw: bytes) -> None:
    # Blanks around a path are no part of it, and keep it from the short way.
    read, long_way = parse_path(raw), parse_path(raw + b" ")
    assert replace(read, raw=b"") == replace(long_way, raw=b"")

# SPDX-License-Identifier: Apache-2.0
"""Every second reading of an address: each form by its examples, and the bounds for any input."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fumidai.smtp import readings as room
from fumidai.smtp.address import Malformed, Path, parse_path
from fumidai.smtp.forms import RULES, Form, Rewriting, rewriting, split
from fumidai.smtp.readings import MAX_READINGS, Reading, readings

SIGNS = '@%!:,;<>()[]"\\ ./=+-|#\0\r\n\t＠％！．\u200b\xffab1'
SOUP = st.one_of(
    st.binary(max_size=120),
    st.text(SIGNS, max_size=60).map(lambda text: text.encode()),
    st.text(SIGNS, max_size=30).map(lambda text: text.encode("latin-1", "replace")),
)

#: What is sent, what some server reads in it, and the form that it has to understand.
HIDDEN = [
    ("v%evil.test@a.com", "v@evil.test", Form.PERCENT),
    ("v%evil.test", "v@evil.test", Form.PERCENT),
    ("v%evil.test%b.com@a.com", "v@evil.test", Form.PERCENT),
    ("evil.test!v@a.com", "v@evil.test", Form.BANG),
    ("evil.test!v", "v@evil.test", Form.BANG),
    ("a.com!evil.test!v", "v@evil.test", Form.BANG),
    ("evil.test!v@a.com.UUCP", "v@evil.test", Form.BANG),
    ("evil.test!v!", "v!@evil.test", Form.BANG),
    ("@evil.test:u@a.com", "u@a.com@evil.test", Form.ROUTE),
    ("@a.com,@evil.test:u@a.com", "u@a.com@evil.test", Form.ROUTE),
    ("@[IPv6:2001:db8::1]:v@evil.test", "v@evil.test@[ipv6:2001:db8::1]", Form.ROUTE),
    ("@:v@evil.test", "v@evil.test", Form.ROUTE),
    ("@a.com:v@evil.test@b.com", "v@evil.test", Form.ROUTE),
    ('"v@evil.test"@a.com', "v@evil.test", Form.QUOTED),
    ('"v@evil.test"', "v@evil.test", Form.QUOTED),
    ('"v %evil.test"@a.com', "v@evil.test", Form.QUOTED),
    ('"evil.test!v"@a.com', "v@evil.test", Form.QUOTED),
    ('"@a.com:v@evil.test"@a.com', "v@evil.test", Form.QUOTED),
    ('"<v@evil.test>"@a.com', "v@evil.test", Form.QUOTED),
    ('"x@b.com, v@evil.test"@a.com', "v@evil.test", Form.QUOTED),
    ('"\\"v@evil.test\\""@a.com', "v@evil.test", Form.QUOTED),
    ('"v"@evil.test@a.com', "v@evil.test", Form.QUOTED),
    ('"v@evil.test\r\nRCPT TO:<w@evil.test>"@a.com', "w@evil.test", Form.ANGLE),
    ("v@evil.test@a.com", "v@evil.test", Form.DOUBLE_AT),
    ("v@evil.test@", "v@evil.test", Form.DOUBLE_AT),
    ("@v@evil.test", "v@evil.test", Form.DOUBLE_AT),
    ("u@a.com@evil.test", "u@a.com", Form.DOUBLE_AT),
    ("@v", "v", Form.DOUBLE_AT),
    ("v@127.1", "v@[127.0.0.1]", Form.LITERAL),
    ("v@192.0.2.1", "v@[192.0.2.1]", Form.LITERAL),
    ("v@#3221225985", "v@[192.0.2.1]", Form.LITERAL),
    ("v@[IPv6:::ffff:192.0.2.1]", "v@[192.0.2.1]", Form.LITERAL),
    ("v@[192.0.2.1", "v@[192.0.2.1]", Form.LITERAL),
    ("v@[2001:db8::1]", "v@[ipv6:2001:db8::1]", Form.LITERAL),
    ("v@[evil.test]", "v@evil.test", Form.LITERAL),
    ("IMCEASMTP-v+40evil.test@a.com", "v@evil.test", Form.ENCAPSULATED),
    ("imceanotes-v+40evil+2Etest@a.com", "v@evil.test", Form.ENCAPSULATED),
    ("/DD.RFC-822=v(a)evil.test/@a.com", "v@evil.test", Form.SLASH),
    ("evil::v@a.com", "v@evil", Form.DECNET),
    ("evil.test::v", "v@evil.test", Form.DECNET),
    ("evil.test:v@a.com", "v@evil.test", Form.COLON),
    ("x:v@evil.test;", "v@evil.test", Form.COLON),
    ("u@a.com,v@evil.test", "v@evil.test", Form.LIST),
    ("u;v@evil.test", "v@evil.test", Form.LIST),
    ("v @evil.test", "v@evil.test", Form.SPACE),
    ("v@evil.test ORCPT=x", "v@evil.test", Form.SPACE),
    (" v@evil.test ", "v@evil.test", Form.SPACE),
    ("Foo <v@evil.test>", "v@evil.test", Form.ANGLE),
    ("<v@evil.test>", "v@evil.test", Form.ANGLE),
    ("@a.com>v@evil.test", "v@evil.test", Form.ANGLE),
    ("v@evil.test(x@a.com)", "v@evil.test", Form.COMMENT),
    ("(x@evil.test)u@a.com", "x@evil.test", Form.COMMENT),
    ("v@evil.test(x", "v@evil.test", Form.COMMENT),
    ("v)@evil.test", "v@evil.test", Form.COMMENT),
    ("v\\@evil.test@a.com", "v@evil.test", Form.ESCAPE),
    ("v\\%evil.test@a.com", "v@evil.test", Form.ESCAPE),
    ("\\v@evil.test", "v@evil.test", Form.ESCAPE),
    ("v=40evil.test@a.com", "v@evil.test", Form.ENCODED),
    ("v=25evil.test@a.com", "v@evil.test", Form.ENCODED),
    ("v%40evil.test@a.com", "v@evil.test", Form.ENCODED),
    ("v%2540evil.test@a.com", "v@evil.test", Form.ENCODED),
    ("v＠evil.test@a.com", "v@evil.test", Form.UNICODE),
    ("v﹫evil.test@a.com", "v@evil.test", Form.UNICODE),
    ("v％evil.test@a.com", "v@evil.test", Form.UNICODE),
    ("evil.test！v@a.com", "v@evil.test", Form.UNICODE),
    ("v@evil。test", "v@evil.test", Form.UNICODE),
    ("v@evil．test", "v@evil.test", Form.UNICODE),
    ("v@e\u200bvil.test", "v@evil.test", Form.UNICODE),
    ("v@straße.test", "v@strasse.test", Form.UNICODE),
    ("v@evil.test\0@a.com", "v@evil.test", Form.CONTROL),
    ("v@a.com\0.evil.test", "v@a.com", Form.CONTROL),
    ("u@a.com\rv@evil.test", "v@evil.test", Form.CONTROL),
    ("v\x0b@evil.test", "v@evil.test", Form.CONTROL),
    ("v\x7f@evil.test", "v@evil.test", Form.CONTROL),
    ("v@evil.test..", "v@evil.test", Form.DOT),
    ("v@.evil.test", "v@evil.test", Form.DOT),
    ("v@evil..test", "v@evil.test", Form.DOT),
    (".v@evil.test", "v@evil.test", Form.DOT),
]


@pytest.mark.parametrize(("sent", "hidden", "form"), HIDDEN)
def test_a_hidden_mailbox_is_found(sent: str, hidden: str, form: Form) -> None:
    found = {reading.mailbox: reading for reading in readings(f"<{sent}>".encode())}
    assert hidden in found
    assert form in found[hidden].forms


@pytest.mark.parametrize(("sent", "hidden", "form"), HIDDEN)
def test_a_form_that_does_not_count_is_not_looked_for(sent: str, hidden: str, form: Form) -> None:
    found = readings(f"<{sent}>".encode(), room.ALL - {form})
    assert all(form not in reading.forms for reading in found)


@pytest.mark.parametrize(
    ("raw", "hidden"),
    [
        (b"<v\xc1\x80evil.test@a.com>", "v@evil.test"),
        (b"<v\xe0\x81\x80evil.test@a.com>", "v@evil.test"),
        (b"<v\xc0evil.test@a.com>", "v@evil.test"),
        (b"<v@evil.test\xa0>", "v@evil.test"),
    ],
)
def test_bytes_that_are_no_text_are_read_as_old_decoders_would(raw: bytes, hidden: str) -> None:
    found = {reading.mailbox: reading for reading in readings(raw)}
    assert found[hidden].forms[0] is Form.EIGHT_BIT


@pytest.mark.parametrize(
    ("sent", "scheme"),
    [
        ("IMCEAEX-_O=x_CN=y@a.com", "ex"),
        ("IMCEA-x@a.com", "imcea"),
        ("IMCEASMTP-x@a.com", "smtp"),
        ("FAX=+81312345678@a.com", "fax"),
        ("/G=x/S=y/O=z@a.com", "x400"),
    ],
)
def test_a_way_out_of_mail_is_named(sent: str, scheme: str) -> None:
    assert [reading.scheme for reading in readings(sent.encode())] == ["", scheme]


@pytest.mark.parametrize(
    "sent", ["|/bin/x@a.com", "/etc/x@a.com", '":include:/etc/x"@a.com', "-oX@a.com", '"| x"@a.com']
)
def test_where_a_program_leads_nobody_can_tell(sent: str) -> None:
    found = readings(sent.encode())
    assert not found[0].unresolvable
    assert any(reading.unresolvable and Form.PROGRAM in reading.forms for reading in found)


@pytest.mark.parametrize(
    "local_part",
    [
        "u",
        "first.last+detail",
        "u_v-w",
        "o'neil",
        "a/b",
        "x=y",
        "#1",
        "SRS0=hash=tt=evil.test=v",
        "SRS0+hash=tt=evil.test=v",
        "SRS1=hash=fwd.test==hash=tt=evil.test=v",
        "prvs=0000000000=v",
        "btv1==tag==v",
        "msprvs1=abc=v",
        "bounce+v=40north.test",
        "list-return-12-v=evil.test",
        "unsub=40a1b2c3",
        "token=3D",
        "imceable",
        '"john doe"',
        '"John, Doe"',
        '"a.b."',
        "jörg",
        "gåsa",
        "山田",
    ],
)
def test_ordinary_and_rewritten_local_parts_stay_at_their_domain(local_part: str) -> None:
    for reading in readings(f"<{local_part}@a.com>".encode()):
        assert reading.domain == "a.com"
        assert not reading.scheme
        assert not reading.unresolvable


@pytest.mark.parametrize(
    ("local_part", "kind"),
    [
        ("SRS0=HHH=TT=evil.test=v", Rewriting.SRS),
        ("srs1+HHH=fwd.test==x=TT=evil.test=v", Rewriting.SRS),
        ("prvs=1234abcdef=v", Rewriting.BATV),
        ("btv1==x==v", Rewriting.BATV),
        ("bounce+v=evil.test", Rewriting.VERP),
        ("list-1-v=evil.test", Rewriting.VERP),
        ("v=evil.test", None),
        ("list-v%w=evil.test", Rewriting.VERP),
        ("list-v=evil%x.test", None),
        ("u", None),
    ],
)
def test_rewritten_local_parts_are_told_apart(local_part: str, kind: Rewriting | None) -> None:
    assert rewriting(local_part) is kind


def test_a_rewritten_local_part_hides_no_percent_sign() -> None:
    assert Reading("bounce+v=x", "evil.test", (Form.PERCENT,)) in readings(b"<bounce+v=x%evil.test@a.com>")


def test_the_null_path_has_no_reading() -> None:
    assert readings(b"<>") == ()


@pytest.mark.parametrize("raw", [b"", b"   ", b"\xff"])
def test_what_nobody_can_read_is_unresolvable(raw: bytes) -> None:
    assert readings(raw, frozenset()) == (Reading("", "", unresolvable=True),)


def test_more_than_we_look_at_is_unresolvable() -> None:
    deep = readings(b"<" + b"h!" * 9 + b"u@a.com>")
    assert deep[0] == Reading("h!" * 9 + "u", "a.com")
    assert deep[-1].unresolvable
    long = readings(b"<" + b"a" * 600 + b"@a.com>")
    assert [reading.unresolvable for reading in long] == [False, True]
    wide = readings(('<"' + "".join(f"u{n}@h{n}.test," for n in range(40)) + '"@a.com>').encode())
    assert wide[-1].unresolvable
    assert len(wide) <= MAX_READINGS


def test_what_hides_behind_the_end_of_a_long_list_is_not_forgotten() -> None:
    names = ",".join(f"u{n}@a.com" for n in range(20))
    found = readings(f'<"{names},v@evil.test"@a.com>'.encode())
    assert any(reading.domain == "evil.test" or reading.unresolvable for reading in found)


@pytest.mark.parametrize(
    "raw",
    [
        b"%" * 10_000,
        b"%" * 500,
        b"!" * 500,
        b"a@" * 250,
        b'"\\' * 250,
        b"[" * 500,
        b"(" * 500,
        b" ," * 250,
        b"@a:" * 160,
        b"@a," * 160 + b":x",
        b"%!:@,()<>\\ " * 45,
        "＠％".encode() * 80,
        b"<" * 10_000,
        b"a@b," * 125,
    ],
)
def test_bounded_time_on_hostile_input(raw: bytes) -> None:
    begin = time.process_time()
    found = readings(raw)
    assert time.process_time() - begin < 0.5
    assert len(found) <= MAX_READINGS


@given(SOUP)
@example(b"<@a.com:u@b.com>")
def test_the_standard_reading_is_the_first(raw: bytes) -> None:
    path, found = parse_path(raw), readings(raw)
    assert len(found) <= MAX_READINGS
    assert len(set(found)) == len(found)
    if isinstance(path, Path):
        assert found[0] == Reading(path.local_part, path.domain)
    if isinstance(path, Malformed):
        assert found
    assert readings(path) == found


@given(SOUP, st.sets(st.sampled_from(Form)))
def test_only_what_counts_is_understood(raw: bytes, forms: set[Form]) -> None:
    for reading in readings(raw, frozenset(forms)):
        assert set(reading.forms) <= forms


@given(st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9_+.-]{0,20}@[a-z.0-9-]{1,20}", fullmatch=True))
def test_the_short_way_says_what_the_long_way_says(text: str) -> None:
    path = parse_path(text.encode())
    if isinstance(path, Path):
        assert readings(path) == tuple(room._Search(room.ALL).run(path))


@given(st.text(SIGNS, max_size=40))
def test_no_rule_yields_without_bound(text: str) -> None:
    for rule in RULES.values():
        assert sum(1 for _ in rule(split(text))) <= len(text) + 4


def test_every_form_is_taken_out_by_a_rule() -> None:
    # The eighth bit is a matter of bytes, so it is looked at before there is a text.
    assert set(RULES) == set(Form) - {Form.EIGHT_BIT}
    assert {form for _, _, form in HIDDEN} | {Form.EIGHT_BIT, Form.GATEWAY, Form.PROGRAM} == set(Form)

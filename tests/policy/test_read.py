# SPDX-License-Identifier: Apache-2.0
"""Reading ``fumidai.toml``: what is taken, what is refused with place and mend, what is warned of; and writing it."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from ipaddress import IPv4Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.errors import PolicyError
from fumidai.policy.access import AccessMap, Kind, RightSide, access_key
from fumidai.policy.hosts_access import HostsTables
from fumidai.policy.model import Host, OnFailure, Policy
from fumidai.policy.networks import BRIDGES
from fumidai.policy.read import read_policy
from fumidai.policy.write import write_policy
from fumidai.smtp.forms import Form
from tests.policy.asking import POLICIES

WHOLE = """\
[policy]
receive_for = ["a.com", "A.co.jp.", ".lab.a.com", "[192.0.2.25]", "a.com"]
postmaster  = "postmaster@a.com"
routing = ["percent", "bang"]
sender_must_resolve = true
[policy.relay]
networks      = ["192.0.2.0/24", "2001:db8:1::/48", "198.51.100.7"]
authenticated = ["*"]
[access]
"Connect:216.76.216" = "REJECT"
"To:u@a.com" = "ERROR:5.1.1:550 no such user"
"ClientRate:" = 5
[[host]]
name = "ns.a.co.jp"
mta  = "sendmail"
owner = "…"
note = "HP-UX"
[proof]
domain = "Proof.example.net"
[blocklists]
refuse = ["bl.test"]
on_failure = "ignore"
other = { room = 1 }
[limits]
recipients = 100
"""


def read(text: str | bytes) -> Policy:
    return read_policy(text, "fumidai.toml")[0]


def problem(text: str | bytes) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        read_policy(text, "fumidai.toml")
    return caught.value


def test_a_whole_file() -> None:
    assert read(WHOLE) == Policy(
        receive_for=("a.com", "a.co.jp", ".lab.a.com", "[192.0.2.25]"),
        postmaster="postmaster@a.com",
        relay_networks=(
            ip_network("192.0.2.0/24"),
            ip_network("2001:db8:1::/48"),
            ip_network("198.51.100.7/32"),
        ),
        authenticated=("*",),
        access=AccessMap(
            {
                "connect:216.76.216": RightSide(Kind.REJECT),
                "to:u@a.com": RightSide(Kind.ERROR, 550, "5.1.1", "no such user"),
                "clientrate:": RightSide(Kind.NUMBER, 5),
            }
        ),
        routing=frozenset({Form.PERCENT, Form.BANG}),
        hosts=(Host("ns.a.co.jp", "sendmail", "…", "HP-UX"),),
        proof_domain="proof.example.net",
        refuse_listed=("bl.test",),
        on_failure=OnFailure.IGNORE,
        sender_must_resolve=True,
        sections={
            "blocklists": {"refuse": ["bl.test"], "on_failure": "ignore", "other": {"room": 1}},
            "limits": {"recipients": 100},
        },
    )


def test_bytes_marks_and_line_ends_of_other_systems() -> None:
    assert read(b"\xef\xbb\xbf" + WHOLE.replace("\n", "\r\n").encode()) == read(WHOLE)
    assert problem(b'\r\n[policy]\r\nnope = "x"').line == 3


def test_an_empty_file_declares_nothing() -> None:
    policy, warnings = read_policy("", "fumidai.toml")
    assert policy == Policy()
    assert [(warning.line, warning.key) for warning in warnings] == [(0, "policy.receive_for")]
    assert warnings[0].place == "fumidai.toml: policy.receive_for"


def test_the_error_of_the_screens() -> None:
    error = problem('[policy]\nreceive_for = ["a.com"]\n\n[policy.relay]\n\n\nnetworks = ["0.0.0.0/0"]\n')
    assert f"{error.place}: {error}" == (
        'fumidai.toml:7: policy.relay.networks: "0.0.0.0/0" lets the whole world relay.'
    )
    assert error.mend.format(**error.params) == (
        'Name your own networks, for example "192.0.2.0/24"; leave the list empty if nobody relays without a password.'
    )
    assert error.exit_code == 64


@pytest.mark.parametrize(
    ("text", "place", "message", "mend"),
    [
        # It does not parse.
        ("[policy]\nx =\n", "f:2", "This is not TOML: Invalid value", "Text stands in quotes"),
        ('[policy]\nx = """\n\n', "f:2", "This is not TOML", ""),
        ("a = 1\na = 2\n", "f:2", "This is not TOML", ""),
        (b"[policy]\n# \xff\n", "f:2", "This line is not UTF-8.", "Save the file as UTF-8."),
        ("a = " + "[" * 4000, "f", "Brackets are nested too deep", ""),
        # Shape.
        ("[policy]\n\nrecieve_for = []", "f:3: policy.recieve_for", 'Nobody knows the key "re', '"receive_for"'),
        ("[polcy]\nx = 1", "f:1: polcy", 'Nobody knows the key "polcy"', 'Did you mean "policy"?'),
        ("[policy.relay]\nzzz = 1", "f:2: policy.relay.zzz", "Nobody knows", "Known here: networks, authenticated."),
        ("[policy.foo.bar]\nx = 1", "f:1: policy.foo", "Nobody knows", "Known here: "),
        ('[policy]\nreceive_for = "a.com"', "f:2: policy.receive_for", 'a list in brackets, not "a.com"', '["a.com"]'),
        ("[policy]\nreceive_for = [1]", "f:2: policy.receive_for", "text in quotes, not 1.", ""),
        ("[policy]\nsender_must_resolve = 1", "f:2: policy.sender_must_resolve", "true or false, not 1", ""),
        ("policy = true", "f:1: policy", "This must be a table, not true.", ""),
        ("access = []", "f:1: access", "This must be a table, not […].", ""),
        ("limits = 3", "f:1: limits", "This must be a table, not 3.", ""),
        ("[access]\na = {x = 1}", "f:2: access.a", "text in quotes, not {…}.", ""),
        ("[access]\na = 1.5", "f:2: access.a", "text in quotes, not 1.5.", ""),
        ('[[host]]\nmta = "x"', "f:1: host.name", "A name is missing here.", ""),
        ('[[host]]\nnane = "x"', "f:2: host.nane", "Nobody knows", 'Did you mean "name"?'),
        ("[policy.relay]\nauthenticated = [false]", "f:2: policy.relay.authenticated", "not false.", ""),
        # Domains.
        (
            '[policy]\nreceive_for = ["a.com",\n"*"]',
            "f:3: policy.receive_for",
            '"*" would make every domain',
            "Name each",
        ),
        ('[policy]\nreceive_for = ["."]', "f:2: policy.receive_for", '"." would make every domain', "Name each"),
        ('[policy]\nreceive_for = [""]', "f:2: policy.receive_for", '"" would make every domain', "Name each"),
        ('[policy]\nreceive_for = ["*.a.com"]', "f:2: policy.receive_for", "no wildcards", 'below: ".a.com"'),
        ('[policy]\nreceive_for = ["u@a.com"]', "f:2: policy.receive_for", '"u@a.com" is no domain', '"a.com"'),
        ('[policy]\nreceive_for = ["192.0.2.1"]', "f:2: policy.receive_for", "is no domain", '"[192.0.2.1]"'),
        ('[policy]\nreceive_for = ["http://a.com/"]', "f:2: policy.receive_for", "is no domain", 'like "a.com"'),
        ('[policy]\nreceive_for = [".a..com"]', "f:2: policy.receive_for", '".a..com" is no domain', ""),
        ('[policy]\npostmaster = "a.com>"', "f:2: policy.postmaster", '"a.com>" is no mailbox', "looks like"),
        ('[policy]\npostmaster = "<>"', "f:2: policy.postmaster", "is no mailbox", ""),
        ('[policy]\npostmaster = "@a.com:u@a.com"', "f:2: policy.postmaster", "is no mailbox", ""),
        ('[[host]]\nname = "a b"', "f:2: host.name", '"a b" is no domain', ""),
        ('[proof]\ndomain = "a b"', "f:2: proof.domain", '"a b" is no domain', ""),
        (
            '[policy]\nreceive_for = ["a.com"]\n[proof]\ndomain = "proof.a.com"',
            "f:4: proof.domain",
            "proof.a.com lies too near to a.com: the server may rightly deliver there, so a proof would prove nothing.",
            "Use a name outside: any host name with an A record that leads to the sink will do.",
        ),
        ('[blocklists]\nrefuse = ["a b"]', "f:2: blocklists.refuse", "is no domain", ""),
        (
            '[blocklists]\nrefuse = ["bl.test=127.0.0.[2..9]"]',
            "f:2: blocklists.refuse",
            "is no domain",
            '"bl.test" = "127.0.0.[2..9]"',
        ),
        ('[blocklists]\non_failure = "x"', "f:2: blocklists.on_failure", "is no answer", 'Write "defer"'),
        # Networks and users.
        ('[policy.relay]\nnetworks = ["::/0"]', "f:2: policy.relay.networks", "the whole world", ""),
        ('[policy.relay]\nnetworks = ["0.0.0.0/1", "128.0.0.0/1"]', "f:2: policy.relay.networks", "Together", ""),
        ('[policy.relay]\nnetworks = ["::ffff:0:0/96"]', "f:2: policy.relay.networks", "the whole world", ""),
        ('[policy.relay]\nnetworks = ["::/8"]', "f:2: policy.relay.networks", "the whole world", ""),
        (
            '[policy.relay]\nnetworks = ["::ffff:192.0.2.0/120"]',
            "f:2: policy.relay.networks",
            "an IPv4 network in IPv6 spelling",
            'Write it as "192.0.2.0/24".',
        ),
        ('[policy.relay]\nnetworks = ["192.0.2.1/24"]', "f:2: policy.relay.networks", "bits set", '"192.0.2.0/24"'),
        ('[policy.relay]\nnetworks = ["a.com"]', "f:2: policy.relay.networks", '"a.com" is no network', "a length"),
        ('[policy.relay]\nauthenticated = ["a", " "]', "f:2: policy.relay.authenticated", "can't be empty", '"*"'),
        # Routing.
        ('[policy]\nrouting = ["percnt"]', "f:2: policy.routing", 'the form "percnt"', 'Did you mean "percent"?'),
        ('[policy]\nrefuse_helo = ["our"]', "f:2: policy.refuse_helo", 'the fault "our"', 'Did you mean "ours"?'),
        ('[policy]\nrefuse_helo = ["zz"]', "f:2: policy.refuse_helo", 'the fault "zz"', "Known here: malformed, "),
        ('[policy]\nrouting = ["zzzzz"]', "f:2: policy.routing", 'the form "zzzzz"', "Known here: percent, bang"),
        # The access table.
        ('[access]\n"Conect:a.com" = "OK"', 'f:2: access."Conect:a.com"', 'the tag "Conect"', 'mean "Connect:"?'),
        (
            '[access]\n"TLS_Srv:a.com" = "OK"',
            'f:2: access."TLS_Srv:a.com"',
            'the tag "TLS_Srv"',
            "Known here: Connect:,",
        ),
        ('[access]\n"Connect:From:a.com" = "OK"', 'f:2: access."Connect:From:a.com"', 'the tag "From"', ""),
        ('[access]\n"192.0.2.0/24" = "OK"', 'f:2: access."192.0.2.0/24"', "would never match", "cut at its dots"),
        ('[access]\n"192.0.256" = "OK"', 'f:2: access."192.0.256"', "would never match", "cut at its dots"),
        ('[access]\n"IPv6:x" = "OK"', 'f:2: access."IPv6:x"', "would never match", "IPv6:2001:db8"),
        ('[access]\n"To:" = "OK"', 'f:2: access."To:"', "would never match", "after the tag"),
        ('[access]\n"@" = "OK"', 'f:2: access."@"', "would never match", "after the tag"),
        ('[access]\n".a.com" = "OK"', 'f:2: access.".a.com"', "would never match", "leading dot"),
        ('[access]\n"ClientConn:a.com" = 5', 'f:2: access."ClientConn:a.com"', "would never match", "client's address"),
        ('[access]\n"a b" = "OK"', 'f:2: access."a b"', "would never match", "Keys are nets"),
        ('[access]\n"a.com" = "REJCT"', 'f:2: access."a.com"', 'the answer "REJCT"', 'Did you mean "REJECT"?'),
        ('[access]\n"a.com" = "zz zz"', 'f:2: access."a.com"', "the answer", '"ERROR:5.7.1:550 your text"'),
        ('[access]\n"a.com" = "FRIEND"', 'f:2: access."a.com"', 'the answer "FRIEND"', ""),
        ('[access]\n"Spam:a.com" = "REJECT"', 'f:2: access."Spam:a.com"', 'the answer "REJECT"', "FRIEND, HATER"),
        ('[access]\n"a.com" = "ERROR:250 ok"', 'f:2: access."a.com"', "would not refuse", "between 400 and 599"),
        ('[access]\n"a.com" = "ERROR:4.7.1:550 x"', 'f:2: access."a.com"', "contradict", "Both begin"),
        ('[access]\n"a.com" = "550 x\\r\\n250 y"', 'f:2: access."a.com"', "printable ASCII", ""),
        ('[access]\n"a.com" = "QUARANTINE:保留"', 'f:2: access."a.com"', "printable ASCII", ""),
        ('[access]\n"ClientRate:" = "many"', 'f:2: access."ClientRate:"', '"many" is no number', "0 means"),
        ('[access]\n"ClientConn:" = "-1"', 'f:2: access."ClientConn:"', '"-1" is no number', ""),
        (
            '[access]\n"a.com" = "OK"\n"A.com." = "OK"',
            'f:3: access."A.com."',
            '"a.com" is in the table already',
            "Keep one",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_mend(text: str | bytes, place: str, message: str, mend: str) -> None:
    error = problem(text)
    assert error.place.replace("fumidai.toml", "f") == place
    assert message in str(error)
    assert mend in error.mend.format(**error.params)


def warned(text: str) -> list[tuple[int, str, str]]:
    """Line, key and sentence of all warnings."""
    domains = "" if "receive_for" in text else '[policy]\nreceive_for = ["a.com"]\n'
    _, warnings = read_policy(domains + text, "fumidai.toml")
    shift = domains.count("\n")
    assert all(warning.mend.format(**warning.params) for warning in warnings)
    return [(warning.line - shift, warning.key, warning.message.format(**warning.params)) for warning in warnings]


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ('[policy.relay]\nnetworks = ["128.0.0.0/7"]', "policy.relay.networks", "very wide"),
        ('[policy.relay]\nnetworks = ["2000::/15"]', "policy.relay.networks", "very wide"),
        ('[policy.relay]\nnetworks = ["192.168.7.1"]', "policy.relay.networks", "looks like a gateway"),
        ('[policy.relay]\nnetworks = ["2001:db8::1/128"]', "policy.relay.networks", "looks like a gateway"),
        ('[policy.relay]\nnetworks = ["172.17.0.1"]', "policy.relay.networks", "container bridges"),
        ('[policy.relay]\nnetworks = ["172.16.0.0/12"]', "policy.relay.networks", "container bridges"),
        ('[policy.relay]\nnetworks = ["10.88.0.0/24"]', "policy.relay.networks", "container bridges"),
        ('[access]\n"From:a.test" = "RELAY"', 'access."From:a.test"', "never lets anyone relay"),
        ('[access]\n"To:u@" = "RELAY"', 'access."To:u@"', "this lets nobody relay"),
        ('[access]\n"a.test" = "RELAY"', 'access."a.test"', "Without a tag this relays to a.test for everyone"),
        ('[access]\n"Connect:net" = "RELAY"', 'access."Connect:net"', "whole top-level domain"),
        ('[access]\n"Connect:a.test" = "DISCARD"', 'access."Connect:a.test"', "answered 550"),
        ('[access]\n"To:u@a.test" = "QUARANTINE:look"', 'access."To:u@a.test"', "answered 451"),
        ('[access]\n"Spam:a.test" = "HATER"', 'access."Spam:a.test"', "changes nothing"),
    ],
)
def test_what_is_warned_of(text: str, key: str, message: str) -> None:
    ((line, where, sentence),) = warned(text)
    assert (line, where) == (2, key)
    assert message in sentence


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[policy]\nreceive_for = [".lan"]', '".lan" takes mail for every domain below'),
        ('[policy]\nreceive_for = ["a.com"]\npostmaster = "p@b.com"', "b.com is not among receive_for"),
        ('[policy]\nreceive_for = ["a.com"]\nrouting = []', "no longer count: percent, bang"),
    ],
)
def test_what_is_warned_of_in_the_policy_itself(text: str, message: str) -> None:
    ((_, _, sentence),) = warned(text)
    assert message in sentence


@pytest.mark.parametrize(
    "text",
    [
        '[policy.relay]\nnetworks = ["192.0.2.0/24", "10.0.0.0/16", "2001:db8::/32", "127.0.0.1", "::1", "192.0.2.2"]',
        '[policy]\nreceive_for = ["a.com"]\npostmaster = "postmaster"',
        '[policy]\nreceive_for = ["a.com"]\nrouting = [' + ", ".join(f'"{form}"' for form in Form) + "]",
        '[access]\n"192.0.2." = "REJECT"',
        '[access]\n"Connect:10" = "RELAY"\n"Connect:[192.0.2.1]" = "OK"\n"To:b.test" = "RELAY"\n"Spam:u@" = "FRIEND"',
        '[access]\n"Connect:IPv6:2001:db8" = "relay"\n"From:u@" = "error:550 no"\n"GreetPause:" = "5000"',
        "[limits]\nx = 1\n[test]\n[guard]\n[serve]\n[store]\n[watch]\n[audit]",
    ],
)
def test_what_is_neither_wrong_nor_warned_of(text: str) -> None:
    assert warned(text) == []


def test_the_bridges_are_those_of_docker_and_podman() -> None:
    for number in range(16, 33):
        covered = any(IPv4Network(f"172.{number}.0.0/16").subnet_of(bridge) for bridge in BRIDGES)
        assert covered is (17 <= number <= 31)
    assert IPv4Network("10.88.0.0/16") in BRIDGES


# --- writing ----------------------------------------------------------------------------------------------------------
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False),
        KEYS,
        st.dates(),
        st.times(),
        st.datetimes(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)
WRITABLE = st.builds(
    lambda policy, sections, hosts, words, postmaster: replace(
        policy,
        # Client rules stand in files of their own; what the others say, in a section of its own in a file.
        client_rules=HostsTables(),
        refuse_listed=(),
        on_failure=OnFailure.DEFER,
        authenticated=tuple(dict.fromkeys(word for word in words if word.strip())),
        sections=sections,
        hosts=hosts,
        postmaster=postmaster,
        proof_domain="proof.example.net",
    ),
    POLICIES,
    st.dictionaries(st.sampled_from(["limits", "guard", "store"]), st.dictionaries(KEYS, VALUES, max_size=3)),
    st.lists(st.builds(Host, st.sampled_from(["ns.a.com", "x"]), KEYS, KEYS, KEYS), max_size=2).map(tuple),
    st.lists(KEYS, max_size=3),
    st.sampled_from(["", "postmaster@a.com"]),
)


@given(WRITABLE)
def test_what_is_written_is_read_back(policy: Policy) -> None:
    assert read(write_policy(policy)) == policy


def test_a_whole_file_is_read_back() -> None:
    assert read(write_policy(read(WHOLE))) == read(WHOLE)
    assert read(write_policy(Policy())) == Policy()


def test_a_table_of_another_room_is_written_as_it_stood() -> None:
    text = (
        '[policy]\nreceive_for = ["a.com"]\n[[host]]\nname = "ns.a.com"\n[guard]\n"a b" = "x\\u0000\\"\\\\"\n'
        "near = [1, 1.5, true, 2020-01-01, {c = false}]\n"
    )
    again = write_policy(read(text))
    assert read(again) == read(text)
    assert '"a b" = "x\\u0000\\"\\\\"' in again
    assert "near = [1, 1.5, true, 2020-01-01, {c = false}]" in again


@given(st.text(max_size=80))
def test_any_text_is_a_policy_or_our_own_error(text: str) -> None:
    for whole in (text, f"[access]\n{text}", f"[policy]\n{text}"):
        with contextlib.suppress(PolicyError):
            policy, _ = read_policy(whole, "fumidai.toml")
            assert read(write_policy(policy)) == policy


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=3))
def test_any_access_table_is_read_or_refused(table: dict[str, str]) -> None:
    from fumidai.policy.notice import Source
    from fumidai.policy.table import read_access

    try:
        sides = read_access(table, Source("f", {}))
    except PolicyError:
        return
    assert all(access_key(key) == key for key in sides)

# SPDX-License-Identifier: Apache-2.0
"""What the tests of this room share: a stranger who asks, a policy in a few words, and strategies for both."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import strategies as st

from fumidai.policy.access import AccessMap, Kind, RightSide, access_key
from fumidai.policy.case import FALSE_NAME
from fumidai.policy.hosts_access import HostsTables
from fumidai.policy.hosts_file import read_hosts
from fumidai.policy.model import HeloCheck, OnFailure, Policy, policy_for_domains
from fumidai.policy.read import read_policy
from fumidai.policy.request import UNKNOWN, Fact, Request
from fumidai.smtp.forms import ALL, Form

STRANGER = ip_address("203.0.113.9")


def ask(recipient: bytes | str, **parts: Any) -> Request:
    """A stranger with nothing to hide who names one recipient; parts replace his."""
    raw = recipient.encode() if isinstance(recipient, str) else recipient
    asked = Request(STRANGER, None, "pc", False, None, b"<s@sender.test>", raw)
    return replace(asked, **parts)


def with_access(table: dict[str, str], *domains: str, **parts: Any) -> Policy:
    """A policy with this access table, as a file would have it."""
    lines = "\n".join(f"{key!r} = {value!r}" for key, value in table.items())
    policy, _ = read_policy(f"[access]\n{lines}\n", "test.toml")
    return replace(policy_for_domains(domains or ["a.com"]), access=policy.access, **parts)


# Few names, so that keys, patterns and addresses meet often.
DOMAINS = st.sampled_from(["a.com", "b.a.com", "evil.test", "x.evil.test", "test", "com", "[192.0.2.1]"])
LOCAL_PARTS = st.sampled_from(["u", "u+d", "postmaster", "v%evil.test", "evil.test!u", '"v@evil.test"', '"u"', "|sh"])
RECIPIENTS = st.one_of(
    st.sampled_from([b"<u@a.com>", b"<u@evil.test>"]),
    st.builds(lambda local, domain: f"<{local}@{domain}>".encode(), LOCAL_PARTS, DOMAINS),
    st.sampled_from([b"<postmaster>", b"<u>", b"<>", b"<@b.a.com:u@a.com>", b"<u@a.com", b"<IMCEAEX-x@a.com>"]),
)
CLIENTS = st.sampled_from(
    [ip_address(text) for text in ("192.0.2.1", "192.0.2.9", "203.0.113.9", "2001:db8::1", "::ffff:192.0.2.1")]
)
NAMES = st.one_of(st.none(), st.sampled_from(["mail.evil.test", "evil.test", "mx.a.com", "a.com"]))
SENDERS = st.sampled_from([b"<>", b"<u@evil.test>", b"<u+d@a.com>", b'<"u"@x.evil.test>', b"<u>", b"<u@b@evil.test>"])
USERS = st.one_of(st.none(), st.sampled_from(["alice", "bob", ""]))

_KEYS = st.sampled_from(
    (
        *("192.0.2.1", "192.0.2", "192", "IPv6:2001:db8", "203.0.113", "[203.0.113.9]"),
        *("evil.test", "test", "a.com", "com", "mail.evil.test"),
        *("u@", "u@evil.test", "u+*@a.com", "u@a.com"),
    )
)
_TAGS = st.sampled_from(["Connect:", "From:", "To:", ""])
SIDES = st.sampled_from(
    [
        RightSide(kind)
        for kind in (Kind.OK, Kind.RELAY, Kind.RELAY, Kind.REJECT, Kind.DISCARD, Kind.SKIP, Kind.QUARANTINE)
    ]
    + [RightSide(Kind.ERROR, 550, "5.7.1", "no"), RightSide(Kind.ERROR, 450, "", "later")]
)
ACCESS_KEYS = st.builds(lambda tag, key: access_key(tag + key), _TAGS, _KEYS)
SPAM = st.dictionaries(
    st.sampled_from(["spam:u@a.com", "spam:evil.test"]),
    st.sampled_from([RightSide(Kind.FRIEND), RightSide(Kind.HATER)]),
)
TABLES = st.one_of(
    st.just({}),
    st.builds(lambda one, two: {**one, **two}, st.dictionaries(ACCESS_KEYS, SIDES, max_size=5), SPAM),
)
# Lines of hosts.allow and hosts.deny; most of them are about somebody else, or nothing else would ever be decided.
_CLIENT_LISTS = st.sampled_from(
    (
        *("192.0.2.1", "203.0.113.", "[2001:db8::]/32", ".evil.test", "mail.evil.test", "a.com", "198.51.100."),
        *(
            "KNOWN",
            "UNKNOWN",
            "PARANOID",
            "LOCAL",
            "ALL EXCEPT 192.0.2.",
            "KNOWN EXCEPT .evil.test",
            "10. EXCEPT LOCAL",
        ),
    )
)
_TURNS = st.sampled_from(["", "", " : deny", " : allow", " : twist /bin/echo 421 later"])
CLIENT_LINES = st.builds(lambda clients, turn: f"smtp : {clients}{turn}\n", _CLIENT_LISTS, _TURNS)
DENYING_RULES = st.builds(
    lambda clients, turn: read_hosts("", f"smtp : {clients}{turn}\n")[0].rules[0],
    _CLIENT_LISTS,
    st.sampled_from(["", " : deny", " : twist /bin/echo 550 no"]),
)


def _client_rules(allow: list[str], deny: list[str]) -> HostsTables:
    return read_hosts("".join(allow), "".join(deny))[0]


_NO_LINES: st.SearchStrategy[list[str]] = st.just([])
CLIENT_RULES = st.one_of(
    st.just(HostsTables()),
    st.just(HostsTables()),
    st.builds(_client_rules, st.lists(CLIENT_LINES, max_size=2), st.lists(CLIENT_LINES, max_size=2) | _NO_LINES),
)
NETWORKS = st.lists(
    st.sampled_from([ip_network("192.0.2.0/28"), ip_network("2001:db8::/32"), ip_network("203.0.113.9")]),
    max_size=2,
    unique=True,
)
PATTERNS = st.sampled_from(["a.com", ".a.com", "[192.0.2.1]", "test"])
POLICIES = st.builds(
    Policy,
    receive_for=st.one_of(st.just(("a.com",)), st.lists(PATTERNS, max_size=3, unique=True).map(tuple)),
    relay_networks=NETWORKS.map(tuple),
    authenticated=st.sampled_from([(), ("*",), ("alice",), ("b*",)]),
    client_rules=CLIENT_RULES,
    access=TABLES.map(AccessMap),
    routing=st.sampled_from([ALL, frozenset(), frozenset({Form.PERCENT})]),
    refuse_listed=st.sampled_from([(), (), ("bl.test",), ("bl.test", "two.test")]),
    on_failure=st.sampled_from(OnFailure),
    sender_must_resolve=st.sampled_from([False, False, True]),
    refuse_helo=st.one_of(
        st.sampled_from([frozenset[HeloCheck](), frozenset({HeloCheck.UNRESOLVABLE})]),
        st.frozensets(st.sampled_from(HeloCheck)),
    ),
)
HELOS = st.sampled_from(
    [None, "pc", "mx.evil.test", "x.test", "y.test", "A.com", "[192.0.2.1]", "127.0.0.1", "[198.51.100.1]", "a b"]
)
KNOWN_REQUESTS = st.builds(Request, CLIENTS, NAMES, HELOS, st.booleans(), USERS, SENDERS, RECIPIENTS)


def _sometimes_unknown(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(st.integers(0, 7), values).map(lambda drawn: UNKNOWN if drawn[0] == 7 else drawn[1])


REQUESTS = st.builds(
    Request,
    _sometimes_unknown(CLIENTS),
    _sometimes_unknown(NAMES),
    _sometimes_unknown(HELOS),
    _sometimes_unknown(st.booleans()),
    _sometimes_unknown(USERS),
    _sometimes_unknown(SENDERS),
    _sometimes_unknown(RECIPIENTS),
)
FACT = st.builds(Fact, st.sampled_from(["", "127.0.0.2", "mail.evil.test", FALSE_NAME]), st.booleans())

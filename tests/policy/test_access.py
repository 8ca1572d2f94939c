# SPDX-License-Identifier: Apache-2.0
"""The access table against what sendmail's rule sets answer for the same map (cf/README, address test mode)."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from fumidai.policy.access import (
    AccessMap,
    Hit,
    Kind,
    RightSide,
    Tag,
    access_key,
    shown_key,
    split_key,
)

OK, RELAY, REJECT, SKIP = (RightSide(kind) for kind in (Kind.OK, Kind.RELAY, Kind.REJECT, Kind.SKIP))


def table(**sides: RightSide) -> AccessMap:
    return AccessMap({access_key(key): side for key, side in sides.items()})


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        ("Connect:192.0.2", "connect:192.0.2"),
        ("CONNECT:Spam.Test.", "connect:spam.test"),
        ("Connect:IPv6:2001:0DB8", "connect:ipv6:2001:db8"),
        ("IPv6:2001:db8::", "ipv6:2001:db8"),
        ("IPv6:2001:db8::1", "ipv6:2001:db8:0:0:0:0:0:1"),
        ("Connect:IPv6:2001:xyz", "connect:ipv6:2001:xyz"),
        ("Connect:IPv6:1::2::3", "connect:ipv6:1::2::3"),
        ("Connect:[IPv6:2001:DB8:0::1]", "connect:[ipv6:2001:db8::1]"),
        ("From:User+Detail@Spam.Test", "from:user+detail@spam.test"),
        ("From:user@", "from:user@"),
        ("To:u@Bücher.test", "to:u@xn--bcher-kva.test"),
        ("ClientRate:", "clientrate:"),
        ("spam.test", "spam.test"),
        ("Other:spam.test", "other:spam.test"),
    ],
)
def test_a_key_is_kept_in_one_form(key: str, kept: str) -> None:
    assert access_key(key) == kept
    assert access_key(shown_key(kept)) == kept


def test_a_key_is_shown_as_a_file_spells_it() -> None:
    assert shown_key("connect:ipv6:2001:db8") == "Connect:IPv6:2001:db8"
    assert shown_key("ipv6:2001:db8") == "IPv6:2001:db8"
    assert split_key("greetpause:x") == (Tag.GREET_PAUSE, "x")


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.66", "192.0.2.66"),
        ("192.0.2.67", "192.0.2"),
        ("192.0.3.1", "192"),
        ("193.0.2.66", None),
        ("19.0.2.66", None),
        ("2001:db8::1", "IPv6:2001:db8:0:0:0:0:0:1"),
        ("2001:db8::2", "IPv6:2001:db8"),
        ("2001:db80::2", None),
    ],
)
def test_nets_are_cut_at_their_borders(address: str, key: str | None) -> None:
    keys = ("192.0.2.66", "192.0.2", "192", "IPv6:2001:db8::1", "IPv6:2001:db8")
    hit = table(**{f"Connect:{name}": REJECT for name in keys}).client_address(ip_address(address))
    assert (hit and hit.key) == (key and f"Connect:{key}")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("spam.test", "Connect:spam.test"),
        ("Mail.Spam.Test.", "Connect:spam.test"),
        ("xspam.test", "Connect:test"),
        ("spam.tests", None),
        ("[192.0.2.1]", "Connect:[192.0.2.1]"),
        ("[192.0.2.2]", "Connect:192.0.2"),
        ("[odd]", None),
    ],
)
def test_names_are_cut_from_the_left(name: str, key: str | None) -> None:
    sides = {f"Connect:{key}": REJECT for key in ("spam.test", "test", "[192.0.2.1]", "192.0.2")}
    hit = table(**sides).client_name(name)
    assert (hit and hit.key) == key


def test_the_tagged_key_comes_first_at_each_step_and_the_nearer_step_before_both() -> None:
    both = table(**{"Connect:spam.test": OK, "spam.test": REJECT, "x.spam.test": RELAY, "From:x.spam.test": REJECT})
    assert both.client_name("spam.test") == Hit("Connect:spam.test", OK)
    assert both.client_name("y.x.spam.test") == Hit("x.spam.test", RELAY)
    assert both.client_name("y.spam.test") == Hit("Connect:spam.test", OK)


def test_skip_ends_the_search_with_nothing_found() -> None:
    skipping = table(**{"Connect:x.test": SKIP, "Connect:test": REJECT, "Connect:192.0.2.1": SKIP, "192": REJECT})
    assert skipping.client_name("y.x.test") is None
    assert skipping.client_name("z.test") is not None
    assert skipping.client_address(ip_address("192.0.2.1")) is None
    assert skipping.client_address(ip_address("192.0.2.2")) is not None


@pytest.mark.parametrize(
    ("local_part", "domain", "key"),
    [
        ("u+d", "a.com", "u+d@a.com"),
        ("u+e", "a.com", "u+*@a.com"),
        ("U", "A.COM", "u@a.com"),
        ("v", "a.com", "v@"),
        ("v+x", "b.a.com", "v+*@"),
        ("w", "b.a.com", "a.com"),
        ("w", "", None),
        ("v", "", "v@"),
        ("+x", "c.test", None),
    ],
)
def test_mailboxes_from_the_narrowest_to_the_widest(local_part: str, domain: str, key: str | None) -> None:
    keys = ("u+d@a.com", "u+*@a.com", "u@a.com", "v+*@", "v@", "a.com")
    hit = table(**{f"From:{key}": REJECT for key in keys}).sender(local_part, domain)
    assert (hit and hit.key) == (key and f"From:{key}")


def test_a_user_alone_is_a_recipient_at_our_own_domains_only() -> None:
    users = table(**{"To:root@": REJECT})
    assert users.recipient("root", "a.com", ours=True) is not None
    assert users.recipient("root", "evil.test", ours=False) is None


def test_spam_has_no_untagged_form() -> None:
    friends = table(**{"Spam:u@a.com": RightSide(Kind.FRIEND), "b.com": RightSide(Kind.FRIEND)})
    assert friends.spam("u", "a.com") is not None
    assert friends.spam("u", "b.com") is None


NUMBERS = {
    "ClientRate:": 10,
    "ClientRate:192.0.2": 60,
    "ClientRate:192.0.2.7": 0,
    "ClientRate:IPv6:2001:db8": 5,
    "ClientConn:192.0.2": 4,
    "GreetPause:": 5000,
    "192.0.2.7": 1,
}


@pytest.mark.parametrize(
    ("tag", "address", "number"),
    [
        (Tag.CLIENT_RATE, "192.0.2.7", 0),
        (Tag.CLIENT_RATE, "192.0.2.8", 60),
        (Tag.CLIENT_RATE, "::ffff:192.0.2.8", 60),
        (Tag.CLIENT_RATE, "198.51.100.1", 10),
        (Tag.CLIENT_RATE, "2001:db8::1", 5),
        (Tag.CLIENT_RATE, "2001:db9::1", 10),
        (Tag.CLIENT_CONN, "192.0.2.7", 4),
        (Tag.CLIENT_CONN, "198.51.100.1", None),
        (Tag.GREET_PAUSE, "192.0.2.7", 5000),
    ],
)
def test_numbers_of_a_client(tag: Tag, address: str, number: int | None) -> None:
    counts = table(**{key: RightSide(Kind.NUMBER, value) for key, value in NUMBERS.items()})
    assert counts.client_number(tag, ip_address(address)) == number


def test_a_table_without_the_tag_has_no_number() -> None:
    assert table(**{"192.0.2.7": OK}).client_number(Tag.CLIENT_RATE, ip_address("192.0.2.7")) is None


def test_what_a_table_is_about_is_known_at_once() -> None:
    assert not any(
        getattr(table(**{"From:x.test": OK}), name)
        for name in ("refuses_client", "relays_client", "asks_name", "refuses_name", "relays_name", "refuses_sender")
    )
    by_address = table(**{"Connect:192.0.2": REJECT, "Connect:IPv6:2001": RELAY})
    assert (by_address.refuses_client, by_address.relays_client, by_address.asks_name) == (True, True, False)
    by_name = table(**{"x.test": REJECT, "Connect:y.test": RELAY})
    assert (by_name.refuses_name, by_name.relays_name, by_name.refuses_sender) == (True, True, True)
    mailbox = table(**{"u@x.test": REJECT})
    assert (mailbox.refuses_client, mailbox.asks_name, mailbox.refuses_sender) == (False, False, True)


def test_domains_that_are_relayed_to() -> None:
    sides = {"To:x.test": RELAY, "y.test": RELAY, "To:u@z.test": RELAY, "To:q.test": OK, "To:192.0.2": RELAY}
    assert list(table(**sides).relayed_domains()) == ["x.test", "y.test", "z.test"]


@pytest.mark.parametrize(
    ("side", "text"),
    [
        (RELAY, "RELAY"),
        (SKIP, "SKIP"),
        (RightSide(Kind.NUMBER, 5), "5"),
        (RightSide(Kind.QUARANTINE), "QUARANTINE"),
        (RightSide(Kind.QUARANTINE, text="hold"), "QUARANTINE:hold"),
        (RightSide(Kind.ERROR, 550, "5.7.1", "no way"), "ERROR:5.7.1:550 no way"),
        (RightSide(Kind.ERROR, 450), "ERROR:450"),
    ],
)
def test_a_right_hand_side_is_written_as_sendmail_reads_it(side: RightSide, text: str) -> None:
    assert str(side) == text


# The map and the answers of sendmail 8.18 in address test mode (stranger 203.0.113.9 without a name, local.test ours).
ORACLE = {"To:partner.test": "RELAY", "plain.test": "REJECT", "To:one@addr.test": "RELAY", "Connect:192.0.2": "RELAY"}
ORACLE |= {"To:bad@": "ERROR:5.1.1:550 no such user", "From:spam.test": "REJECT", "From:ok.spam.test": "OK"}


@pytest.mark.parametrize(
    ("client", "sender", "recipient", "rule", "code"),
    [
        ("203.0.113.9", "s@x.test", "u@partner.test", "access-to-relay", 0),
        ("203.0.113.9", "s@x.test", "u@sub.partner.test", "access-to-relay", 0),
        ("203.0.113.9", "s@x.test", "u@local.test", "own-domain", 0),
        ("203.0.113.9", "s@x.test", "u@elsewhere.test", "foreign-recipient", 550),
        ("203.0.113.9", "s@x.test", "one@addr.test", "access-to-relay", 0),
        ("203.0.113.9", "s@x.test", "two@addr.test", "foreign-recipient", 550),
        ("203.0.113.9", "s@x.test", "bad@local.test", "access-to", 550),
        ("203.0.113.9", "s@x.test", "u%elsewhere.test@local.test", "ambiguous-recipient", 550),
        ("203.0.113.9", "s@x.test", "elsewhere.test!u@local.test", "ambiguous-recipient", 550),
        ("203.0.113.9", "s@x.test", "@local.test:u@elsewhere.test", "foreign-recipient", 550),
        ("203.0.113.9", "s@x.test", '"u@elsewhere.test"@local.test', "ambiguous-recipient", 550),
        ("203.0.113.9", "s@x.test", "u@plain.test", "access-to", 550),
        ("203.0.113.9", "x@a.spam.test", "u@local.test", "access-from", 550),
        ("203.0.113.9", "x@ok.spam.test", "u@local.test", "own-domain", 0),
        ("203.0.113.9", "x@plain.test", "u@local.test", "access-from", 550),
        ("192.0.2.5", "s@x.test", "u@elsewhere.test", "access-connect-relay", 0),
    ],
)
def test_the_answers_of_sendmail(client: str, sender: str, recipient: str, rule: str, code: int) -> None:
    from fumidai.policy.decide import decide
    from tests.policy.asking import ask, with_access

    policy = with_access(ORACLE, "local.test")
    answer = decide(policy, ask(f"<{recipient}>", client=ip_address(client), reverse_path=f"<{sender}>".encode()))
    assert (answer.rule, answer.code) == (rule, code)


def test_an_ipv4_mapped_literal_is_walked() -> None:
    """Python writes such an address in two ways, by its version."""
    table = AccessMap({"to:ipv6:0:0:0:0:0:ffff:c633:6408": RightSide(Kind.REJECT)})
    hit = table.recipient("x", "[IPv6:::ffff:198.51.100.8]", ours=False)
    assert hit is not None
    assert hit.side.kind is Kind.REJECT

# SPDX-License-Identifier: Apache-2.0
"""What is known of public lists: the data is whole, and found under every spelling of a zone."""

from __future__ import annotations

from datetime import date
from ipaddress import IPv4Address

import pytest

from fumidai.dnsbl.answer import Kind, read_answer
from fumidai.dnsbl.known import checked_on, known_list, known_lists
from fumidai.smtp.literal import is_domain_name


def test_every_list_is_whole() -> None:
    assert date.fromisoformat(checked_on()).year >= 2026
    for zone, known in known_lists().items():
        assert is_domain_name(zone.removeprefix(".")), zone
        assert known.sources, zone
        assert not known.codes.keys() & known.refusals, zone
        assert known.takes, zone
        assert read_answer(known.codes, known.wanted, known.refusals).kind is not Kind.REFUSED, zone


@pytest.mark.parametrize(
    ("zone", "found"),
    [
        ("zen.spamhaus.org", "zen.spamhaus.org"),
        ("ZEN.Spamhaus.Org.", "zen.spamhaus.org"),
        ("abcdef.zen.dq.spamhaus.net", ".zen.dq.spamhaus.net"),
        ("smtp.dnsbl.sorbs.net", ".sorbs.net"),
        ("sorbs.net", None),
        ("x.zen.spamhaus.org", None),
        ("bl.test", None),
        ("", None),
    ],
)
def test_zones_are_found(zone: str, found: str | None) -> None:
    known = known_list(zone)
    assert (known.zone if known else None) == found


def test_codes_and_refusals_are_told_apart() -> None:
    zen, dbl = known_list("zen.spamhaus.org"), known_list("dbl.spamhaus.org")
    assert zen is not None
    assert zen.wanted is not None
    assert zen.codes[IPv4Address("127.0.0.3")] == "CSS"
    assert read_answer([IPv4Address("127.0.0.3")], zen.wanted).kind is Kind.LISTED
    assert read_answer([IPv4Address("127.0.0.99")], zen.wanted).kind is Kind.CLEAN
    assert dbl is not None
    assert read_answer([IPv4Address("127.0.1.255")], None, dbl.refusals).kind is Kind.REFUSED

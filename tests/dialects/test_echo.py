# SPDX-License-Identifier: Apache-2.0
"""By which address a server calls us, and when it wants us back."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.dialects.echo import READ_AT_MOST, echoed_address, retry_hint


@pytest.mark.parametrize(
    ("text", "address"),
    [
        # EHLO replies
        ("250-mail.a.com Hello tester.example [198.51.100.7], pleased to meet you", "198.51.100.7"),  # sendmail
        ("mail.a.com Hello tester.example [198.51.100.7]", "198.51.100.7"),  # Exim
        ("mail.a.com Hello [198.51.100.7]", "198.51.100.7"),  # Exchange
        ("mail.a.com Hello tester.example [172.22.1.1], pleased to meet you", "172.22.1.1"),  # OpenSMTPD
        ("mail.a.com Hello tester.example [198.51.100.7]Haraka is at your service.", "198.51.100.7"),
        ("mx.google.com at your service, [198.51.100.7]", "198.51.100.7"),
        ("mx.google.com at your service, [2001:db8:7::7]", "2001:db8:7::7"),
        ("mail.a.com Hello tester.example [IPv6:2001:DB8:7:0:0:0:0:7], pleased to meet you", "2001:db8:7::7"),
        ("mail.a.com Hello tester.example [::ffff:198.51.100.7]", "198.51.100.7"),
        ("[192.0.2.25] Hello tester.example [198.51.100.7]", "198.51.100.7"),
        ("[192.0.2.25] Hello tester.example", None),
        ("mail.a.com Hello [203.0.113.9] [198.51.100.7]", "198.51.100.7"),  # claimed as literal, then seen
        ("mail.a.com Hello tester.example (198.51.100.7)", "198.51.100.7"),
        ("mail.a.com Hello tester.example ([198.51.100.7])", "198.51.100.7"),
        ("mail.a.com Hello tester.example [198.51.100.7:40112]", "198.51.100.7"),
        ("mail.a.com Hello tester.example [fe80::1%eth0]", "fe80::1"),
        ("mail.a.com Hello tester.example [127.0.0.1]", "127.0.0.1"),
        ("mail.a.com PIPELINING SIZE 10240000 8BITMIME", None),  # Postfix says nothing
        ("mail.a.com", None),
        ("", None),
        # refusals
        (
            "554 5.7.1 Service unavailable; Client host [198.51.100.7] blocked using zen.example; q/ip/192.0.2.1",
            "198.51.100.7",
        ),
        ("550-5.7.25 [198.51.100.7] The IP address sending this message", "198.51.100.7"),
        ("<unknown[198.51.100.7]>: Client host rejected: Access denied", "198.51.100.7"),
        ("Relaying denied. IP name lookup failed [198.51.100.7]", "198.51.100.7"),
        ("550-tester.example [198.51.100.7]:41234 is not permitted to relay through this", "198.51.100.7"),
        ("550 5.7.64 TenantAttribution; Relay Access Denied [198.51.100.7]", "198.51.100.7"),
        ("550 Rejected: mail from 198.51.100.7 refused", "198.51.100.7"),
        ("421 too many connections from 198.51.100.7", "198.51.100.7"),
        ("421 too many connections from 2001:db8:7::7", "2001:db8:7::7"),
        ("554 IP=198.51.100.7 - A problem occurred", "198.51.100.7"),
        ("550 your ip: 198.51.100.7.", "198.51.100.7"),
        (
            "501 This system is not configured to relay mail from <s@x.example> to <v@[192.0.2.1]> for 198.51.100.7",
            None,
        ),
        ("550 <v@[192.0.2.25]>: Relay access denied", None),  # our own recipient
        ('501 <"v@[192.0.2.25]"@a.com>: no', None),
        ("504 <[203.0.113.9]>: Helo command rejected: invalid ip address", None),  # our own HELO
        ("220 mail.a.com ESMTP Sendmail 8.17.1.9/8.17.1.9", None),
        ("550 5.7.1 no", None),
        ("250 2.1.5 Ok [abcd]", None),
        ("250 queued as [a1:b2]", None),
        ("the time is from 12:30:45", None),
    ],
)
def test_the_address_a_reply_shows(text: str, address: str | None) -> None:
    assert echoed_address(text) == address


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("450 4.2.0 Greylisted, see http://postgrey.example/help/a.com.html", None),
        ("450 4.7.1 Greylisted for 60 seconds", 60),
        ("450 Greylisted for 5 minutes (see postmaster)", 300),
        ("451 4.7.1 Greylisting in action, please come back in 00:04:59", 299),
        ("451 4.7.1 Greylisting in action, please come back later in 1:30:00", 5400),
        ("450 try again in 300 seconds", 300),
        ("450 please try again in 300s.", 300),
        ("450 wait 5 minutes", 300),
        ("450 please wait 1 minute", 60),
        ("450 4.7.1 retry in 4 minutes and 30 seconds", 270),
        ("450 retry in 4 min, 30 sec", 270),
        ("450 come back in 4m30s", 270),
        ("450 you may retry after 1 hour; message size limit 20 days", 3600),
        ("450 blocked for 24 hours, try again then", 86400),
        ("450 delayed 2 days", 172800),
        ("450 300秒後に再送してください", 300),
        ("450 しばらく待ってください (5分)", 300),
        ("450 4.2.0 <ntea6aqb3h9m@a.com>: Recipient address rejected: Greylisted, try again in 5 seconds", 5),
        ("450 4.2.0 <v2m7d5@a.com>: Greylisted, try again later", None),
        ("450 queue 3h9m-x is busy, try again in 7 seconds", 7),
        ("421 4.4.2 timeout exceeded after 300 seconds", None),
        ("450 try again later", None),
        ("450 try again in 0 seconds", None),
        ("450 try again, queue 4.7.1 size 10m3", None),
        ("", None),
    ],
)
def test_when_to_come_back(text: str, seconds: float | None) -> None:
    assert retry_hint(text) == seconds


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    shown = echoed_address(text)
    assert shown is None or str(ip_address(shown)) == shown
    hint = retry_hint(text)
    assert hint is None or hint > 0


@pytest.mark.parametrize(
    "piece", ["[", "[1.2.3.4", "(", "1.", "from ", "::", "[ipv6:", "1:", "9 ", "again 9m", "99 minutes and "]
)
def test_a_long_reply_is_cut(piece: str) -> None:
    long = "retry [" + piece * (3_000_000 // len(piece))
    assert echoed_address(long) == echoed_address(long[:READ_AT_MOST])
    assert retry_hint(long) == retry_hint(long[:READ_AT_MOST])

# SPDX-License-Identifier: Apache-2.0
"""From hops to the stepping stone."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.received.address import inside, read_address
from fumidai.received.hop import Span
from fumidai.received.read import read_head
from fumidai.received.trace import Border, ClockError, Confidence, Report, Trace, TraceVerdict, Trust
from fumidai.received.weigh import Ours, weigh

REPORTED = b"""Received: (qmail 17970 invoked by uid 407); 16 Oct 2000 08:54:41 -0000
Received: (qmail 17968 invoked from network); 16 Oct 2000 08:54:40 -0000
Received: from ns.a.co.jp (@***.***.***.***) by mail.pimpdaddy.com with SMTP; 16 Oct 2000 08:54:40 -0000
Received: from 216.76.216.45 (host-216-76-216-45.dab.bellsouth.net [216.76.216.45]) by ns.a.co.jp with SMTP \
(8.7.1/8.7.1) id SAA13665; Mon, 16 Oct 2000 18:07:18 +0900 (JST)
From: money1jesus@usa.net
Message-ID: <0000037447a2$000056d8$00006a46@216.76.216.45>
To:
Subject: Ever see this? 27206
Date: Mon, 16 Oct 2000 04:42:39 -0400
Reply-To: christina_andrews38@yahoo.com
"""


def traced(message: bytes) -> Trace:
    head = read_head(message)
    return weigh(head.hops, head.headers)


def test_the_report_of_2000() -> None:
    trace = traced(REPORTED)
    assert trace.verdict is TraceVerdict.RELAY
    assert trace.relay is not None
    assert (trace.relay.name, trace.relay.ip, trace.relay.masked) == ("ns.a.co.jp", "", "***.***.***.***")
    assert (trace.relay.software, trace.relay.version) == ("Sendmail", "8.7.1")
    assert trace.relay.clock == ClockError(at_least=758, at_most=1479)
    assert trace.relay.clock.certain == 758
    assert trace.source is not None
    assert (trace.source.ip, trace.source.rdns) == ("216.76.216.45", "host-216-76-216-45.dab.bellsouth.net")
    assert trace.confidence is Confidence.HIGH
    assert trace.noise == 2
    assert {claim.id for claim in trace.hops[3].claims} == {"agrees-by-name", "helo-bare-address", "dynamic-name"}
    found = {finding.id: dict(finding.params) for finding in trace.findings}
    assert found.keys() >= {"relay-address-masked", "software-outdated", "message-id-of-source", "empty-to"}
    assert found["sites-differ"]["count"] == 3
    assert [step.trust for step in trace.hops[2:]] == [Trust.OBSERVED, Trust.BELIEVED]


def test_what_was_left_out_and_what_stood_around_is_told() -> None:
    head = read_head(REPORTED)
    trace = weigh(head.hops, head.headers, around=Report(quoted=Span(5, 9)), left_out=3)
    found = {finding.id: dict(finding.params) for finding in trace.findings}
    assert found["lines-left-out"] == {"count": 3}
    assert "quoted-original" in found


def test_no_line_is_no_evidence() -> None:
    assert traced(b"Subject: x\n\n").verdict is TraceVerdict.NO_EVIDENCE


def test_a_source_that_spoke_to_the_border() -> None:
    trace = traced(
        b"Received: from x (y.example [198.51.100.7]) by mx.example.net with SMTP id 1; 1 Jan 2001 00:00 GMT\n"
    )
    assert trace.verdict is TraceVerdict.DIRECT
    assert trace.source is not None
    assert trace.source.ip == "198.51.100.7"


def test_the_address_that_the_reader_knows() -> None:
    head = read_head(REPORTED)
    trace = weigh(head.hops, head.headers, relay_address="192.0.2.25")
    assert trace.relay is not None
    assert (trace.relay.ip, trace.relay.told) == ("192.0.2.25", True)
    assert "relay-address-masked" not in {finding.id for finding in trace.findings}


US = "from {seen} by mx.us.example (Postfix) with ESMTP id 4Kq1Zx2 for <me@us.example>; Tue, 24 Nov 2026 10:00:00 +0000"
RELAY = "ns.relay.example (ns.relay.example [192.0.2.25])"
LINE = "x (adsl-198-51-100-7.isp.example [198.51.100.7])"
OWN = "from {seen} by ns.relay.example (8.8.8/3.7W) with SMTP id SAA13665; Tue, 24 Nov 2026 18:59:00 +0900 (JST)"


FIELDS = "From: a@elsewhere.example\nTo: me@us.example"


def message(*lines: str, fields: str = FIELDS) -> bytes:
    return "".join(f"Received: {line}\n" for line in lines).encode() + f"{fields}\n\n".encode()


def judged(
    *lines: str, fields: str = "From: a@elsewhere.example\nTo: me@us.example", ours: Ours | None = None
) -> Trace:
    head = read_head(message(*lines, fields=fields))
    return weigh(head.hops, head.headers, ours=ours)


def test_a_relay() -> None:
    trace = judged(US.format(seen=RELAY), OWN.format(seen=LINE))
    assert trace.verdict is TraceVerdict.RELAY
    assert trace.relay is not None
    assert (trace.relay.name, trace.relay.ip, trace.relay.version) == ("ns.relay.example", "192.0.2.25", "8.8.8")


@pytest.mark.parametrize("hours", [2, 30])
def test_a_clock_never_acquits(hours: int) -> None:
    date = f"{24 + (19 + hours) // 24} Nov 2026 {(19 + hours) % 24}:00:00"
    wrong = OWN.format(seen=LINE).replace("24 Nov 2026 18:59:00", date)
    trace = judged(US.format(seen=RELAY), wrong)
    assert trace.verdict is TraceVerdict.RELAY
    assert trace.relay is not None
    assert trace.relay.clock is not None
    assert trace.relay.clock.certain == hours * 3600
    assert "time-backwards" in {finding.id for finding in trace.findings}
    assert "later-than-above" in {claim.id for claim in trace.hops[1].claims}


def test_what_is_ours_is_no_relay() -> None:
    ours = Ours(networks=(ip_network("192.0.2.0/24"),))
    trace = judged(US.format(seen=RELAY), OWN.format(seen=LINE), ours=ours)
    assert (trace.verdict, trace.border) == (TraceVerdict.DIRECT, Border.DECLARED)
    assert trace.source is not None
    assert trace.source.ip == "198.51.100.7"
    named = judged(US.format(seen=RELAY), OWN.format(seen=LINE), ours=Ours(names=(".relay.example",)))
    assert named.verdict is TraceVerdict.DIRECT


def test_a_helo_like_ours_is_not_ours() -> None:
    """A stranger may call himself like our own host and bring a line that looks like ours."""
    liar = US.format(seen="gate.us.example (unknown [198.51.100.7])")
    forged = "from bank.example ([203.0.113.9]) by gate.us.example with ESMTP id 1; Tue, 24 Nov 2026 09:59:00 +0000"
    for ours in (None, Ours(names=(".us.example",))):
        trace = judged(liar, forged, ours=ours)
        assert trace.border_hop == 0
        assert trace.hops[1].trust is not Trust.OBSERVED


@pytest.mark.parametrize(
    "line",
    [
        "from x (gate.us.example [198.51.100.7] (may be forged)) by mx.us.example (8.12.3/8.12.3) id 1; {date}",
        "from gate.us.example (HELO x) (198.51.100.7) by mx.us.example with SMTP; {date}",
        "from gate.us.example (HELO x) (198.51.100.7) by mx.us.example (qpsmtpd/0.94) with SMTP; {date}",
        'from gate.us.example ([198.51.100.7]:25 "EHLO x") by mx.us.example with ESMTP id S123456AbCDEFGH; {date}',
    ],
)
def test_a_reverse_name_like_ours_is_not_ours(line: str) -> None:
    """The owner of an address names it as he likes; sendmail says that it doesn't lead back, qmail
    and qpsmtpd (and maybe ZMailer) haven't tried."""
    forged = "from bank.example ([203.0.113.9]) by gate.us.example with ESMTP id 1; Tue, 24 Nov 2026 09:59:00 +0000"
    for ours in (None, Ours(names=(".us.example",))):
        trace = judged(line.format(date="24 Nov 2026 10:00:00 -0000"), forged, ours=ours)
        assert trace.border_hop == 0
        assert trace.hops[1].trust is not Trust.OBSERVED


@pytest.mark.parametrize(
    ("seen", "line", "fields", "verdict", "finding"),
    [
        (RELAY, OWN.format(seen="x (pc.relay.example [192.0.2.77])"), "", "direct", "own-server"),
        (RELAY, OWN.format(seen="x ([10.1.1.1])"), "", "direct", "own-server"),
        (RELAY, OWN.format(seen=LINE).replace("with SMTP", "with ESMTPSA"), "", "direct", "logged-in"),
        (RELAY, OWN.format(seen=LINE).replace("; Tue", " for <list@relay.example>; Tue"), "", "undecided", "forwarder"),
        (RELAY, OWN.format(seen=LINE), "List-Id: <l.relay.example>\nFrom: a@b.example", "undecided", "forwarder"),
        (RELAY, OWN.format(seen=LINE), "From: a@b.example\nTo: you@relay.example", "undecided", "forwarder"),
        (RELAY, OWN.format(seen=LINE), "From: a@relay.example\nTo: b@us.example", "undecided", "sender-of-its-own"),
        (RELAY, OWN.format(seen="m (m.buyer.example [203.0.113.5])"), "From: a@buyer.example", "undecided", "customer"),
        (LINE, OWN.format(seen="x (y.example [203.0.113.5])"), "", "direct", "lines-disagree"),
        ("z (z.example [203.0.113.9])", OWN.format(seen=LINE), "", "undecided", "lines-disagree"),
    ],
)
def test_what_is_no_relay(seen: str, line: str, fields: str, verdict: str, finding: str) -> None:
    trace = judged(US.format(seen=seen), line, fields=fields or "From: a@elsewhere.example")
    assert trace.verdict == verdict
    assert finding in {found.id for found in trace.findings}
    assert trace.relay is None


def test_a_site_that_takes_at_one_host_and_sends_from_another() -> None:
    by = "by out.relay.example (Postfix) with ESMTP id 2; 24 Nov 2026 09:59 GMT"
    filtered = f"from in.relay.example (localhost [127.0.0.1]) {by}"
    taken = f"from {LINE} by in.relay.example (Postfix) with SMTP id 1; 24 Nov 2026 09:58 GMT"
    trace = judged(US.format(seen="out.relay.example (out.relay.example [192.0.2.26])"), filtered, taken)
    assert trace.verdict is TraceVerdict.RELAY
    assert trace.relay is not None
    assert (trace.relay.name, trace.relay.entry) == ("out.relay.example", "in.relay.example")
    assert trace.source is not None
    assert trace.source.ip == "198.51.100.7"


def test_claims_below_the_source_are_nobodys() -> None:
    old = "from bank.example (bank.example [203.0.113.9]) by x.example with SMTP; 24 Nov 2026 09:00:00 +0000"
    trace = judged(US.format(seen=RELAY), OWN.format(seen=LINE), old, "garbage")
    assert [step.trust for step in trace.hops] == [Trust.OBSERVED, Trust.BELIEVED, Trust.CLAIMED, Trust.DOUBTED]
    assert trace.source is not None
    assert trace.source.hop == 1


@given(
    st.lists(
        st.sampled_from([US.format(seen=RELAY), OWN.format(seen=LINE), "(", "by x", "(a); 1 Jan 2001 00:00"]),
        max_size=8,
    )
)
def test_any_lines_are_weighed(lines: list[str]) -> None:
    trace = judged(*lines)
    assert len(trace.hops) == len(lines)
    assert (trace.relay is not None) == (trace.verdict is TraceVerdict.RELAY)
    assert (trace.source is None) == (trace.verdict is TraceVerdict.NO_EVIDENCE)


@pytest.mark.parametrize(
    ("address", "is_inside"),
    [
        ("10.1.2.3", True),
        ("172.31.0.1", True),
        ("172.32.0.1", False),
        ("127.0.0.1", True),
        ("0.0.0.0", True),  # no socket is bound to it
        ("100.64.0.9", True),
        ("192.0.2.1", False),
        ("::1", True),
        ("::", True),
        ("fe80::1", True),
        ("fd00:1::2", True),
        ("2001:db8::1", False),
        ("", False),
    ],
)
def test_an_inner_address_can_not_have_come_from_elsewhere(address: str, *, is_inside: bool) -> None:
    assert inside(address) == is_inside


@pytest.mark.parametrize(
    "written", ["192.0.2.7:smtp", "[192.0.2.7]", "192.0.2.7.25", "192.0.2.7:25", "::ffff:192.0.2.7"]
)
def test_an_address_is_read_as_its_writer_spelt_it(written: str) -> None:
    assert read_address(written) == "192.0.2.7"


def test_an_address_may_name_its_zone() -> None:
    assert read_address("fe80::1%lo") == "fe80::1"

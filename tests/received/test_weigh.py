# SPDX-License-Identifier: Apache-2.0
"""From hops to the stepping stone."""

from __future__ import annotations

from fumidai.received.read import read_head
from fumidai.received.trace import Trace, TraceVerdict, Trust
from fumidai.received.weigh import weigh

REPORTED = b"""Received: (qmail 17970 invoked by uid 407); 16 Oct 2000 08:54:41 -0000
Received: (qmail 17968 invoked from network); 16 Oct 2000 08:54:40 -0000
Received: from ns.a.co.jp (@***.***.***.***) by mail.pimpdaddy.com with SMTP; 16 Oct 2000 08:54:40 -0000
Received: from 216.76.216.45 (host-216-76-216-45.dab.bellsouth.net [216.76.216.45]) by ns.a.co.jp with SMTP \
(8.7.1/8.7.1) id SAA13665; Mon, 16 Oct 2000 18:07:18 +0900 (JST)
From: money1jesus@usa.net
Date: Mon, 16 Oct 2000 04:42:39 -0400
"""


def traced(message: bytes) -> Trace:
    head = read_head(message)
    return weigh(head.hops, head.headers)


def test_the_report_of_2000() -> None:
    trace = traced(REPORTED)
    assert trace.verdict is TraceVerdict.RELAY
    assert trace.relay is not None
    assert (trace.relay.name, trace.relay.ip, trace.relay.masked) == ("ns.a.co.jp", "", "***.***.***.***")
    assert trace.relay.clock is not None
    assert trace.relay.clock.certain == 758
    assert trace.source is not None
    assert trace.source.ip == "216.76.216.45"
    assert trace.noise == 2
    assert [step.trust for step in trace.hops[2:]] == [Trust.OBSERVED, Trust.BELIEVED]


def test_no_line_is_no_evidence() -> None:
    assert traced(b"Subject: x\n\n").verdict is TraceVerdict.NO_EVIDENCE


def test_a_source_that_spoke_to_the_border() -> None:
    trace = traced(
        b"Received: from x (y.example [198.51.100.7]) by mx.example.net with SMTP id 1; 1 Jan 2001 00:00 GMT\n"
    )
    assert trace.verdict is TraceVerdict.DIRECT
    assert trace.source is not None
    assert trace.source.ip == "198.51.100.7"

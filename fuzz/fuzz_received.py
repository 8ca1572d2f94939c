# SPDX-License-Identifier: Apache-2.0
"""Invariant: any bytes are read as hops and weighed, nothing raises, and every span points at what it is the span of.

An input is a message. Besides, the two ways to cut a line give the same, and a trace holds together: a relay and its
own line only with the verdict ``relay``, a source only with evidence, every Received line once; other fields than those
change neither verdict nor relay nor source.
"""

from __future__ import annotations

import sys

from fumidai.received.address import read_address
from fumidai.received.clauses import GROUPS, cut, cut_by_tokens
from fumidai.received.date import read_date
from fumidai.received.headers import blanked, header_fields, words
from fumidai.received.hop import Hop
from fumidai.received.read import HOPS_AT_MOST, client_seen, read_head, spans
from fumidai.received.tokens import LINE_AT_MOST
from fumidai.received.trace import TraceVerdict
from fumidai.received.weigh import weigh
from fuzz import campaign

PIECES = [
    *(
        b"Received: ",
        b" from ",
        b" by ",
        b" with ",
        b" id ",
        b" for ",
        b" via ",
        b"(",
        b")",
        b"[",
        b"]",
        b"<",
        b">",
        b'"',
    ),
    *(b"\\", b";", b"@", b"\n\t", b"\n\n", b"192.0.2.25", b"10.0.0.1", b"2001:db8::25", b"***.***.***.***", b"unknown"),
    *(b"(HELO x)", b"helo=", b"ident=", b"(envelope-from <s@x.example>)", b"(Postfix)", b"(8.7.1/8.7.1)", b" -0000"),
    *(
        b"; Tue, 24 Nov 2026 19:12:09 +0900",
        b"Microsoft SMTP Server ",
        b"(qmail 1 invoked by uid 1)",
        b"\x1b$B(!\x1b(B",
    ),
    *(b"Date: ", b"From: ", b"\nReceived-SPF: ", b"client-ip=", b"\nAuthentication-Results: ", b"policy.iprev="),
    *(b"\nX-Originating-IP: ", b"\nX-Forefront-Antispam-Report: CIP:", b" with HTTP ", b" designates "),
    *(
        b" local",
        b" bsmtp",
        b" qmail-scanner-1.2 ",
        b" POP3-SSL getmail6 ",
        b"[XMail 1.27 ",
        b" -500",
    ),
    *(b'"EHLO x"', b"(IDENT:joe@", b"(from x [192.0.2.7])", b'("port 25"@', b"(KumoMTA 192.0.2.7)", b"(x encrypted)"),
    *(b"(sender: <s@x.example>)", b"(authenticated user joe)", b"for multiple", b"MailEnable ", b" S123456AbCDEFGH"),
]
_PIECES = ("day", "month", "year", "clock", "zone")


def target(data: bytes) -> None:
    """Hold the invariant for one input."""
    head = read_head(data)
    header_fields(data)
    assert len(head.hops) <= HOPS_AT_MOST
    for hop in head.hops:
        check_hop(data, hop)
    for field in head.headers.values():
        assert blanked(data[field.span.start : field.span.end]) == field.text
    client_seen(head.hops, [hop.by for hop in head.hops[:1]])
    trace = weigh(head.hops, head.headers, message=data)
    assert [step.hop for step in trace.hops] == list(head.hops)
    # Other fields make a verdict more or less sure, and nothing else.
    alone = weigh(head.hops, head.headers)
    assert (trace.verdict, trace.relay, trace.source) == (alone.verdict, alone.relay, alone.source)
    assert (trace.relay is not None) == (trace.verdict is TraceVerdict.RELAY)
    assert (trace.source is None) == (trace.verdict is TraceVerdict.NO_EVIDENCE)
    if trace.relay is not None:
        assert trace.hops[trace.relay.own].hop.by
        assert trace.relay.output < trace.relay.own


def check_hop(data: bytes, hop: Hop) -> None:
    """Parts stand where they are said to stand, and both ways to cut the line agree."""
    assert data[hop.span.start : hop.span.end] == hop.raw
    said = {name: data[span.start : span.end].decode("latin-1") for name, span in spans(hop).items()}
    assert read_address(said.pop("ip", "")) == hop.client.ip
    assert read_date(said.pop("date", "")) == hop.date
    client = hop.client
    parts = {"helo": client.helo, "rdns": client.rdns, "ident": client.ident, "masked": client.masked, "by": hop.by}
    parts |= {"with": hop.with_, "id": hop.id, "for": hop.for_, "envelope_from": hop.envelope_from, "auth": hop.auth}
    assert {name: plain(part) for name, part in said.items()} == {k: plain(v) for k, v in parts.items() if v}
    line = blanked(hop.raw)[:LINE_AT_MOST]
    ours, theirs = (dict(zip(GROUPS, one(line).groups(), strict=False)) for one in (cut, cut_by_tokens))
    assert {k: v for k, v in ours.items() if k not in _PIECES} == {k: v for k, v in theirs.items() if k not in _PIECES}


def plain(part: str) -> str:
    """With single blanks."""
    return " ".join(words(blanked(part.encode("latin-1"))))


if __name__ == "__main__":
    campaign.PIECES += PIECES
    sys.exit(campaign.run(target, "received"))

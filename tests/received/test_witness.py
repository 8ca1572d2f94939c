# SPDX-License-Identifier: Apache-2.0
"""Which other fields are heard of the border's client, and what they change."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fumidai.received.address import read_address
from fumidai.received.read import read_head
from fumidai.received.trace import Confidence, Trace, TraceVerdict
from fumidai.received.weigh import Ours, weigh
from fumidai.received.witness import FIELDS_AT_MOST, Witness, told, told_with_care, witnesses
from tests.received.work import lines_run

BORDER = (
    "Received: from ns.relay.example (ns.relay.example [{ip}]) by mx.us.example (Postfix) with ESMTP id 4Kq1Zx2;"
    " Tue, 24 Nov 2026 10:00:00 +0000\n"
)
INNER = (
    "Received: from mx.us.example (mx.us.example [10.0.0.5]) by box.us.example (Postfix) with ESMTP id 4Kq1Zx9;"
    " Tue, 24 Nov 2026 10:00:01 +0000\n"
)
OWN = (
    "Received: from x (adsl-198-51-100-7.isp.example [198.51.100.7]) by ns.relay.example (8.8.8/3.7W) with SMTP"
    " id SAA13665; Tue, 24 Nov 2026 18:59:00 +0900 (JST)\n"
)
FIELDS = "From: a@elsewhere.example\nTo: me@nowhere.example\n\n"
PEER, OTHER = "192.0.2.25", "203.0.113.9"
SPF = "Received-SPF: pass (mx.us.example: checked) client-ip={ip}; receiver=mx.us.example;\n"
RESULTS = "Authentication-Results: mx.us.example; iprev=pass policy.iprev={ip} (x)\n"


def traced(message: str, ours: Ours | None = None, told: str = "") -> Trace:
    data = message.encode("latin-1")
    head = read_head(data)
    return weigh(head.hops, head.headers, ours=ours, relay_address=told, message=data)


def message(above: str = "", ip: str = PEER, below: str = "", inner: str = "") -> str:
    return inner + above + BORDER.format(ip=ip) + below + OWN + FIELDS


def heard(text: str, border: int = 0) -> list[Witness]:
    data = text.encode("latin-1")
    return list(witnesses(data, read_head(data).hops, range(border + 1)))


def found(trace: Trace) -> dict[str, dict[str, str | int]]:
    return {finding.id: dict(finding.params) for finding in trace.findings}


def claims(trace: Trace) -> dict[str, dict[str, str | int]]:
    assert trace.border_hop is not None
    return {claim.id: dict(claim.params) for claim in trace.hops[trace.border_hop].claims}


@pytest.mark.parametrize(
    ("field", "address"),
    [
        ("Received-SPF: pass (c) client-ip=192.0.2.25; helo=x\n", PEER),
        ("received-spf: Fail (c)\n\treceiver=unknown;\n\t CLIENT-IP = 192.0.2.25\n", PEER),
        ('Received-SPF: none client-ip="2001:db8:0::25"; helo=x\n', "2001:db8::25"),
        ("Received-SPF: none client-ip=2001:db8::25;helo=x\n", "2001:db8::25"),
        ("Received-SPF: none client-ip=::ffff:192.0.2.25;\n", PEER),
        ("Received-SPF: pass (mx: domain of a@b designates 192.0.2.25 as permitted sender)\n", PEER),
        ("Received-SPF: pass (mx ((x) does not designate 192.0.2.25 as permitted sender))\n", PEER),
        ("Authentication-Results: mx.us.example; iprev=pass policy.iprev=192.0.2.25 (x)\n", PEER),
        ("Authentication-Results: us.example 1; arc=none smtp.remote-ip=192.0.2.25\n", PEER),
        ("Authentication-Results: mail.us.example; arc=none smtp.remote-ip=192.0.2.25\n", PEER),
        ("Authentication-Results: (c) MX.US.example. ; arc=none smtp.remote-ip=[192.0.2.25]\n", PEER),
        ("ARC-Authentication-Results: i=1; mx.us.example; arc=none smtp.remote-ip=192.0.2.25\n", PEER),
        ("X-Forefront-Antispam-Report: CIP:192.0.2.25;CTRY:DE;\n", PEER),
        ("X-Sender-IP: 192.0.2.25\n", PEER),
        ("X-Originating-IP: [192.0.2.25]\n", PEER),
    ],
)
def test_a_field_above_the_border_is_heard(field: str, address: str) -> None:
    name = field.partition(":")[0]
    for before in ("", "From x@y.example Tue Nov 24 10:00:00 2026\n", "Return-Path: <x@y.example>\r\n"):
        (witness,) = heard(message(before + field))
        assert (witness.field.lower(), witness.address) == (name.lower(), address)


@pytest.mark.parametrize(
    "field",
    [
        # RFC 8601 §5: in a stranger's name, in nobody's name.
        "Authentication-Results: mx.bank.example; arc=none smtp.remote-ip=192.0.2.25\n",
        "Authentication-Results: example; arc=none smtp.remote-ip=192.0.2.25\n",
        "Authentication-Results: arc=none smtp.remote-ip=192.0.2.25\n",
        "Authentication-Results: ; arc=none smtp.remote-ip=192.0.2.25\n",
        "ARC-Authentication-Results: mx.us.example; arc=none smtp.remote-ip=192.0.2.25\n",
        # What a sender may write into it.
        'Received-SPF: pass envelope-from="x client-ip=192.0.2.25;"@evil.example\n',
        "Received-SPF: pass (client-ip=192.0.2.25;) helo=x\n",
        'Authentication-Results: mx.us.example; spf=pass smtp.mailfrom="x policy.iprev=192.0.2.25"@evil.example\n',
        "Received-SPF: pass (a designates 192.0.2.25 as permitted sender) client-ip=203.0.113.9\n",
        "Received-SPF: pass client-ip=192.0.2.25; client-ip=203.0.113.9\n",
        # Nothing that can be read.
        "Received-SPF: pass client-ip=***.***.***.***; helo=x\n",
        "Received-SPF: pass client-ip=192.0.2.xxx\n",
        "Received-SPF: pass x-client-ip=192.0.2.25\n",
        "X-Sender-IP: 192.0.2.25, 203.0.113.9\n",
        "X-Sender-IP:\n 192.0.2\n",
        "X-Received-SPF: pass client-ip=192.0.2.25\n",
        " Received-SPF: pass client-ip=192.0.2.25\n",
        # Of no host.
        "X-Forefront-Antispam-Report: CIP:255.255.255.255; CTRY:; DIR:OUT;\n",
        "X-Sender-IP: 224.0.0.1\n",
        "X-Sender-IP: ff02::1\n",
        "X-Sender-IP: 0.0.0.0\n",
        # Of a host inside.
        "Received-SPF: pass client-ip=10.0.0.9\n",
        "X-Sender-IP: 127.0.0.1\n",
    ],
)
def test_a_field_that_is_not_heard(field: str) -> None:
    assert heard(message("X-First: y\n" + field)) == []


def test_a_field_belongs_to_the_line_below_it() -> None:
    spf = SPF.replace("receiver=mx.us.example;", "")
    assert heard(message(spf.format(ip=OTHER), inner=INNER), 1) == [Witness("Received-SPF", OTHER)]
    # Above the newer line it speaks of that one's client, unless the border signed it.
    assert heard(spf.format(ip=OTHER) + message(inner=INNER), 1) == []
    assert heard(SPF.format(ip=OTHER) + message(inner=INNER), 1) == [Witness("Received-SPF", OTHER)]
    assert heard("X-Sender-IP: 203.0.113.9\n" + message(inner=INNER), 1) == []
    assert heard(RESULTS.format(ip=OTHER) + message(inner=INNER), 1) == [Witness("Authentication-Results", OTHER)]
    inner = RESULTS.replace("mx.us", "box.us")
    assert heard(inner.format(ip=OTHER) + message(inner=INNER), 1) == []
    assert heard(message(inner.format(ip=OTHER), inner=INNER), 1) == [Witness("Authentication-Results", OTHER)]


def test_a_public_host_inside_is_no_client_of_the_border() -> None:
    inner = INNER.replace("10.0.0.5", OTHER)
    assert heard(message(SPF.format(ip=OTHER), inner=inner), 1) == []


def test_they_agree() -> None:
    trace = traced(message(SPF.format(ip=PEER) + RESULTS.format(ip=PEER)))
    assert claims(trace)["address-confirmed"] == {"field": "Received-SPF, Authentication-Results"}
    assert not {"address-offered", "address-contradicted"} & found(trace).keys()


def test_who_agrees_makes_surer() -> None:
    own = (
        OWN.replace("adsl-198-51-100-7.isp.example", "unknown").replace("(8.8.8/3.7W)", "").replace(" id SAA13665", "")
    )
    plain = BORDER.format(ip=PEER) + own + FIELDS
    assert traced(plain).confidence is Confidence.MEDIUM
    assert traced(SPF.format(ip=PEER) + plain).confidence is Confidence.HIGH


def test_they_differ() -> None:
    plain, trace = traced(message()), traced(message(SPF.format(ip=OTHER) + RESULTS.format(ip=PEER)))
    assert (plain.confidence, trace.confidence) == (Confidence.HIGH, Confidence.MEDIUM)
    assert (trace.verdict, trace.relay, trace.source) == (plain.verdict, plain.relay, plain.source)
    assert found(trace)["address-contradicted"] == {
        "field": "Received-SPF", "address": OTHER, "seen": PEER, "by": "mx.us.example"
    }  # fmt: skip
    assert "address-confirmed" in claims(trace)


def test_who_differs_may_speak_of_the_host_before() -> None:
    trace = traced(message(SPF.format(ip="198.51.100.7")))
    assert found(trace)["address-contradicted"]["beyond"] == "ns.relay.example"


def test_where_a_web_user_sat_contradicts_nothing() -> None:
    trace = traced(message(f"X-Originating-IP: [{OTHER}]\n"))
    assert trace.findings == traced(message()).findings
    assert trace.confidence is traced(message()).confidence


@pytest.mark.parametrize("mask", ["***.***.***.***", "192.0.2.***", "192.x.x.25"])
def test_a_masked_address_is_offered_and_not_taken(mask: str) -> None:
    trace = traced(message(SPF.format(ip=PEER), ip=mask))
    assert trace.verdict is TraceVerdict.RELAY
    assert trace.relay is not None
    assert (trace.relay.ip, trace.relay.masked) == ("", mask)
    assert {"relay-address-masked", "address-offered"} <= found(trace).keys()
    assert found(trace)["address-offered"] == {
        "field": "Received-SPF", "address": PEER, "relay": "ns.relay.example"
    }  # fmt: skip
    assert trace.confidence is traced(message(ip=mask)).confidence
    assert "address-confirmed" not in claims(trace)


def test_what_is_left_of_a_masked_address_may_differ() -> None:
    for other in (OTHER, "2001:db8::1"):
        trace = traced(message(SPF.format(ip=other), ip="192.0.2.***"))
        assert found(trace)["address-contradicted"]["seen"] == "192.0.2.***"
        assert "address-offered" not in found(trace)
        assert trace.confidence is Confidence.MEDIUM


def test_what_the_user_told_is_held_against_the_field() -> None:
    masked = message(SPF.format(ip=PEER), ip="***.***.***.***")
    agreed = traced(masked, told=PEER)
    assert not {"address-offered", "address-contradicted"} & found(agreed).keys()
    other = traced(masked, told=OTHER)
    assert found(other)["address-contradicted"] == {"field": "Received-SPF", "address": PEER, "told": OTHER}
    assert other.relay is not None
    assert (other.relay.ip, other.relay.told, other.confidence) == (OTHER, True, agreed.confidence)


def test_a_source_without_an_address_is_told_of() -> None:
    trace = traced(SPF.format(ip=PEER) + BORDER.format(ip="***.***.***.***") + FIELDS)
    assert trace.verdict is TraceVerdict.DIRECT
    assert found(trace)["address-offered"] == {"field": "Received-SPF", "address": PEER}
    assert trace.source is not None
    assert trace.source.ip == ""


WEB = OWN.replace("with SMTP id SAA13665", "with HTTP")


def test_a_web_mailer_says_where_its_user_sat() -> None:
    line = BORDER.format(ip=PEER) + WEB + "X-Originating-IP: [{ip}]\n" + FIELDS
    trace = traced(line.format(ip=OTHER))
    assert found(trace)["web-client"] == {"address": OTHER, "by": "ns.relay.example"}
    assert trace.source is not None
    assert trace.source.ip == "198.51.100.7"
    for nothing in ("198.51.100.7", "10.0.0.1", "x"):
        assert "web-client" not in found(traced(line.format(ip=nothing)))
    assert "web-client" not in found(traced(line.format(ip=OTHER).replace("HTTP", "ESMTP")))


def test_the_own_web_mailer_is_believed() -> None:
    trace = traced(WEB + f"X-Originating-IP: {OTHER}\n" + FIELDS)
    assert found(trace)["web-client"] == {"address": OTHER, "trusted": "ns.relay.example"}


NAMES = ("Received-SPF", "Authentication-Results", "ARC-Authentication-Results", "X-Sender-IP", "X-Originating-IP",
         "X-Forefront-Antispam-Report")  # fmt: skip
WORDS = st.sampled_from([
    "mx.us.example;", "i=1;", "mx.bank.example;", "client-ip=203.0.113.9;", "smtp.remote-ip=203.0.113.9", "(", ")", '"',
    "policy.iprev=192.0.2.25", "designates 203.0.113.9 as permitted sender", "receiver=mx.us.example;", "CIP:1.2.3.4",
    "203.0.113.9", "[192.0.2.25]", "\\", "\xe9", "\x00", "\n ", "\x1b[2J",
])  # fmt: skip
FIELD = st.builds(
    lambda name, words: f"{name}: {' '.join(words)}\n", st.sampled_from(NAMES), st.lists(WORDS, max_size=9)
)


TOLD = [
    "client-ip", "smtp.remote-ip", "policy.iprev", "=", " = ", '"', "(", ")", "\\", " ", ";", "designates ", "x", "::1",
    "192.0.2.25", " as permitted sender", "(designates 192.0.2.9 as permitted sender)", "<192.0.2.1>",
]  # fmt: skip
KEYS = st.sampled_from([("client-ip",), ("smtp.remote-ip", "policy.iprev")])


@given(st.lists(st.sampled_from(TOLD), max_size=14).map("".join), KEYS)
@example("client-ip (c) = 192.0.2.25", ("client-ip",))
@example('(c)client-ip="::1"', ("client-ip",))
@example('x="(" client-ip=192.0.2.25 y=")"', ("client-ip",))
def test_both_ways_to_read_a_value_tell_the_same(text: str, keys: tuple[str, ...]) -> None:
    fast, careful = (addresses(one(text, keys)) for one in (told, told_with_care))
    assert fast == careful


def addresses(texts: list[str]) -> set[str]:
    return {read_address(text) for text in texts} - {""}


@given(st.lists(FIELD, max_size=5), st.sampled_from([PEER, "***.***.***.***", "192.0.2.***"]))
@example([SPF.format(ip=OTHER), RESULTS.format(ip=OTHER)], PEER)
def test_what_stands_below_the_border_changes_nothing(fields: list[str], ip: str) -> None:
    plain, trace = traced(message(ip=ip)), traced(message(ip=ip, below="".join(fields)))
    assert trace.findings == plain.findings
    assert (trace.verdict, trace.confidence) == (plain.verdict, plain.confidence)
    assert (trace.relay, trace.source) == (plain.relay, plain.source)
    assert [step.claims for step in trace.hops] == [step.claims for step in plain.hops]


@given(st.lists(WORDS, max_size=9), st.sampled_from([PEER, "***.***.***.***"]))
def test_results_in_a_strangers_name_change_nothing(words: list[str], ip: str) -> None:
    field = f"Authentication-Results: mx.bank.example; {' '.join(words)}\n"
    assert traced(message(field, ip=ip)).findings == traced(message(ip=ip)).findings


@given(st.lists(FIELD, max_size=5), st.sampled_from([PEER, "***.***.***.***", "192.0.2.***"]), st.booleans())
def test_whatever_they_say_the_relay_stays_who_it_is(fields: list[str], ip: str, named: bool) -> None:
    inner = INNER if named else ""
    plain, trace = traced(message(ip=ip, inner=inner)), traced(message("".join(fields), ip=ip, inner=inner))
    assert (trace.verdict, trace.border_hop) == (plain.verdict, plain.border_hop)
    assert trace.relay is not None
    assert plain.relay is not None
    assert (trace.relay.name, trace.relay.ip, trace.relay.masked) == (
        plain.relay.name,
        plain.relay.ip,
        plain.relay.masked,
    )
    assert trace.source is not None
    assert plain.source is not None
    assert trace.source.ip == plain.source.ip


def test_without_the_message_nothing_is_heard() -> None:
    head = read_head(message(SPF.format(ip=OTHER)).encode())
    assert "address-contradicted" not in {finding.id for finding in weigh(head.hops, head.headers).findings}


def test_many_fields_are_not_all_read() -> None:
    assert len(heard(message(SPF.format(ip=PEER) * 200))) == FIELDS_AT_MOST


@pytest.mark.parametrize("piece", ['"', "(", "\\", "client-ip=", "designates 1 ", " ;", "\n ", "CIP:", "a"])
@pytest.mark.parametrize("name", NAMES)
def test_work_grows_with_a_field_and_not_faster(name: str, piece: str) -> None:
    small, large = (
        lines_run(lambda data: traced(data.decode()), message(f"{name}: mx.us.example; {piece * size}\n").encode())
        for size in (100, 2000)
    )
    assert large <= 25 * small

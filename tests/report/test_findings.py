# SPDX-License-Identifier: Apache-2.0
"""Every finding has its sentence in both languages, and an unknown one is printed all the same."""

from __future__ import annotations

import pytest

from fumidai.dialects import layer
from fumidai.evidence.finding import Finding, Severity
from fumidai.report.findings import FINDINGS, LAYERS, finding_sentence, worst_first
from fumidai.report.voice import Voice, needed
from fumidai.texts import catalogue

ENGLISH, JAPANESE = Voice("en"), Voice("ja")

KNOWN = {
    "open-relay",
    "lost-client-address",
    "reflects-backscatter",
    "promised-to-relay",
    "refused-but-delivered",
    "postmaster-refused",
    "accepts-anything",
    "proof-from-elsewhere",
    "seen-as",
    "starttls-failed",
    "pipelining-broken",
    "tester-blocked",
    "catch-all",
    "software-outdated",
    "late-refusal",
    "late-refusal-untried",
    "deferred-forever",
    "auto-reply",
    "callout-seen",
    "stepping-stone",
    "relay-address-masked",
    "message-id-of-source",
    "sites-differ",
    "empty-to",
    "lines-left-out",
    "quoted-original",
    "border-inferred",
    "forwarder",
    "own-server",
    "logged-in",
    "sender-of-its-own",
    "customer",
    "lines-disagree",
    "time-backwards",
    "address-offered",
    "address-contradicted",
    "web-client",
}


def test_every_known_id_has_a_sentence():
    assert set(FINDINGS) >= KNOWN


@pytest.mark.parametrize("name", FINDINGS)
def test_both_languages_say_it_with_and_without_parameters(name):
    full = {field: "X" for text in FINDINGS[name] for field in needed(text)}
    for params in (full, {}):
        finding = Finding(name, Severity.HIGH, "mail.a.com", (), params)
        english, japanese = finding_sentence(finding, ENGLISH), finding_sentence(finding, JAPANESE)
        assert english != japanese
        assert "?" not in english
        assert "{" not in english + japanese
    assert needed(FINDINGS[name][-1]) <= {"target"}


def test_layers_are_translated():
    japanese = catalogue(["ja"])
    assert [text for text in LAYERS.values() if japanese.gettext(text) == text] == []


def test_a_layer_is_named_where_it_is_known():
    params = {"seen": "172.22.1.1", "source": "2001:db8::7", "layer": "userland-proxy"}
    assert "userland proxy" in finding_sentence(
        Finding("lost-client-address", Severity.CRITICAL, "x", (), params), ENGLISH
    )
    said = finding_sentence(
        Finding("lost-client-address", Severity.CRITICAL, "x", (), params | {"layer": "unknown"}), ENGLISH
    )
    assert "Likely" not in said


def test_an_unknown_finding_is_not_lost():
    finding = Finding("brand-new", Severity.LOW, "mail.a.com", (), {"what": "odd\x1b", "count": 3})
    assert finding_sentence(finding, ENGLISH) == "brand-new on mail.a.com (what=odd\\x1b, count=3)"
    assert finding_sentence(Finding("brand-new", Severity.LOW, "m"), ENGLISH) == "brand-new on m"


def test_worst_comes_first():
    found = tuple(Finding(each.value, each, "x") for each in reversed(Severity))
    assert [finding.severity for finding in worst_first(found)] == list(Severity)


def test_each_layer_that_can_be_guessed_has_its_words():
    guessed = {value for name, value in vars(layer).items() if name.isupper() and isinstance(value, str)}
    assert guessed - {layer.UNKNOWN} == set(LAYERS)

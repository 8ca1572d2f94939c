# SPDX-License-Identifier: Apache-2.0
"""Every verdict and reason has its sentence, in both languages, whatever the judge could fill in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fumidai.evidence.outcome import Reason, Word
from fumidai.evidence.verdict import Verdict, VerdictReason
from fumidai.report.sentence import ADVICE, SENTENCES, advice, sentence_fields, verdict_sentence
from fumidai.report.voice import Voice, needed
from fumidai.report.words import COUNTED, REASONS
from fumidai.texts import catalogue
from tests.report.results import WINDOW_CLOSED, endpoint, entry, refused, row

ENGLISH, JAPANESE = Voice("en"), Voice("ja")
ALWAYS_KNOWN = {"name", "at", "server"}


def test_every_reason_has_a_sentence():
    assert {reason for _, reason in SENTENCES} == set(VerdictReason)


@pytest.mark.parametrize("pair", SENTENCES)
def test_the_plainest_wording_needs_nothing_but_the_endpoint(pair):
    assert needed(SENTENCES[pair][-1]) <= ALWAYS_KNOWN | (
        {"source"} if pair[1] is VerdictReason.TRUSTED_VANTAGE else set()
    )


@pytest.mark.parametrize("pair", SENTENCES)
@pytest.mark.parametrize("voice", [ENGLISH, JAPANESE], ids=["en", "ja"])
def test_it_can_be_said_of_a_bare_entry(pair, voice):
    bare = replace(entry(*pair), source="198.51.100.7", client_address_seen="", controls=())
    said = verdict_sentence(bare, voice)
    assert "{" not in said
    assert "?" not in said


@pytest.mark.parametrize("pair", [pair for pair in SENTENCES if pair[0] is Verdict.INCONCLUSIVE])
def test_inconclusive_never_sounds_safe(pair):
    for text in SENTENCES[pair]:
        assert text.endswith("whether it relays is unknown. That does not mean safe.")
        japanese = catalogue(["ja"]).gettext(text)
        assert japanese.startswith("判定できません。")
        assert japanese.endswith("中継の可否は確かめられませんでした。「安全」という意味ではありません。")


def test_each_text_is_translated():
    texts = [text for wordings in SENTENCES.values() for text in wordings]
    texts += [*ADVICE.values(), *COUNTED.values(), *REASONS.values()]
    japanese = catalogue(["ja"])
    assert [text for text in texts if japanese.gettext(text) == text] == []


def test_words_and_reasons_are_complete():
    assert set(COUNTED) == set(Word)
    assert set(REASONS) == set(Reason)


def test_closed_counts_what_was_refused():
    said = verdict_sentence(entry(Verdict.CLOSED, VerdictReason.ALL_REFUSED, refused(198)), ENGLISH)
    assert said == (
        "mail.a.com (192.0.2.25:25) refused all 198 relay attempts made from 198.51.100.7. "
        "Stolen passwords and web forms were not tried."
    )


def test_closed_does_not_say_all_where_some_were_taken():
    tests = (*refused(3), row(4, "quoted", Word.ACCEPTED, row_class="L"))
    said = verdict_sentence(entry(Verdict.CLOSED, VerdictReason.ALL_REFUSED, tests), ENGLISH)
    assert "refused 3 of 4 relay attempts" in said
    assert "all" not in said.split()


def test_a_neighbour_is_no_stranger_from_far_off():
    closed = entry(Verdict.CLOSED, VerdictReason.ALL_REFUSED, refused(3), verdict_params={"neighbour": 1})
    assert "next door to it" in verdict_sentence(closed, ENGLISH)
    opened = entry(Verdict.OPEN, VerdictReason.DELIVERED, verdict_params={"neighbour": 1})
    assert verdict_sentence(opened, ENGLISH).startswith("mail.a.com relays at least for its neighbours")


def test_promised_says_as_of_when_and_what_to_look_for():
    promised = entry(Verdict.ACCEPTS, VerdictReason.PROMISED, verdict_params={"token": "7f3k"})
    said = verdict_sentence(promised, ENGLISH, until=WINDOW_CLOSED)
    assert "nothing had arrived by 18:13:40 UTC" in said
    assert "look for 7f3k in its queue" in said


def test_without_a_token_the_recipient_is_what_to_look_for():
    promised = entry(Verdict.ACCEPTS, VerdictReason.PROMISED, (row(1, "plain-foreign", Word.ACCEPTED),))
    assert sentence_fields(promised, ENGLISH)["token"] == b"7f3k1%proof.example.net@a.com"


def test_a_refused_connection_is_not_called_a_blocked_line():
    said = verdict_sentence(
        entry(Verdict.UNREACHABLE, VerdictReason.NO_CONNECTION, verdict_params={"how": "refused"}), ENGLISH
    )
    assert said.startswith("192.0.2.25:25 refused the connection.")


def test_a_server_without_a_name_is_called_by_its_address():
    bare = replace(endpoint(), name="192.0.2.25")
    said = verdict_sentence(entry(Verdict.OPEN, VerdictReason.DELIVERED, endpoint=bare), ENGLISH)
    assert said == "A stranger's message came out of 192.0.2.25:25."


def test_advice_after_a_proof_does_not_ask_for_one():
    asked = entry(Verdict.INCONCLUSIVE, VerdictReason.UNSETTLED, verdict_params={"sent": 1})
    assert "--proof-domain" not in advice(asked, ENGLISH)
    assert "--proof-domain" in advice(replace(asked, verdict_params={"sent": 0}), ENGLISH)


def test_a_pair_that_nobody_thought_of_is_still_said():
    odd = entry(Verdict.CLOSED, VerdictReason.DEFERRED)
    assert verdict_sentence(odd, ENGLISH) == "mail.a.com: closed (deferred)."


def test_a_name_from_outside_is_escaped():
    evil = replace(endpoint(), name="mail\x1b]0;x\x07")
    assert "\x1b" not in verdict_sentence(entry(Verdict.OPEN, VerdictReason.DELIVERED, endpoint=evil), ENGLISH)

# SPDX-License-Identifier: Apache-2.0
"""The text report: what it says for each verdict, and the promises it makes about screen, colour and last line."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fumidai.evidence.finding import Finding, Severity
from fumidai.evidence.outcome import Outcome, Stage, Word
from fumidai.evidence.proof import ProofKind
from fumidai.evidence.result import Software
from fumidai.evidence.verdict import Verdict, VerdictReason
from fumidai.report.cure import CureText, Urgency
from fumidai.report.escape import encodable_in
from fumidai.report.glyphs import choose_glyphs
from fumidai.report.text import render_text
from fumidai.report.width import cells
from fumidai.texts import LANGUAGES
from tests.report.golden import AGAIN, CASES, CURES, FOLDER, TOKYO, say
from tests.report.results import controls, endpoint, entry, open_run, proof, refused, row, run

V, R = Verdict, VerdictReason
ALL = [(name, language) for name in CASES for language in LANGUAGES]


@pytest.mark.parametrize(("name", "language"), ALL)
def test_golden(name, language):
    assert say(CASES[name](), language) == (FOLDER / f"{name}.{language}.txt").read_text("utf-8")


def test_no_golden_text_is_left_over():
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.{language}.txt" for name, language in ALL}


@pytest.mark.parametrize(("name", "language"), ALL)
def test_the_verdict_stands_first_and_last(name, language):
    result = CASES[name]()
    lines = say(result, language).splitlines()
    word = result.verdict.value.upper()
    assert lines[0].startswith(word)
    assert lines[-1].startswith(f"{word}  ")
    assert result.folder in lines[-1]
    assert re.search(r"(exit|終了コード) [0-3];", lines[-1])


@pytest.mark.parametrize(("name", "language"), [case for case in ALL if case[0] != "several"])
def test_one_target_fits_one_screen(name, language):
    lines = say(CASES[name](), language).splitlines()
    rows = sum(max(1, -(-cells(line) // 80)) for line in lines)
    assert rows <= 23  # the prompt needs one


LONG = "a cure that needs two lines, because it has to say what is trusted and why that is no longer so"
WORDY = tuple(
    CureText(urgency, LONG, ("a command that is to be pasted",), "docs/mend/sendmail.md")
    for urgency in (Urgency.NOW, Urgency.MEND, Urgency.MEND, Urgency.CLEAR, Urgency.TELL)
)


@pytest.mark.parametrize(("name", "language"), [case for case in ALL if case[0].startswith("open")])
def test_one_target_fits_one_screen_with_wordy_cures_too(name, language):
    text = render_text(CASES[name](), language=language, cures=WORDY, again=AGAIN, zone=TOKYO)
    rows = sum(max(1, -(-cells(line) // 80)) for line in text.splitlines())
    assert rows <= 23
    assert AGAIN in text
    assert "docs/mend/sendmail.md" in " ".join(text.split())


def test_what_could_not_be_told_is_left_out_by_whole_sentences():
    text = render_text(CASES["open-crowded"](), cures=WORDY, again=AGAIN, height=10)
    assert text.split("\n\n")[-2].rstrip().endswith(("-v.", "from."))


@pytest.mark.parametrize(("name", "language"), ALL)
@pytest.mark.parametrize("width", [60, 80, 132])
def test_no_line_but_the_last_and_what_can_be_pasted_is_wider_than_the_screen(name, language, width):
    text = render_text(CASES[name](), language=language, width=width, zone=TOKYO, cures=CURES)
    for line in text.splitlines()[:-1]:
        assert cells(line) <= width or line.strip() in CURES[1].commands


def test_many_holes_are_counted_not_dropped():
    text = render_text(open_run(16), cures=CURES, again=AGAIN)
    shown = sum(line.startswith("  x ") for line in text.splitlines())
    more = re.search(r"and (\d+) more: -v", text)
    assert more
    assert shown + int(more[1]) == 17
    assert all(f"pct-{number} " in render_text(open_run(16), verbose=1) for number in range(1, 17))


def test_no_colour_unless_told():
    for name in CASES:
        assert "\x1b" not in render_text(CASES[name]())


def test_colour_only_adds_to_what_stands_there():
    for name in CASES:
        coloured = render_text(CASES[name](), colour=True)
        assert "\x1b[" in coloured
        assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render_text(CASES[name]())


def test_quiet_is_the_last_line():
    whole = render_text(open_run())
    assert render_text(open_run(), quiet=True) == whole.splitlines()[-1] + "\n"


def test_verbose_appends_every_test_and_the_dialogue():
    text = render_text(open_run(), verbose=1)
    assert "  + test-60" in text
    assert "    0.101 <<< 220 mail.a.com ESMTP \\x1b]0;owned\\x07 Sendmail 8.8.8" in text
    assert "    0.204 <<< 250 PIPELINING" in text
    assert "    0.306 <<< 221 Bye\\x0a" in text
    assert "    0.102 >>> EHLO probe.example.net" in text


def test_what_the_policy_permits_is_no_hole():
    allowed = row(1, "plain-foreign", Word.DELIVERED, allowed=True, expected="permit")
    text = render_text(run(entry(V.CLOSED, R.ALL_REFUSED, (allowed, *refused(3, 2))), waited=5))
    assert "  x " not in text
    assert "Taken where the policy permits it: 1." in text


def test_the_same_hole_in_two_places_is_one_hole():
    tests = (row(1, "pct-domain", Word.DELIVERED),)
    result = run(entry(V.OPEN, R.DELIVERED, tests), entry(V.OPEN, R.DELIVERED, tests, endpoint=endpoint("192.0.2.26")))
    text = render_text(result)
    assert text.count("  x pct-domain") == 1
    assert "on 192.0.2.25:25, 192.0.2.26:25" in " ".join(text.split())


def test_open_on_one_address_only_names_it():
    opened = entry(V.OPEN, R.DELIVERED, (row(1, "pct", Word.DELIVERED),), endpoint=endpoint("2001:db8::25"))
    text = render_text(run(entry(V.CLOSED, R.ALL_REFUSED, refused(3)), opened))
    assert text.startswith("OPEN   A stranger's message came out of mail.a.com, by way of [2001:db8::25]:25.")


def test_refused_but_delivered_says_both():
    refusal = row(1, "pct", Word.REFUSED)
    hole = replace(row(1, "pct", Word.DELIVERED), outcome=refusal.outcome)
    text = " ".join(render_text(run(entry(V.OPEN, R.DELIVERED, (hole,)))).split())
    assert "refused (550 5.7.1 Relaying denied), and all the same: arrived at" in text


def by_maildir(hole, kind=ProofKind.DELIVERY):
    """The hole with a proof that came by a Maildir, where nobody knows who brought it."""
    came = proof(hole.number, kind)
    return replace(hole, proofs=(replace(came, arrival=replace(came.arrival, peer="", helo="")),))


def test_a_proof_from_a_maildir_has_no_bringer():
    text = render_text(run(entry(V.OPEN, R.DELIVERED, (by_maildir(row(1, "pct", Word.DELIVERED)),))), zone=TOKYO)
    assert "                   arrived at 03:13:31 JST\n" in text
    bounced = by_maildir(row(1, "pct", Word.ACCEPTED), ProofKind.BOUNCE)
    text = render_text(run(entry(V.REFLECTS, R.BOUNCED, (bounced,))), zone=TOKYO)
    assert "a bounce to the sender we made up came at 03:13:31 JST\n" in text


def test_another_host_that_brings_it_is_named():
    hole = row(1, "pct", Word.DELIVERED)
    came = replace(hole.proofs[0], arrival=replace(hole.proofs[0].arrival, peer="192.0.2.99", helo="out.a.com"))
    text = render_text(run(entry(V.OPEN, R.DELIVERED, (replace(hole, proofs=(came,)),))), zone=TOKYO)
    assert "arrived at 03:13:31 JST from 192.0.2.99 (out.a.com, Sendmail 8.8.8)" in " ".join(text.split())


def test_what_was_taken_while_the_window_is_open_has_not_arrived_yet():
    tests = (row(1, "plain", Word.ACCEPTED), row(2, "quoted", Word.ACCEPTED, row_class="L"))
    text = " ".join(render_text(run(entry(V.ACCEPTS, R.PROMISED, tests))).split())
    assert "promised (250 2.1.5 Ok), nothing has arrived" in text
    assert "taken (250 2.1.5 Ok), nothing arrived: may be a mailbox of its own" in text


def test_a_row_without_a_reply_still_says_what_it_met():
    silent = row(1, "plain", Word.ACCEPTED, outcome=Outcome(1, Word.ACCEPTED, Stage.RCPT))
    assert "promised at RCPT (no reply), nothing was sent" in render_text(
        run(entry(V.ACCEPTS, R.PROMISED_AT_RCPT, (silent,)))
    )
    coded = row(1, "plain", Word.ACCEPTED, outcome=Outcome(1, Word.ACCEPTED, Stage.RCPT, 250))
    assert "promised at RCPT (250), nothing was sent" in render_text(
        run(entry(V.ACCEPTS, R.PROMISED_AT_RCPT, (coded,)))
    )


def test_both_commands_are_shown_where_the_sender_is_the_point():
    null = row(1, "sender-null", Word.DELIVERED, family="sender-claim", mail_from="<>")
    assert "MAIL FROM:<> RCPT TO:<7f3k1%" in render_text(run(entry(V.OPEN, R.DELIVERED, (null,))))
    odd = row(2, "odd-verb", Word.DELIVERED, rcpt_to="rcpt to : <x@proof.example.net>")
    assert "odd-verb       rcpt to : <x@proof.example.net>\n" in render_text(run(entry(V.OPEN, R.DELIVERED, (odd,))))


def test_a_server_that_wants_a_password_first_has_sound_controls():
    first = replace(controls()[0], word=Word.REFUSED, outcome=row(1, "x").outcome)
    text = render_text(run(entry(V.CLOSED, R.ALL_REFUSED, refused(3), controls=(first, *controls()[1:]))))
    assert "It hears nobody without a password or TLS" in " ".join(text.split())
    assert "refusals mean something" not in text


def test_what_did_not_apply_is_counted_with_its_reasons():
    tests = (row(1, "a"), row(2, "b", Word.NOT_APPLICABLE), row(3, "c", Word.DEFERRED))
    text = " ".join(render_text(run(entry(V.INCONCLUSIVE, R.DEFERRED, tests))).split())
    assert "Did not apply: 1 (no domain named (--domain))." in text
    assert "Put off to the end: 1 of 2 tests (try again later)." in text


def test_a_finding_quotes_its_evidence_once():
    finding = Finding(
        "postmaster-refused", Severity.MEDIUM, "mail.a.com", ("550 5.1.1 no \x1b[2J",), {"domain": "a.com"}
    )
    text = render_text(run(entry(V.OPEN, R.DELIVERED, (row(1, "p", Word.DELIVERED),), findings=(finding, finding))))
    assert text.count("refuses postmaster@a.com") == 1
    assert "    | 550 5.1.1 no \\x1b[2J\n" in text


def test_an_interrupted_run_says_so():
    result = replace(run(entry(V.INCONCLUSIVE, R.INTERRUPTED, refused(2))), interrupted=True)
    assert "; stopped by hand; exit 3;" in render_text(result).splitlines()[-1]


def test_the_exit_code_shown_is_the_one_given():
    assert "; exit 0; " in render_text(open_run(), code=0)


def test_nothing_asked_is_said():
    result = run()
    assert render_text(result).startswith("Nothing was asked.")
    assert render_text(result).splitlines()[-1].startswith("INCONCLUSIVE  nothing asked;")


@pytest.mark.parametrize("encoding", ["ascii", "cp932", "euc_jp", "latin-1", "utf-8"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_output_can_be_encoded(encoding, language):
    encodable = encodable_in(encoding)
    for make in CASES.values():
        glyphs = choose_glyphs(encodable, ambiguous_is_wide=language == "ja")
        render_text(make(), language=language, encodable=encodable, glyphs=glyphs, verbose=1).encode(encoding)


def test_a_terminal_without_japanese_gets_english():
    text = render_text(open_run(), language="ja", encodable=encodable_in("latin-1"))
    assert text.startswith("OPEN   A stranger's message came out of mail.a.com.")


HOSTILE = st.text(alphabet=st.sampled_from("a{}%\\\x1b\x9b\x07\x7f\u202e\u2066\u200b\r\n\t é踏\udc9b"), max_size=40)


@settings(max_examples=60, deadline=None)
@given(HOSTILE, HOSTILE, st.binary(max_size=60))
@example("", "", "\u2000\u3000\u205f".encode())
def test_nothing_a_peer_says_reaches_the_terminal_raw(text, other, data):
    """Law 6, through the whole report."""
    hole = row(1, text or "x", Word.DELIVERED, rcpt_to=other)
    hole = replace(hole, outcome=replace(hole.outcome, reply=data), proofs=(_said_by(hole, text),))
    finding = Finding("new-thing", Severity.HIGH, text, (f"a {other}",), {"what": text})
    hostile = entry(
        V.OPEN,
        R.DELIVERED,
        (hole,),
        endpoint=replace(endpoint(), name=text, target=text),
        software=Software(text, other),
        banner=data,
        client_address_seen=text,
        domain=text,
        findings=(finding,),
    )
    for language in LANGUAGES:
        printed = render_text(run(hostile, waited=1.0), language=language, verbose=1, cures=CURES, again=text)
        bad = [character for character in printed if character != "\n" and not character.isprintable()]
        assert bad == []


def _said_by(hole, text):
    proof = hole.proofs[0]
    return replace(proof, arrival=replace(proof.arrival, helo=text, peer=text))

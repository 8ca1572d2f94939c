# SPDX-License-Identifier: Apache-2.0
"""What a run rests on and what it could not tell: controls, reasons of refusals, what was left out and why.

Nothing may sound more complete than it was: each test that gave no answer, each that did not apply and each family that
was not run is counted here with its reason.

Limits: counts; the single rows stand behind `-v` and in JSON.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from fumidai.evidence.outcome import Outcome, Reason, Word
from fumidai.evidence.result import Entry, TestRow
from fumidai.evidence.verdict import Verdict
from fumidai.report.holes import like_decoy
from fumidai.report.voice import Voice
from fumidai.report.words import REASONS
from fumidai.texts import N_

_CONTROLS = {
    "postmaster": {
        Word.ACCEPTED: N_("postmaster taken"),
        Word.REFUSED: N_("postmaster refused ({code})"),
        Word.DEFERRED: N_("postmaster deferred ({code})"),
        Word.UNTESTED: N_("postmaster not asked"),
    },
    "unknown-user": {
        Word.ACCEPTED: N_("unknown user taken"),
        Word.REFUSED: N_("unknown user refused ({code})"),
        Word.DEFERRED: N_("unknown user deferred ({code})"),
        Word.UNTESTED: N_("unknown user not asked"),
    },
    "decoy": {
        Word.ACCEPTED: N_("decoy taken"),
        Word.REFUSED: N_("decoy refused ({code})"),
        Word.DEFERRED: N_("decoy deferred ({code})"),
        Word.UNTESTED: N_("decoy not asked"),
    },
}


def control_words(controls: Iterable[TestRow], voice: Voice) -> str:
    """What the controls met, for example `postmaster taken, unknown user refused (550)`."""
    said: dict[str, None] = {}
    for row in controls:
        kind = next((kind for kind in _CONTROLS if kind in row.id), None)
        word = Word.ACCEPTED if row.word is Word.DELIVERED else row.word
        if kind and word in _CONTROLS[kind]:
            said[voice.say(_CONTROLS[kind][word], code=row.outcome.code or "-")] = None
    return voice.listed(said)


def basis_lines(entries: Sequence[Entry], voice: Voice) -> list[str]:
    """What the refusals of a closed target rest on."""
    rows = [row for entry in entries for row in entry.tests]
    rows_of_controls = [row for entry in entries for row in entry.controls]
    controls = control_words(rows_of_controls, voice)
    lines = [voice.say(_meaning(rows_of_controls), controls=controls)] if controls else []
    refused = reason_counts((row.outcome for row in rows if row.word is Word.REFUSED), voice)
    if refused:
        lines.append(voice.say(N_("Reasons of the refusals: {reasons}."), reasons=refused))
    mailboxes = sum(row.word is Word.ACCEPTED and like_decoy(row) for row in rows)
    if mailboxes:
        text = N_("Taken as mailboxes of its own: {count} (nonsense of the same form was taken too).")
        lines.append(voice.say(text, count=mailboxes))
    return lines


def _meaning(controls: Sequence[TestRow]) -> str:
    """What the controls say about the refusals."""
    first = next((row for row in controls if "postmaster" in row.id), None)
    if first is not None and first.word is Word.REFUSED:
        return N_("Controls: {controls}. It hears nobody without a password or TLS, not even for its own postmaster.")
    return N_("Controls: {controls}; so the refusals mean something.")


def untold_lines(entries: Sequence[Entry], voice: Voice) -> list[str]:
    """What could not be told, one sentence each."""
    rows = [row for entry in entries for row in entry.tests]
    reached = [row for entry in entries if entry.verdict is not Verdict.UNREACHABLE for row in entry.tests]
    asked = [row for row in reached if row.word is not Word.NOT_APPLICABLE]
    lines = _allowed(rows, voice) + _unanswered(asked, voice) + _left_out(rows, voice)
    seen = {entry.client_address_seen for entry in entries if entry.client_address_seen}
    if any(entry.client_address_seen == entry.source for entry in entries) and len(seen) == 1:
        lines.append(voice.say(N_("It saw us as {seen}, where we came from."), seen=seen.pop()))
    return lines


def _allowed(rows: Sequence[TestRow], voice: Voice) -> list[str]:
    count = sum(row.allowed for row in rows)
    return [voice.say(N_("Taken where the policy permits it: {count}."), count=count)] if count else []


def _unanswered(asked: Sequence[TestRow], voice: Voice) -> list[str]:
    lines = []
    for word, text in (
        (Word.UNTESTED, N_("Not told: {count} of {total} tests ({reasons}).")),
        (Word.DEFERRED, N_("Put off to the end: {count} of {total} tests ({reasons}).")),
    ):
        outcomes = [row.outcome for row in asked if row.word is word]
        if outcomes:
            reasons = reason_counts(outcomes, voice)
            lines.append(voice.say(text, count=len(outcomes), total=len(asked), reasons=reasons))
    return lines


def _left_out(rows: Sequence[TestRow], voice: Voice) -> list[str]:
    out = [row for row in rows if row.word is Word.NOT_APPLICABLE]
    asked = {row.family for row in rows if row.word is not Word.NOT_APPLICABLE}
    later = sorted({row.family for row in out if row.outcome.reason is Reason.NOT_RUN_YET} - asked)
    other = [row.outcome for row in out if row.outcome.reason is not Reason.NOT_RUN_YET]
    lines = []
    if other:
        text = N_("Did not apply: {count} ({reasons}).")
        lines.append(voice.say(text, count=len(other), reasons=reason_counts(other, voice)))
    if later:
        lines.append(voice.say(N_("Not run: {families}."), families=voice.listed(later)))
    return lines


def reason_counts(outcomes: Iterable[Outcome], voice: Voice) -> str:
    """Reasons with their numbers, the commonest first; a single one without."""
    counted = Counter(_reason(outcome) for outcome in outcomes)
    if len(counted) == 1:
        return voice.say(next(iter(counted)))
    return voice.listed(f"{count} {voice.say(reason)}" for reason, count in counted.most_common())


def _reason(outcome: Outcome) -> str:
    if outcome.word is Word.UNTESTED and outcome.reason is Reason.TLS:
        return N_("TLS failed")
    return REASONS[outcome.reason or Reason.UNCLEAR]

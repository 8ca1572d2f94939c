# SPDX-License-Identifier: Apache-2.0
"""What the judge really gives can be said: no wording waits for a parameter that never comes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import jsonschema
import pytest

from fumidai.evidence.outcome import Reason
from fumidai.evidence.proof import ProofKind
from fumidai.judge.entry import judge
from fumidai.judge.record import Failure, Record
from fumidai.policy.decide import decide
from fumidai.report.json import published_schema, render_json
from fumidai.report.text import render_text
from fumidai.texts import LANGUAGES
from tests.judge.cases import POLICY, new_record, number_of, outside, proof_of, refuse, take
from tests.report.results import run


def taken(test: str, *, sending: bool = True) -> Record:
    """A record in which one row was taken."""
    record = new_record(sending=sending)
    take(record, test)
    return record


def refused(which: int | str, reason: Reason) -> Record:
    """A record in which one row was refused for a reason of its own."""
    record = new_record()
    refuse(record, which, reason, reply=b"550 5.7.1 because \x1b[2J\r\n")
    return record


def failed(failure: Failure) -> Record:
    """A record of an endpoint that could not be asked."""
    record = new_record()
    record.outcomes.clear()
    record.failure, record.failure_reply = failure, b"554 go away\r\n"
    return record


RECORDS: dict[str, Callable[[], Record]] = {
    "closed": new_record,
    "accepts": lambda: taken("plain-foreign"),
    "accepts-at-rcpt": lambda: taken("plain-foreign", sending=False),
    "unsettled": lambda: taken("q-domain"),
    "unsettled-at-rcpt": lambda: taken("q-domain", sending=False),
    "blocked": lambda: refused("plain-foreign", Reason.TESTER_BLOCKED),
    "baseline": lambda: refused("plain-foreign", Reason.SENDER),
    "postmaster": lambda: refused(1, Reason.USER),
    "no-domain": lambda: new_record(domain=""),
    **{failure.value: partial(failed, failure) for failure in Failure},
}


def check(record: Record, proofs=()) -> str:
    """Judge it, validate its JSON, and return the English text."""
    entry = judge(record, proofs, partial(decide, POLICY), outside(), interrupted=False)
    result = run(entry, waited=120)
    jsonschema.validate(json.loads(render_json(result)), published_schema())
    for language in LANGUAGES:
        text = render_text(result, language=language)
        assert "{" not in text
        assert "\x1b" not in text
        assert "(?" not in text
        assert " ? " not in text.replace("\n  ? ", "")
    return render_text(result)


@pytest.mark.parametrize("name", RECORDS)
def test_it_can_be_said(name):
    assert check(RECORDS[name]())


def test_a_delivery():
    record = taken("pct-domain")
    text = check(record, [proof_of(record.attempts[number_of(record, "pct-domain")])])
    assert text.startswith("OPEN   A stranger's message came out of mail.a.test.\n")
    assert "\n  x pct-domain " in text


def test_a_bounce():
    record = new_record()
    text = check(record, [proof_of(record.attempts[number_of(record, "pct-domain")], ProofKind.BOUNCE)])
    assert text.startswith("REFLECTS   mail.a.test sends its bounces to forged senders")


def test_the_reply_that_turned_us_away_is_quoted():
    assert "  | 554 go away\n" in check(failed(Failure.TURNED_AWAY))


def test_the_reason_why_tls_failed_is_quoted():
    record = failed(Failure.TLS_FAILED)
    record.tls_failure = "wrong version number"
    assert "  | wrong version number\n" in check(record)

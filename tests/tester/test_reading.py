# SPDX-License-Identifier: Apache-2.0
"""What one reply means for the row that drew it."""

from __future__ import annotations

import pytest

from fumidai.evidence.outcome import Reason, Stage, Word
from fumidai.smtp.reply import Reply
from fumidai.tester.reading import read_refusal
from tests.judge.cases import new_record

UNROUTEABLE = Reply(550, (b"Unrouteable address",), b"550 Unrouteable address\r\n")


@pytest.mark.parametrize(
    ("test", "reason"),
    [("pct-domain", Reason.USER), ("plain-foreign", Reason.UNRESOLVED), ("unknown-user", Reason.USER)],
)
def test_what_leads_nowhere_in_its_own_domain_is_a_user_it_does_not_know(test: str, reason: Reason) -> None:
    record = new_record(tests=("plain-foreign", "pct-domain"))
    found = {attempt.test.id: attempt for attempt in record.all_attempts().values()}
    reading = read_refusal(found[test], Stage.RCPT, UNROUTEABLE, 1, pipelined=False)
    assert reading.again is None
    assert (reading.outcome.word, reading.outcome.reason) == (Word.REFUSED, reason)

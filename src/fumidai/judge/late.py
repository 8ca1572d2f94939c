# SPDX-License-Identifier: Apache-2.0
"""A server that says no only after it has taken the recipients: what of it could not be asked.

Its yes to a recipient means nothing, so only a message handed over tells. Where a row writes to a mailbox of the
server's own beside the foreign one, handing it over needs a mailbox that somebody named; without one the row is not
applicable (DESIGN §3 "Rows"), and a server that looks at the first recipient alone would still be called closed.

Limits: it names the rows; that they leave the verdict as it is is DESIGN §3's decision.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fumidai.battery.expand import writes_to_known
from fumidai.battery.row import Reach, RelayTest
from fumidai.evidence.outcome import Reason, Stage, Word
from fumidai.judge.record import Record
from fumidai.judge.rows import BASELINES, Standing, Weighed, outcome_of

#: Stages after RCPT: a server that refuses only there has not answered a row that ends at RCPT.
LATE: Final = frozenset({Stage.DATA, Stage.MESSAGE})


def refuses_late(record: Record) -> bool:
    """The plain question came to a no only behind RCPT, so a recipient taken there is no promise.

    For what it was refused does not matter here: a row left untested because its words may be at fault was not
    taken either.
    """
    for name in BASELINES:
        for number, attempt in record.attempts.items():
            if attempt.test.id == name and number in record.outcomes:
                outcome = outcome_of(record, number)
                return outcome.word in {Word.REFUSED, Word.UNTESTED} and outcome.code >= 500 and outcome.stage in LATE
    return False


def untried(record: Record, weighed: Iterable[Weighed]) -> tuple[Weighed, ...]:
    """Rows that a late refusal leaves open and ``--local-user`` would have asked; none where one was named."""
    if record.ground is None or record.ground.local_user or not refuses_late(record):
        return ()
    return tuple(item for item in weighed if item.standing is Standing.APART and _wants_a_mailbox(item))


def _wants_a_mailbox(item: Weighed) -> bool:
    test: RelayTest = item.attempt.test
    reason = item.row.outcome.reason
    cut_short = reason is Reason.LATE_REFUSAL and writes_to_known(test)
    return test.reach is not Reach.RCPT and (reason is Reason.NO_LOCAL_USER or cut_short)

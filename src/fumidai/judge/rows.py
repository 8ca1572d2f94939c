# SPDX-License-Identifier: Apache-2.0
"""Put each attempt's outcome, its decoy and its proofs side by side, and weigh it alone.

The word of a row is its outcome, raised to ``delivered`` by a recipient token that came back: proof outranks
any reply, even a refusal. What a row's standing means for the verdict is said once, in ``standing``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from fumidai.battery.attempt import Attempt, Inapplicable
from fumidai.battery.expand import writes_to_known
from fumidai.battery.row import RowClass, StepKind
from fumidai.dialects.wording import blames_the_words
from fumidai.evidence.outcome import Outcome, Reason, Stage, Word
from fumidai.evidence.proof import Proof, ProofKind
from fumidai.evidence.result import TestRow
from fumidai.judge.record import Record
from fumidai.policy.request import Action, Decision, Request

Decide = Callable[[Request], Decision]

#: The rows that ask plainly, in the order in which one of them serves as baseline (``maps`` has only the second).
BASELINES = ("plain-foreign", "plain-self")


class Standing(StrEnum):
    """What one row says about the server, for the verdict's rules."""

    HOLE = "hole"
    ALLOWED = "allowed"
    PROMISED = "promised"
    UNSETTLED = "unsettled"
    MAILBOX = "mailbox"
    REFUSED = "refused"
    DEFERRED = "deferred"
    UNTESTED = "untested"
    APART = "apart"


@dataclass(frozen=True, slots=True)
class Weighed:
    """A row with its standing."""

    attempt: Attempt
    row: TestRow
    standing: Standing


def weigh_all(record: Record, proofs: Sequence[Proof], decide: Decide, *, late_refusal: bool) -> tuple[Weighed, ...]:
    """All tests of a record, weighed, in the order of their numbers; inapplicable rows stand apart."""
    by_attempt: dict[int, list[Proof]] = {}
    for proof in proofs:
        by_attempt.setdefault(proof.attempt, []).append(proof)
    asked = [
        _weigh(record, attempt, tuple(by_attempt.get(number, ())), decide, late_refusal=late_refusal)
        for number, attempt in record.attempts.items()
    ]
    apart = [_apart(item) for item in record.inapplicable]
    return tuple(sorted([*asked, *apart], key=lambda weighed: weighed.row.number))


def control_rows(record: Record, proofs: Sequence[Proof]) -> tuple[TestRow, ...]:
    """The controls as rows: what gives the other rows their meaning."""
    return tuple(
        _row(attempt, _outcome(record, attempt), tuple(p for p in proofs if p.attempt == number), allowed=True)
        for number, attempt in record.controls.items()
    )


def _weigh(
    record: Record, attempt: Attempt, proofs: tuple[Proof, ...], decide: Decide, *, late_refusal: bool
) -> Weighed:
    outcome = _outcome(record, attempt)
    arrivals = [proof for proof in proofs if proof.kind is ProofKind.DELIVERY]
    if late_refusal and outcome.word is Word.ACCEPTED and not _ends_in_message(attempt):
        outcome = Outcome(
            attempt.number, Word.NOT_APPLICABLE, outcome.stage, outcome.code, outcome.reply, Reason.LATE_REFUSAL
        )
    decoy = record.decoys.get(attempt.number)
    decoy_outcome = record.outcomes.get(decoy.number) if decoy is not None else None
    if _needs_a_local_user(record, attempt, outcome, decoy_outcome):
        outcome = replace(outcome, word=Word.NOT_APPLICABLE, reason=Reason.NO_LOCAL_USER)
    if arrivals:
        holes = any(_is_hole(attempt, proof, decide) for proof in arrivals)
        standing = Standing.HOLE if holes else Standing.ALLOWED
    else:
        standing = _standing(attempt, outcome, decoy_outcome)
    row = _row(attempt, outcome, proofs, allowed=standing is Standing.ALLOWED, decoy=decoy_outcome)
    return Weighed(attempt, row, standing)


def _standing(attempt: Attempt, outcome: Outcome, decoy: Outcome | None) -> Standing:
    """The standing of a row of which nothing was delivered."""
    match outcome.word:
        case Word.REFUSED:
            return Standing.REFUSED
        case Word.DEFERRED:
            return Standing.DEFERRED
        case Word.UNTESTED:
            return Standing.UNTESTED
        case Word.NOT_APPLICABLE:
            return Standing.APART
        case _:
            return _taken(attempt, outcome, decoy)


def _taken(attempt: Attempt, outcome: Outcome, decoy: Outcome | None) -> Standing:
    if attempt.expected.action is Action.PERMIT:
        return Standing.ALLOWED
    if attempt.test.row_class in {RowClass.FOREIGN, RowClass.TRUST}:
        return Standing.PROMISED
    if outcome.completed and decoy is not None and decoy.word is Word.ACCEPTED:
        return Standing.MAILBOX
    return Standing.UNSETTLED


def _needs_a_local_user(record: Record, attempt: Attempt, outcome: Outcome, decoy: Outcome | None) -> bool:
    """Only a message could settle this row, and it would be written to a mailbox that nobody named.

    The row names a mailbox of the target's beside the foreign one. A server that takes the first and drops the rest
    says the same to the row and to its decoy, whose foreign part nobody can have.
    """
    ground = record.ground
    asked = ground is not None and ground.sending and not ground.local_user and writes_to_known(attempt.test)
    as_its_decoy = decoy is not None and decoy.word is Word.ACCEPTED
    return asked and as_its_decoy and outcome.word is Word.ACCEPTED and not outcome.completed


def _is_hole(attempt: Attempt, proof: Proof, decide: Decide) -> bool:
    """Would the policy have refused what reached the sink, asked with our true source address?"""
    reached = f"<{proof.recipient}>".encode("latin-1", "replace") if proof.recipient else attempt.request.forward_path
    request = Request(
        client=attempt.request.client,
        client_name=attempt.request.client_name,
        helo=attempt.request.helo,
        tls=attempt.request.tls,
        user=attempt.request.user,
        reverse_path=attempt.request.reverse_path,
        forward_path=reached,
    )
    return decide(request).action is not Action.PERMIT


def _ends_in_message(attempt: Attempt) -> bool:
    return attempt.script[-1].kind is StepKind.MESSAGE


def _outcome(record: Record, attempt: Attempt) -> Outcome:
    return outcome_of(record, attempt.number)


def outcome_of(record: Record, number: int) -> Outcome:
    """The outcome of an attempt, a vague "no" to its message read beside what other messages met.

    The tester leaves such a row untested, because a filter that dislikes our words says nothing about relaying. But
    where the same words went through for a recipient of the server's own, and the refusal does not blame them, it was
    the recipient that was refused.
    """
    outcome = record.outcomes.get(number)
    if outcome is None:
        return Outcome(number, Word.UNTESTED, Stage.CONNECT, reason=Reason.INTERRUPTED)
    vague = outcome.word is Word.UNTESTED and outcome.reason is Reason.CONTENT and outcome.stage is Stage.MESSAGE
    if vague and not blames_the_words(outcome.reply.decode("latin-1")) and _our_words_passed(record):
        return replace(outcome, word=Word.REFUSED, reason=Reason.UNCLEAR)
    return outcome


def _our_words_passed(record: Record) -> bool:
    """A message of ours to a recipient of the server's own was taken, through the dot."""
    for number, attempt in record.all_attempts().items():
        outcome = record.outcomes.get(number)
        own = attempt.control is not None or attempt.expected.action is Action.PERMIT
        if own and outcome is not None and outcome.completed and outcome.word is Word.ACCEPTED:
            return True
    return False


def _row(
    attempt: Attempt,
    outcome: Outcome,
    proofs: tuple[Proof, ...],
    *,
    allowed: bool,
    decoy: Outcome | None = None,
) -> TestRow:
    delivered = any(proof.kind is ProofKind.DELIVERY for proof in proofs)
    expected = "permit" if attempt.expected.action is Action.PERMIT else "refuse"
    return TestRow(
        number=attempt.number,
        id=attempt.control.value if attempt.control else attempt.test.id,
        title=attempt.test.title,
        family=attempt.test.family,
        row_class=attempt.test.row_class.value,
        mail_from=attempt.mail_from,
        rcpt_to=attempt.rcpt_to,
        expected=expected,
        rule=attempt.expected.rule,
        word=Word.DELIVERED if delivered else outcome.word,
        outcome=outcome,
        proofs=proofs,
        allowed=allowed,
        decoy=decoy,
    )


def _apart(item: Inapplicable) -> Weighed:
    number = item.number
    outcome = Outcome(number, Word.NOT_APPLICABLE, Stage.CONNECT, reason=item.reason)
    attempt = Attempt(number, item.test, item.domain, (), Request(), Decision(Action.REFUSE, "", ""), "", "")
    row = TestRow(
        number=number,
        id=item.test.id,
        title=item.test.title,
        family=item.test.family,
        row_class=item.test.row_class.value,
        mail_from=item.test.mail_from,
        rcpt_to=item.test.rcpt_to,
        expected="",
        rule="",
        word=Word.NOT_APPLICABLE,
        outcome=outcome,
    )
    return Weighed(attempt, row, Standing.APART)

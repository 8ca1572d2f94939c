# SPDX-License-Identifier: Apache-2.0
"""The verdict's rules, one by one, in the order of DESIGN §3."""

from __future__ import annotations

from functools import partial
from ipaddress import ip_address, ip_network

import pytest

from fumidai.battery.attempt import ControlKind
from fumidai.battery.row import StepKind
from fumidai.evidence.finding import Severity
from fumidai.evidence.outcome import Reason, Stage, Word
from fumidai.evidence.proof import Proof, ProofKind
from fumidai.evidence.result import Entry
from fumidai.evidence.verdict import Verdict, VerdictReason, exit_code, worst
from fumidai.judge.entry import judge
from fumidai.judge.record import Failure, Record
from fumidai.judge.vantage import Vantage
from fumidai.policy.decide import decide
from fumidai.policy.model import Policy
from fumidai.report.sentence import advice
from fumidai.report.voice import Voice
from tests.judge.cases import (
    POLICY,
    add_decoy,
    new_record,
    number_of,
    outside,
    proof_of,
    refuse,
    take,
)


def verdict(
    record: Record,
    proofs: tuple[Proof, ...] = (),
    *,
    vantage: Vantage | None = None,
    policy: Policy = POLICY,
    interrupted: bool = False,
) -> Entry:
    return judge(record, proofs, partial(decide, policy), vantage or outside(), interrupted=interrupted)


def ruled(entry: Entry) -> tuple[Verdict, VerdictReason]:
    return entry.verdict, entry.verdict_reason


def test_everything_refused_is_closed() -> None:
    assert ruled(verdict(new_record())) == (Verdict.CLOSED, VerdictReason.ALL_REFUSED)


def test_everything_refused_without_proof_is_closed_too() -> None:
    assert ruled(verdict(new_record(sending=False))) == (Verdict.CLOSED, VerdictReason.ALL_REFUSED)


@pytest.mark.parametrize("test", ["plain-foreign", "pct-domain", "sender-localhost"])
def test_a_delivered_token_is_open_whatever_the_row(test: str) -> None:
    record = new_record()
    take(record, test)
    entry = verdict(record, (proof_of(record.attempts[number_of(record, test)]),))
    assert ruled(entry) == (Verdict.OPEN, VerdictReason.DELIVERED)
    assert [row.id for row in entry.tests if row.word is Word.DELIVERED] == [test]


def test_proof_outranks_a_refusal() -> None:
    record = new_record()
    entry = verdict(record, (proof_of(record.attempts[number_of(record, "plain-foreign")]),))
    assert entry.verdict is Verdict.OPEN
    assert "refused-but-delivered" in [finding.id for finding in entry.findings]


def test_a_delivery_that_the_policy_permits_is_no_hole() -> None:
    record = new_record()
    take(record, "pct-domain")
    proof = proof_of(record.attempts[number_of(record, "pct-domain")], recipient="someone@a.test")
    entry = verdict(record, (proof,))
    assert entry.verdict is not Verdict.OPEN
    assert [row.allowed for row in entry.tests if row.id == "pct-domain"] == [True]


def test_a_sender_token_reflects() -> None:
    record = new_record()
    entry = verdict(record, (proof_of(record.controls[2], ProofKind.BOUNCE),))
    assert ruled(entry) == (Verdict.REFLECTS, VerdictReason.BOUNCED)


def test_open_outranks_reflects() -> None:
    record = new_record()
    bounce = proof_of(record.controls[2], ProofKind.BOUNCE)
    delivery = proof_of(record.attempts[number_of(record, "plain-foreign")])
    assert verdict(record, (bounce, delivery)).verdict is Verdict.OPEN


@pytest.mark.parametrize("test", ["plain-foreign", "sender-localhost"])
def test_a_foreign_or_trusted_row_that_was_taken_accepts(test: str) -> None:
    record = new_record()
    take(record, test)
    assert ruled(verdict(record)) == (Verdict.ACCEPTS, VerdictReason.PROMISED)


def test_taken_at_rcpt_without_proof_is_promised_at_rcpt() -> None:
    record = new_record(sending=False)
    take(record, "plain-foreign")
    assert ruled(verdict(record)) == (Verdict.ACCEPTS, VerdictReason.PROMISED_AT_RCPT)


def test_a_local_row_taken_as_its_decoy_was_is_a_mailbox() -> None:
    record = new_record()
    take(record, "pct-domain")
    add_decoy(record, "pct-domain", taken=True)
    assert ruled(verdict(record)) == (Verdict.CLOSED, VerdictReason.ALL_REFUSED)


def test_a_local_row_taken_where_its_decoy_was_refused_is_unsettled() -> None:
    record = new_record()
    take(record, "pct-domain")
    add_decoy(record, "pct-domain", taken=False)
    assert ruled(verdict(record)) == (Verdict.INCONCLUSIVE, VerdictReason.UNSETTLED)


def test_a_local_row_taken_without_proof_is_unsettled_whatever_the_decoy() -> None:
    record = new_record(sending=False)
    take(record, "pct-domain")
    add_decoy(record, "pct-domain", taken=True)
    assert ruled(verdict(record)) == (Verdict.INCONCLUSIVE, VerdictReason.UNSETTLED)


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Failure.REFUSED, (Verdict.UNREACHABLE, VerdictReason.NO_CONNECTION)),
        (Failure.TIMEOUT, (Verdict.UNREACHABLE, VerdictReason.NO_CONNECTION)),
        (Failure.NO_GREETING, (Verdict.UNREACHABLE, VerdictReason.NO_GREETING)),
        (Failure.NO_ROUTE, (Verdict.INCONCLUSIVE, VerdictReason.NO_ROUTE)),
        (Failure.TURNED_AWAY, (Verdict.INCONCLUSIVE, VerdictReason.TESTER_BLOCKED)),
        (Failure.TLS_FAILED, (Verdict.INCONCLUSIVE, VerdictReason.TLS_FAILED)),
    ],
)
def test_nothing_could_be_asked(failure: Failure, expected: tuple[Verdict, VerdictReason]) -> None:
    record = new_record(tests=())
    record.controls.clear()
    record.outcomes.clear()
    record.failure = failure
    assert ruled(verdict(record)) == expected


@pytest.mark.parametrize("reason", [Reason.TESTER_BLOCKED, Reason.CLIENT])
def test_a_blocked_tester_never_makes_closed(reason: Reason) -> None:
    record = new_record()
    for number in record.attempts:
        refuse(record, number, reason, word=Word.UNTESTED)
    assert ruled(verdict(record)) == (Verdict.INCONCLUSIVE, VerdictReason.TESTER_BLOCKED)


@pytest.mark.parametrize("reason", [Reason.SENDER, Reason.HELO])
def test_a_clean_part_refused_leaves_the_baseline_unasked(reason: Reason) -> None:
    record = new_record()
    refuse(record, "plain-foreign", reason, word=Word.UNTESTED)
    assert ruled(verdict(record)) == (Verdict.INCONCLUSIVE, VerdictReason.BASELINE_UNTESTED)


@pytest.mark.parametrize("reason", [Reason.SYNTAX, Reason.UNRESOLVED])
def test_a_literal_of_ours_that_is_refused_for_its_form_says_nothing(reason: Reason) -> None:
    record = new_record(sending=False)
    refuse(record, "plain-foreign", reason)
    assert ruled(verdict(record)) == (Verdict.INCONCLUSIVE, VerdictReason.UNRESOLVED_RECIPIENT)


def test_a_refused_postmaster_is_a_finding_and_at_best_inconclusive() -> None:
    record = new_record()
    refuse(record, 1, Reason.USER)
    entry = verdict(record)
    assert ruled(entry) == (Verdict.INCONCLUSIVE, VerdictReason.POSTMASTER_REFUSED)
    assert "postmaster-refused" in [finding.id for finding in entry.findings]


def test_authentication_first_is_sound() -> None:
    record = new_record()
    for number in record.all_attempts():
        refuse(record, number, Reason.AUTH, Stage.MAIL, b"530 5.7.0 Authentication required\r\n")
    assert verdict(record).verdict is Verdict.CLOSED


def test_tls_first_closes_the_clear_state() -> None:
    record = new_record()
    for number in record.all_attempts():
        refuse(record, number, Reason.TLS, Stage.MAIL, b"530 5.7.0 Must issue a STARTTLS command first\r\n")
    assert ruled(verdict(record)) == (Verdict.CLOSED, VerdictReason.TLS_ONLY)


def test_no_domain_is_at_best_inconclusive() -> None:
    record = new_record(domain="", tests=("plain-foreign",))
    assert ruled(verdict(record)) == (Verdict.INCONCLUSIVE, VerdictReason.NO_DOMAIN)


def test_no_domain_and_a_delivery_is_open_all_the_same() -> None:
    record = new_record(domain="", tests=("plain-foreign",))
    proof = proof_of(record.attempts[number_of(record, "plain-foreign")])
    assert verdict(record, (proof,)).verdict is Verdict.OPEN


def test_one_untested_row_keeps_it_from_closed() -> None:
    record = new_record()
    refuse(record, "q-domain", Reason.CLOSED, reply=b"", word=Word.UNTESTED)
    entry = verdict(record)
    assert ruled(entry) == (Verdict.INCONCLUSIVE, VerdictReason.UNTESTED)
    assert entry.verdict_params["count"] == 1


def test_one_deferred_row_keeps_it_from_closed() -> None:
    record = new_record()
    refuse(record, "q-domain", Reason.TEMPORARY, reply=b"451 4.7.1 later\r\n", word=Word.DEFERRED)
    assert ruled(verdict(record)) == (Verdict.INCONCLUSIVE, VerdictReason.DEFERRED)


def test_interrupted_and_time_up_are_named() -> None:
    record = new_record()
    refuse(record, "q-domain", Reason.INTERRUPTED, reply=b"", word=Word.UNTESTED)
    assert verdict(record, interrupted=True).verdict_reason is VerdictReason.INTERRUPTED
    record.time_up = True
    assert verdict(record).verdict_reason is VerdictReason.TIME_UP


def test_a_row_that_ends_at_rcpt_does_not_apply_to_a_server_that_refuses_late() -> None:
    record = new_record(tests=("plain-foreign", "scope-suffix", "pct-domain"))
    for number in record.attempts:
        refuse(record, number, Reason.CONTENT, Stage.MESSAGE)
    ends_at_rcpt = next(n for n, a in record.attempts.items() if len(a.script) == 2)
    take(record, ends_at_rcpt)
    entry = verdict(record)
    assert entry.verdict is Verdict.CLOSED
    assert [r.outcome.reason for r in entry.tests if r.word is Word.NOT_APPLICABLE] == [Reason.LATE_REFUSAL]


def test_a_limit_of_connections_is_named_with_the_time_that_it_wants() -> None:
    record = new_record()
    record.limited, record.let_in, record.sessions_left = True, 10, 27
    refuse(record, "q-domain", Reason.LIMIT, Stage.CONNECT, reply=b"", word=Word.UNTESTED)
    entry = verdict(record)
    assert ruled(entry) == (Verdict.INCONCLUSIVE, VerdictReason.CONNECTION_LIMIT)
    # Three more rounds of ten, and one to be sure.
    assert entry.verdict_params == {"count": 1, "let_in": 10, "max_time": 4800}
    assert "--max-time 4800" in advice(entry, Voice("en"), "RUN")
    assert verdict(record, interrupted=True).verdict_reason is VerdictReason.INTERRUPTED
    record.let_in = 0
    assert "--max-time 3600" in advice(verdict(record), Voice("ja"), "RUN")


def test_a_limit_that_kept_nothing_from_being_asked_is_not_named() -> None:
    record = new_record()
    record.limited, record.let_in = True, 10
    assert ruled(verdict(record)) == (Verdict.CLOSED, VerdictReason.ALL_REFUSED)


LATE_ROWS = ("plain-foreign", "state-local-then-foreign", "state-header-bcc", "scope-known-local")


def late_record(local_user: str = "") -> Record:
    """Every message refused, every recipient taken."""
    record = new_record(tests=LATE_ROWS, local_user=local_user)
    for number, attempt in record.attempts.items():
        if attempt.script[-1].kind is StepKind.MESSAGE:
            refuse(record, number, Reason.RELAY, Stage.MESSAGE)
        else:
            take(record, number)
    return record


def test_a_late_no_without_a_mailbox_is_closed_and_says_what_was_left_open() -> None:
    entry = verdict(late_record())
    assert entry.verdict is Verdict.CLOSED
    left = next(finding for finding in entry.findings if finding.id == "late-refusal-untried")
    # What ends at RCPT whoever it is for would not be asked with a mailbox either.
    assert left.evidence == ("state-local-then-foreign", "state-header-bcc")
    assert (left.severity, left.params["count"], entry.verdict_params["untried"]) == (Severity.MEDIUM, 2, 2)
    assert left.remedies == ("generic-untried",)


def test_with_a_mailbox_nothing_was_left_open() -> None:
    entry = verdict(late_record("user@a.test"))
    assert entry.verdict is Verdict.CLOSED
    assert "untried" not in entry.verdict_params
    assert [finding.id for finding in entry.findings] == ["late-refusal"]


def test_an_early_no_leaves_nothing_open_for_want_of_a_mailbox() -> None:
    entry = verdict(new_record(tests=LATE_ROWS))
    assert "untried" not in entry.verdict_params
    assert not entry.findings


def test_beside_a_hole_what_was_left_open_is_no_finding() -> None:
    record = late_record()
    entry = verdict(record, (proof_of(record.attempts[number_of(record, "plain-foreign")]),))
    assert entry.verdict is Verdict.OPEN
    assert "late-refusal-untried" not in [finding.id for finding in entry.findings]


def test_a_recipient_taken_before_a_late_no_is_no_promise_even_where_words_may_be_at_fault() -> None:
    record = new_record(tests=("plain-foreign", "scope-suffix", "pct-domain"))
    for number in record.attempts:
        refuse(record, number, Reason.CONTENT, Stage.MESSAGE, b"550 Message rejected\r\n", Word.UNTESTED)
    take(record, next(n for n, a in record.attempts.items() if len(a.script) == 2))
    assert verdict(record).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("reply", "passed", "verdict_is"),
    [
        (b"550 Message rejected\r\n", True, Verdict.CLOSED),
        (b"554 5.7.1 No.\r\n", True, Verdict.CLOSED),
        (b"550 Message rejected\r\n", False, Verdict.INCONCLUSIVE),
        (b"550 5.7.1 Message rejected as spam\r\n", True, Verdict.INCONCLUSIVE),
    ],
)
def test_a_vague_no_to_the_message_is_read_beside_what_its_own_users_get(
    reply: bytes, passed: bool, verdict_is: Verdict
) -> None:
    record = new_record()
    for number in record.attempts:
        refuse(record, number, Reason.CONTENT, Stage.MESSAGE, reply, Word.UNTESTED)
    if passed:
        take(record, next(n for n, a in record.controls.items() if a.control is ControlKind.UNKNOWN_USER))
    assert verdict(record).verdict is verdict_is


@pytest.mark.parametrize(
    ("decoy_taken", "sending", "verdict_is"),
    [(True, True, Verdict.CLOSED), (False, True, Verdict.INCONCLUSIVE), (True, False, Verdict.INCONCLUSIVE)],
)
def test_a_row_beside_a_mailbox_nobody_named_can_be_settled_by_no_message(
    decoy_taken: bool, sending: bool, verdict_is: Verdict
) -> None:
    record = new_record(tests=("plain-foreign", "lex-two-angles"), sending=sending)
    take(record, "lex-two-angles")
    add_decoy(record, "lex-two-angles", taken=decoy_taken)
    entry = verdict(record)
    assert entry.verdict is verdict_is
    apart = [row.outcome.reason for row in entry.tests if row.word is Word.NOT_APPLICABLE]
    assert apart == ([Reason.NO_LOCAL_USER] if verdict_is is Verdict.CLOSED else [])


def test_inside_and_undeclared_is_a_trusted_vantage_even_where_it_delivers() -> None:
    record = new_record()
    inside = Vantage(ip_address("10.0.0.7"), ip_address("10.0.0.25"))
    proof = proof_of(record.attempts[number_of(record, "plain-foreign")])
    assert ruled(verdict(record, (proof,), vantage=inside)) == (Verdict.INCONCLUSIVE, VerdictReason.TRUSTED_VANTAGE)
    declared = Vantage(ip_address("10.0.0.7"), ip_address("10.0.0.25"), declared=True)
    assert verdict(record, (proof,), vantage=declared).verdict is Verdict.OPEN


def test_a_relay_network_of_the_policy_is_a_trusted_vantage() -> None:
    policy = Policy(receive_for=("a.test",), relay_networks=(ip_network("198.51.100.0/24"),))
    record = new_record(policy=policy)
    for test in ("plain-foreign", "sender-localhost"):
        take(record, test)
    entry = verdict(record, policy=policy, vantage=outside(networks=policy.relay_networks, declared=True))
    assert ruled(entry) == (Verdict.INCONCLUSIVE, VerdictReason.TRUSTED_VANTAGE)


def test_behind_nat_a_delivery_from_an_inside_address_is_inconclusive() -> None:
    record = new_record()
    record.seen_addresses.append("172.22.1.1")
    proof = proof_of(record.attempts[number_of(record, "plain-foreign")])
    behind_nat = outside(source=ip_address("192.168.1.7"))
    assert ruled(verdict(record, (proof,), vantage=behind_nat)) == (
        Verdict.INCONCLUSIVE,
        VerdictReason.TRUE_SOURCE_UNKNOWN,
    )
    record.seen_addresses[:] = ["203.0.113.9"]
    assert verdict(record, (proof,), vantage=behind_nat).verdict is Verdict.OPEN


@pytest.mark.parametrize("seen", ["172.22.1.1", "127.0.0.1", "192.0.2.25", "fe80::1", "IPv6:fd00::1"])
def test_a_stranger_seen_as_an_insider_has_lost_its_address(seen: str) -> None:
    record = new_record()
    record.seen_addresses.append(seen)
    entry = verdict(record)
    assert entry.verdict is Verdict.CLOSED
    assert "lost-client-address" in [finding.id for finding in entry.findings]
    take(record, "plain-foreign")
    proof = proof_of(record.attempts[number_of(record, "plain-foreign")])
    assert verdict(record, (proof,)).verdict_reason is VerdictReason.LOST_CLIENT_ADDRESS


def test_any_other_difference_is_only_seen_as() -> None:
    record = new_record()
    record.seen_addresses.append("203.0.113.200")
    ids = [finding.id for finding in verdict(record).findings]
    assert "seen-as" in ids
    assert "lost-client-address" not in ids


def test_a_finding_names_its_remedies() -> None:
    record = new_record()
    proof = proof_of(record.attempts[number_of(record, "plain-foreign")])
    findings = {finding.id: finding for finding in verdict(record, (proof,)).findings}
    assert findings["open-relay"].remedies
    assert verdict(new_record()).findings == ()


def test_the_worst_verdict_of_a_target_and_the_exit_code_of_several() -> None:
    assert worst([Verdict.CLOSED, Verdict.UNREACHABLE, Verdict.ACCEPTS]) is Verdict.ACCEPTS
    assert worst([Verdict.CLOSED, Verdict.INCONCLUSIVE, Verdict.UNREACHABLE]) is Verdict.INCONCLUSIVE
    assert exit_code([Verdict.CLOSED, Verdict.INCONCLUSIVE, Verdict.REFLECTS]) == 1
    assert exit_code([Verdict.REFLECTS, Verdict.OPEN]) == 2
    assert exit_code([Verdict.CLOSED, Verdict.UNREACHABLE]) == 3
    assert exit_code([Verdict.CLOSED]) == 0

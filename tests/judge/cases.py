# SPDX-License-Identifier: Apache-2.0
"""Records for the judge's tests: a battery on paper, with the outcomes that a test wants."""

from __future__ import annotations

from functools import partial
from ipaddress import ip_address

from fumidai.battery.attempt import Attempt
from fumidai.battery.expand import controls, decoy_for, expand
from fumidai.battery.ground import Ground
from fumidai.battery.load import catalogue
from fumidai.battery.row import Entry, StepKind
from fumidai.evidence.endpoint import Endpoint, TlsState
from fumidai.evidence.outcome import Outcome, Reason, Stage, Word
from fumidai.evidence.proof import Arrival, Proof, ProofKind, Where
from fumidai.evidence.token import Role, TokenKey, make_token
from fumidai.judge.record import Record
from fumidai.judge.vantage import Vantage
from fumidai.policy.decide import decide
from fumidai.policy.model import Policy, policy_for_domains

KEY = TokenKey(b"a key that only tests know")
RUN = b"12345"
SOURCE = ip_address("198.51.100.7")
TARGET = ip_address("192.0.2.25")
POLICY = policy_for_domains(["a.test"])
TESTS = ("plain-foreign", "pct-domain", "q-domain", "sender-localhost", "atat-domain")
DENIED = b"550 5.7.1 Relaying denied\r\n"


def new_record(
    *,
    tests: tuple[str, ...] = TESTS,
    sending: bool = True,
    domain: str = "a.test",
    policy: Policy = POLICY,
    local_user: str = "",
) -> Record:
    """A record with its questions, all refused, postmaster taken."""
    ground = Ground(
        address=TARGET,
        host="mail.a.test",
        ptr="mail.a.test",
        extensions=frozenset({"PIPELINING"}),
        encrypted=False,
        domain=domain,
        domains=("a.test",),
        local_user=local_user,
        sender_domain="proof.test",
        proof_domain="proof.test" if sending else "[198.51.100.7]",
        sending=sending,
        source=SOURCE,
        sink4=None,
        sink6=None,
        mx_domain="",
        ehlo="tester.test",
        run="run",
        own_names=frozenset({"mail.a.test"}),
    )
    record = Record(Endpoint("mail.a.test", "mail.a.test", TARGET, 25, TlsState.CLEAR), domain, "full", ground)
    ask = partial(decide, policy)
    mint = partial(make_token, KEY, RUN)
    asked = controls(ground, ask, mint, 1, rcpt_only=not sending)
    attempts, void = expand([Entry(catalogue()[name]) for name in tests], ground, ask, mint, 4, rcpt_only=not sending)
    record.controls.update({a.number: a for a in asked})
    record.attempts.update({a.number: a for a in attempts})
    record.inapplicable.extend(void)
    record.sources.append(str(SOURCE))
    for number in record.all_attempts():
        refuse(record, number)
    take(record, 1)
    return record


def number_of(record: Record, test: str) -> int:
    """The number of a test in a record."""
    return next(number for number, attempt in record.attempts.items() if attempt.test.id == test)


def refuse(
    record: Record,
    which: int | str,
    reason: Reason = Reason.RELAY,
    stage: Stage = Stage.RCPT,
    reply: bytes = DENIED,
    word: Word = Word.REFUSED,
) -> None:
    """Let an attempt be refused."""
    number = which if isinstance(which, int) else number_of(record, which)
    record.outcomes[number] = Outcome(number, word, stage, int(reply[:3] or b"0"), reply, reason, 1)


def take(record: Record, which: int | str) -> None:
    """Let an attempt be taken, through the dot where it goes that far."""
    number = which if isinstance(which, int) else number_of(record, which)
    attempt = record.all_attempts()[number]
    completed = attempt.script[-1].kind is StepKind.MESSAGE
    stage = Stage.MESSAGE if completed else Stage.RCPT
    record.outcomes[number] = Outcome(number, Word.ACCEPTED, stage, 250, b"250 Ok\r\n", None, 1, completed)


def add_decoy(record: Record, test: str, *, taken: bool) -> None:
    """Ask the decoy of a test."""
    attempt = record.attempts[number_of(record, test)]
    assert record.ground is not None
    decoy = decoy_for(attempt, record.ground, 100 + attempt.number)
    assert decoy is not None
    record.decoys[attempt.number] = decoy
    if taken:
        take(record, decoy.number)
    else:
        refuse(record, decoy.number, Reason.USER)


def proof_of(attempt: Attempt, kind: ProofKind = ProofKind.DELIVERY, recipient: str = "") -> Proof:
    """A proof that an attempt came back."""
    role = Role.RECIPIENT if kind is ProofKind.DELIVERY else Role.SENDER
    token = make_token(KEY, RUN, attempt.number, role)
    to = recipient or f"{token}@proof.test"
    reverse = "x@a.test" if kind is ProofKind.DELIVERY else ""
    arrival = Arrival(
        f"proofs/{attempt.number}", 1.0, str(TARGET), "mail.a.test", reverse, (to,), b"Subject: x\r\n\r\n"
    )
    return Proof(attempt.number, token, kind, Where.ENVELOPE, to, arrival)


def outside(**changes: object) -> Vantage:
    """The vantage of a stranger on the internet."""
    settings: dict[str, object] = {"source": SOURCE, "target": TARGET, **changes}
    return Vantage(**settings)  # type: ignore[arg-type]

# SPDX-License-Identifier: Apache-2.0
"""Everything wrong that a battery showed, as findings: id, severity, evidence, parameters, remedies.

Each function looks at one thing and returns the findings about it; ``find`` runs them all. The sentences live
in ``report``, the cures in ``dialects``; here is only what was seen.

Limits: findings never change a verdict; a finding about the run as a whole is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from fumidai.battery.attempt import ControlKind
from fumidai.dialects.cure import cures
from fumidai.dialects.layer import layer_that_ate_it
from fumidai.evidence.finding import Finding, Severity
from fumidai.evidence.outcome import Reason, Word
from fumidai.evidence.proof import ProofKind
from fumidai.evidence.result import Software
from fumidai.judge.late import LATE, untried
from fumidai.judge.record import Failure
from fumidai.judge.rows import Standing, Weighed
from fumidai.judge.vantage import Sight, as_address, decisive_sight
from fumidai.judge.verdict import Case

Finder = Callable[[Case, Software], Iterable[Finding]]

#: Sendmail got relay control with 8.9 (catalogue §6).
_SENDMAIL_WITHOUT_CONTROL = (8, 9)


def find(case: Case, software: Software) -> tuple[Finding, ...]:
    """All findings of a case, worst first."""
    order = list(Severity)
    found = [_with_remedies(case, software, finding) for finder in _FINDERS for finding in finder(case, software)]
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def _with_remedies(case: Case, software: Software, finding: Finding) -> Finding:
    """The finding with the ids of what mends it on this software."""
    bad = case.standing(Standing.HOLE, Standing.PROMISED)
    families = tuple(dict.fromkeys(item.row.family for item in bad))
    mends = cures(software.name, software.version, _ids(bad), [finding.id], families)
    return replace(finding, remedies=tuple(cure.id for cure in mends))


def _ids(rows: Sequence[Weighed]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.row.id for item in rows))


def _open(case: Case, software: Software) -> Iterable[Finding]:
    holes = case.standing(Standing.HOLE)
    # Seen from inside, a delivery says nothing about strangers (DESIGN §3 "Vantage").
    if holes and not case.vantage.trusted:
        params: dict[str, str | int] = {"tests": ", ".join(_ids(holes)), "count": len(holes)}
        yield Finding("open-relay", Severity.CRITICAL, _target(case), _ids(holes), params)


def _lost(case: Case, software: Software) -> Iterable[Finding]:
    sight, seen = decisive_sight(case.vantage, case.seen)
    if sight is Sight.LOST:
        address = as_address(seen)
        layer = layer_that_ate_it(address, case.record.endpoint, case.vantage.source) if address else "unknown"
        params: dict[str, str | int] = {"seen": seen, "source": str(case.vantage.source), "layer": layer}
        yield Finding("lost-client-address", Severity.CRITICAL, _target(case), (seen,), params)
    elif sight is Sight.NAT:
        params = {"seen": seen, "source": str(case.vantage.source)}
        yield Finding("seen-as", Severity.INFO, _target(case), (seen,), params)


def _reflects(case: Case, software: Software) -> Iterable[Finding]:
    bounces = [proof for proof in case.proofs if proof.kind is ProofKind.BOUNCE]
    if bounces:
        files = tuple(dict.fromkeys(proof.arrival.file for proof in bounces))
        yield Finding("reflects-backscatter", Severity.HIGH, _target(case), files, {"count": len(bounces)})


def _promised(case: Case, software: Software) -> Iterable[Finding]:
    promised = case.standing(Standing.PROMISED)
    if promised:
        params: dict[str, str | int] = {"tests": ", ".join(_ids(promised)), "count": len(promised)}
        yield Finding("promised-to-relay", Severity.HIGH, _target(case), _ids(promised), params)


def _refused_but_delivered(case: Case, software: Software) -> Iterable[Finding]:
    for item in case.standing(Standing.HOLE):
        if item.row.outcome.word is Word.REFUSED:
            reply = item.row.outcome.reply.decode("latin-1").strip()
            yield Finding("refused-but-delivered", Severity.CRITICAL, _target(case), (reply,), {"test": item.row.id})


def _postmaster(case: Case, software: Software) -> Iterable[Finding]:
    outcome = case.control(ControlKind.POSTMASTER)
    if outcome is not None and outcome.word is Word.REFUSED and outcome.reason not in {Reason.AUTH, Reason.TLS}:
        reply = outcome.reply.decode("latin-1").strip()
        # RFC 5321 §4.5.1: a server must take mail for postmaster of its domains.
        address = f"postmaster@{case.record.domain}"
        yield Finding("postmaster-refused", Severity.MEDIUM, _target(case), (reply,), {"address": address})


def _takes_anything(case: Case, software: Software) -> Iterable[Finding]:
    unknown = case.control(ControlKind.UNKNOWN_USER)
    asked = [item for item in case.weighed if item.standing not in {Standing.APART, Standing.UNTESTED}]
    taken = [item for item in asked if item.row.outcome.word is Word.ACCEPTED]
    if len(asked) >= 5 and len(taken) * 10 >= len(asked) * 9 and not case.standing(Standing.HOLE):
        yield Finding(
            "accepts-anything", Severity.MEDIUM, _target(case), (), {"count": len(taken), "asked": len(asked)}
        )
    elif unknown is not None and unknown.word is Word.ACCEPTED:
        yield Finding("catch-all", Severity.INFO, _target(case), (), {"domain": case.record.domain})


def _late(case: Case, software: Software) -> Iterable[Finding]:
    baseline = case.baseline
    if baseline is not None and baseline.row.outcome.word is Word.REFUSED and baseline.row.outcome.stage in LATE:
        stage = baseline.row.outcome.stage.value
        yield Finding("late-refusal", Severity.LOW, _target(case), (baseline.row.id,), {"stage": stage})


def _untried(case: Case, software: Software) -> Iterable[Finding]:
    """What a late refusal leaves open for want of a mailbox; beside a hole that is known it says nothing new."""
    waiting = untried(case.record, case.weighed)
    if waiting and not case.standing(Standing.HOLE):
        params: dict[str, str | int] = {"tests": ", ".join(_ids(waiting)), "count": len(waiting)}
        yield Finding("late-refusal-untried", Severity.MEDIUM, _target(case), _ids(waiting), params)


def _tls(case: Case, software: Software) -> Iterable[Finding]:
    if case.record.failure is Failure.TLS_FAILED:
        said = case.record.tls_failure
        yield Finding("starttls-failed", Severity.MEDIUM, _target(case), (), {"detail": said} if said else {})


def _pipelining(case: Case, software: Software) -> Iterable[Finding]:
    if case.record.pipelining_broken:
        yield Finding("pipelining-broken", Severity.LOW, _target(case))


def _blocked(case: Case, software: Software) -> Iterable[Finding]:
    baseline = case.baseline
    reason = baseline.row.outcome.reason if baseline is not None else None
    turned = case.record.failure is Failure.TURNED_AWAY
    if turned or reason in {Reason.TESTER_BLOCKED, Reason.CLIENT}:
        raw = case.record.failure_reply if turned or baseline is None else baseline.row.outcome.reply
        reply = raw.decode("latin-1").strip()
        params: dict[str, str | int] = {"source": str(case.vantage.source or ""), "reply": reply}
        yield Finding("tester-blocked", Severity.INFO, _target(case), (reply,), params)


def _elsewhere(case: Case, software: Software) -> Iterable[Finding]:
    known = {str(case.vantage.target), *(str(a) for a in case.vantage.target_addresses)}
    peers = dict.fromkeys(
        proof.arrival.peer for proof in case.proofs if proof.kind is ProofKind.DELIVERY and proof.arrival.peer
    )
    for peer in peers:
        if peer not in known:
            yield Finding("proof-from-elsewhere", Severity.INFO, _target(case), (peer,), {"address": peer})


def _automatic(case: Case, software: Software) -> Iterable[Finding]:
    answers = [proof for proof in case.proofs if proof.kind is ProofKind.BOUNCE and proof.arrival.reverse_path]
    if answers:
        yield Finding(
            "auto-reply", Severity.LOW, _target(case), tuple(p.arrival.file for p in answers), {"count": len(answers)}
        )


def _outdated(case: Case, software: Software) -> Iterable[Finding]:
    if software.name.lower() != "sendmail":
        return
    digits = software.version.split("/")[0].split(".")
    known = len(digits) >= 2 and digits[0].isdigit() and digits[1].isdigit()
    if known and (int(digits[0]), int(digits[1])) < _SENDMAIL_WITHOUT_CONTROL:
        params: dict[str, str | int] = {"name": software.name, "version": software.version}
        yield Finding("software-outdated", Severity.HIGH, _target(case), (), params)


def _deferred(case: Case, software: Software) -> Iterable[Finding]:
    deferred = case.standing(Standing.DEFERRED)
    if deferred:
        reply = deferred[0].row.outcome.reply.decode("latin-1").strip()
        yield Finding("deferred-forever", Severity.LOW, _target(case), (reply,), {"count": len(deferred)})


def _target(case: Case) -> str:
    return f"{case.record.endpoint.name} ({case.record.endpoint})"


_FINDERS: Sequence[Finder] = (
    _open,
    _lost,
    _reflects,
    _promised,
    _refused_but_delivered,
    _postmaster,
    _takes_anything,
    _late,
    _untried,
    _tls,
    _pipelining,
    _blocked,
    _elsewhere,
    _automatic,
    _outdated,
    _deferred,
)

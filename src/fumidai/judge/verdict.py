# SPDX-License-Identifier: Apache-2.0
"""Weighed rows -> one verdict for one endpoint, by the first rule that matches (DESIGN §3 "Verdict").

A reply is a promise, a delivery is a fact: only a token that came back makes ``open``, only a battery that was
really answered makes ``closed``. Everything between says what is missing. Each rule is one function; the list
``_RULES`` is their order.

Limits: it judges what is there now; a delivery that comes later is seen when the run is judged again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fumidai.battery.attempt import ControlKind
from fumidai.evidence.endpoint import TlsState
from fumidai.evidence.outcome import Outcome, Reason, Word
from fumidai.evidence.proof import Proof, ProofKind
from fumidai.evidence.verdict import Verdict, VerdictReason
from fumidai.judge.late import untried
from fumidai.judge.record import Failure, Record
from fumidai.judge.rows import BASELINES, Standing, Weighed
from fumidai.judge.vantage import Vantage

#: Seconds for each round of connections, where a server lets only so many in within a time that it doesn't tell: the
#: longest that is common is ten minutes (Debian's sendmail), and a pause that was too short begins it anew.
LIMIT_WINDOW = 1200

#: Reasons that say a clean part of ours was refused, so the baseline was not really asked.
_NOT_ABOUT_RELAYING = frozenset({Reason.SENDER, Reason.CLIENT, Reason.HELO, Reason.TESTER_BLOCKED})


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict with what it rests on."""

    verdict: Verdict
    reason: VerdictReason
    params: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """Everything the rules look at.

    Attributes:
        seen: addresses the server wrote down for us.
        sending: messages were handed over, so a delivery could have shown itself.
        interrupted: the user stopped the run.
    """

    record: Record
    weighed: tuple[Weighed, ...]
    proofs: tuple[Proof, ...]
    vantage: Vantage
    seen: tuple[str, ...]
    sending: bool
    lost: bool
    interrupted: bool

    def standing(self, *wanted: Standing) -> tuple[Weighed, ...]:
        """Rows of some standing."""
        return tuple(item for item in self.weighed if item.standing in wanted)

    def control(self, kind: ControlKind) -> Outcome | None:
        """The outcome of a control, None where it was not asked."""
        for number, attempt in self.record.controls.items():
            if attempt.control is kind:
                return self.record.outcomes.get(number)
        return None

    @property
    def baseline(self) -> Weighed | None:
        """The row that asks plainly, with a clean sender for a foreign recipient."""
        asked = {item.row.id: item for item in self.weighed if item.standing is not Standing.APART}
        return next((asked[name] for name in BASELINES if name in asked), None)


Rule = Callable[[Case], Ruling | None]


def rule(case: Case) -> Ruling:
    """The verdict of one endpoint."""
    for candidate in _RULES:
        ruling = candidate(case)
        if ruling is not None:
            return ruling
    return Ruling(Verdict.INCONCLUSIVE, VerdictReason.UNTESTED, {"count": 0})


def _trusted(case: Case) -> Ruling | None:
    if case.vantage.trusted:
        return Ruling(Verdict.INCONCLUSIVE, VerdictReason.TRUSTED_VANTAGE, {"source": str(case.vantage.source)})
    return None


def _open(case: Case) -> Ruling | None:
    holes = case.standing(Standing.HOLE)
    if not holes:
        return None
    if case.vantage.behind_nat and case.vantage.names_us_inside(case.seen):
        return Ruling(
            Verdict.INCONCLUSIVE, VerdictReason.TRUE_SOURCE_UNKNOWN, {"seen": case.seen[0], "count": len(holes)}
        )
    params: dict[str, str | int] = {"count": len(holes), "test": holes[0].row.id}
    if case.vantage.neighbour:
        params["neighbour"] = 1
    if case.lost:
        params["seen"] = _lost_as(case)
        params["source"] = str(case.vantage.source)
        return Ruling(Verdict.OPEN, VerdictReason.LOST_CLIENT_ADDRESS, params)
    return Ruling(Verdict.OPEN, VerdictReason.DELIVERED, params)


def _lost_as(case: Case) -> str:
    return next((text for text in case.seen if case.vantage.sight(text).value == "lost"), case.seen[0])


def _reflects(case: Case) -> Ruling | None:
    bounces = [proof for proof in case.proofs if proof.kind is ProofKind.BOUNCE]
    return Ruling(Verdict.REFLECTS, VerdictReason.BOUNCED, {"count": len(bounces)}) if bounces else None


def _accepts(case: Case) -> Ruling | None:
    promised = case.standing(Standing.PROMISED)
    if not promised:
        return None
    token = next((t for item in promised for t in item.attempt.tokens.values()), "")
    params: dict[str, str | int] = {"count": len(promised), "test": promised[0].row.id, "token": token}
    reason = (
        VerdictReason.PROMISED if any(i.row.outcome.completed for i in promised) else VerdictReason.PROMISED_AT_RCPT
    )
    return Ruling(Verdict.ACCEPTS, reason, params)


def _unreachable(case: Case) -> Ruling | None:
    match case.record.failure:
        case Failure.REFUSED | Failure.TIMEOUT:
            return Ruling(Verdict.UNREACHABLE, VerdictReason.NO_CONNECTION, {"how": case.record.failure.value})
        case Failure.NO_GREETING:
            heard = case.record.failure_reply.decode("latin-1")
            return Ruling(Verdict.UNREACHABLE, VerdictReason.NO_GREETING, {"how": _ungreeted(case), "reply": heard})
        case _:
            return None


def _ungreeted(case: Case) -> str:
    """In which way no greeting came: ``spoke`` something else, or silent, dropped, flood, overdue."""
    how, heard = case.record.failure_how, case.record.failure_reply
    if not heard:
        return "silent" if how == "overdue" else how
    begun = heard.lstrip()[:1].isdigit() and how == "overdue"
    return how if begun or how == "flood" else "spoke"


def _not_asked(case: Case) -> Ruling | None:
    """No session came to its first question, though something answered."""
    match case.record.failure:
        case None:
            return None
        case Failure.NO_ROUTE:
            return Ruling(Verdict.INCONCLUSIVE, VerdictReason.NO_ROUTE)
        case Failure.TLS_FAILED | Failure.NOT_OFFERED:
            return Ruling(Verdict.INCONCLUSIVE, VerdictReason.TLS_FAILED, {"detail": case.record.tls_failure})
        case Failure.NO_HELLO if case.record.failure_how == "overdue":
            return Ruling(Verdict.INCONCLUSIVE, VerdictReason.TIME_UP)
        case _:
            reply = case.record.failure_reply.decode("latin-1").strip()
            how = case.record.failure.value
            return Ruling(Verdict.INCONCLUSIVE, VerdictReason.TESTER_BLOCKED, {"reply": reply, "how": how})


def _permitted_here(case: Case) -> Ruling | None:
    """The policy lets this very vantage relay: it can't tell what a stranger would meet."""
    baseline = case.baseline
    if baseline is not None and baseline.row.expected == "permit":
        return Ruling(Verdict.INCONCLUSIVE, VerdictReason.TRUSTED_VANTAGE, {"source": str(case.vantage.source)})
    return None


def _baseline(case: Case) -> Ruling | None:
    """Plain-foreign must have been refused for a reason that is about relaying."""
    baseline = case.baseline
    if baseline is None:
        return Ruling(Verdict.INCONCLUSIVE, _stopped(case) or VerdictReason.BASELINE_UNTESTED)
    outcome = baseline.row.outcome
    reply = outcome.reply.decode("latin-1").strip()
    if outcome.word is Word.DEFERRED:
        return Ruling(
            Verdict.INCONCLUSIVE,
            VerdictReason.DEFERRED,
            {"reply": reply, "count": len(case.standing(Standing.DEFERRED))},
        )
    if outcome.reason in {Reason.TESTER_BLOCKED, Reason.CLIENT}:
        return Ruling(Verdict.INCONCLUSIVE, VerdictReason.TESTER_BLOCKED, {"reply": reply})
    if _says_nothing_of_relaying(case, outcome):
        return Ruling(Verdict.INCONCLUSIVE, VerdictReason.UNRESOLVED_RECIPIENT, {"reply": reply})
    if outcome.word is not Word.REFUSED or outcome.reason in _NOT_ABOUT_RELAYING:
        return Ruling(Verdict.INCONCLUSIVE, _stopped(case) or VerdictReason.BASELINE_UNTESTED, {"reply": reply})
    return None


def _says_nothing_of_relaying(case: Case, outcome: Outcome) -> bool:
    """Nothing is sent, and the server refused our recipient's form or name, not its being foreign."""
    literal = case.record.ground is not None and case.record.ground.proof_domain.startswith("[")
    form = outcome.reason is Reason.SYNTAX and literal
    return not case.sending and outcome.word is Word.REFUSED and (form or outcome.reason is Reason.UNRESOLVED)


def _controls(case: Case) -> Ruling | None:
    if not case.record.domain:
        return Ruling(Verdict.INCONCLUSIVE, _stopped(case) or VerdictReason.NO_DOMAIN)
    postmaster = case.control(ControlKind.POSTMASTER)
    if postmaster is None or postmaster.word is Word.UNTESTED:
        return Ruling(Verdict.INCONCLUSIVE, _stopped(case) or VerdictReason.UNTESTED, {"count": 1})
    if postmaster.word is Word.ACCEPTED or postmaster.reason in {Reason.AUTH, Reason.TLS}:
        return None
    reply = postmaster.reply.decode("latin-1").strip()
    if postmaster.word is Word.DEFERRED:
        return Ruling(Verdict.INCONCLUSIVE, VerdictReason.DEFERRED, {"reply": reply, "count": 1})
    return Ruling(Verdict.INCONCLUSIVE, VerdictReason.POSTMASTER_REFUSED, {"reply": reply})


def _unsettled(case: Case) -> Ruling | None:
    unsettled = case.standing(Standing.UNSETTLED)
    if not unsettled:
        return None
    params: dict[str, str | int] = {"count": len(unsettled), "test": unsettled[0].row.id, "sent": int(case.sending)}
    return Ruling(Verdict.INCONCLUSIVE, VerdictReason.UNSETTLED, params)


def _unanswered(case: Case) -> Ruling | None:
    untested = case.standing(Standing.UNTESTED)
    deferred = case.standing(Standing.DEFERRED)
    if untested:
        params: dict[str, str | int] = {"count": len(untested), **_time_wanted(case)}
        return Ruling(Verdict.INCONCLUSIVE, _stopped(case) or VerdictReason.UNTESTED, params)
    if deferred:
        reply = deferred[0].row.outcome.reply.decode("latin-1").strip()
        return Ruling(Verdict.INCONCLUSIVE, VerdictReason.DEFERRED, {"count": len(deferred), "reply": reply})
    return None


def _stopped(case: Case) -> VerdictReason | None:
    if case.interrupted:
        return VerdictReason.INTERRUPTED
    if case.record.limited and case.record.sessions_left:
        return VerdictReason.CONNECTION_LIMIT
    return VerdictReason.TIME_UP if case.record.time_up else None


def _time_wanted(case: Case) -> dict[str, str | int]:
    """How many connections a server let in that counts them, and the time that the rest will take at that rate."""
    record = case.record
    if not record.limited or not record.let_in:
        return {}
    rounds = -(-record.sessions_left // record.let_in)
    return {"let_in": record.let_in, "max_time": LIMIT_WINDOW * (rounds + 1)}


def _closed(case: Case) -> Ruling:
    refused = case.standing(Standing.REFUSED)
    params: dict[str, str | int] = {"refused": len(refused), "mailboxes": len(case.standing(Standing.MAILBOX))}
    if case.vantage.neighbour:
        params["neighbour"] = 1
    if waiting := untried(case.record, case.weighed):
        params["untried"] = len(waiting)
    only_tls = case.record.endpoint.tls is TlsState.CLEAR and all(i.row.outcome.reason is Reason.TLS for i in refused)
    reason = VerdictReason.TLS_ONLY if refused and only_tls else VerdictReason.ALL_REFUSED
    return Ruling(Verdict.CLOSED, reason, params)


_RULES: Sequence[Rule] = (
    _trusted,
    _open,
    _reflects,
    _accepts,
    _unreachable,
    _not_asked,
    _permitted_here,
    _baseline,
    _controls,
    _unsettled,
    _unanswered,
    _closed,
)

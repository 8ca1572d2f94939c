# SPDX-License-Identifier: Apache-2.0
"""The golden texts: which results they are made from, and how to write them again.

python -m tests.report.golden        writes tests/report/golden/*.txt as the report says it now; then read the diff
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

from fumidai.evidence.endpoint import TlsState
from fumidai.evidence.finding import Finding, Severity
from fumidai.evidence.outcome import Outcome, Reason, Stage, Word
from fumidai.evidence.proof import ProofKind
from fumidai.evidence.result import RunResult
from fumidai.evidence.verdict import Verdict, VerdictReason
from fumidai.report.cure import CureText, Urgency
from fumidai.report.text import render_text
from fumidai.texts import LANGUAGES, Language
from tests.report.results import PROMISED, controls, endpoint, entry, open_run, proof, refused, row, run

FOLDER = Path(__file__).parent / "golden"
TOKYO = timezone(timedelta(hours=9), "JST")
AGAIN = "fumidai test mail.a.com --policy fumidai.toml"
PAGE = "docs/mend/sendmail.md"
CURES = (
    CureText(Urgency.MEND, "(mend)", (), PAGE),
    CureText(Urgency.NOW, "(now)", ("mv mqueue mqueue.held",), PAGE),
    CureText(Urgency.CLEAR, "(clear)", (), PAGE),
)
V, R = Verdict, VerdictReason


def lost_client_address() -> RunResult:
    """Open on IPv6 only, because a proxy hides who connects."""
    finding = Finding(
        "lost-client-address",
        Severity.CRITICAL,
        "mail.a.com",
        ("172.22.1.1",),
        {"seen": "172.22.1.1", "source": "2001:db8:7::7", "layer": "userland-proxy"},
    )
    tests = (row(1, "plain-foreign", Word.DELIVERED, family="baseline"), *refused(4, 2))
    lost = entry(V.OPEN, R.LOST_CLIENT_ADDRESS, tests, endpoint=endpoint("2001:db8::25"), findings=(finding,))
    seen = replace(lost, source="2001:db8:7::7", client_address_seen="172.22.1.1")
    return run(entry(V.CLOSED, R.ALL_REFUSED, refused(5)), seen, waited=5)


def promised_at_rcpt() -> RunResult:
    """Asked without sending, and the plain question was taken."""
    taken = Outcome(1, Word.ACCEPTED, Stage.RCPT, 250, PROMISED)
    return run(
        entry(V.ACCEPTS, R.PROMISED_AT_RCPT, (row(1, "plain-foreign", Word.ACCEPTED, outcome=taken), *refused(3, 2)))
    )


def blocked() -> RunResult:
    """A list of dynamic addresses turned the tester away."""
    reply = b"554 5.7.1 Service unavailable; client [198.51.100.7] blocked using zen.example.test\r\n"
    turned = Outcome(1, Word.UNTESTED, Stage.RCPT, 554, reply, Reason.TESTER_BLOCKED, 1)
    finding = Finding("tester-blocked", Severity.INFO, "mail.a.com", (reply.decode().strip(),))
    tests = (row(1, "plain-foreign", Word.UNTESTED, outcome=turned),)
    return run(entry(V.INCONCLUSIVE, R.TESTER_BLOCKED, tests, findings=(finding,), verdict_params={"reply": "554"}))


def bounced() -> RunResult:
    """A bounce to the forged sender came home."""
    tests = (row(1, "unknown-bounce", Word.ACCEPTED, proofs=(proof(1, ProofKind.BOUNCE),)), *refused(3, 2))
    return run(entry(V.REFLECTS, R.BOUNCED, tests), waited=120)


def unsettled() -> RunResult:
    """An address that may be a mailbox was taken; nothing was sent."""
    taken = Outcome(1, Word.ACCEPTED, Stage.RCPT, 250, PROMISED)
    tests = (row(1, "quoted-at", Word.ACCEPTED, row_class="L", outcome=taken), *refused(3, 2))
    return run(entry(V.INCONCLUSIVE, R.UNSETTLED, tests, verdict_params={"count": 1, "sent": 0}))


def several_targets() -> RunResult:
    """Two targets, one of them open."""
    other = replace(endpoint("192.0.2.77"), target="mx.b.test", name="mx.b.test")
    closed = entry(V.CLOSED, R.ALL_REFUSED, refused(8), endpoint=other)
    delivered = (row(1, "pct-domain", Word.DELIVERED), *refused(7, 2))
    return run(closed, entry(V.OPEN, R.DELIVERED, delivered), waited=120)


def with_tls() -> RunResult:
    """Closed, in the clear and inside STARTTLS, with a catch-all that explains one address."""
    decoy = Outcome(99, Word.ACCEPTED, Stage.RCPT, 250, PROMISED)
    mailbox = row(9, "pct-own", Word.ACCEPTED, row_class="L", decoy=decoy)
    inside = entry(V.CLOSED, R.ALL_REFUSED, refused(3), endpoint=endpoint(tls=TlsState.STARTTLS))
    return run(entry(V.CLOSED, R.ALL_REFUSED, (*refused(8), mailbox)), inside, waited=120)


def crowded() -> RunResult:
    """Two addresses, in the clear and inside STARTTLS, two domains, many holes, many findings."""
    findings = (
        Finding("lost-client-address", Severity.CRITICAL, "mail.a.com", (), {"seen": "10.0.0.1", "source": "x"}),
        Finding("refused-but-delivered", Severity.CRITICAL, "mail.a.com", ("550 5.7.1 no way",), {"test": "pct-3"}),
        Finding("postmaster-refused", Severity.MEDIUM, "mail.a.com", ("550 5.1.1 nobody",), {"domain": "a.com"}),
        Finding("deferred-forever", Severity.LOW, "mail.a.com", ("451 4.7.1 later",), {"count": 2}),
    )
    tests = (*(row(n, f"pct-{n}", Word.DELIVERED) for n in range(1, 17)), *refused(9, 20))
    places = [endpoint(a, tls=t) for a in ("192.0.2.25", "2001:db8::25") for t in (TlsState.CLEAR, TlsState.STARTTLS)]
    return run(
        *(
            entry(V.OPEN, R.DELIVERED, tests, endpoint=place, domain=domain, findings=findings)
            for place in places
            for domain in ("a.com", "b.test")
        ),
        waited=120,
    )


def closed_late() -> RunResult:
    """Every recipient taken, every message refused, and no mailbox named for the rest."""
    untried = ("state-local-then-foreign", "state-header-bcc")
    params: dict[str, str | int] = {"tests": ", ".join(untried), "count": 2}
    findings = (
        Finding("late-refusal-untried", Severity.MEDIUM, "mail.a.com", untried, params, ("generic-untried",)),
        Finding("late-refusal", Severity.LOW, "mail.a.com", ("plain-foreign",), {"stage": "message"}),
    )
    late = Outcome(0, Word.REFUSED, Stage.MESSAGE, 550, b"550 5.7.1 relay not permitted\r\n", Reason.RELAY, 1)
    out = Outcome(0, Word.NOT_APPLICABLE, Stage.CONNECT, reason=Reason.NO_LOCAL_USER)
    tests = (
        *(row(number, f"test-{number}", outcome=late) for number in range(1, 9)),
        *(row(90 + at, name, Word.NOT_APPLICABLE, outcome=out) for at, name in enumerate(untried)),
    )
    closed = entry(V.CLOSED, R.ALL_REFUSED, tests, findings=findings, verdict_params={"untried": 2})
    return run(closed, replace(closed, endpoint=endpoint("2001:db8::25")), waited=120)


CASES: dict[str, Callable[[], RunResult]] = {
    "open": open_run,
    "open-many": lambda: open_run(16),
    "open-crowded": crowded,
    "open-lost-client-address": lost_client_address,
    "accepts": lambda: run(entry(V.ACCEPTS, R.PROMISED, (row(1, "plain-foreign", Word.ACCEPTED),)), waited=120),
    "accepts-at-rcpt": promised_at_rcpt,
    "reflects": bounced,
    "closed": lambda: run(entry(V.CLOSED, R.ALL_REFUSED, refused(198))),
    "closed-tls": with_tls,
    "closed-late": closed_late,
    "inconclusive-blocked": blocked,
    "inconclusive-postmaster": lambda: run(
        entry(V.INCONCLUSIVE, R.POSTMASTER_REFUSED, refused(4), controls=controls(Word.REFUSED))
    ),
    "inconclusive-unsettled": unsettled,
    "unreachable": lambda: run(
        entry(V.UNREACHABLE, R.NO_CONNECTION, controls=(), transcripts=(), source="", client_address_seen="")
    ),
    "several": several_targets,
}


def say(result: RunResult, language: Language) -> str:
    """The text as the golden files hold it."""
    cures = CURES if result.verdict is V.OPEN else ()
    again = AGAIN if result.verdict in (V.OPEN, V.CLOSED) else ""
    return render_text(result, language=language, zone=TOKYO, cures=cures, again=again)


def write() -> None:
    """Write every golden text again."""
    FOLDER.mkdir(exist_ok=True)
    for name, make in CASES.items():
        for language in LANGUAGES:
            (FOLDER / f"{name}.{language}.txt").write_text(say(make(), language), encoding="utf-8")


if __name__ == "__main__":
    write()

# SPDX-License-Identifier: Apache-2.0
"""Results made from the real dataclasses, one for each kind of verdict, for every report to print.

The values are invented (RFC 5737 and RFC 3849 addresses, names of RFC 2606); their shape is what a run gives.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from fumidai.evidence.endpoint import Endpoint, TlsState
from fumidai.evidence.finding import Finding, Severity
from fumidai.evidence.outcome import Outcome, Reason, Stage, Word
from fumidai.evidence.proof import Arrival, Proof, ProofKind, Where
from fumidai.evidence.result import Entry, RunResult, Software, TestRow
from fumidai.evidence.transcript import Direction, Transcript
from fumidai.evidence.verdict import Verdict, VerdictReason, worst

# 2026-11-24 03:13:40 in Tokyo.
WINDOW_CLOSED = 1795457620.0

DENIED = b"550 5.7.1 Relaying denied\r\n"
PROMISED = b"250 2.1.5 Ok\r\n"


def endpoint(address: str = "192.0.2.25", *, port: int = 25, tls: TlsState = TlsState.CLEAR) -> Endpoint:
    """An endpoint of mail.a.com."""
    return Endpoint("mail.a.com", "mail.a.com", ip_address(address), port, tls)


def row(number: int, name: str, word: Word = Word.REFUSED, **changes: object) -> TestRow:
    """A row that met `word`, with an outcome that fits it."""
    outcomes = {
        Word.REFUSED: Outcome(number, Word.REFUSED, Stage.RCPT, 550, DENIED, Reason.RELAY, 1),
        Word.ACCEPTED: Outcome(number, Word.ACCEPTED, Stage.MESSAGE, 250, PROMISED, None, 1, completed=True),
        Word.DELIVERED: Outcome(number, Word.ACCEPTED, Stage.MESSAGE, 250, PROMISED, None, 1, completed=True),
        Word.DEFERRED: Outcome(number, Word.DEFERRED, Stage.RCPT, 451, b"451 4.7.1 Later\r\n", Reason.TEMPORARY, 1),
        Word.UNTESTED: Outcome(number, Word.UNTESTED, Stage.RCPT, 0, b"", Reason.CLOSED, 1),
        Word.NOT_APPLICABLE: Outcome(number, Word.NOT_APPLICABLE, Stage.SETUP, reason=Reason.NO_DOMAIN),
    }
    made = TestRow(
        number=number,
        id=name,
        title="A test",
        family="percent-hack",
        row_class="F",
        mail_from=f"<7f3s{number}@proof.example.net>",
        rcpt_to=f"<7f3k{number}%proof.example.net@a.com>",
        expected="refuse",
        rule="foreign-recipient",
        word=word,
        outcome=outcomes[word],
        proofs=(proof(number),) if word is Word.DELIVERED else (),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def proof(number: int, kind: ProofKind = ProofKind.DELIVERY) -> Proof:
    """A token that came back from the server itself, nine seconds before the window closed."""
    token = f"7f3k{number}"
    arrival = Arrival(
        file=f"proofs/{token}.eml",
        received=WINDOW_CLOSED - 9,
        peer="192.0.2.25",
        helo="mail.a.com",
        reverse_path="" if kind is ProofKind.BOUNCE else "7f3s@proof.example.net",
        recipients=(f"{token}@proof.example.net",),
        message=b"Received: from stranger\r\n\r\n",
    )
    return Proof(number, token, kind, Where.ENVELOPE, arrival.recipients[0], arrival, kind is ProofKind.BOUNCE)


def controls(postmaster: Word = Word.ACCEPTED) -> tuple[TestRow, ...]:
    """The three controls, sound unless told otherwise."""
    return (
        row(901, "postmaster", postmaster, rcpt_to="<postmaster@a.com>", expected="permit"),
        row(902, "unknown-user", Word.REFUSED, rcpt_to="<7f3x@a.com>"),
        row(903, "decoy", Word.REFUSED),
    )


def refused(count: int, start: int = 1) -> tuple[TestRow, ...]:
    """Rows that were refused for relaying."""
    return tuple(row(number, f"test-{number}") for number in range(start, start + count))


def dialogue() -> Transcript:
    """A short session with a banner that tries to talk to the terminal."""
    transcript = Transcript(1, "plain-foreign")
    transcript.add(0.101, Direction.PEER, b"220 mail.a.com ESMTP \x1b]0;owned\x07 Sendmail 8.8.8\r\n")
    transcript.add(0.102, Direction.US, b"EHLO probe.example.net\r\n")
    transcript.add(0.203, Direction.PEER, b"250-mail.a.com Hello\r\n250 ")
    transcript.add(0.204, Direction.PEER, b"PIPELINING\r\n")
    transcript.add(0.205, Direction.US, b"QUIT\r\n")
    transcript.add(0.306, Direction.PEER, b"221 Bye\n")
    return transcript


def entry(verdict: Verdict, reason: VerdictReason, tests: tuple[TestRow, ...] = (), **changes: object) -> Entry:
    """An entry of mail.a.com, 192.0.2.25 port 25 in the clear, asked from 198.51.100.7."""
    made = Entry(
        endpoint=endpoint(),
        domain="a.com",
        verdict=verdict,
        verdict_reason=reason,
        software=Software("Sendmail", "8.8.8"),
        banner=b"220 mail.a.com ESMTP Sendmail 8.8.8\r\n",
        extensions=("PIPELINING", "8BITMIME"),
        client_address_seen="198.51.100.7",
        source="198.51.100.7",
        seconds=9.3,
        connections=9,
        round_trips=40,
        controls=controls(),
        tests=tests,
        transcripts=(dialogue(),),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def run(*entries: Entry, waited: float = 0.0, **changes: object) -> RunResult:
    """A run of these entries."""
    grouped: dict[str, list[Verdict]] = {}
    for each in entries:
        grouped.setdefault(each.endpoint.target, []).append(each.verdict)
    verdicts = {target: worst(found) for target, found in grouped.items()}
    made = RunResult(
        id="2026-11-24-7f3k",
        started=WINDOW_CLOSED - 130,
        seconds=9.3 + waited,
        waited=waited,
        battery="full",
        vantage="198.51.100.7",
        proof_domain="proof.example.net" if waited else "",
        verdict=worst(verdicts.values()),
        verdicts=verdicts,
        entries=entries,
        folder="~/.local/state/fumidai/runs/2026-11-24-7f3k",
        window_closed=WINDOW_CLOSED if waited else 0.0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def open_run(holes: int = 2) -> RunResult:
    """Delivered `holes` times, one promise, two untested, the rest refused."""
    delivered = tuple(row(number, f"pct-{number}", Word.DELIVERED) for number in range(1, holes + 1))
    others = (
        row(50, "sender-null", Word.ACCEPTED, family="sender-claim", mail_from="<>"),
        row(51, "rcpt-dribble", Word.UNTESTED, outcome=Outcome(51, Word.UNTESTED, Stage.RCPT, reason=Reason.LIMIT)),
        row(52, "auth-plain", Word.NOT_APPLICABLE, family="auth", outcome=not_run(52)),
    )
    finding = Finding("open-relay", Severity.CRITICAL, "192.0.2.25:25", ("pct-1",), {"count": holes, "tests": "pct-1"})
    outdated = Finding("software-outdated", Severity.HIGH, "mail.a.com", (), {"name": "Sendmail", "version": "8.8.8"})
    tests = (*delivered, *others, *refused(5, start=60))
    return run(entry(Verdict.OPEN, VerdictReason.DELIVERED, tests, findings=(finding, outdated)), waited=120.0)


def not_run(number: int) -> Outcome:
    """Outcome of a row that this version does not run."""
    return Outcome(number, Word.NOT_APPLICABLE, Stage.SETUP, reason=Reason.NOT_RUN_YET)

# SPDX-License-Identifier: Apache-2.0
"""The result of a run as every report reads it: one entry for each endpoint, one row for each test.

``judge`` makes it, ``report`` prints it, ``store`` keeps it. Shapes follow the published JSON of DESIGN §6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fumidai.evidence.endpoint import Endpoint
from fumidai.evidence.finding import Finding
from fumidai.evidence.outcome import Outcome, Word
from fumidai.evidence.proof import Proof
from fumidai.evidence.transcript import Transcript
from fumidai.evidence.verdict import Verdict, VerdictReason


@dataclass(frozen=True, slots=True)
class TestRow:
    """One attempt with what it should meet, what it met, and what came back.

    Attributes:
        number: attempt number in the run.
        id, title, family, row_class: from the catalogue (class letter F, L, N, T, B or C).
        mail_from, rcpt_to: the deciding commands' arguments as sent (raw bytes shown as latin-1).
        expected: ``refuse`` or ``permit``, what the declared policy says; ``rule``, the rule that says so.
        word: the outcome after proofs (``delivered`` possible).
        outcome: what the dialogue gave.
        proofs: what came back, oldest first.
        allowed: it was taken or delivered, and the policy permits it: no hole.
        decoy: the outcome of the same-shape decoy, where one was asked.
    """

    number: int
    id: str
    title: str
    family: str
    row_class: str
    mail_from: str
    rcpt_to: str
    expected: str
    rule: str
    word: Word
    outcome: Outcome
    proofs: tuple[Proof, ...] = ()
    allowed: bool = False
    decoy: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Software:
    """What the server says or shows that it is; name "" where nothing tells. Text of a peer."""

    name: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """The result for one endpoint and domain.

    Attributes:
        verdict_params: values for the verdict's sentence (``report`` knows the sentence by verdict and reason).
        banner: the greeting's text, raw.
        extensions: EHLO keywords offered.
        client_address_seen: the address the server thinks we came from, "" where it never said.
        source: the address we came from (our end of the connection).
        controls: control rows (postmaster, unknown user, decoy …), same shape as tests.
    """

    endpoint: Endpoint
    domain: str
    verdict: Verdict
    verdict_reason: VerdictReason
    verdict_params: Mapping[str, str | int] = field(default_factory=dict)
    software: Software = Software()
    banner: bytes = b""
    extensions: tuple[str, ...] = ()
    client_address_seen: str = ""
    source: str = ""
    seconds: float = 0.0
    connections: int = 0
    round_trips: int = 0
    controls: tuple[TestRow, ...] = ()
    tests: tuple[TestRow, ...] = ()
    findings: tuple[Finding, ...] = ()
    transcripts: tuple[Transcript, ...] = ()

    def counts(self) -> dict[Word, int]:
        """How many tests met each outcome, every word present."""
        counted = dict.fromkeys(Word, 0)
        for row in self.tests:
            counted[row.word] += 1
        return counted


@dataclass(frozen=True, slots=True)
class RunResult:
    """A whole run.

    Attributes:
        id: name of the run and its folder, for example ``2026-11-24-7f3k``.
        started: seconds since the epoch (UTC).
        seconds: how long it took, waiting included; ``waited``: of these, the proof window.
        battery: name of the battery.
        vantage: address or addresses the tests were made from.
        proof_domain: "" where nothing was sent.
        folder: the run folder as a path, "" where none was kept.
        interrupted: stopped by hand before everything was asked.
        window_closed: seconds since the epoch at which the proof window ended (0: there was none).
        findings: findings that belong to no one endpoint.
        left_out: addresses of a target that were not asked because only the other family was wanted.
        silent: places (address and port) of a target that refused the connection while others answered.
    """

    id: str
    started: float
    seconds: float
    waited: float
    battery: str
    vantage: str
    proof_domain: str
    verdict: Verdict
    verdicts: Mapping[str, Verdict]
    entries: tuple[Entry, ...]
    folder: str = ""
    interrupted: bool = False
    window_closed: float = 0.0
    findings: tuple[Finding, ...] = ()
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    silent: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

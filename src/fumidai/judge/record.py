# SPDX-License-Identifier: Apache-2.0
"""What a tester hands to the judge about one endpoint and domain: questions, answers, and what was learned.

A record grows while the endpoint is being asked; the judge reads it once nothing more will come (or at any
earlier moment, which gives the verdict as of then).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from fumidai.battery.attempt import Attempt, Inapplicable
from fumidai.battery.ground import Ground
from fumidai.evidence.endpoint import Endpoint
from fumidai.evidence.outcome import Outcome
from fumidai.evidence.transcript import Transcript


class Failure(StrEnum):
    """Why an endpoint could not be asked at all."""

    REFUSED = "refused"
    TIMEOUT = "timeout"
    NO_ROUTE = "no-route"
    NO_GREETING = "no-greeting"
    TURNED_AWAY = "turned-away"
    NO_HELLO = "no-hello"
    TLS_FAILED = "tls-failed"
    NOT_OFFERED = "not-offered"


@dataclass(slots=True)
class Record:
    """One endpoint and domain, as asked.

    Attributes:
        battery: name of the battery that was asked here.
        ground: what the questions stood on; None where no session came so far.
        attempts: tests by number; ``controls`` and ``decoys`` likewise (a decoy by the number of its test).
        outcomes: outcome by attempt number, of tests, controls and decoys alike.
        failure, failure_reply: why nothing could be asked, and what the server said then.
        failure_how: how the greeting (or the answer to HELO) failed to come: silent, dropped, flood, overdue.
        greeting: raw bytes of the greeting; ``hello``: text lines of the EHLO or HELO reply.
        seen_addresses: what the server's replies say where we come from, in order, without repetition.
        sources: the addresses we came from.
        pipelining_broken: it announced PIPELINING and lost answers in a group.
        tls_failure: text of a failed handshake.
        turned_away: number of sessions refused before anything could be asked; ``let_in``: of those that had answers.
        limited: the server said again and again that we come too often, so that what waits needs time.
        sessions_left: how many sessions what was not asked would have needed.
    """

    endpoint: Endpoint
    domain: str
    battery: str
    ground: Ground | None = None
    attempts: dict[int, Attempt] = field(default_factory=dict)
    controls: dict[int, Attempt] = field(default_factory=dict)
    decoys: dict[int, Attempt] = field(default_factory=dict)
    inapplicable: list[Inapplicable] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    transcripts: list[Transcript] = field(default_factory=list)
    failure: Failure | None = None
    failure_reply: bytes = b""
    failure_how: str = ""
    greeting: bytes = b""
    hello: tuple[str, ...] = ()
    extensions: frozenset[str] = frozenset()
    seen_addresses: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    pipelining_broken: bool = False
    tls_failure: str = ""
    turned_away: int = 0
    let_in: int = 0
    limited: bool = False
    sessions_left: int = 0
    connections: int = 0
    round_trips: int = 0
    seconds: float = 0.0
    time_up: bool = False
    last_dot: float = 0.0

    def all_attempts(self) -> dict[int, Attempt]:
        """Tests, controls and decoys by number."""
        decoys = {attempt.number: attempt for attempt in self.decoys.values()}
        return {**self.controls, **self.attempts, **decoys}

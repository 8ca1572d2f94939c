# SPDX-License-Identifier: Apache-2.0
"""Gather proofs while the tests run, and wait for the open promises after the last dot.

An arrival is read as a proof at once and kept in the order in which it came. The window begins at the last
dot and ends early when no promise is open: every message that was taken has come back, or none was taken.

Limits: what comes after the window is collected by ``--resume``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from fumidai.evidence.proof import Arrival, Proof, ProofKind
from fumidai.evidence.token import TokenKey
from fumidai.judge.proofs import read_proof
from fumidai.judge.record import Record

#: Seconds between two looks.
TICK = 0.05


@dataclass(slots=True)
class Proofs:
    """What has come back so far.

    Attributes:
        key, run: which tokens are ours.
        found: in the order of their arrival.
        on_proof: told of each.
        one_address: attempts whose sender and recipient are one address.
    """

    key: TokenKey
    run: bytes
    on_proof: Callable[[Proof], None]
    on_arrival: Callable[[Arrival], None] = lambda arrival: None
    found: list[Proof] = field(default_factory=list)
    one_address: set[int] = field(default_factory=set)
    _known: set[str | int] = field(default_factory=set)

    def take(self, arrival: Arrival) -> None:
        """Read an arrival; one that was read before, under this name or another, is passed over."""
        known: set[str | int] = {arrival.file, hash((arrival.recipients, arrival.message))}
        if known & self._known:
            return
        self._known |= known
        proofs = read_proof(self.key, self.run, arrival, one_address=self.one_address)
        if proofs:
            self.on_arrival(arrival)
        for proof in proofs:
            self.found.append(proof)
            self.on_proof(proof)

    def concerns(self, arrival: Arrival) -> bool:
        """Does it hold a token of this run, and was it not read before?"""
        if hash((arrival.recipients, arrival.message)) in self._known:
            return False
        return bool(read_proof(self.key, self.run, arrival, one_address=self.one_address))

    def attempts(self) -> set[int]:
        """Numbers of the attempts of which something came back."""
        return {proof.attempt for proof in self.found}

    def delivered(self) -> set[int]:
        """Numbers of the attempts that were delivered."""
        return {proof.attempt for proof in self.found if proof.kind is ProofKind.DELIVERY}


def open_promises(records: Iterable[Record], proofs: Proofs) -> int:
    """Messages that were taken, or that nobody answered, and of which nothing has come back yet."""
    back = proofs.attempts()
    return sum(
        (outcome.completed or outcome.at_large) and number not in back
        for record in records
        for number, outcome in record.outcomes.items()
    )


async def wait_for_proofs(
    records: list[Record],
    proofs: Proofs,
    seconds: float,
    stop: asyncio.Event,
    *,
    since: float = 0.0,
    look: Callable[[], None] = lambda: None,
    tell: Callable[[int, float], None] = lambda count, left: None,
) -> float:
    """Wait until no promise is open, the window is over or the user stops us; seconds waited.

    Args:
        since: monotonic time from which the window counts at the earliest.
        look: fetches arrivals from where they don't come by themselves (a Maildir).
        tell: told of open promises and seconds left about once a second.
    """
    began = time.monotonic()
    end = max(since, *(record.last_dot for record in records), 0.0) + seconds
    told = 0.0
    look()
    while open_promises(records, proofs) and time.monotonic() < end and not stop.is_set():
        if time.monotonic() - told >= 1.0:
            told = time.monotonic()
            tell(open_promises(records, proofs), end - told)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), TICK)
        look()
    return time.monotonic() - began

# SPDX-License-Identifier: Apache-2.0
"""Who hears of a run while it goes on: a screen that shows it, a folder that keeps it.

A listener must be quick and must not fail; ``Listeners`` hands everything to several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fumidai.battery.attempt import Attempt
from fumidai.evidence.outcome import Outcome
from fumidai.evidence.proof import Arrival, Proof
from fumidai.evidence.transcript import Transcript
from fumidai.judge.record import Record
from fumidai.tester.questions import Questions


class RunListener(Protocol):
    """Hears of everything in a run."""

    def asking(self, record: Record, questions: Questions) -> None:
        """An endpoint's questions are known."""

    def answered(self, record: Record, attempt: Attempt, outcome: Outcome) -> None:
        """An attempt has an outcome (it may get another one later)."""

    def session_ended(self, record: Record, transcript: Transcript) -> None:
        """A session's dialogue is complete."""

    def arrived(self, arrival: Arrival) -> None:
        """A message with a token of this run reached us."""

    def proven(self, proof: Proof, attempt: Attempt | None) -> None:
        """A token came back."""

    def putting_off(self, count: int, until: float) -> None:
        """Temporary refusals wait to be asked again; ``until`` in seconds since the epoch."""

    def waiting(self, promises: int, until: float) -> None:
        """The proof window is open; ``until`` in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Several listeners as one."""

    all: Sequence[RunListener]

    def asking(self, record: Record, questions: Questions) -> None:
        """See ``RunListener``."""
        for one in self.all:
            one.asking(record, questions)

    def answered(self, record: Record, attempt: Attempt, outcome: Outcome) -> None:
        """See ``RunListener``."""
        for one in self.all:
            one.answered(record, attempt, outcome)

    def session_ended(self, record: Record, transcript: Transcript) -> None:
        """See ``RunListener``."""
        for one in self.all:
            one.session_ended(record, transcript)

    def arrived(self, arrival: Arrival) -> None:
        """See ``RunListener``."""
        for one in self.all:
            one.arrived(arrival)

    def proven(self, proof: Proof, attempt: Attempt | None) -> None:
        """See ``RunListener``."""
        for one in self.all:
            one.proven(proof, attempt)

    def putting_off(self, count: int, until: float) -> None:
        """See ``RunListener``."""
        for one in self.all:
            one.putting_off(count, until)

    def waiting(self, promises: int, until: float) -> None:
        """See ``RunListener``."""
        for one in self.all:
            one.waiting(promises, until)

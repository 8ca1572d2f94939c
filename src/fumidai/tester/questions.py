# SPDX-License-Identifier: Apache-2.0
"""What is asked of an endpoint once the first session has taught the ground, and who hears of the answers.

Limits: it makes no question itself; whoever holds the catalogue and the policy does (``Prepare``, ``Decoy``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fumidai.battery.attempt import Attempt, Inapplicable
from fumidai.evidence.outcome import Outcome
from fumidai.evidence.transcript import Transcript
from fumidai.judge.record import Record


@dataclass(frozen=True, slots=True)
class Learned:
    """What the first session taught: names and extensions, and our own end of the connection."""

    host: str
    extensions: frozenset[str]
    source: str


@dataclass(frozen=True, slots=True)
class Questions:
    """What is to be asked here, once the ground is known."""

    controls: tuple[Attempt, ...]
    attempts: tuple[Attempt, ...]
    inapplicable: tuple[Inapplicable, ...]


class Listener(Protocol):
    """Hears of everything as it happens; must not block."""

    def asking(self, record: Record, questions: Questions) -> None:
        """The questions are known."""

    def answered(self, record: Record, attempt: Attempt, outcome: Outcome) -> None:
        """An attempt has an outcome (it may get another one later)."""

    def session_ended(self, record: Record, transcript: Transcript) -> None:
        """A session's dialogue is complete."""


Prepare = Callable[[Record, Learned], Questions]
Decoy = Callable[[Record, Attempt], Attempt | None]

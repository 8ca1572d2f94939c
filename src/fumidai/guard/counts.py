# SPDX-License-Identifier: Apache-2.0
"""What a guard counts: plain numbers under tuples of words, cheap to add to and to hand from a worker to its parent.

    counts.decided("refuse", "foreign-recipient")      →  {("decisions", "refuse", "foreign-recipient"): 1}

The first word names the metric (``metrics`` says how each is shown), the others are its labels. Labels are words of
ours (rules, outcomes, kinds of look-ups) or zones of the policy, never text of a client; should they ever become too
many, the rest is counted under ``other``.

Limits: numbers live as long as their process; Prometheus takes a smaller number for a restart.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import Final

Key = tuple[str, ...]
Numbers = Mapping[Key, float]

#: Seconds: upper bounds of the buckets in which answers of the backend are counted.
BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_BUCKETS: Final = (*map(str, range(len(BOUNDS) + 1)),)
_MOST: Final = 2000
_OTHER: Final = "other"
#: 1 or 0: together they are 1 where all are.
_YES_OR_NO: Final = frozenset({"listing-health"})


class Counts:
    """The numbers of one process."""

    __slots__ = ("_gauges", "_numbers")

    def __init__(self) -> None:
        self._numbers: dict[Key, float] = {}
        self._gauges: dict[Key, Callable[[], float]] = {}

    def add(self, key: Key, number: float = 1) -> None:
        """Count one thing, or so many."""
        numbers = self._numbers
        if key in numbers:
            numbers[key] += number
        elif len(numbers) < _MOST:
            numbers[key] = number
        else:
            other = (key[0], *(_OTHER for _ in key[1:]))
            numbers[other] = numbers.get(other, 0) + number

    def show(self, key: Key, number: Callable[[], float]) -> None:
        """A number that is asked for when somebody looks."""
        self._gauges[key] = number

    def hide(self, key: Key, number: Callable[[], float]) -> None:
        """This number is no longer shown, unless another has taken its place."""
        if self._gauges.get(key) is number:
            del self._gauges[key]

    def decided(self, action: str, rule: str) -> None:
        """A recipient was decided."""
        self.add(("decisions", action, rule))

    def ended(self, outcome: str) -> None:
        """A message came to its end."""
        self.add(("messages", outcome))

    def sent_away(self, rule: str) -> None:
        """A client was sent away."""
        self.add(("sent-away", rule))

    def logged_in(self, action: str) -> None:
        """Somebody said to be a user: permit, refuse, or defer where it could not be told."""
        self.add(("logins", action))

    def answered(self, step: str, seconds: float, fate: str) -> None:
        """The backend answered, or did not (``fate``: answered, failed or unknown)."""
        if fate == "answered":
            self.add(("answers", step, _BUCKETS[bisect_left(BOUNDS, seconds)]))
            self.add(("answers-sum", step), seconds)
        else:
            self.add(("backend-failures", step, fate))

    def looked_up(self, kind: str, result: str) -> None:
        """A look-up ended: found, none or failed."""
        self.add(("lookups", kind, result))

    def numbers(self) -> Numbers:
        """All of them, now."""
        return {**self._numbers, **{key: number() for key, number in self._gauges.items()}}


def summed(parts: Iterable[Numbers]) -> dict[Key, float]:
    """The numbers of several processes together."""
    total: dict[Key, float] = {}
    for part in parts:
        for key, number in part.items():
            if key[0] in _YES_OR_NO:
                total[key] = min(total.get(key, 1), number)
            else:
                total[key] = total.get(key, 0) + number
    return total

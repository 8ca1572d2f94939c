# SPDX-License-Identifier: Apache-2.0
"""Repeated measurements as people read them: median with lowest and highest, and ratios taken run by run.

A ratio is taken between runs that stood beside each other, then its median is given: so a machine that is busy for
some seconds bends both sides of it alike.

Limits: with three to five repetitions there is no more to say than median and range; nothing is thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """One quantity over some repetitions, in order."""

    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        """The median."""
        return median(self.values)

    def over(self, other: Spread) -> Spread:
        """The ratio of each of these to the other's of the same repetition, as far as both go."""
        return Spread(tuple(mine / theirs for mine, theirs in zip(self.values, other.values, strict=False)))

    def show(self, digits: int, factor: float = 1.0) -> str:
        """Median and range, each times `factor`; the range is left out where it is none at this precision."""
        middle, low, high = (
            f"{value * factor:.{digits}f}" for value in (self.middle, min(self.values), max(self.values))
        )
        return middle if low == high else f"{middle} ({low}-{high})"


def spread(values: Sequence[float]) -> Spread:
    """The spread of some values.

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("no values")
    return Spread(tuple(values))


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be reached, and what was: `reached` and `limit` in the same unit, the limit still met.

    Attributes:
        at_least: the limit is the least that will do; else the most.
    """

    what: str
    limit: float
    reached: float
    unit: str
    peer: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether it was reached."""
        return self.reached >= self.limit if self.at_least else self.reached <= self.limit


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a report: a title, what is to be known to read it, column heads, rows of cells."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """What one benchmark gives to the report."""

    tables: tuple[Table, ...]
    targets: tuple[Target, ...]

# SPDX-License-Identifier: Apache-2.0
"""Numbers in Prometheus' text format, version 0.0.4.

    # HELP fumidai_guard_messages_total Messages by what became of them.
    # TYPE fumidai_guard_messages_total counter
    fumidai_guard_messages_total{outcome="delivered"} 17

Written by ourselves because it is five rules (prometheus.io/docs/instrumenting/exposition_formats); a process that
stands in front of a mail server needs no library for them.

Limits: no time stamps, no exemplars; names of families and labels are ours and are not checked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_HELP: Final = str.maketrans({"\\": r"\\", "\n": r"\n"})
# Text from outside can't end the line; what else it holds is shown as it is, as the format wants it.
_VALUE: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


@dataclass(frozen=True, slots=True)
class Family:
    """One metric.

    Attributes:
        name: with its unit, and ``_total`` where it counts.
        kind: ``counter``, ``gauge`` or ``histogram``.
        help: one English sentence.
        labels: names of its labels, in the order in which samples give their values.
        bounds: upper bounds of a histogram's buckets, rising; infinity is added.
    """

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


Samples = Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Spread:
    """A histogram's numbers: how many in each bucket (one more than bounds), and the sum of all."""

    counts: Sequence[float]
    sum: float


def family_text(family: Family, samples: Samples) -> str:
    """A counter's or gauge's lines; ``samples`` are by the values of the labels."""
    lines = _head(family)
    lines += [f"{family.name}{_labels(family.labels, key)} {_number(value)}" for key, value in sorted(samples.items())]
    return "\n".join((*lines, ""))


def histogram_text(family: Family, spreads: Mapping[tuple[str, ...], Spread]) -> str:
    """A histogram's lines."""
    lines, names = _head(family), (*family.labels, "le")
    for key, spread in sorted(spreads.items()):
        total = 0.0
        for bound, count in zip((*family.bounds, math.inf), spread.counts, strict=True):
            total += count
            lines.append(f"{family.name}_bucket{_labels(names, (*key, _number(bound)))} {_number(total)}")
        lines.append(f"{family.name}_sum{_labels(family.labels, key)} {_number(spread.sum)}")
        lines.append(f"{family.name}_count{_labels(family.labels, key)} {_number(total)}")
    return "\n".join((*lines, ""))


def _head(family: Family) -> list[str]:
    return [f"# HELP {family.name} {family.help.translate(_HELP)}", f"# TYPE {family.name} {family.kind}"]


def _labels(names: Iterable[str], values: Sequence[str]) -> str:
    pairs = ",".join(f'{name}="{value.translate(_VALUE)}"' for name, value in zip(names, values, strict=True))
    return f"{{{pairs}}}" if pairs else ""


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(value)

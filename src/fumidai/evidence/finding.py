# SPDX-License-Identifier: Apache-2.0
"""A finding: anything that is wrong, from any command, in one shape.

A finding carries an id and parameters, never a sentence: ``report`` has the sentence in each language, so
that a page, a terminal and a JSON file all say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How urgent a finding is; the order is that of the names here, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        id: stable id, for example ``lost-client-address``.
        severity: how urgent.
        target: what it is about (endpoint or file), as text.
        evidence: what it rests on: test ids, lines of the dialogue, file and line. Raw text of peers: escape it.
        params: values for the sentence.
        remedies: ids of cures (``dialects.cure``), in the order now, mend, clear the queue, prove.
    """

    id: str
    severity: Severity
    target: str
    evidence: tuple[str, ...] = ()
    params: Mapping[str, str | int] = field(default_factory=dict)
    remedies: tuple[str, ...] = ()

# SPDX-License-Identifier: Apache-2.0
"""What can be said of the way of one message: the words and types of a trace.

``weigh`` makes a ``Trace`` of hops; ``report`` prints it; its JSON is drawn in DESIGN §6. Reasons are ids with values
(``Claim`` beside a hop, ``evidence.finding.Finding`` for the message), never sentences: ``report`` has those.
docs/trace.md explains every word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from fumidai.evidence.finding import Finding
from fumidai.received.hop import Hop, Span


class TraceVerdict(StrEnum):
    """What the Received lines of a message prove."""

    RELAY = "relay"
    """A host passed it on from a stranger to a stranger: a stepping stone."""
    DIRECT = "direct"
    """No stepping stone: its source spoke to our border itself, or through a server of its own."""
    UNDECIDED = "undecided"
    """The lines that can be believed don't settle it; the findings say why."""
    NO_EVIDENCE = "no-evidence"
    """There is no Received line that tells of a transfer."""


class Confidence(StrEnum):
    """How sure the verdict is, from the clues for and against it."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Trust(StrEnum):
    """How far one Received line can be believed."""

    OBSERVED = "observed"
    """Written by a host inside the trust border: the address in it is a fact."""
    BELIEVED = "believed"
    """Written outside, and the line above it saw its writer under that name or address."""
    CLAIMED = "claimed"
    """Nobody vouches for it."""
    DOUBTED = "doubted"
    """It contradicts what is observed, or no mail server writes such a line."""


class Border(StrEnum):
    """What the trust border rests on."""

    DECLARED = "declared"
    """On ``ours``: networks and names that the user gave."""
    INFERRED = "inferred"
    """On the lines alone: same host, private address, login, same site and network."""


_NO_PARAMS: Final[Mapping[str, str | int]] = MappingProxyType({})


class Claim(NamedTuple):
    """One reason beside a hop: an id of docs/trace.md and the values for its sentence (raw text of peers: escape)."""

    id: str
    params: Mapping[str, str | int] = _NO_PARAMS


class TracedHop(NamedTuple):
    """A hop and what it is worth.

    Attributes:
        noise: it is no step of the way (a program's note, a local hand-over).
        claims: why it is trusted that far, and what is odd about it.
        delay: seconds since the next older step, by the two clocks; None where one has no date.
    """

    hop: Hop
    trust: Trust
    noise: bool = False
    claims: tuple[Claim, ...] = ()
    delay: int | None = None


@dataclass(frozen=True, slots=True)
class ClockError:
    """Bounds of (its clock - true time) in seconds; positive is fast. None: no bound on that side.

    Attributes:
        at_least: from the clock of whoever took the message from it, which is later in truth.
        at_most: from the Date field, which is earlier in truth if it is believed.
    """

    at_least: int | None = None
    at_most: int | None = None

    @property
    def certain(self) -> int:
        """How wrong it is at least: positive fast, negative slow, 0 where the bounds allow a right clock."""
        if self.at_least is not None and self.at_least > 0:
            return self.at_least
        return self.at_most if self.at_most is not None and self.at_most < 0 else 0


@dataclass(frozen=True, slots=True)
class Relay:
    """The stepping stone.

    Attributes:
        name: as the border's line saw it: its verified name, else what it called itself.
        ip: its address; "" where the line has none. Never guessed.
        masked: the unreadable address, where somebody masked it: ask for it.
        told: ``ip`` was given by the user (``--relay-address``), not read.
        entry: what its own line calls the host that took the message, where that is another name.
        software, version: by its own line.
        clock: bounds of its clock's error; None where dates are missing.
        output: index in ``Trace.hops`` of the line that observed it; own: of its own line.
    """

    name: str
    ip: str = ""
    masked: str = ""
    told: bool = False
    entry: str = ""
    software: str = ""
    version: str = ""
    clock: ClockError | None = None
    output: int = 0
    own: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """Where the message came from, as the relay (or our border, if direct) saw it.

    Attributes:
        ip, rdns, helo, ident, masked: as in ``Client``.
        auth: how it had logged in there, "" if the line doesn't say.
        hop: index in ``Trace.hops`` of the line that saw it.
    """

    ip: str = ""
    rdns: str = ""
    helo: str = ""
    ident: str = ""
    masked: str = ""
    auth: str = ""
    hop: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What stood around a pasted message.

    Attributes:
        filed: when the evidence was filed, by its stamp (may be naive: such stamps seldom have a zone).
        filed_text: the stamp as it stands.
        quoted: where a quoted original begins and ends.
    """

    filed: datetime | None = None
    filed_text: str = ""
    quoted: Span | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """What the lines of one message prove.

    Attributes:
        verdict, confidence: what, and how sure.
        relay: the stepping stone; None unless the verdict is ``relay``.
        source: the oldest host that can be named with reason; None without evidence.
        border: what the trust border rests on; border_hop: index of the last trusted line, None if there is none.
        hops: every Received line, the newest first.
        findings: what is odd about the message, in the order of importance.
    """

    verdict: TraceVerdict
    confidence: Confidence
    relay: Relay | None = None
    source: Source | None = None
    border: Border = Border.INFERRED
    border_hop: int | None = None
    hops: tuple[TracedHop, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def noise(self) -> int:
        """How many lines are no step of the way."""
        return sum(step.noise for step in self.hops)

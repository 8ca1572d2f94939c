# SPDX-License-Identifier: Apache-2.0
"""A proof: a token of ours that came back to the sink.

The token in the *envelope recipient* decides what the arrival means: a recipient token is a delivery, a
sender token a bounce (DESIGN §3). A proof exists only after the sink has acknowledged the message and
it is safely on disk; a RCPT without DATA is a callout and no proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ProofKind(StrEnum):
    """What the arrival means."""

    DELIVERY = "delivery"
    BOUNCE = "bounce"


class Where(StrEnum):
    """Where the deciding token stood."""

    ENVELOPE = "envelope"
    HEADER = "header"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message as the sink (or a Maildir) holds it, before it is read as a proof.

    Attributes:
        file: name of the kept message, relative to the run folder or Maildir.
        received: seconds since the epoch (UTC) at which it was acknowledged.
        peer: address that brought it, as text; empty where it came by a Maildir.
        helo: what the bringer called itself.
        reverse_path: envelope sender without brackets, "" for the null sender, None where unknown.
        recipients: envelope recipients without brackets (Maildir: topmost Delivered-To or X-Original-To).
        message: the message as it came, without dot-stuffing.
    """

    file: str
    received: float
    peer: str
    helo: str
    reverse_path: str | None
    recipients: tuple[str, ...]
    message: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """A token that came back, credited to the attempt that carried it.

    Attributes:
        attempt: number of the attempt.
        token: the token, lower case.
        kind: delivery or bounce.
        where: where the deciding token stood.
        recipient: the envelope recipient in which it reached the sink ("" where only a header had it).
        arrival: the message.
        automatic: it was marked as sent by a machine that is not ours (RFC 3834), or has a null sender.
    """

    attempt: int
    token: str
    kind: ProofKind
    where: Where
    recipient: str
    arrival: Arrival
    automatic: bool = False

# SPDX-License-Identifier: Apache-2.0
"""The words of a trace in sentences: how far a line is believed, and why.

Limits: a claim whose id stands nowhere here is printed as its id with its values, so that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fumidai.received.trace import Claim, Confidence, Trust
from fumidai.report.escape import raw
from fumidai.report.voice import Voice
from fumidai.texts import N_

TRUST: Final[Mapping[Trust, str]] = {
    Trust.OBSERVED: N_("observed"),
    Trust.BELIEVED: N_("believed"),
    Trust.CLAIMED: N_("claimed"),
    Trust.DOUBTED: N_("doubted"),
}
CONFIDENCE: Final[Mapping[Confidence, str]] = {
    Confidence.HIGH: N_("confidence high"),
    Confidence.MEDIUM: N_("confidence medium"),
    Confidence.LOW: N_("confidence low"),
}
CLAIMS: Final[Mapping[str, str]] = {
    "unknown-form": N_("no mail server that we know writes such a line"),
}


def claim_text(claim: Claim, voice: Voice) -> str:
    """A claim as a clause."""
    fields = {name: raw(value) if isinstance(value, str) else value for name, value in claim.params.items()}
    if claim.id in CLAIMS:
        return voice.best((CLAIMS[claim.id],), fields)
    listed = ", ".join(f"{name}={value!s}" for name, value in claim.params.items())
    return voice.say(N_("{id} ({fields})"), id=claim.id, fields=listed) if listed else claim.id

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
    "topmost": N_("the reader's own server wrote this line"),
    "inside-declared": N_("the line above saw a host that is declared as ours"),
    "inside-private": N_("the line above saw a private address"),
    "inside-same-host": N_("the line above saw its own host"),
    "inside-same-site": N_("the line above saw a host of its own site"),
    "inside-same-network": N_("the line above saw a host of its own network and site"),
    "agrees-by-name": N_("the line above saw this host under its name"),
    "agrees-by-address": N_("the line above saw this host under its address"),
    "agrees-by-helo": N_("the line above heard this name as HELO"),
    "agrees-by-site": N_("the line above saw a host of this site"),
    "agrees-by-helo-site": N_("the line above heard a name of this site as HELO"),
    "site-of-relay": N_("written at the same site"),
    "nobody-vouches": N_("nobody vouches for it"),
    "helo-bare-address": N_("HELO is a bare address"),
    "dynamic-name": N_("by its name a customer's line"),
    "may-be-forged": N_("its name and address do not agree"),
    "address-confirmed": N_("its address stands in {field} too"),
    "no-date": N_("no readable date"),
    "later-than-above": N_("{seconds} s later than the line above"),
}
#: Claims of a line that concern the host it saw, not its writer.
ABOUT_CLIENT: Final = frozenset({"helo-bare-address", "dynamic-name", "may-be-forged", "address-confirmed"})


def claim_text(claim: Claim, voice: Voice) -> str:
    """A claim as a clause."""
    fields = {name: raw(value) if isinstance(value, str) else value for name, value in claim.params.items()}
    if claim.id in CLAIMS:
        return voice.best((CLAIMS[claim.id],), fields)
    listed = ", ".join(f"{name}={value!s}" for name, value in claim.params.items())
    return voice.say(N_("{id} ({fields})"), id=claim.id, fields=listed) if listed else claim.id

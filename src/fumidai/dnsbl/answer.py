# SPDX-License-Identifier: Apache-2.0
"""What a list's answer says. An address that is answered is not yet a listing:

    nothing                       clean
    outside 127/8                 broken: the zone was parked, or somebody answers every name there is
    127.255.255.x, 127.0.0.1      refused: the list won't answer *us* (an open resolver, too many questions, no key)
    anything else in 127/8        listed, if the code is among those that count; else clean

Several addresses may come at once. A refusal or a broken one among them spoils them all: an error is never counted as
a listing.

Limits: what a code means is the list's own affair; ``known`` has it for some.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from fumidai.dnsbl.codes import CodeFilter

#: Characters of a reason, and codes of an answer, that are kept.
LONGEST_REASON: Final = 300
MOST_CODES: Final = 16

# RFC 5782 §2.1: values lie in 127/8.
_CODES: Final = IPv4Network("127.0.0.0/8")
# Spamhaus, "DNSBL return codes: technical update", 2019-09-30: errors about the question, not about the address.
_REFUSALS: Final = IPv4Network("127.255.255.0/24")
# SURBL and URIBL answer so whom they refuse. RFC 5782 §5: no list has 127.0.0.1, and its value is 127.0.0.2 or others.
_BLOCKED: Final = IPv4Address("127.0.0.1")


class Kind(StrEnum):
    """What an answer comes to."""

    LISTED = "listed"
    CLEAN = "clean"
    REFUSED = "refused"
    BROKEN = "broken"
    #: No answer: time-out, SERVFAIL, no name server.
    FAILED = "failed"
    #: An answer of a list that can't be believed (``health``).
    UNSOUND = "unsound"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a list says of one name.

    Attributes:
        kind: see above.
        codes: the addresses of the answer that count for its kind, in order; of a clean one those that don't count.
        reason: the list's own text (TXT) of a listing, or in English why there is no answer; text from outside.
    """

    kind: Kind
    codes: tuple[IPv4Address, ...] = ()
    reason: str = ""


def read_answer(
    addresses: Iterable[IPv4Address],
    wanted: CodeFilter | None = None,
    refusals: frozenset[IPv4Address] = frozenset(),
) -> Answer:
    """Read the A records of an answer.

    Args:
        wanted: codes that count; None for all.
        refusals: what this list answers whom it refuses, beside what all lists use.
    """
    codes = tuple(sorted(set(addresses)))
    outside = tuple(code for code in codes if code not in _CODES)
    if outside:
        return Answer(Kind.BROKEN, outside[:MOST_CODES])
    refused = tuple(code for code in codes if code in _REFUSALS or code == _BLOCKED or code in refusals)
    if refused:
        return Answer(Kind.REFUSED, refused[:MOST_CODES])
    counted = tuple(code for code in codes if wanted is None or code in wanted)
    return Answer(Kind.LISTED if counted else Kind.CLEAN, (counted or codes)[:MOST_CODES])


def with_reason(answer: Answer, records: Sequence[bytes]) -> Answer:
    """The answer with the list's own words for it: one line, bounded, still to be escaped where it is shown."""
    texts = dict.fromkeys(" ".join(record.decode("utf-8", "backslashreplace").split()) for record in records)
    return replace(answer, reason="; ".join(filter(None, texts))[:LONGEST_REASON])

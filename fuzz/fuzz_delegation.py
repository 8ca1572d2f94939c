# SPDX-License-Identifier: Apache-2.0
"""Invariant: what a Postfix asks is the same requests however it is cut, and each is answered by one line, never OK.

The first byte of an input is the size of the pieces; the rest is what comes. Nothing is raised but the one word for
"no request". What is answered DUNNO without anything else known than the recipient is a recipient of ours.
"""

from __future__ import annotations

import re
import sys
from typing import Final

from fumidai.guard.delegation import Attributes, Gibberish, RequestReader, action_of, request_of
from fumidai.policy.decide import decide
from fumidai.policy.model import policy_for_domains
from fuzz import campaign

_OURS: Final = policy_for_domains(["a.test"])
_ANSWER: Final = re.compile(rb"action=(DUNNO|DEFER_IF_PERMIT [ -~]+|[45]\d\d [ -~]+)\n\n")


def target(data: bytes) -> None:
    """Hold the invariant for one input."""
    step, stream = (data[0] or 1) if data else 1, data[1:]
    found = read([stream])
    assert found == read([stream[start : start + step] for start in range(0, len(stream), step)])
    for attributes in found:
        if attributes is None:
            continue
        request = request_of(attributes)
        answer = action_of(decide(_OURS, request))
        assert _ANSWER.fullmatch(answer), answer
        if answer == b"action=DUNNO\n\n":
            address = attributes["recipient"].lower()
            # RFC 5321 §4.5.1: the postmaster needs no domain.
            assert address == b"postmaster" or address.endswith((b"@a.test", b"@a.test.")), address


def read(parts: list[bytes]) -> list[Attributes | None]:
    """All requests; None at the end where it was none any more."""
    reader, found = RequestReader(), list[Attributes | None]()
    try:
        for part in parts:
            reader.push(part)
            while (one := reader.next()) is not None:
                found.append(one)
    except Gibberish:
        found.append(None)
    return found


if __name__ == "__main__":
    sys.exit(campaign.run(target, "delegation"))

# SPDX-License-Identifier: Apache-2.0
"""Invariant: any bytes are a path or a fault, their readings are bounded with the standard one first, and no policy
permits a stranger a recipient of which one reading is not ours.

The input is the argument of RCPT TO as it stands on the wire.
"""

from __future__ import annotations

import sys
import time
from ipaddress import IPv4Address

from fumidai.policy.decide import decide
from fumidai.policy.model import is_foreign, policy_for_domains
from fumidai.policy.request import Action, Request
from fumidai.smtp.address import Path, parse_path
from fumidai.smtp.readings import MAX_READINGS, Reading, readings
from fuzz import campaign

POLICY = policy_for_domains(["a.com", ".lab.a.com", "[192.0.2.1]"])
STRANGER = IPv4Address("203.0.113.9")


def target(data: bytes) -> None:
    """Hold the invariant for one input."""
    begin = time.process_time()
    path, found = parse_path(data), readings(data)
    assert path.raw == data
    assert len(found) <= MAX_READINGS
    assert not isinstance(path, Path) or found[0] == Reading(path.local_part, path.domain)
    answer = decide(POLICY, Request(STRANGER, None, None, False, None, b"<>", data))
    if answer.action is Action.PERMIT and answer.rule != "postmaster":
        assert isinstance(path, Path)
        assert not any(
            reading.unresolvable or reading.scheme or is_foreign(POLICY, reading.domain) for reading in found
        )
    assert time.process_time() - begin < 1


if __name__ == "__main__":
    sys.exit(campaign.run(target, "address"))

# SPDX-License-Identifier: Apache-2.0
"""Invariant: no log raises anything, what is kept of it is bounded, and each message can be asked of a policy.

An input is the lines of a log.
"""

from __future__ import annotations

import sys

from fumidai.logs.join import Join
from fumidai.policy.decide import decide
from fumidai.policy.model import policy_for_domains
from fuzz import campaign

_OURS = policy_for_domains(["a.com"])


def target(data: bytes) -> None:
    """Hold the invariant for one input."""
    join, lines = Join(), data.split(b"\n")
    for number, line in enumerate(lines, 1):
        join.add(number, line)
    for queue, logged in join.found.items():
        assert logged.id == queue
        assert len(logged.lines) <= 100
        assert all(1 <= number <= len(lines) for number, _ in logged.lines)
        for request in logged.requests():
            decide(_OURS, request)


if __name__ == "__main__":
    sys.exit(campaign.run(target, "log"))

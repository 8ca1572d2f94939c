# SPDX-License-Identifier: Apache-2.0
"""Law 3, row by row: for each relay test there is a server that falls for it; behind the guard it relays nothing.

The servers are those of Law 4 (``tests/battery``), where the same rows are delivered without a guard in front.
"""

from __future__ import annotations

import ssl

import pytest

from fumidai.battery.row import RelayTest
from fumidai.policy.model import policy_for_domains
from tests.battery.gullible import TAKEN_BY_THE_SOUND, fault_for
from tests.battery.lockstep import Lockstep
from tests.battery.scripted import DOMAIN, SOUND, running
from tests.battery.test_law_four import ROWS, attempt_for, certificate
from tests.guard.guarded import guarding

__all__ = ["certificate"]
POLICY = policy_for_domains([DOMAIN.decode()])
#: Rows that wait for seconds by themselves; Law 4 asks them already.
SLOW = {"state-slow-dribble"}
#: Mailboxes of our own domain by their form: what the server behind reads into their local parts no guard can know,
#: and refusing them would lose mail (bounces to SRS and VERP senders, extensions of users).
OURS = {
    "srs0-rewrite",
    "srs1-rewrite",
    "verp-like",
    "plus-detail",
    "relay-alias-convention",
    "relay-alias-convention-equals",
    "relay-alias-convention-at",
    "reply-token",
}
#: Messages to a user of its own that hold another for a stranger: the guard sees it and refuses them.
SMUGGLED = {"bdat-bare-lf"}
ASKED = [test for test in ROWS if test.id not in SLOW | (TAKEN_BY_THE_SOUND - SMUGGLED)]


@pytest.mark.parametrize("test", ASKED, ids=lambda test: test.id)
async def test_behind_the_guard_only_what_is_ours_by_its_form_comes_out(
    test: RelayTest, certificate: ssl.SSLContext
) -> None:
    attempt = attempt_for(test)
    async with (
        running(fault_for(test) or SOUND, certificate) as (port, _, sink),
        guarding(port, policy=POLICY) as running_guard,
    ):
        await Lockstep(running_guard.port, attempt).run()
        await running_guard.empty()
    assert bool(sink.arrived) is (test.id in OURS)

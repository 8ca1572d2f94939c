# SPDX-License-Identifier: Apache-2.0
"""How wrong a host's clock is, from the clocks around it.

Let ``e`` be its clock minus true time. It wrote its line before the next host wrote its own, so ``e`` is at least
``its date - the next one's``. The message was written before the host took it, so ``e`` is at most ``its date - the
Date field``, if that is believed. The next host's clock is taken for right: it stands in for true time.

Limits: seconds, as the dates are.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from fumidai.received.trace import ClockError

HOUR: Final = 3600
DAY: Final = 86400


def seconds_between(older: datetime | None, newer: datetime | None) -> int | None:
    """Seconds from the older date to the newer; None where one is missing."""
    if older is None or newer is None:
        return None
    passed = newer - older
    return passed.days * DAY + passed.seconds


def clock_error(own: datetime | None, taken: datetime | None, written: datetime | None) -> ClockError | None:
    """Bounds of a clock's error.

    Args:
        own: the date of its own line.
        taken: the date of the line of whoever took the message from it.
        written: the message's Date field.
    """
    at_least, at_most = seconds_between(taken, own), seconds_between(written, own)
    if at_least is None and at_most is None:
        return None
    # A Date field later than what the clocks allow is not believed.
    if at_least is not None and at_most is not None and at_most < at_least:
        at_most = None
    return ClockError(at_least, at_most)

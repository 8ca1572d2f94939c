# SPDX-License-Identifier: Apache-2.0
"""The six verdicts and their order.

The order in which verdicts outrank each other when several endpoints make up one target is
open, reflects, accepts, inconclusive, unreachable, closed (DESIGN §3); the exit codes are those of DESIGN §6.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """What can be said of a server, worst first."""

    OPEN = "open"
    REFLECTS = "reflects"
    ACCEPTS = "accepts"
    INCONCLUSIVE = "inconclusive"
    UNREACHABLE = "unreachable"
    CLOSED = "closed"


_ORDER = tuple(Verdict)

EXIT_CODES: dict[Verdict, int] = {
    Verdict.CLOSED: 0,
    Verdict.ACCEPTS: 1,
    Verdict.REFLECTS: 1,
    Verdict.OPEN: 2,
    Verdict.INCONCLUSIVE: 3,
    Verdict.UNREACHABLE: 3,
}

# DESIGN §6: with several targets 2 beats 1 beats 3 beats 0.
_EXIT_ORDER = (2, 1, 3, 0)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of some verdicts; ``inconclusive`` where there are none (nothing was asked)."""
    return min(verdicts, key=_ORDER.index, default=Verdict.INCONCLUSIVE)


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """Exit code for the verdicts of several targets."""
    return min((EXIT_CODES[v] for v in verdicts), key=_EXIT_ORDER.index, default=3)


class VerdictReason(StrEnum):
    """What a verdict rests on; each has its own sentence in ``report``."""

    DELIVERED = "delivered"
    LOST_CLIENT_ADDRESS = "lost-client-address"
    BOUNCED = "bounced"
    PROMISED = "promised"
    PROMISED_AT_RCPT = "promised-at-rcpt"
    NO_GREETING = "no-greeting"
    NO_CONNECTION = "no-connection"
    ALL_REFUSED = "all-refused"
    TLS_ONLY = "tls-only"
    # inconclusive
    TRUSTED_VANTAGE = "trusted-vantage"
    TRUE_SOURCE_UNKNOWN = "true-source-unknown"
    NO_ROUTE = "no-route"
    TESTER_BLOCKED = "tester-blocked"
    BASELINE_UNTESTED = "baseline-untested"
    UNRESOLVED_RECIPIENT = "unresolved-recipient"
    POSTMASTER_REFUSED = "postmaster-refused"
    NO_DOMAIN = "no-domain"
    UNSETTLED = "unsettled"
    UNTESTED = "untested"
    DEFERRED = "deferred"
    CONNECTION_LIMIT = "connection-limit"
    TIME_UP = "time-up"
    INTERRUPTED = "interrupted"
    TLS_FAILED = "tls-failed"

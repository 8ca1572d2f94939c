# SPDX-License-Identifier: Apache-2.0
"""What a reply code and an enhanced status code mean at a stage, where the words say nothing.

Enhanced codes: RFC 3463 §3, RFC 7505 §4 (null MX), RFC 7372 §3 (failed authentication of the sender) and the details
that Microsoft's service uses beyond the registry. Codes: RFC 5321 §4.2.3, RFC 4954 §6, RFC 7504.

Limits: a code is a weak witness; ``wording`` asks it last.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fumidai.evidence.outcome import Reason, Stage

# Reasons that depend on the step that was answered: whom does a refusal "for policy" speak of?
POLICY: Final[Mapping[Stage, Reason]] = MappingProxyType(
    {
        Stage.CONNECT: Reason.TESTER_BLOCKED,
        Stage.GREETING: Reason.TESTER_BLOCKED,
        Stage.HELO: Reason.HELO,
        Stage.STARTTLS: Reason.TLS,
        Stage.MAIL: Reason.SENDER,
        Stage.RCPT: Reason.RELAY,
        Stage.DATA: Reason.RELAY,
        Stage.MESSAGE: Reason.CONTENT,
        Stage.SETUP: Reason.UNCLEAR,
    }
)

# (subject, detail) -> reason, wherever it is said. RFC 3463 §3.
_ANYWHERE: Final[Mapping[tuple[int, int], Reason]] = MappingProxyType(
    {
        (1, 3): Reason.SYNTAX,
        (1, 7): Reason.SENDER,
        (1, 8): Reason.SENDER,
        (2, 3): Reason.CONTENT,
        (3, 4): Reason.CONTENT,
        (4, 4): Reason.UNRESOLVED,
        (4, 6): Reason.CONTENT,
        (5, 3): Reason.LIMIT,
        (5, 4): Reason.SYNTAX,
        (5, 2): Reason.SYNTAX,
        (6, 7): Reason.SYNTAX,  # RFC 6531 §3.5
        (7, 8): Reason.AUTH,  # RFC 4954 §6
        (7, 9): Reason.AUTH,
        (7, 10): Reason.TLS,  # RFC 5248 §2.4
        (7, 11): Reason.TLS,
        (7, 14): Reason.AUTH,
        (7, 20): Reason.CONTENT,  # RFC 7372 §3
        (7, 21): Reason.CONTENT,
        (7, 22): Reason.CONTENT,
        (7, 23): Reason.SENDER,
        (7, 24): Reason.SENDER,
        (7, 25): Reason.CLIENT,
        (7, 26): Reason.SENDER,
        (7, 27): Reason.SENDER,  # RFC 7505 §4.2
        (7, 28): Reason.LIMIT,
        (7, 54): Reason.RELAY,  # Exchange: recipient in a domain that is not accepted
        (7, 57): Reason.AUTH,
        (7, 64): Reason.RELAY,
    }
)
# The same where the recipient is being asked for; at MAIL they speak of the sender.
_OF_AN_ADDRESS: Final[Mapping[tuple[int, int], Reason]] = MappingProxyType(
    {
        (1, 0): Reason.USER,
        (1, 1): Reason.USER,
        (1, 2): Reason.UNRESOLVED,
        (1, 4): Reason.USER,
        (1, 6): Reason.USER,
        (1, 10): Reason.UNRESOLVED,  # RFC 7505 §4.2
        (2, 0): Reason.USER,
        (2, 1): Reason.USER,
        (2, 2): Reason.USER,
        (2, 4): Reason.USER,
        (7, 2): Reason.USER,
        (7, 13): Reason.USER,
        (7, 17): Reason.USER,
    }
)
_OF_POLICY: Final = frozenset({(7, 0), (7, 1)})


# Courier numbers its refusals by a table of its own, which nobody else uses: these need no words.
BY_NUMBER: Final[Mapping[int, Reason]] = MappingProxyType({513: Reason.RELAY, 517: Reason.SENDER})


def by_enhanced(code: int, subject: int, detail: int, stage: Stage) -> Reason | None:
    """What an enhanced status code tells; None where it tells nothing (X.0.0, X.3.0, unknown ones)."""
    pair = (subject, detail)
    # RFC 5321 §4.2.4: these codes speak of the command itself, whatever stands behind them.
    if code in _OF_THE_COMMAND and subject in {5, 7}:
        return by_code(code, stage)
    reason = _ANYWHERE.get(pair)
    if reason is None and pair in _OF_AN_ADDRESS:
        reason = Reason.SENDER if stage is Stage.MAIL else _OF_AN_ADDRESS[pair]
    if reason is None and code >= 500:
        reason = _permanent(pair, stage)
    if reason is None and subject in {3, 4} and code < 500:
        reason = Reason.TEMPORARY
    return reason


def _permanent(pair: tuple[int, int], stage: Stage) -> Reason | None:
    subject, detail = pair
    if pair in _OF_POLICY:
        return POLICY[stage]
    if subject == 5:
        return Reason.SYNTAX
    if subject == 6:
        return Reason.CONTENT
    # Microsoft 365 numbers its blocks of senders' addresses from X.7.500.
    if subject == 7 and detail >= 500:
        return Reason.TESTER_BLOCKED
    return None


_OF_THE_COMMAND: Final = frozenset({500, 501, 502, 503, 504, 530, 534, 538, 555})

_BY_CODE: Final[Mapping[int, Reason]] = MappingProxyType(
    {
        421: Reason.CLOSED,
        432: Reason.AUTH,
        455: Reason.SYNTAX,
        500: Reason.SYNTAX,
        501: Reason.SYNTAX,
        502: Reason.PROTOCOL,
        503: Reason.PROTOCOL,
        504: Reason.SYNTAX,
        530: Reason.AUTH,
        534: Reason.AUTH,
        535: Reason.AUTH,
        538: Reason.TLS,
        551: Reason.RELAY,  # RFC 5321 §3.4: it could forward and does not
        555: Reason.SYNTAX,
        556: Reason.UNRESOLVED,  # RFC 7504 §5.1
    }
)
# What remains says only "no", so the step speaks: at the greeting about us, at MAIL about the sender.
_BARE_NO: Final[Mapping[Stage, Reason]] = MappingProxyType(
    {**POLICY, Stage.RCPT: Reason.UNCLEAR, Stage.DATA: Reason.UNCLEAR}
)


def by_code(code: int, stage: Stage) -> Reason:
    """What the three digits tell at a stage; UNCLEAR where they tell only "no"."""
    if code == 454 and stage is Stage.STARTTLS:
        return Reason.TLS
    if code == 553 and stage in {Stage.RCPT, Stage.DATA}:
        return Reason.SYNTAX  # RFC 5321 §4.2.3: mailbox name not allowed
    if code == 552 and stage is Stage.RCPT:
        return Reason.USER
    if code in _BY_CODE:
        return _BY_CODE[code]
    return Reason.TEMPORARY if code < 500 else _BARE_NO[stage]

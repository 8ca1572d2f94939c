# SPDX-License-Identifier: Apache-2.0
"""What is asked of a policy, what it may be told, and what it answers.

A line of a mail log, a stranger at the guard's door and a test about to be sent are one type: ``Request``.
Each part may be ``UNKNOWN``, and unknown never permits. ``Facts`` are answers to look-ups that ``needs``
named. A ``Decision`` always names its rule; there is no boolean that grants permission.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final


class Unknown(Enum):
    """The type of ``UNKNOWN``: a part of a request that nobody could tell."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


@dataclass(frozen=True, slots=True)
class Request:
    """One recipient of one message, as far as it is known.

    Attributes:
        client: address of the peer that speaks to us.
        client_name: its verified (forward-confirmed) name; None: it has none.
        helo: argument of HELO/EHLO; None: none was given.
        tls: the connection is encrypted.
        user: authenticated user; None: not authenticated.
        reverse_path: argument of MAIL FROM as given, brackets included (``b"<>"`` is the null sender).
        forward_path: argument of RCPT TO as given, brackets included: exactly one recipient.
    """

    client: IPv4Address | IPv6Address | Unknown = UNKNOWN
    client_name: str | None | Unknown = UNKNOWN
    helo: str | None | Unknown = UNKNOWN
    tls: bool | Unknown = UNKNOWN
    user: str | None | Unknown = UNKNOWN
    reverse_path: bytes | Unknown = UNKNOWN
    forward_path: bytes | Unknown = UNKNOWN


def plain_address(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 address in IPv6 clothes as what it is; a zone (``%eth0``) taken off."""
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))


class Action(StrEnum):
    """What is to be done with the recipient."""

    PERMIT = "permit"
    REFUSE = "refuse"
    DEFER = "defer"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer.

    Attributes:
        action: permit, refuse (5xx) or defer (4xx).
        rule: stable name of the deciding rule, for example ``foreign-recipient`` or ``ambiguous-recipient``.
        why: one short English clause in plain words (``report`` translates by rule and params).
        params: values for the sentence; text from outside, to be escaped where it is shown.
        code, enhanced, text: reply to give where the rule names one (access map ``ERROR:5.7.1:550 text``).
    """

    action: Action
    rule: str
    why: str
    params: Mapping[str, str] = field(default_factory=dict)
    code: int = 0
    enhanced: str = ""
    text: str = ""


class FactKind(StrEnum):
    """Kinds of look-ups that could change an answer."""

    CLIENT_NAME = "client-name"
    DNSBL = "dnsbl"
    SENDER_DOMAIN = "sender-domain"
    HELO_NAME = "helo-name"


@dataclass(frozen=True, slots=True)
class Need:
    """One look-up: its kind and what to look up (an address, a list and an address, a domain)."""

    kind: FactKind
    subject: str

    def __hash__(self) -> int:
        # Facts are found by it, several for each recipient; kinds with one subject are few.
        return hash(self.subject)


@dataclass(frozen=True, slots=True)
class Fact:
    """The answer to a need: a value, or that it could not be had just now (``failed``)."""

    value: str = ""
    failed: bool = False


Facts = Mapping[Need, Fact]

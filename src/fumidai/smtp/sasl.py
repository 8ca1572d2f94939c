# SPDX-License-Identifier: Apache-2.0
"""AUTH PLAIN and LOGIN, from the server's side: lines in, challenges out, at the end a name and a password.

    exchange = Exchange(Mechanism.PLAIN)
    step = exchange.begin(initial)          # what stood behind the mechanism, or b""
    while isinstance(step, Challenge):
        step = exchange.line(line)          # 334 step.text was answered
    # Credentials: check them. Fault: answer it, and the exchange is over.

PLAIN is RFC 4616. LOGIN was never a standard (draft-murchison-sasl-login): two questions, name and password.

Limits: names and passwords are taken octet by octet, without preparation (RFC 4616 §2 would fold some forms of
letters beyond ASCII). Nobody may act for another: an identity to act as has to be the name itself.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Mechanism(StrEnum):
    """How a name and a password are said."""

    PLAIN = "PLAIN"
    LOGIN = "LOGIN"


@dataclass(frozen=True, slots=True)
class Challenge:
    """Answer 334 with this text (base64), and give the next line."""

    text: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who says to be whom; nothing is checked yet. The password stays out of any representation."""

    user: str
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fault:
    """It came to nothing: the answer."""

    code: int
    text: str
    enhanced: str


Step = Challenge | Credentials | Fault

# RFC 4954 §4: 501 for a cancelled exchange and for what can't be decoded, §6: 535 5.7.8 for credentials.
CANCELLED: Final = Fault(501, "Authentication cancelled", "5.7.0")
UNDECODABLE: Final = Fault(501, "This is not base64", "5.5.2")
MALFORMED: Final = Fault(501, "This is not what the mechanism says", "5.5.2")
ANOTHER: Final = Fault(535, "Nobody may act for another here", "5.7.8")
_QUESTIONS: Final = ("Username:", "Password:")


class Exchange:
    """One AUTH command, from its first line to its end."""

    __slots__ = ("_mechanism", "_user")

    def __init__(self, mechanism: Mechanism) -> None:
        self._mechanism = mechanism
        self._user: str | None = None

    def begin(self, initial: bytes) -> Step:
        """What stood behind the mechanism; b"" for nothing."""
        if not initial:
            return _ask("" if self._mechanism is Mechanism.PLAIN else _QUESTIONS[0])
        # RFC 4954 §4: a single equals sign is an initial response without an octet.
        return self._take(b"" if initial == b"=" else initial)

    def line(self, line: bytes) -> Step:
        """The line that answers a challenge, without its CR LF."""
        return CANCELLED if line == b"*" else self._take(line)

    def _take(self, line: bytes) -> Step:
        try:
            said = b64decode(line, validate=True)
        except binascii.Error:
            return UNDECODABLE
        if self._mechanism is Mechanism.PLAIN:
            return _plain(said)
        if self._user is None:
            self._user = _name(said) or None
            return _ask(_QUESTIONS[1]) if self._user else MALFORMED
        return Credentials(self._user, said) if said else MALFORMED


def _plain(said: bytes) -> Step:
    """RFC 4616 §2: [authzid] NUL authcid NUL passwd."""
    parts = said.split(b"\0")
    if len(parts) != 3 or not parts[2]:
        return MALFORMED
    behalf, name, password = parts
    user = _name(name)
    if not user:
        return MALFORMED
    return Credentials(user, password) if behalf in (b"", name) else ANOTHER


def _name(said: bytes) -> str:
    """A user's name; "" where it is none."""
    try:
        name = said.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return name if name.isprintable() else ""


def _ask(question: str) -> Challenge:
    return Challenge(b64encode(question.encode()).decode())

# SPDX-License-Identifier: Apache-2.0
"""Who says whether a name and a password belong together: what a session asks, and what it is told.

Limits: the contract only. ``password_login`` asks a file, ``backend_login`` the server behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from fumidai.smtp.sasl import Credentials


class Word(StrEnum):
    """What came of a check. ``later``: it could not be told now, which is nobody's fault."""

    RIGHT = "right"
    WRONG = "wrong"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Checked:
    """The word, and a clause for the log (English; text from outside is escaped where it is shown)."""

    word: Word
    why: str


class Login(Protocol):
    """Checks credentials."""

    def mechanisms(self) -> tuple[str, ...]:
        """Mechanisms to announce; () while there is nobody to ask."""
        ...

    def check(self, credentials: Credentials, tell: Callable[[Checked], None]) -> None:
        """Find out and tell, once and later, never from inside this call."""
        ...

    def close(self) -> None:
        """Give up what is being found out; nothing more is told."""
        ...

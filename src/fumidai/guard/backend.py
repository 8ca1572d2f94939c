# SPDX-License-Identifier: Apache-2.0
"""What a guard hands mail to: one backend, asked step by step, whose answers are the only ones that count.

A guard opens a transaction when policy permits the first recipient, asks the backend about each permitted one, and
passes the body on as it comes. Nothing here acknowledges anything by itself: ``end`` is answered by the backend after
it has taken the whole message, and only that answer may become the client's 250 (RFC 5321 §6.1). A transaction that
is not ended is aborted without a final dot, so no half message can exist.

Everything is by call-back and on the event loop's thread; there is no task for a connection. A call-back is called
exactly once for each question, in the order of the questions, never from inside the call that asked.

Limits: one transaction, one message. Which backends there are is in ``smtp_backend``, ``lmtp_backend`` and
``maildir_backend``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol


class Fate(StrEnum):
    """What became of a question.

    ``answered``: the backend's own word. ``failed``: no word of it (not reachable, closed, silent, garbage) and no
    copy of the message exists. ``unknown``: the message's end was sent and no answer came (RFC 1047): a copy may exist.
    """

    ANSWERED = "answered"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply for the client.

    Attributes:
        fate: whose word it is.
        code, enhanced, text: as the client gets it; text is clean (no control characters), lines joined by line feeds.
        detail: what happened, for the log (text from outside: escape it).
    """

    fate: Fate
    code: int
    text: str
    enhanced: str = ""
    detail: str = ""

    @property
    def taken(self) -> bool:
        """The backend said 2yz."""
        return self.fate is Fate.ANSWERED and self.code // 100 == 2


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: everything a backend or a trace line may need of the client.

    Attributes:
        client: its true address; ``helo``: what it called itself; ``tls``: it came encrypted; ``user``: authenticated.
        path: reverse-path with brackets; ``params``: parameters of MAIL (SIZE, BODY, SMTPUTF8 …), upper case.
        session: id of the guard's session, which stands in its log and in the Received line.
    """

    client: IPv4Address | IPv6Address
    helo: str
    tls: bool
    user: str | None
    path: bytes
    params: Mapping[str, bytes]
    session: str


Tell = Callable[[Answer], None]


class Transaction(Protocol):
    """One message on its way to the backend."""

    def recipient(self, path: bytes, params: Mapping[str, bytes], tell: Tell) -> None:
        """Ask whether the backend takes a recipient (brackets included)."""
        ...

    def begin(self, tell: Tell) -> None:
        """All recipients are named: may the body come? Told 354, or why not."""
        ...

    def body(self, data: bytes) -> bool:
        """Pass a piece of the unstuffed body on; False: pause until ``resume`` is called."""
        ...

    def end(self, tell: Tell) -> None:
        """The client's message ended rightly: end it at the backend and pass its word back."""
        ...

    def abort(self) -> None:
        """Drop the transaction; nothing of it may remain at the backend. Pending call-backs are never called."""
        ...


class Backend(Protocol):
    """Where mail is handed to.

    Attributes:
        keywords: upper-case names of the extensions that it was last seen to have.
        size: octets of the greatest message that it says it takes; 0: it did not say.
    """

    @property
    def keywords(self) -> frozenset[str]: ...

    @property
    def size(self) -> int: ...

    def open(self, sender: Sender, resume: Callable[[], None]) -> Transaction:
        """A transaction for one message; connects as late as it can.

        Args:
            resume: called when ``body`` may be called again after it said False.
        """
        ...

    async def close(self) -> None:
        """End idle connections and workers."""
        ...

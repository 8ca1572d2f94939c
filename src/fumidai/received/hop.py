# SPDX-License-Identifier: Apache-2.0
"""One hop: what one Received line says, and where in the message it says it.

Everything in a hop is text of a peer, never escaped, and a claim: which lines can be believed is for ``weigh`` to say.

How offsets work: a hop is read from the bytes of its message without moving any, so every part has a *span*, the two
ends of its bytes in the message. Where a part is a name or an id, the bytes at its span are the part itself (line
breaks inside are blanks in the part); an address and a date stand there as their writer spelt them.

Limits: named tuples, not dataclasses, for a mailbox holds millions of hops and these are made ten times as fast.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Span(NamedTuple):
    """Where something stands: ``message[start:end]``, in bytes."""

    start: int
    end: int


class Kind(StrEnum):
    """What a Received line tells of."""

    TRANSFER = "transfer"
    """A host took the message from another: the only kind that is a step of the way."""
    NOTE = "note"
    """A program's note to itself, for example qmail's ``(qmail 17970 invoked by uid 407)``: noise."""
    LOCAL = "local"
    """Made, picked up or handed on inside one host: ``with local``, a pickup folder, ``by`` alone."""
    FETCH = "fetch"
    """Taken out of a mailbox by its owner (fetchmail, getmail): the way goes on beneath."""
    UNKNOWN = "unknown"
    """No form that this reader knows; kept raw."""


class Client(NamedTuple):
    """The ``from`` of a line; "" where it doesn't say.

    Attributes:
        helo: what the client called itself.
        rdns: its name by reverse look-up, as the writer found it; "" also for ``unknown``.
        ip: its address in the usual form (an IPv4-mapped one as IPv4).
        ident: the user that its ident service named (RFC 1413).
        masked: the address as somebody has made it unreadable, for example ``***.***.***.***``; ``ip`` is "" then.
    """

    helo: str = ""
    rdns: str = ""
    ip: str = ""
    ident: str = ""
    masked: str = ""


class Hop(NamedTuple):
    """One Received line; "" where it doesn't say.

    Attributes:
        kind: what the line tells of.
        client: from whom.
        by: who wrote the line; by_ip: the address it gives for itself.
        with_: protocol, for example ``ESMTPS`` or ``Microsoft SMTP Server``.
        id, for_: queue id, and the recipient without brackets.
        envelope_from: the sender in the envelope, without brackets.
        auth: what says that the client had logged in: a user, a mechanism or the protocol (``ESMTPSA``).
        date: when, aware; None where there is no readable date.
        family: whose wording it is, an id of ``families`` ("" where it is nobody's we know).
        software, version: of the writer, as far as the line tells; config: of its configuration (``3.7W``: CF's).
        raw: the bytes of the value, as they stand in the message.
        span: where ``raw`` stands.
    """

    kind: Kind = Kind.UNKNOWN
    client: Client = Client()
    by: str = ""
    by_ip: str = ""
    with_: str = ""
    id: str = ""
    for_: str = ""
    envelope_from: str = ""
    auth: str = ""
    date: datetime | None = None
    family: str = ""
    software: str = ""
    version: str = ""
    config: str = ""
    raw: bytes = b""
    span: Span = Span(0, 0)

    @property
    def known(self) -> bool:
        """The line has a form that this reader knows."""
        return self.kind is not Kind.UNKNOWN

# SPDX-License-Identifier: Apache-2.0
"""One hop: what one Received line says.

Everything in it is text of a peer, never escaped, and a claim: only the lines of hosts that one believes are facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Hop:
    """One Received line; "" where it doesn't say.

    Attributes:
        from_helo: what the client called itself.
        from_name: its name by reverse look-up, as the server wrote it; "" also for ``unknown``.
        from_ip: its address in the usual form (an IPv4-mapped one as IPv4).
        by: who wrote the line.
        with_: protocol, for example ``ESMTPS`` or ``Microsoft SMTP Server``.
        id, for_: queue id, and the recipient without brackets.
        date: when, aware; None where there is no readable date.
        raw: the unfolded line without its name.
        known: the line has a form that this reader knows; False keeps it raw.
    """

    from_helo: str = ""
    from_name: str = ""
    from_ip: str = ""
    by: str = ""
    with_: str = ""
    id: str = ""
    for_: str = ""
    date: datetime | None = None
    raw: bytes = b""
    known: bool = False

# SPDX-License-Identifier: Apache-2.0
"""What one line of a mail log notes: parts of one message, or of one session that messages belong to."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one recipient.

    Attributes:
        to: the recipient; relay: to whom it went, as the log names it.
        status: the log's word: ``sent``, ``deferred``, ``bounced``, ``refused`` …; text: what else it says.
    """

    to: str
    relay: str = ""
    status: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Noted:
    """What a line tells; "" (or None) where it doesn't.

    Attributes:
        family: whose line it is (an id as in ``received.families``).
        id: of the message, in its queue.
        session: of the connection or process; what is noted of it holds for messages that follow.
        ip, name, helo: of the client. user: who had logged in. local: the user of this machine who handed it in.
        protocol: for example ``esmtpsa``; tls: the connection was encrypted.
        sender: reverse-path without brackets. message_id: without brackets.
        deliveries: recipients that the line tells of; attempt: number of the one whose result another line tells.
        ends: the session is over.
    """

    family: str
    id: str = ""
    session: str = ""
    ip: str = ""
    name: str = ""
    helo: str = ""
    user: str = ""
    local: str = ""
    protocol: str = ""
    tls: bool | None = None
    sender: str | None = None
    message_id: str = ""
    deliveries: tuple[Delivery, ...] = ()
    attempt: str = ""
    ends: bool = False


#: Pairs that are read of one line.
PAIRS_AT_MOST: Final = 400


def bare(path: str) -> str:
    """A path without its brackets."""
    return path.strip().removeprefix("<").removesuffix(">")


def values(text: str, separator: str = ", ") -> dict[str, str]:
    """``key=value`` pairs, the first of each key; values may hold the separator where no ``key=`` follows it."""
    found: dict[str, str] = {}
    last = ""
    for part in text.split(separator)[:PAIRS_AT_MOST]:
        key, equals, value = part.partition("=")
        if equals and key.isidentifier():
            last = key if key not in found else ""
            if last:
                found[key] = value
        elif last:
            found[last] += separator + part
    return found


def host_and_address(text: str) -> tuple[str, str]:
    """Name and address of ``name [192.0.2.1]`` or ``name[192.0.2.1]``; "" for ``unknown``."""
    name, bracket, rest = text.partition("[")
    address = rest.partition("]")[0] if bracket else ""
    name = name.strip()
    return ("" if name == "unknown" else name), plain_address(address)


def plain_address(text: str) -> str:
    """An address in its usual form, without brackets and tag; what is none stays as it is."""
    bare = text.strip("[]")
    bare = bare[5:] if bare.lower().startswith("ipv6:") else bare
    try:
        return str(ip_address(bare))
    except ValueError:
        return bare

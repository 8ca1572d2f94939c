# SPDX-License-Identifier: Apache-2.0
"""Where a battery was run: one address, one port, one TLS state of one target.

Each endpoint gets a verdict of its own; a target's verdict is the worst of its endpoints (DESIGN §3).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address


class TlsState(StrEnum):
    """In which state of the connection the battery was run."""

    CLEAR = "clear"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One (target, address, port, TLS state).

    Attributes:
        target: as the user named it.
        name: the host name behind it, or the address where only that is known.
        address: where the connection goes.
        port: TCP port.
        tls: the state in which the battery runs.
    """

    target: str
    name: str
    address: IPv4Address | IPv6Address
    port: int
    tls: TlsState

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        state = "" if self.tls is TlsState.CLEAR else f"/{self.tls.value}"
        return f"{host}:{self.port}{state}"

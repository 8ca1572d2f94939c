# SPDX-License-Identifier: Apache-2.0
"""Who a client is: everything the policy, the backend, the trace line and the log are told of it.

A session has exactly one ``Client`` at a time. It is never changed, only replaced as a whole (``Line.identify``):
by EHLO, by TLS (which forgets what was said in clear), by AUTH, by a proxy that is believed.

Limits: it says what is known and how, not whether that is enough; that is ``decide``'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from fumidai.policy.request import UNKNOWN, Unknown


class Told(StrEnum):
    """Who told the address."""

    CONNECTION = "connection"  # the system: it is the other end of the connection
    PROXY = "proxy"  # the header of a proxy, before the greeting
    XCLIENT = "xclient"  # the command of a proxy, between transactions


@dataclass(frozen=True, slots=True)
class Client:
    """One client as it is known now.

    Attributes:
        address: of the client itself, who may be behind a proxy.
        helo: what it called itself in EHLO or HELO; None: not yet, or not since TLS.
        tls: it came encrypted; ``user``: authenticated.
        name: verified name of the address; unknown means that it is looked up where the policy asks.
        told: who told the address.
    """

    address: IPv4Address | IPv6Address
    helo: str | None = None
    tls: bool = False
    user: str | None = None
    name: str | None | Unknown = UNKNOWN
    told: Told = Told.CONNECTION

    def called(self, helo: str | None) -> Client:
        """The same client, after it called itself so."""
        return Client(self.address, helo, self.tls, self.user, self.name, self.told)

# SPDX-License-Identifier: Apache-2.0
"""Who a client is: everything the policy, the backend, the trace line and the log are told of it.

A session has exactly one ``Client`` at a time. It is never changed, only replaced as a whole (``Line.identify``):
by EHLO, by TLS (which forgets what was said in clear), by AUTH, by a proxy that is believed.

Limits: it says what is known and how, not whether that is enough; that is ``decide``'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from fumidai.guard.lost_client import Veil
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
        helo_told: the proxy told ``helo``; what is said in EHLO after that is the proxy's own name.
        veil: what hides the client; the address is then whatever hides it.
    """

    address: IPv4Address | IPv6Address
    helo: str | None = None
    tls: bool = False
    user: str | None = None
    name: str | None | Unknown = UNKNOWN
    told: Told = Told.CONNECTION
    helo_told: bool = False
    veil: Veil | None = None

    def called(self, helo: str | None) -> Client:
        """The same client, after it called itself so."""
        if self.helo_told:
            return self
        return Client(self.address, helo, self.tls, self.user, self.name, self.told)

    def behind(self, veil: Veil | None) -> Client:
        """The same client, hidden by this or by nothing."""
        return self if veil is self.veil else replace(self, veil=veil)

    @property
    def source(self) -> IPv4Address | IPv6Address | Unknown:
        """The client's address for the policy: unknown where something hides it, and unknown never permits."""
        return self.address if self.veil is None else UNKNOWN

    @property
    def source_name(self) -> str | None | Unknown:
        """The verified name of ``source``."""
        return self.name if self.veil is None else UNKNOWN

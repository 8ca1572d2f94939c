# SPDX-License-Identifier: Apache-2.0
"""A connection from a declared proxy: first its header, then the client that it speaks for.

    connection → ProxyWait takes the place at the transport → header → who waited is told, and gets what comes behind
                                                            └ none, a wrong one, too late: he is told why

Who the client is by that is ``client_of``'s to say, or ``client_by_xclient``'s where the proxy speaks SMTP itself.

Limits: only where ``[guard] proxies`` names the peer and ``proxy_protocol`` requires a header.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import TypeGuard

from fumidai.evidence.vantage import plain
from fumidai.guard.identity import Client, Told
from fumidai.policy.request import UNKNOWN, Unknown
from fumidai.smtp.proxy import ProxyFault, ProxyHeader, ProxyReader
from fumidai.smtp.xclient import Attribute, Attributes, Value

IpAddress = IPv4Address | IPv6Address


class ProxyWait(asyncio.Protocol):
    """Reads the header in another's place, and gives the place back.

    Args:
        transport: where the header comes from.
        served: whose place it is.
        seconds: for the header to come.
        found: told the header, once ``served`` has its place again.
        failed: told why there is none; whoever is told has to end the connection.
    """

    __slots__ = ("_failed", "_found", "_reader", "_served", "_timer", "_transport")

    def __init__(
        self,
        transport: asyncio.Transport,
        served: asyncio.Protocol,
        seconds: float,
        found: Callable[[ProxyHeader], None],
        failed: Callable[[str], None],
    ) -> None:
        self._transport = transport
        self._served = served
        self._found = found
        self._failed = failed
        self._reader = ProxyReader()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, self._give_up, "no PROXY header in time")
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        found = self._reader.feed(data)
        if isinstance(found, ProxyFault):
            self._give_up(found.value)
        elif found is not None:
            self._hand_over(found)

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone before it said anything: a health check, mostly."""
        self._timer.cancel()
        self._served.connection_lost(exc)

    def _hand_over(self, header: ProxyHeader) -> None:
        self._timer.cancel()
        transport = self._transport
        transport.set_protocol(self._served)
        self._found(header)
        if self._reader.rest and not transport.is_closing():
            # Whoever has the place now (TLS may have taken it) gets what came behind the header.
            transport.get_protocol().data_received(self._reader.rest)  # type: ignore[attr-defined]

    def _give_up(self, why: str) -> None:
        self._timer.cancel()
        self._failed(why)


def client_of(header: ProxyHeader, who: Client) -> Client:
    """The client that a header speaks for; the proxy itself where it says so, or can't tell."""
    if header.ends is None:
        return Client(who.address, told=Told.PROXY)
    return Client(plain(header.ends.client), told=Told.PROXY)


def client_by_xclient(said: Attributes, who: Client, proxy: IpAddress) -> Client:
    """The client that a proxy names by XCLIENT.

    What it does not name stays as an earlier XCLIENT said it, if the address stays. What it can't tell is unknown: the
    address is the proxy's then, which gives no right.
    """
    address = said.get(Attribute.ADDR)
    same = who if address is None else Client(plain(address) if _is_address(address) else proxy)
    if who.told is not Told.XCLIENT and address is None:
        same = Client(who.address)  # nothing that was said before XCLIENT holds after it
    return Client(
        same.address,
        _text(said, Attribute.HELO, same.helo if same.helo_told else None),
        who.tls,
        _text(said, Attribute.LOGIN, same.user),
        _name(said, same.name),
        Told.XCLIENT,
        helo_told=isinstance(said.get(Attribute.HELO), str) or same.helo_told,
    )


def _is_address(value: Value) -> TypeGuard[IpAddress]:
    return isinstance(value, IPv4Address | IPv6Address)


def _text(said: Attributes, attribute: Attribute, before: str | None) -> str | None:
    value = said.get(attribute)
    if value is None:
        return before
    return value if isinstance(value, str) else None


def _name(said: Attributes, before: str | None | Unknown) -> str | None | Unknown:
    """A verified name; what a proxy could not find out is looked up by us where the policy asks."""
    value = said.get(Attribute.NAME)
    if value is None:
        return before
    return value if isinstance(value, str) else UNKNOWN

# SPDX-License-Identifier: Apache-2.0
"""A connection from a declared proxy: first its header, then the client that it speaks for.

    connection → ProxyWait takes the place at the transport → header → the session, told who the client is
                                                            └ none, a wrong one, too late: closed without a word

Nothing is answered to a peer that sends no header: it is not the one that we were told of, or it is set up wrongly,
and either way it has no client. The log says so.

Limits: only where ``[guard] proxies`` names the peer and ``proxy_protocol`` requires a header.
"""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, TypeGuard

from fumidai.evidence.vantage import plain
from fumidai.guard.identity import Client, Told
from fumidai.guard.lost_client import Veil
from fumidai.guard.notes import note_lost_client, note_session
from fumidai.policy.request import UNKNOWN, Unknown
from fumidai.smtp.proxy import ProxyFault, ProxyHeader, ProxyReader
from fumidai.smtp.xclient import Attribute, Attributes, Value

if TYPE_CHECKING:
    from fumidai.guard.line import Line

IpAddress = IPv4Address | IPv6Address


class ProxyWait(asyncio.Protocol):
    """Reads the header in the session's place, and gives the place back."""

    __slots__ = ("_reader", "_session", "_timer", "_transport")

    def __init__(self, session: Line, transport: asyncio.Transport, seconds: float) -> None:
        self._session = session
        self._transport = transport
        self._reader = ProxyReader()
        self._timer = session.post.loop.call_later(seconds, self._give_up, "no PROXY header in time")
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
        self._session.connection_lost(exc)

    def _hand_over(self, header: ProxyHeader) -> None:
        self._timer.cancel()
        session, transport = self._session, self._transport
        transport.set_protocol(session)
        session.identify(client_of(header, session.who))
        session.arrive(transport)
        if self._reader.rest and not transport.is_closing():
            # Whoever has the place now (TLS may have taken it) gets what came behind the header.
            transport.get_protocol().data_received(self._reader.rest)  # type: ignore[attr-defined]

    def _give_up(self, why: str) -> None:
        self._timer.cancel()
        session = self._session
        note_session(session, "proxy-header", why)
        if session.post.lost.is_news(session.peer, Veil.PROXY, session.post.loop.time()):
            note_lost_client(session, Veil.PROXY)
        self._transport.abort()


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

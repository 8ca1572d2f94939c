# SPDX-License-Identifier: Apache-2.0
"""Where trust ends: the last line that a host of the reader's own wrote.

How it works. The topmost line was written by whoever delivered the message to the reader. From there trust goes on
from line to line while the client that a trusted line saw is inside. Inside is what ``Ours`` names and what has a
private address; without ``Ours`` also the same host, and a host of the same site (by its looked-up name) or of the same
network. What a client calls itself is never enough: a stranger can call himself like the reader's own host. Nor is a
reverse name that leads nowhere back, or that nobody has tried (qmail): a stranger can set the names of his addresses.

Limits: without ``Ours`` a reader's second site counts as outside, and a neighbour in one network with a name of the
same site as inside; the trace says that its border is inferred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from fumidai.received.address import inside, parsed
from fumidai.received.hop import Client, Hop
from fumidai.received.site import confirmed_name, network, plain_name, same_host, site
from fumidai.received.trace import Claim


@dataclass(frozen=True, slots=True)
class Ours:
    """The hosts whose lines are believed.

    Attributes:
        networks: of their addresses.
        names: of hosts; a leading dot means everything below.
    """

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    names: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.networks or self.names)

    def has(self, hop: Hop) -> bool:
        """The client of a line is ours, by its address or its confirmed name; a HELO proves nothing."""
        address = parsed(hop.client.ip)
        if address is not None and any(address in network for network in self.networks):
            return True
        name = confirmed_name(hop)
        return bool(name) and self.has_name(name)

    def has_name(self, name: str) -> bool:
        """A host of this name is ours."""
        low = plain_name(name)
        return any(low.endswith(own) if own.startswith(".") else low == own for own in map(str.lower, self.names))


_INNER: Final = ("HTTP", "MAPI", "LMTP")
TOPMOST: Final = (Claim("topmost"),)
_INSIDE: Final = {
    name: (Claim(f"inside-{name}"),) for name in ("declared", "private", "same-host", "same-site", "same-network")
}


def find_border(hops: Sequence[Hop], steps: Sequence[int], ours: Ours | None) -> dict[int, tuple[Claim, ...]]:
    """Why each trusted step is trusted, the border last.

    Args:
        steps: indexes of the transfers among the hops, the newest first; at least one.
    """
    trusted: dict[int, tuple[Claim, ...]] = {steps[0]: TOPMOST}
    for number in range(len(steps) - 1):
        why = _why_inside(hops[steps[number]], hops[steps[number + 1]], ours)
        if not why:
            break
        trusted[steps[number + 1]] = _INSIDE[why]
    return trusted


def _why_inside(hop: Hop, older: Hop, ours: Ours | None) -> str:
    """Why the client of a trusted line is inside; "" if it isn't."""
    client = hop.client
    if ours and ours.has(hop):
        return "declared"
    # Who has logged in is a user: lines below are his, whatever his address.
    if hop.auth:
        return ""
    if inside(client.ip):
        return "private"
    if ours:
        return "declared" if _nameless(client) and ours.has_name(hop.by) and ours.has_name(older.by) else ""
    if same_host(hop):
        return "same-host"
    own = site(hop.by)
    if own and own == site(confirmed_name(hop)):
        return "same-site"
    if own and own == site(older.by) and (_nameless(client) or _handed_on(hop) or _neighbours(client, hop)):
        return "same-network"
    return ""


def _nameless(client: Client) -> bool:
    """The line has neither address nor name of its client: it was handed over inside (LMTP, a socket, MAPI)."""
    return not client.ip and not client.masked and not client.rdns


def _handed_on(hop: Hop) -> bool:
    """The protocol is one that hosts of one site speak to each other, and the client bears the site's name."""
    return hop.with_.upper().startswith(_INNER) and site(hop.client.helo) == site(hop.by)


def _neighbours(client: Client, hop: Hop) -> bool:
    """Client and writer are in one network and call themselves hosts of one site."""
    return bool(client.ip) and network(client.ip) == network(hop.by_ip) and site(client.helo) == site(hop.by)

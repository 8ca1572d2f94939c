# SPDX-License-Identifier: Apache-2.0
"""Behind the border: did the peer write the next older line, and from whom did its site take the message?

A line agrees with the peer that the border saw if its writer (``by``) is that peer: under its looked-up name, its
address, what it called itself, or at least a name of the same site (a site may take mail at one host and send it from
another). From there the way is followed through the peer's site to the line that saw somebody from outside: the
*entry*.

Limits: whoever handed the message to the border may have written everything below himself. Only the border's own line
is a fact; that a line agrees makes it believable, no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from fumidai.received.address import inside
from fumidai.received.hop import Client, Hop
from fumidai.received.site import network, owner, plain_name, same_host, site


class Agreement(StrEnum):
    """By what a line's writer is the client that the newer line saw; the strongest first."""

    NAME = "agrees-by-name"
    ADDRESS = "agrees-by-address"
    HELO = "agrees-by-helo"
    SITE = "agrees-by-site"
    HELO_SITE = "agrees-by-helo-site"


_BY_HELO: Final = frozenset({Agreement.HELO, Agreement.HELO_SITE})


class Entry(NamedTuple):
    """Where the peer's site took the message.

    Attributes:
        first: index of the peer's own line; agreement: by what it is the peer's.
        last: index of the site's oldest line.
        outside: what that line saw is of another site.
    """

    first: int
    agreement: Agreement
    last: int
    outside: bool


def agreement(client: Client, older: Hop) -> Agreement | None:
    """By what the writer of the older line is the client of the newer one."""
    by = plain_name(older.by)
    if not by:
        return None
    rdns, helo = plain_name(client.rdns), plain_name(client.helo)
    if by == rdns:
        return Agreement.NAME
    if client.ip and client.ip in {by, older.by_ip}:
        return Agreement.ADDRESS
    if by == helo or (by and "." not in by and by in {rdns.partition(".")[0], helo.partition(".")[0]}):
        return Agreement.HELO
    own = site(older.by)
    if own and own == site(rdns):
        return Agreement.SITE
    return Agreement.HELO_SITE if own and own == site(helo) else None


def helo_is_of(client: Client, hop: Hop) -> bool:
    """The client called itself a host of the site that it spoke to, and is not one by its looked-up name."""
    own = site(hop.by)
    return own != "" and site(client.helo) == own != site(client.rdns)


def find_entry(hops: Sequence[Hop], steps: Sequence[int], border: int) -> Entry | None:
    """The entry into the site of the peer that the border saw; None if no older line is the peer's.

    Args:
        steps: indexes of the transfers older than the border, the newest first; at least one.
    """
    peer = hops[border].client
    agreed = agreement(peer, hops[steps[0]])
    # Who calls himself by the name of the host he speaks to says nothing of himself.
    if agreed is None or (agreed in _BY_HELO and helo_is_of(peer, hops[border])):
        return None
    last = steps[0]
    for older in steps[1:]:
        if not _of_site(hops[last], peer, hops[steps[0]]) or not _goes_on(hops[last], hops[older]):
            break
        last = older
    return Entry(steps[0], agreed, last, not _of_site(hops[last], peer, hops[steps[0]]))


def _of_site(hop: Hop, peer: Client, own: Hop) -> bool:
    """The client that a line of the peer's site saw is of that site itself."""
    client = hop.client
    if inside(client.ip) or same_host(hop):
        return True
    names = {owner(peer.rdns), owner(own.by)} - {""}
    # Also by a name that nobody has confirmed: it excuses a host, and a false excuse is better than a false charge.
    if owner(client.rdns) in names:
        return True
    if client.ip and peer.ip and network(client.ip) == network(peer.ip):
        return True
    # Without an address only its own word is left.
    return not client.ip and not client.masked and (not site(client.helo) or owner(client.helo) in names)


def _goes_on(hop: Hop, older: Hop) -> bool:
    """The older line was written in the site too, so the way through the site goes on."""
    return agreement(hop.client, older) is not None or inside(hop.client.ip) or site(older.by) == site(hop.by) != ""

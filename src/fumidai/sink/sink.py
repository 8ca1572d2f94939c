# SPDX-License-Identifier: Apache-2.0
"""A sink that listens: as part of a test, or alone, filling a Maildir that several runs read.

Limits: 500 connections at once, 200 from one address; above that a client gets 421 and may come again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

from fumidai.errors import StorageError
from fumidai.evidence.proof import Arrival
from fumidai.evidence.token import TokenKey
from fumidai.net.connection import Connection
from fumidai.net.serve import Bounds, Listener, listen
from fumidai.sink.conversation import IDLE, SESSION, Conversation, Host
from fumidai.sink.door import Door
from fumidai.store.maildir import deliver, prepare
from fumidai.texts import N_

IpAddress = IPv4Address | IPv6Address
Listen = tuple[IpAddress | None, int]

_BOUNDS: Final = Bounds(all=500, peer=200, full=b"421 4.3.2 Too many connections, come again\r\n")


class Sink:
    """Listens and hands on what arrives.

    Args:
        key: knows our tokens; its fingerprint stands in the greeting.
        domains: proof and mx domains.
        literals: addresses of ours beyond the one that was connected to (behind NAT: the public one).
        on_arrival: told of each message, after its 250.
        keep: keeps a message durably and names its file; called in a thread.
        on_trouble: told of each message that could not be kept (its client got a 451).
        name: our name in the greeting.
        idle, session: seconds without a byte, and for one connection.

    Attributes:
        listeners: one for each place.
    """

    def __init__(
        self,
        key: TokenKey,
        domains: Iterable[str],
        literals: Iterable[IpAddress],
        on_arrival: Callable[[Arrival], None],
        keep: Callable[[Arrival], str],
        *,
        on_trouble: Callable[[StorageError], None] = lambda trouble: None,
        name: str = "",
        idle: float = IDLE,
        session: float = SESSION,
    ) -> None:
        self.listeners: list[Listener] = []
        door = Door.of(key, domains, literals)
        self._host = Host(door, keep, on_arrival, on_trouble, name, idle, session)

    async def start(self, places: Sequence[Listen]) -> list[tuple[str, int]]:
        """Listen on all places; None for an address is all addresses of both families.

        Returns:
            (address, port) of every socket.

        Raises:
            ListenError: one is taken or not ours; none is open then.
            PermissionRefused: the system does not let us.
        """
        mend = N_(
            "Use a second address for the sink (--sink 198.51.100.8:25), or let that server deliver proofs: "
            "--proof-maildir DIR."
        )
        try:
            for address, port in places:
                self.listeners.append(await listen(address, port, self._serve, bounds=_BOUNDS, mend=mend))
        except BaseException:
            await self.close()
            raise
        return [place for listener in self.listeners for place in listener.addresses]

    async def close(self) -> None:
        """Stop listening and drop who is still speaking."""
        for listener in self.listeners:
            await listener.close()
        self.listeners = []

    async def _serve(self, conn: Connection) -> None:
        await Conversation(self._host, conn).hold()


async def run_sink(
    places: Sequence[Listen],
    maildir: Path,
    key: TokenKey,
    *,
    domains: Iterable[str] = (),
    literals: Iterable[IpAddress] = (),
    name: str = "",
    stop: asyncio.Event,
    on_ready: Callable[[list[tuple[str, int]]], None] = lambda places: None,
    on_arrival: Callable[[Arrival], None] = lambda arrival: None,
    on_trouble: Callable[[StorageError], None] = lambda trouble: None,
) -> None:
    """A sink of its own: fill a Maildir until told to stop.

    Args:
        domains: none: only recipients that hold a token are heard out.
        on_ready: told where we listen, once we do.

    Raises:
        ListenError, PermissionRefused: see ``Sink.start``.
        StorageError: the Maildir can't be made.
    """
    by = f"{name or 'sink'} (Fumidai sink {key.fingerprint})"
    prepare(maildir)
    sink = Sink(
        key,
        domains,
        literals,
        on_arrival,
        lambda arrival: deliver(maildir, arrival, by),
        on_trouble=on_trouble,
        name=name,
    )
    on_ready(await sink.start(places))
    try:
        await stop.wait()
    finally:
        await sink.close()

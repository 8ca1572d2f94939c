# SPDX-License-Identifier: Apache-2.0
"""Does a proof domain lead to our sink? Ask the DNS where its mail goes, connect there, and read the greeting.

Our sink's greeting holds the fingerprint of the token key. Nothing but QUIT is said (law 5). Only the best exchangers
are asked, for that is where a relay goes first; without any, the addresses of the name itself (RFC 5321 §5.1).

Limits: behind a NAT that does not turn traffic round, or a line that blocks port 25, nobody can tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fumidai.net.connection import ConnectFailure, Connection, ReadTimeout, open_connection
from fumidai.net.resolver import Resolver
from fumidai.net.route import IpAddress
from fumidai.smtp.reply import Reply, ReplyReader

SMTP_PORT: Final = 25
_CONNECT: Final = 5.0
_GREETING: Final = 10.0
_MOST_ADDRESSES: Final = 8


class Where(StrEnum):
    """Where the mail of a domain goes, as far as we can see."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    NOWHERE = "nowhere"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Lead:
    """The answer.

    Attributes:
        where: ``here``: our fingerprint was seen. ``elsewhere``: another server greeted at one of the addresses.
            ``nowhere``: the domain has no exchanger and no address. ``unknown``: nobody could tell.
        host: ``name [address]`` of the server that greeted, or was asked last.
        text: its greeting (raw text of a peer), or why nobody can tell.
    """

    where: Where
    host: str = ""
    text: str = ""


async def leads_here(proof_domain: str, fingerprint: str, resolver: Resolver, *, port: int = SMTP_PORT) -> Lead:
    """Find out where the mail of ``proof_domain`` goes.

    Args:
        fingerprint: of the key of the sink that should be found; it must be listening already.
        port: where mail is taken; always 25 on the internet.
    """
    exchangers = await resolver.mx(proof_domain)
    if exchangers.null:
        return Lead(Where.NOWHERE, text="its MX record says that it takes no mail")
    names = exchangers.best or (proof_domain,)
    found = [(name, await resolver.addresses(name)) for name in names]
    hosts = [(name, address) for name, there in found for address in there.addresses][:_MOST_ADDRESSES]
    if hosts:
        return _weigh(await asyncio.gather(*(_look(name, address, fingerprint, port) for name, address in hosts)))
    failed = [exchangers.text] * exchangers.failed + [there.text for _, there in found if there.failed]
    return Lead(Where.UNKNOWN, names[0], failed[0]) if failed else Lead(Where.NOWHERE, names[0])


def _weigh(leads: Sequence[Lead]) -> Lead:
    """One answer for several addresses: mail may take any of them, so one that leads elsewhere decides."""
    for where in (Where.ELSEWHERE, Where.HERE):
        for lead in leads:
            if lead.where is where:
                return lead
    return leads[-1]


async def _look(name: str, address: IpAddress, fingerprint: str, port: int) -> Lead:
    host = name if name == str(address) else f"{name} [{address}]"
    made = await open_connection(address, port, timeout=_CONNECT)
    if isinstance(made, ConnectFailure):
        return Lead(Where.UNKNOWN, host, made.text)
    try:
        greeting = await _greeting(made)
        made.write(b"QUIT\r\n")
    finally:
        await made.close()
    if greeting is None:
        return Lead(Where.UNKNOWN, host, "it does not greet")
    return Lead(Where.HERE if fingerprint in greeting else Where.ELSEWHERE, host, greeting)


async def _greeting(conn: Connection) -> str | None:
    """The text of the first whole reply; None where none comes."""
    reader = ReplyReader()
    deadline = conn.seconds + _GREETING
    try:
        while data := await conn.read(deadline - conn.seconds):
            for reply in reader.feed(data):
                return reply.text if isinstance(reply, Reply) else reply.raw.decode("latin-1")
    except ReadTimeout:
        pass
    return None

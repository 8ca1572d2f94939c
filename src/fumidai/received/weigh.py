# SPDX-License-Identifier: Apache-2.0
"""Weigh the hops of a message: where does trust end, who passed it on there, and who gave it to him?

How it works. The topmost line was written by whoever delivered the message. From there trust goes on while the host
that a trusted line saw is one of ours. The last trusted line is the *border*: the peer in it is a fact. If the next
older step was written by that peer (the names or addresses agree), the peer took the message from somebody else and is
the **relay**, and what its line saw is the **source**. If there is no older step, the peer is the source itself.

Limits: a peer may invent the lines below its own. A clue never decides alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from itertools import pairwise

from fumidai.evidence.finding import Finding, Severity
from fumidai.evidence.vantage import is_private
from fumidai.received.headers import Headers
from fumidai.received.hop import Client, Hop, Kind
from fumidai.received.trace import (
    Border,
    Claim,
    ClockError,
    Confidence,
    Relay,
    Report,
    Source,
    Trace,
    TracedHop,
    TraceVerdict,
    Trust,
)


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

    def has(self, client: Client) -> bool:
        """The client is ours, by its address or its verified name; a HELO proves nothing."""
        if client.ip and any(ip_address(client.ip) in network for network in self.networks):
            return True
        name = client.rdns.lower()
        return any(name.endswith(own) if own.startswith(".") else name == own for own in map(str.lower, self.names))


def weigh(
    hops: Sequence[Hop],
    headers: Headers,
    *,
    ours: Ours | None = None,
    relay_address: str = "",
    around: Report | None = None,
) -> Trace:
    """What the lines of one message prove.

    Args:
        hops: newest first, as ``read_head`` gives them; headers: likewise.
        ours: the hosts to believe; without any the border is inferred.
        relay_address: the relay's address, where the user knows it and the report masks it.
        around: what stood around a pasted message.
    """
    steps = [index for index, hop in enumerate(hops) if hop.kind is Kind.TRANSFER]
    if not steps:
        return Trace(TraceVerdict.NO_EVIDENCE, Confidence.LOW, hops=_traced(hops, {}, ()))
    border = _border(hops, steps, ours or Ours())
    rest = [index for index in steps if index > border]
    rests_on = Border.DECLARED if ours else Border.INFERRED
    trusted = dict.fromkeys(range(border + 1), Trust.OBSERVED)
    if rest and _agree(hops[border].client, hops[rest[0]].by):
        own = rest[0]
        trusted[own] = Trust.BELIEVED
        relay = _relay(hops, border, own, headers, relay_address)
        findings = tuple(_relay_findings(relay))
        verdict, source = TraceVerdict.RELAY, _source(hops[own], own)
    else:
        verdict = TraceVerdict.UNDECIDED if rest else TraceVerdict.DIRECT
        relay, findings, source = None, (), _source(hops[border], border)
    traced = _traced(hops, trusted, steps)
    return Trace(verdict, Confidence.MEDIUM, relay, source, rests_on, border, traced, findings)


def _border(hops: Sequence[Hop], steps: Sequence[int], ours: Ours) -> int:
    """Index of the last line that a trusted host wrote."""
    trusted = steps[0]
    for index, older in pairwise(steps):
        client = hops[index].client
        inside = ours.has(client) or (client.ip != "" and is_private(ip_address(client.ip)))
        if not inside:
            break
        trusted = older
    return trusted


def _agree(client: Client, by: str) -> bool:
    """The writer of the older line is the client of the newer."""
    names = {name.lower().rstrip(".") for name in (client.helo, client.rdns, client.ip) if name}
    return by.lower().strip("[]").rstrip(".") in names


def _relay(hops: Sequence[Hop], border: int, own: int, headers: Headers, told: str) -> Relay:
    client, line = hops[border].client, hops[own]
    return Relay(
        name=client.rdns or client.helo,
        ip=client.ip or told,
        masked=client.masked,
        told=bool(told) and not client.ip,
        software=line.software,
        version=line.version,
        clock=_clock(line, hops[border]),
        output=border,
        own=own,
    )


def _clock(own: Hop, newer: Hop) -> ClockError | None:
    if own.date is None or newer.date is None:
        return None
    return ClockError(at_least=int((own.date - newer.date).total_seconds()))


def _source(hop: Hop, index: int) -> Source:
    client = hop.client
    return Source(client.ip, client.rdns, client.helo, client.ident, client.masked, hop.auth, index)


def _relay_findings(relay: Relay) -> Iterable[Finding]:
    yield Finding("stepping-stone", Severity.HIGH, relay.name)
    if not relay.ip:
        yield Finding("relay-address-masked", Severity.MEDIUM, relay.name, params={"masked": relay.masked})


def _traced(hops: Sequence[Hop], trusted: dict[int, Trust], steps: Sequence[int]) -> tuple[TracedHop, ...]:
    worth: Callable[[int], Trust] = lambda index: trusted.get(index, Trust.CLAIMED)  # noqa: E731
    traced = []
    for index, hop in enumerate(hops):
        noise = index not in steps and hop.known
        claims = () if hop.known else (Claim("unknown-form"),)
        traced.append(TracedHop(hop, worth(index), noise, claims))
    return tuple(traced)

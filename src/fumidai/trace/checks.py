# SPDX-License-Identifier: Apache-2.0
"""Hold a trace against the DNS: are the names and addresses in it still each other's?

Asked are the relay's address and the source's, the name by which the relay's own line calls its host, and the mail
exchangers of the recipient's domain: a second one that ``--ours`` doesn't name looks like a relay. What is found
becomes findings, never another verdict: the DNS is of today and the mail of then, and whoever owns an address writes
its reverse name himself; only a name that leads back says something.

    dns-confirms dns-differs                   the name in the line has the address in the line, or others
    dns-reverse-confirms dns-reverse-differs   the address has a name that leads back to it, or one that doesn't
    dns-missing dns-failed                     the address has no name or the name no address; nobody could tell
    dns-hint                                   the address is masked: what the name has today
    dns-mail-exchanger                         the relay is a mail exchanger of the recipient's domain

Limits: two look-ups for an address, one for a name, and for at most three domains one and one for each of their first
ten exchangers; private addresses and names without a dot are not asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Final

from fumidai.evidence.finding import Finding, Severity
from fumidai.net.resolver import Addresses, Resolver, as_address
from fumidai.received.address import inside
from fumidai.received.site import plain_name
from fumidai.received.trace import Relay, Trace
from fumidai.smtp.literal import is_domain_name

#: Severity of all of them: they prove nothing.
_INFO: Final = Severity.INFO
_EXCHANGERS_AT_MOST: Final = 10


def checked(trace: Trace, resolver: Resolver, loop: asyncio.Runner, to: str = "") -> Trace:
    """The trace with what the DNS says today added to its findings.

    Args:
        to: the domain of the To field, for lines that name no recipient.
    """
    found = loop.run(check(trace, resolver, to))
    return replace(trace, findings=(*trace.findings, *found)) if found else trace


async def check(trace: Trace, resolver: Resolver, to: str = "") -> Sequence[Finding]:
    """What the DNS says today of the relay and of the source."""
    relay, source = trace.relay, trace.source
    found: list[Finding] = []
    if relay is not None:
        lines = (trace.hops[relay.output].hop, trace.hops[relay.own].hop)
        domains = [domain for domain in (*(line.for_.rpartition("@")[2] for line in lines), to) if _asked(domain)]
        found += [one async for one in _exchanger(relay, list(dict.fromkeys(map(str.lower, domains))), resolver)]
        name = next((one for one in (relay.name, trace.hops[relay.own].hop.by) if _asked(one)), "")
        found += [one async for one in _pair(relay.ip, name, resolver)]
    if source is not None and (relay is None or source.ip != relay.ip):
        found += [one async for one in _pair(source.ip, source.rdns if _asked(source.rdns) else "", resolver)]
    return found


async def _exchanger(relay: Relay, domains: Sequence[str], resolver: Resolver) -> AsyncIterator[Finding]:
    """The relay as a mail exchanger of a domain that the message was for."""
    for domain in domains:
        answer = await resolver.mx(domain)
        if answer.failed:
            yield Finding("dns-failed", _INFO, domain, params={"name": domain, "why": answer.text})
        # RFC 5321 §5.1: a domain without exchangers is its own; RFC 7505: a null one takes no mail.
        names = answer.names or (() if answer.null or answer.failed else (domain,))
        for name in filter(_asked, names[:_EXCHANGERS_AT_MOST]):
            if await _is_host(relay, name, resolver):
                yield Finding("dns-mail-exchanger", _INFO, relay.name, params={"name": name, "domain": domain})
                return


async def _is_host(relay: Relay, name: str, resolver: Resolver) -> bool:
    """By the address that the border saw; where that is masked, by the name."""
    if not relay.ip:
        return plain_name(relay.name) == plain_name(name)
    return ip_address(relay.ip) in (await resolver.addresses(name)).addresses


async def _pair(ip: str, name: str, resolver: Resolver) -> AsyncIterator[Finding]:
    """One host, of which the lines tell an address, a name or both."""
    if ip and inside(ip):
        return
    if name:
        yield _name(name, ip, await resolver.addresses(name))
    if ip:
        yield await _address(ip, resolver)


def _name(name: str, ip: str, found: Addresses) -> Finding:
    """The name in the line: does it lead to the address in the line?"""
    texts = ", ".join(str(address) for address in found.addresses[:4])
    if not found.addresses:
        known = found.failed
        return Finding("dns-failed" if known else "dns-missing", _INFO, name, params={"name": name, "why": found.text})
    if not ip:
        # The address is masked: what the name leads to today is a hint to whoever asks, no answer.
        return Finding("dns-hint", _INFO, name, params={"name": name, "addresses": texts})
    if ip_address(ip) in found.addresses:
        return Finding("dns-confirms", _INFO, name, params={"name": name, "address": ip})
    return Finding("dns-differs", _INFO, name, params={"name": name, "address": ip, "addresses": texts})


async def _address(ip: str, resolver: Resolver) -> Finding:
    """The address in the line: has it a name, and does that lead back?"""
    address = ip_address(ip)
    reverse = await resolver.ptr(address)
    if not reverse.name:
        kind = "dns-failed" if reverse.failed else "dns-missing"
        return Finding(kind, _INFO, ip, params={"name": ip, "why": reverse.text})
    forward = await resolver.addresses(reverse.name)
    kind = "dns-reverse-confirms" if address in forward.addresses else "dns-reverse-differs"
    return Finding(kind, _INFO, ip, params={"name": reverse.name, "address": ip})


def _asked(name: str) -> bool:
    """A name of the world, not an address and not a label of somebody's own."""
    return "." in name.strip(".") and name.isascii() and as_address(name) is None and is_domain_name(name)

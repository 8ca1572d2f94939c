# SPDX-License-Identifier: Apache-2.0
"""Lay the ground for a battery: what the first session and the DNS taught, put together with what was ordered."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from fumidai.battery.ground import Ground
from fumidai.evidence.endpoint import TlsState
from fumidai.evidence.vantage import is_private
from fumidai.judge.record import Record
from fumidai.tester.questions import Learned
from fumidai.trial.hosts import Host
from fumidai.trial.identity import Identity
from fumidai.trial.order import Order

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Site:
    """One address of one host, and who we are towards it.

    Attributes:
        own_names: announced and reverse names that resolve to the address.
        sink4, sink6: addresses of our sink, as the target can reach them.
    """

    host: Host
    address: Address
    identity: Identity
    sink4: IPv4Address | None
    sink6: IPv6Address | None


def lay_ground(
    order: Order, site: Site, record: Record, learned: Learned, run: str, own_names: frozenset[str]
) -> Ground:
    """The ground of one record."""
    source = ip_address(learned.source)
    return Ground(
        address=site.address,
        host=learned.host,
        ptr=site.host.ptrs.get(site.address, ""),
        extensions=learned.extensions,
        encrypted=record.endpoint.tls is not TlsState.CLEAR,
        domain=record.domain,
        domains=tuple(name for name in order.policy.receive_for if not name.startswith((".", "["))),
        local_user=order.local_user,
        sender_domain=site.identity.sender_domain,
        proof_domain=site.identity.recipient_domain,
        sending=order.sending,
        # Behind NAT the server sees another address than ours: unknown, and unknown never permits.
        source=None if is_private(source) and not is_private(site.address) else source,
        sink4=site.sink4,
        sink6=site.sink6,
        mx_domain=order.mx_domain,
        ehlo=site.identity.ehlo,
        run=run,
        own_names=own_names,
    )

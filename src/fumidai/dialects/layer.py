# SPDX-License-Identifier: Apache-2.0
"""Which layer put its own address in the place of the client's?

A server that sees every stranger under an address of its own network takes them all for its own: the modern open relay.
The address that it saw, and the family by which we came, tell what stands in between. The ids are those that the
finding ``lost-client-address`` carries.

How the layers look: Docker's bridge gateways are the first address of a piece of 172.16/12 (172.17.0.1, 172.18.0.1 …),
Podman's of 10.88/16 and 10.89/16; the userland proxy answers for an IPv6 port from that IPv4 gateway; slirp4netns
shows 10.0.2.2 or 10.0.2.100, pasta 169.254.1.x or a link-local address; Docker Desktop 192.168.65.x; kube-proxy a pod
network's first address; a TLS wrapper or HAProxy on the host 127.0.0.1 or ::1; hairpin NAT the server's own.

Limits: a guess from habit ("probably"), never a proof; whoever numbers his networks otherwise gets the general answer.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from fumidai.evidence.endpoint import Endpoint
from fumidai.evidence.vantage import is_private, plain, same_neighbourhood

UNKNOWN: Final = "unknown"
LOOPBACK: Final = "loopback"
USERLAND_PROXY: Final = "userland-proxy"
CONTAINER: Final = "container"
NAT: Final = "nat"
LOAD_BALANCER: Final = "load-balancer"
OWN_NETWORK: Final = "own-network"

Address = IPv4Address | IPv6Address

_DOCKER: Final = IPv4Network("172.16.0.0/12")
_CONTAINER_NETS: Final = (
    IPv4Network("10.0.2.0/24"),  # slirp4netns
    IPv4Network("10.88.0.0/16"),  # Podman
    IPv4Network("10.89.0.0/16"),
    IPv4Network("169.254.1.0/24"),  # pasta
    IPv4Network("192.168.65.0/24"),  # Docker Desktop
    IPv4Network("192.168.127.0/24"),  # gvproxy
)
# Flannel, K3s, Calico, and the services of kubeadm: their first addresses are nodes that hand connections on.
_POD_NETS: Final = tuple(IPv4Network(net) for net in ("10.244.0.0/16", "10.42.0.0/16", "10.96.0.0/12", "10.128.0.0/14"))
_CARRIER: Final = IPv4Network("100.64.0.0/10")  # RFC 6598
_UNIQUE_LOCAL: Final = IPv6Network("fc00::/7")  # RFC 4193


def layer_that_ate_it(seen_address: Address, endpoint: Endpoint, source: Address | None) -> str:
    """Id of the layer that probably replaced our address.

    Args:
        seen_address: what the server wrote down for us.
        endpoint: where we had connected to.
        source: the address we came from, None behind NAT.
    """
    seen, target = plain(seen_address), plain(endpoint.address)
    if source is not None and seen == plain(source):
        return UNKNOWN  # nothing was eaten
    if seen.is_loopback:
        return LOOPBACK
    if seen == target:
        return NAT
    if isinstance(seen, IPv4Address):
        return _layer4(seen, target)
    return _layer6(seen, target)


def _layer4(seen: IPv4Address, target: Address) -> str:
    first = int(seen) & 0xFF == 1
    if seen in _DOCKER or any(seen in net for net in _CONTAINER_NETS):
        # An IPv4 address for a client that came by IPv6: somebody accepted for it and connected anew.
        return USERLAND_PROXY if target.version == 6 else CONTAINER
    if any(seen in net for net in _POD_NETS):
        return LOAD_BALANCER
    if target.version == 6 and first and is_private(seen):
        return USERLAND_PROXY
    if seen in _CARRIER or (first and is_private(seen)):
        return NAT
    return _neighbour(seen, target)


def _layer6(seen: IPv6Address, target: Address) -> str:
    if seen in _UNIQUE_LOCAL and int(seen) & 0xFFFF == 1:
        return CONTAINER
    if seen.is_link_local:
        return CONTAINER
    return _neighbour(seen, target)


def _neighbour(seen: Address, target: Address) -> str:
    return OWN_NETWORK if same_neighbourhood(seen, target) else LOAD_BALANCER

# SPDX-License-Identifier: Apache-2.0
"""Who we are to the target: our name, our sender's domain, and the domain of the foreign recipients.

With proof both addresses lie in the proof domain, so that a delivery and a bounce come home. Without proof
nothing is sent, and they lie in a name of the tester's own: the reverse name of its address, else the address
as a literal (DESIGN §6). A reverse name that the policy counts as ours would not be foreign; the literal is.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from fumidai.evidence.vantage import is_private
from fumidai.net.route import source_towards
from fumidai.policy.model import Policy, related

Address = IPv4Address | IPv6Address

#: A name that is nobody's (RFC 2606 §2).
NOBODY = "relay-test.example"


@dataclass(frozen=True, slots=True)
class Identity:
    """Our names towards one address.

    Attributes:
        ehlo: name in EHLO; ``sender_domain``, ``recipient_domain``: after the @.
    """

    ehlo: str
    sender_domain: str
    recipient_domain: str


def identify_ourselves(
    source: Address | None, target: Address, reverse_name: str, policy: Policy, *, proof_domain: str, ehlo: str
) -> Identity:
    """Our names when we speak from ``source`` to ``target``.

    Args:
        reverse_name: the forward-confirmed reverse name of ``source``, "" if it has none.
        proof_domain: "" where nothing is sent.
        ehlo: a name the user chose, "" for none.
    """
    own = reverse_name if reverse_name and related(policy, reverse_name) is None else ""
    # On the target's own address our literal and name are its own too: only a reserved name is foreign there.
    bare = NOBODY if source == target else own or literal(source)
    return Identity(
        ehlo=ehlo or reverse_name or host_name() or literal(source),
        sender_domain=proof_domain or bare,
        recipient_domain=proof_domain or bare,
    )


def literal(address: Address | None) -> str:
    """An address as a literal (RFC 5321 §4.1.3)."""
    if address is None:
        return "[127.0.0.1]"
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


def host_name() -> str:
    """The name this machine gives itself, where it is a full one."""
    name = socket.gethostname()
    return name if "." in name.strip(".") and not name.endswith((".localdomain", ".local")) else ""


def sink_addresses(
    places: Iterable[tuple[str, int]], targets: Iterable[Address], source: Address | None
) -> list[Address]:
    """Addresses at which a target reaches our sink, for rows that name it by a literal.

    Mail to a literal goes to port 25 (RFC 5321 §5.1). A sink on all addresses is reached at the one we come from,
    unless a NAT stands between.

    Args:
        places: (address, port) of the sink's sockets.
    """
    found: list[Address] = []
    for text, port in places:
        address = ip_address(text)
        for target in targets:
            here = source_towards(target, source) if address.is_unspecified else address
            if here is None or port != 25 or address.version != here.version:
                continue
            if here not in found and is_private(here) == is_private(target):
                found.append(here)
    return found

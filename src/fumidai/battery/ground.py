# SPDX-License-Identifier: Apache-2.0
"""What a battery stands on: everything about target, tester and proof that rows may mention.

The running rooms learn it (DNS, greeting, EHLO) and hand it in; ``battery.expand`` itself looks nothing up.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

from fumidai.evidence.token import Role


class Mint(Protocol):
    """Makes the token of one (attempt, role); called once for each, numbers rise within a run."""

    def __call__(self, attempt: int, role: Role) -> str:
        """The token: at most 40 letters and digits, lower case."""
        ...


@dataclass(frozen=True, slots=True)
class Ground:
    """The ground of one (address, port, TLS state) and domain.

    Attributes:
        address: the target's address.
        host: name it announces in greeting or EHLO reply, "" if none or no host name.
        ptr: its reverse name, "" if none.
        extensions: EHLO keywords offered, upper case.
        encrypted: the battery runs inside TLS.
        domain: domain it receives for, "" where none is known.
        domains: all domains of the policy.
        local_user: existing mailbox at the target, "" where none was given.
        sender_domain: domain of our own reverse-paths.
        proof_domain: domain of the recipients (or an address literal with brackets, where nothing is sent).
        sending: a proof domain was given, so messages may be handed over.
        source: address we come from (UNKNOWN behind NAT is expressed by None).
        sink4, sink6: addresses of the sink, for literal rows.
        mx_domain: a domain of ours whose MX list names the sink first and the target after it, "" if none.
        ehlo: our own EHLO name.
        run: id of the run, from which words that only have to be unique are made.
        own_names: names (announced, reverse) that resolve to the target's address. Only these count as the
            target's own: a row that writes to or from another announced name ends at RCPT (DESIGN §3).
    """

    address: IPv4Address | IPv6Address
    host: str
    ptr: str
    extensions: frozenset[str]
    encrypted: bool
    domain: str
    domains: tuple[str, ...]
    local_user: str
    sender_domain: str
    proof_domain: str
    sending: bool
    source: IPv4Address | IPv6Address | None
    sink4: IPv4Address | None
    sink6: IPv6Address | None
    mx_domain: str
    ehlo: str
    run: str
    own_names: frozenset[str] = frozenset()

# SPDX-License-Identifier: Apache-2.0
"""Grounds, a mint and an oracle for the tests of this room.

The oracle is small and independent of ``policy``: it refuses whatever is not plainly at the server's domain.

Limits: names and addresses are reserved ones (RFC 2606, RFC 5737, RFC 3849).
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from fumidai.battery.ground import Ground
from fumidai.evidence.token import Role
from fumidai.policy.request import Action, Decision, Request

V4 = Ground(
    address=IPv4Address("192.0.2.25"),
    host="mail.target.example",
    ptr="host25.target.example",
    extensions=frozenset(("PIPELINING", "SMTPUTF8", "STARTTLS", "CHUNKING")),
    encrypted=False,
    domain="target.example",
    domains=("target.example",),
    local_user="user@target.example",
    sender_domain="proof.example",
    proof_domain="proof.example",
    sending=True,
    source=IPv4Address("198.51.100.7"),
    sink4=IPv4Address("198.51.100.8"),
    sink6=IPv6Address("2001:db8:7::8"),
    mx_domain="backup.example",
    ehlo="tester.example",
    run="2026-11-24-7f3k",
    own_names=frozenset(("mail.target.example", "host25.target.example")),
)
V6 = replace(V4, address=IPv6Address("2001:db8:25::25"), source=IPv6Address("2001:db8:7::7"))
# Nothing known, nothing given, nothing sent.
BARE = replace(
    V4,
    host="",
    ptr="",
    extensions=frozenset(),
    domain="",
    domains=(),
    local_user="",
    sender_domain="[198.51.100.7]",
    proof_domain="[198.51.100.7]",
    sending=False,
    sink4=None,
    sink6=None,
    mx_domain="",
    own_names=frozenset(),
)


def mint(attempt: int, role: Role) -> str:
    """A token that tells its attempt and role."""
    return f"tok{role.value[0]}{attempt:05d}z"


def decide(request: Request) -> Decision:
    """Permit a plain mailbox at target.example, refuse everything else."""
    path = request.forward_path
    ours = isinstance(path, bytes) and path.count(b"@") == 1 and path.lower().endswith(b"@target.example>")
    routed = isinstance(path, bytes) and any(mark in path for mark in b'%!":,;<'[:6])
    if ours and not routed:
        return Decision(Action.PERMIT, "own-domain", "is ours")
    return Decision(Action.REFUSE, "foreign-recipient", "is not ours")

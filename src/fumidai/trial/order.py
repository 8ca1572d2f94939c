# SPDX-License-Identifier: Apache-2.0
"""What a user orders: targets, policy, battery, proof and limits, already read and checked for form.

The command line, a configuration file or another room fills it in; ``trial.run`` carries it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

from fumidai.evidence.token import TokenKey
from fumidai.policy.model import Policy
from fumidai.tester.pace import MOST_SESSIONS
from fumidai.tester.session import DOT_PATIENCE


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """One target as the user named it.

    Attributes:
        text: as named.
        host: host name, domain or address.
        ports: ports named with it; empty for the order's ports.
    """

    text: str
    host: str
    ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Listen:
    """Where our own sink listens: None is all addresses of both families."""

    address: IPv4Address | IPv6Address | None
    port: int


@dataclass(frozen=True, slots=True)
class ProofPlan:
    """How deliveries are seen.

    Attributes:
        domain: the proof domain.
        sinks: where our own sink listens; empty where a Maildir is read.
        maildir: a Maildir that somebody else fills, None where the sink is ours.
    """

    domain: str
    sinks: tuple[Listen, ...] = ()
    maildir: Path | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Everything a run needs to know.

    Attributes:
        policy: the declared policy, ``--domain`` included.
        declared: a policy file says who may relay.
        domains: domains to ask for; the first gets the battery, the others ``quick``.
        battery, tests, families: what is asked.
        only: 4 or 6 where one family of addresses was left out.
        proof: None asks without sending.
        wait, max_time: seconds.
        patience, dot_patience: seconds without a byte; the same behind the end of a message.
        ehlo: our name, "" to find one.
        rate: connections a second, 0 for no limit; ``concurrency``: sessions at once to one address.
        key: signs the tokens.
        policy_text, policy_file, extra_domains, settings: kept in the run folder, so that it can be judged again.
    """

    targets: tuple[TargetSpec, ...]
    policy: Policy
    key: TokenKey
    declared: bool = False
    domains: tuple[str, ...] = ()
    battery: str = "full"
    tests: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    first_hole: bool = False
    ports: tuple[int, ...] = (25,)
    only: int = 0
    proof: ProofPlan | None = None
    wait: float = 120.0
    max_time: float = 600.0
    rcpt_only: bool = False
    local_user: str = ""
    mx_domain: str = ""
    ehlo: str = ""
    source: IPv4Address | IPv6Address | None = None
    rate: float = 0.0
    concurrency: int = MOST_SESSIONS
    patience: float = 45.0
    dot_patience: float = DOT_PATIENCE
    targets_at_once: int = 4
    policy_text: str = ""
    policy_file: str = ""
    extra_domains: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sending(self) -> bool:
        """Messages may be handed over."""
        return self.proof is not None and not self.rcpt_only

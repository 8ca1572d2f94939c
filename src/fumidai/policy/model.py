# SPDX-License-Identifier: Apache-2.0
"""The relay policy: for whom we receive, and who may send out.

A ``Policy`` is a value: it is made once (``read``, ``policy_for_domains``) and asked by ``decide``. It holds no
permission that isn't written in it; an empty one refuses everything but the postmaster.

Limits: ``sections`` are parts of the file that other rooms understand; this room hands them on unread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from fumidai.policy.access import AccessMap
from fumidai.policy.domains import above_or_below, match, pattern_key
from fumidai.policy.hosts_access import HostsTables
from fumidai.policy.request import FactKind
from fumidai.policy.standing import Standings
from fumidai.smtp.forms import ALL, Form

Network = IPv4Network | IPv6Network


class OnFailure(StrEnum):
    """What follows from a look-up of a blocklist, a sender's domain or a HELO name that failed."""

    DEFER = "defer"
    IGNORE = "ignore"


class HeloCheck(StrEnum):
    """What in HELO or EHLO a stranger may be refused for (``helo`` says what each means)."""

    MALFORMED = "malformed"
    UNQUALIFIED = "unqualified"
    OURS = "ours"
    UNRESOLVABLE = "unresolvable"


@dataclass(frozen=True, slots=True)
class Host:
    """A mail host that should exist.

    Attributes:
        name: its host name.
        mta: what runs on it, in the operator's words.
        owner: who knows why it stands there.
        note: anything else.
    """

    name: str
    mta: str = ""
    owner: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that is declared.

    Attributes:
        receive_for: domains of ours, as ``pattern_key`` gives them (exact, or with a leading dot: all below).
        postmaster: mailbox of the postmaster, "" if none was named.
        relay_networks: clients that may send anywhere.
        authenticated: users who may send anywhere once authenticated; ``*`` stands for any run of characters.
        client_rules: who may connect at all (hosts_access).
        access: the access table.
        routing: forms of a second reading that count.
        hosts: mail hosts that should exist.
        proof_domain: domain that leads to the sink, "" if none.
        refuse_listed: DNS blocklists whose entries are refused.
        on_failure: what a failed blocklist or sender-domain look-up means.
        sender_must_resolve: refuse senders whose domain does not exist.
        refuse_helo: what in HELO or EHLO strangers are refused for.
        sections: other tables of the file, as they stand.
        own: ``receive_for`` as a set.
        asks: look-ups that could ever matter.
        standings: what all this says of a client alone.
    """

    receive_for: tuple[str, ...] = ()
    postmaster: str = ""
    relay_networks: tuple[Network, ...] = ()
    authenticated: tuple[str, ...] = ()
    client_rules: HostsTables = field(default_factory=HostsTables)
    access: AccessMap = field(default_factory=AccessMap)
    routing: frozenset[Form] = ALL
    hosts: tuple[Host, ...] = ()
    proof_domain: str = ""
    refuse_listed: tuple[str, ...] = ()
    on_failure: OnFailure = OnFailure.DEFER
    sender_must_resolve: bool = False
    refuse_helo: frozenset[HeloCheck] = frozenset()
    sections: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    own: frozenset[str] = field(init=False, compare=False, repr=False)
    asks: frozenset[FactKind] = field(init=False, compare=False, repr=False)
    standings: Standings = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "own", frozenset(self.receive_for))
        object.__setattr__(self, "asks", frozenset(self._kinds_of_facts()))
        object.__setattr__(self, "standings", Standings(self.relay_networks, self.access, self.client_rules))

    def _kinds_of_facts(self) -> Iterator[FactKind]:
        if self.access.asks_name or self.client_rules.asks_name:
            yield FactKind.CLIENT_NAME
        if self.refuse_listed:
            yield FactKind.DNSBL
        if self.sender_must_resolve:
            yield FactKind.SENDER_DOMAIN
        if HeloCheck.UNRESOLVABLE in self.refuse_helo:
            yield FactKind.HELO_NAME


def policy_for_domains(domains: Iterable[str]) -> Policy:
    """The policy where no file declares one: we receive for these domains and nobody relays."""
    return with_domains(Policy(), domains)


def with_domains(policy: Policy, domains: Iterable[str]) -> Policy:
    """The same policy, receiving for these domains too."""
    keys = (pattern_key(domain) for domain in domains)
    return replace(policy, receive_for=tuple(dict.fromkeys((*policy.receive_for, *filter(None, keys)))))


def is_foreign(policy: Policy, domain: str) -> bool:
    """True unless we receive for this domain or literal (in brackets)."""
    return match(policy.own, domain) is None


def related(policy: Policy, domain: str) -> str | None:
    """The name of the policy that a proof domain would lie too near to: equal to it, under it or above it.

    A sound server may rightly deliver there (relay tables often cover what lies below), so that nothing would be
    proven. Counted are the domains we receive for, those that the access table relays to, and our mail hosts.
    """
    hosts = (host.name for host in policy.hosts)
    return above_or_below(domain, (*policy.receive_for, *policy.access.relayed_domains(), *hosts))

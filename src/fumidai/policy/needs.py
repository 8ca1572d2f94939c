# SPDX-License-Identifier: Apache-2.0
"""``needs``: which look-ups could change the answer of ``decide``.

The caller resolves them and passes the answers in; ``decide`` never asks back. Asked at CONNECT, what the client
alone makes necessary comes back, so that it can be looked up while the client still speaks; at RCPT only what can
still change the answer for this recipient.

Limits: at CONNECT and MAIL more may be named than the recipient will turn out to need.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from fumidai.policy.case import NO_FACTS, Case, helo_need, listed_need, make_case, name_need, path_of, sender_need
from fumidai.policy.decide import asks_blocklists, decide_case, domain_to_resolve, is_friend
from fumidai.policy.helo import helo_to_resolve
from fumidai.policy.model import Policy
from fumidai.policy.request import Action, FactKind, Need, Request, Unknown
from fumidai.policy.rules import Rule
from fumidai.smtp.address import Path


class Stage(StrEnum):
    """How far a transaction has come."""

    CONNECT = "connect"
    MAIL = "mail"
    RCPT = "rcpt"


#: Refusals that come before anything is asked about the client, so that its name can't change them.
_FINAL = frozenset({Rule.UNKNOWN_RECIPIENT, Rule.MALFORMED_RECIPIENT, Rule.ACCESS_TO})
_NAME_ALONE = frozenset({FactKind.CLIENT_NAME})


def needs(policy: Policy, request: Request, stage: Stage) -> tuple[Need, ...]:
    """The look-ups that could change what the policy says to this request, each once."""
    if not policy.asks:
        return ()
    case = make_case(policy, request, NO_FACTS)
    denial = case.standing.denial
    if denial is not None and denial.rule == Rule.HOSTS_DENIED:
        return ()
    name = tuple(_name(case))
    if not name and policy.asks == _NAME_ALONE:
        return ()
    if stage is Stage.RCPT:
        answer = decide_case(case)
        if answer.rule in _FINAL or (answer.action is Action.REFUSE and not name):
            return ()
        if answer.rule != Rule.HOSTS_NAME_MISSING and _is_friend(case):
            return name if policy.access.relays_name else ()
    later = () if stage is Stage.CONNECT else (*_sender(case), *_helo(case))
    return tuple(dict.fromkeys((*name, *_listings(case), *later)))


def _name(case: Case) -> Iterator[Need]:
    if FactKind.CLIENT_NAME in case.policy.asks and case.client is not None and isinstance(case.name, Unknown):
        yield name_need(case.client)


def _is_friend(case: Case) -> bool:
    raw = case.request.forward_path
    path = path_of(raw) if isinstance(raw, bytes) else None
    return isinstance(path, Path) and is_friend(case, path)


def _listings(case: Case) -> Iterator[Need]:
    if case.client is not None and case.right() is None and asks_blocklists(case):
        for zone in case.policy.refuse_listed:
            yield listed_need(zone, case.client)


def _sender(case: Case) -> Iterator[Need]:
    domain = domain_to_resolve(case)
    if domain is not None and case.right() is None:
        yield sender_need(domain)


def _helo(case: Case) -> Iterator[Need]:
    name = helo_to_resolve(case)
    if name is not None:
        yield helo_need(name)

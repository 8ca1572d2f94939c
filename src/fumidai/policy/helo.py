# SPDX-License-Identifier: Apache-2.0
"""What the name in HELO or EHLO says against a client: only what ``refuse_helo`` names, and nothing in its favour.

    malformed      no name and no address literal by the grammar (which is ASCII), a bare address, or no HELO at all
    unqualified    a name without a dot
    ours           a domain that we receive for, a mail host of ours, an address of a relay network, the local host
    unresolvable   a name that has no address and no MX

Asked of strangers only: who may send anywhere, or whom Connect: OK exempts, may call himself what he likes. That the
name belongs to the client's address is not asked: RFC 5321 forbids to refuse mail for that.

Limits: the guard's own host name is ours only if the policy names it (``receive_for`` or ``[[host]]``).
"""

from __future__ import annotations

from typing import Final

from fumidai.policy.access import Kind
from fumidai.policy.case import Case, helo_need
from fumidai.policy.domains import match
from fumidai.policy.model import HeloCheck, OnFailure, Policy
from fumidai.policy.request import Decision, Unknown, plain_address
from fumidai.policy.rules import Rule, by_rule
from fumidai.smtp.literal import (
    domain_key,
    is_domain_name,
    is_tagged_literal,
    numeric_address,
    parse_literal,
)

# RFC 6761 §6.3: localhost and what lies below it name the machine itself.
_LOCAL: Final = ("localhost", "localhost.localdomain")
_RULES: Final = {
    HeloCheck.MALFORMED: Rule.HELO_MALFORMED,
    HeloCheck.UNQUALIFIED: Rule.HELO_UNQUALIFIED,
    HeloCheck.OURS: Rule.HELO_OURS,
}


def helo_objection(case: Case) -> Decision | None:
    """What can be said against the name without a look-up."""
    checks, helo = case.policy.refuse_helo, case.request.helo
    if not checks or _is_exempt(case):
        return None
    if isinstance(helo, Unknown):
        return by_rule(Rule.UNKNOWN_HELO)
    for check in (HeloCheck.MALFORMED, HeloCheck.UNQUALIFIED, HeloCheck.OURS):
        if check in checks and _is(check, helo or "", case.policy):
            return by_rule(_RULES[check], helo=helo or "nothing", client=case.shown_client)
    return None


def helo_to_resolve(case: Case) -> str | None:
    """The name that has to exist; None where nobody asks, or it is no name."""
    helo = case.request.helo
    if HeloCheck.UNRESOLVABLE not in case.policy.refuse_helo or not isinstance(helo, str) or _is_exempt(case):
        return None
    return domain_key(helo) if _is_name(helo) and not _is(HeloCheck.OURS, helo, case.policy) else None


def helo_unresolved(case: Case) -> Decision | None:
    """What a look-up says against the name."""
    name = helo_to_resolve(case)
    if name is None:
        return None
    fact = case.facts.get(helo_need(name))
    if fact is not None and not fact.failed:
        return None if fact.value else by_rule(Rule.HELO_UNRESOLVABLE, helo=name, client=case.shown_client)
    if case.policy.on_failure is OnFailure.DEFER:
        return by_rule(Rule.HELO_MISSING, helo=name, client=case.shown_client)
    return None


def _is_exempt(case: Case) -> bool:
    hit = case.connect_hit()
    return case.right() is not None or (hit is not None and hit.side.kind in (Kind.OK, Kind.RELAY))


def _is(check: HeloCheck, helo: str, policy: Policy) -> bool:
    if check is HeloCheck.MALFORMED:
        return not _is_well_formed(helo)
    if check is HeloCheck.UNQUALIFIED:
        return _is_well_formed(helo) and not helo.startswith("[") and "." not in domain_key(helo)
    return _is_ours(helo, policy)


def _is_well_formed(helo: str) -> bool:
    # RFC 5321 §4.1.1.1: ehlo = "EHLO" SP ( Domain / address-literal ); §4.1.3: an address stands in brackets.
    if helo.startswith("["):
        return parse_literal(helo) is not None or is_tagged_literal(helo)
    return _is_name(helo)


def _is_name(helo: str) -> bool:
    # RFC 5321 §2.3.5: names are letters, digits and hyphens of ASCII. RFC 6531 §3.7.1: also of a client that knows
    # SMTPUTF8, for before EHLO is answered it can't tell whether the server does. So no U-label is a name here.
    return helo.isascii() and is_domain_name(helo) and numeric_address(helo) is None


def _is_ours(helo: str, policy: Policy) -> bool:
    key = domain_key(helo)
    if key in _LOCAL or match(policy.own, key) is not None or any(host.name == key for host in policy.hosts):
        return True
    literal = parse_literal(helo)
    address = numeric_address(helo) if literal is None else literal
    if address is None:
        return False
    plain = plain_address(address)
    return plain.is_loopback or any(plain in network for network in policy.relay_networks)

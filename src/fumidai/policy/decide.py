# SPDX-License-Identifier: Apache-2.0
"""``decide``: may this client send to this recipient?

Pure, total and silent about everything that it wasn't asked. In this order:

    0  the client rules (hosts_access) deny the client: refuse.
    1  no recipient, or none by the grammar: refuse.
    2  the access table refuses the recipient (in any reading), the client or the sender: do what it says.
    3  every reading of the recipient must be permitted to this client: it is ours, or the access table relays to
       it for everyone, or the client may send anywhere (relay network, authenticated user, Connect: … RELAY).
       No match means refuse.
    4  what is permitted so far may still be refused or put off, save for those who may send anywhere: by the name
       in HELO, by blocklists, by the sender's domain.

A part of the request that is unknown never permits: the answer is a permission only if it would be one whatever
the part turned out to be. The exceptions are the look-ups of step 4, where ``on_failure = "ignore"`` says so.

Limits: TLS is in a request for rules that later rooms add; no rule of today asks it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from fumidai.policy.access import REFUSING, Address, Hit, Kind
from fumidai.policy.case import (
    NO_FACTS,
    Case,
    listed_need,
    make_case,
    path_of,
    readings_of,
    sender_need,
    shown,
)
from fumidai.policy.domains import match
from fumidai.policy.helo import helo_objection, helo_unresolved
from fumidai.policy.model import OnFailure, Policy
from fumidai.policy.request import Action, Decision, Fact, Need, Request, Unknown
from fumidai.policy.rules import Rule, by_rule
from fumidai.smtp.address import Malformed, Path
from fumidai.smtp.readings import Reading


def decide(policy: Policy, request: Request, facts: Mapping[Need, Fact] = NO_FACTS) -> Decision:
    """The answer of a policy to a request, given what was looked up (``needs`` names it)."""
    return decide_case(make_case(policy, request, facts))


def decide_case(case: Case) -> Decision:
    """``decide``, of a case that was made already."""
    if case.standing.denial is not None:
        return case.standing.denial
    raw = case.request.forward_path
    if isinstance(raw, Unknown):
        return by_rule(Rule.UNKNOWN_RECIPIENT)
    path = path_of(raw)
    if not isinstance(path, Path):
        fault = path.why.value if isinstance(path, Malformed) else "null path"
        return by_rule(Rule.MALFORMED_RECIPIENT, recipient=shown(path.raw), fault=fault)
    ways = [_way(case, path, reading) for reading in readings_of(raw, case.policy.routing)]
    refusal = _refused_recipient(path, ways)
    if refusal is not None:
        return refusal
    refusal = _refused_client(case) or _refused_sender(case)
    if refusal is not None and not is_friend(case, path):
        return refusal
    answer = _relaying(case, path, ways)
    if answer.action is Action.PERMIT:
        objection = _objection(case)
        if objection is not None and not is_friend(case, path):
            return objection
    return answer


def is_friend(case: Case, path: Path) -> bool:
    """True if the recipient wants mail whoever sends it (sendmail's ``Spam:… FRIEND``); grants no relaying."""
    hit = case.policy.access.spam(path.content, path.domain)
    return hit is not None and hit.side.kind is Kind.FRIEND


@dataclass(eq=False, slots=True)
class _Way:
    """A reading of the recipient, and what the policy says of it.

    Attributes:
        pattern: what makes its domain ours; None: it is foreign.
        hit: what To: says.
    """

    reading: Reading
    pattern: str | None
    hit: Hit | None

    def permission(self) -> Decision | None:
        """What permits it to everyone; None if nothing does."""
        reading, hit = self.reading, self.hit
        if reading.unresolvable or reading.scheme:
            return None
        if self.pattern is not None:
            return _own_domain(reading.domain, self.pattern)
        if hit is not None and reading.domain and hit.side.kind is Kind.RELAY:
            return by_rule(Rule.ACCESS_TO_RELAY, domain=reading.domain, key=hit.key)
        return None


@lru_cache(maxsize=256)
def _own_domain(domain: str, pattern: str) -> Decision:
    return by_rule(Rule.OWN_DOMAIN, domain=domain, pattern=pattern)


def _way(case: Case, path: Path, reading: Reading) -> _Way:
    """The standard reading is asked for without its quotes, which are no part of a mailbox's name."""
    pattern = match(case.policy.own, reading.domain)
    local_part = reading.local_part if reading.forms else path.content
    return _Way(reading, pattern, case.policy.access.recipient(local_part, reading.domain, ours=pattern is not None))


def _refused_recipient(path: Path, ways: Sequence[_Way]) -> Decision | None:
    for way in ways:
        if way.hit is not None and way.hit.side.kind in REFUSING:
            return _as_told(way.hit, Rule.ACCESS_TO, recipient=shown(path.raw))
    return None


def _refused_client(case: Case) -> Decision | None:
    hit = case.connect_hit()
    if hit is not None and hit.side.kind in REFUSING:
        return _as_told(hit, Rule.ACCESS_CONNECT, client=case.shown_client)
    return None


def _refused_sender(case: Case) -> Decision | None:
    for hit in case.from_hits():
        if hit.side.kind in REFUSING and isinstance(case.request.reverse_path, bytes):
            return _as_told(hit, Rule.ACCESS_FROM, sender=shown(case.request.reverse_path))
    return None


def _as_told(hit: Hit, rule: Rule, **params: str) -> Decision:
    """A refusal in the words of a right-hand side."""
    side, usual = hit.side, by_rule(rule, key=hit.key, **params)
    if side.kind is Kind.REJECT:
        return usual
    # Nothing is acknowledged that is not delivered (DESIGN §2): DISCARD answers 550, QUARANTINE 451.
    code = {Kind.DISCARD: 550, Kind.QUARANTINE: 451}.get(side.kind, side.code)
    enhanced = side.enhanced or f"{code // 100}.7.1"
    action = Action.DEFER if code < 500 else Action.REFUSE
    return Decision(action, usual.rule, usual.why, usual.params, code, enhanced, side.text or usual.text)


def _relaying(case: Case, path: Path, ways: Sequence[_Way]) -> Decision:
    """Step 3."""
    # RFC 5321 §4.5.1: <Postmaster> without a domain must be taken.
    if not path.domain and path.content.lower() == "postmaster":
        return by_rule(Rule.POSTMASTER)
    permissions = [way.permission() for way in ways]
    if permissions[0] is not None and None not in permissions:
        return permissions[0]
    lost = next((way.reading for way in ways if way.reading.unresolvable), None)
    right = case.right()
    if right is not None and lost is None:
        return right
    if lost is None and isinstance(case.name, Unknown) and case.client and case.policy.access.relays_name:
        return by_rule(Rule.CLIENT_NAME_MISSING, client=case.shown_client)
    if permissions[0] is None and right is None:
        return _not_ours(case, path)
    # To somebody who may send anywhere only what nobody can follow is an objection; to others the first foreign one.
    reading = lost if right is not None and lost is not None else ways[permissions.index(None)].reading
    if reading.unresolvable:
        return by_rule(Rule.UNRESOLVABLE_RECIPIENT, recipient=shown(path.raw))
    other = f"{reading.scheme}:{reading.local_part}" if reading.scheme else reading.mailbox
    return by_rule(Rule.AMBIGUOUS_RECIPIENT, reading=other, recipient=shown(path.raw), form=reading.forms[-1].value)


def _not_ours(case: Case, path: Path) -> Decision:
    """The standard reading already is foreign to this client."""
    recipient = shown(path.raw)
    if not path.domain:
        return by_rule(Rule.UNQUALIFIED_RECIPIENT, recipient=recipient)
    if case.client is None and (case.policy.relay_networks or case.policy.access.relays_client):
        return by_rule(Rule.UNKNOWN_CLIENT, recipient=recipient, domain=path.domain)
    return by_rule(Rule.FOREIGN_RECIPIENT, domain=path.domain, client=case.shown_client, recipient=recipient)


def _objection(case: Case) -> Decision | None:
    """Step 4: what may be said against a recipient that may be had, the gravest first."""
    access = case.policy.access
    if case.client is None and access.refuses_client and case.connect_hit() is None:
        return by_rule(Rule.CLIENT_MISSING)
    if access.refuses_name and case.client is not None and isinstance(case.name, Unknown):
        return by_rule(Rule.CLIENT_NAME_MISSING, client=case.shown_client)
    if access.refuses_sender and _is_unclear(case):
        return by_rule(Rule.UNKNOWN_SENDER)
    policy = case.policy
    if not (policy.sender_must_resolve or policy.refuse_listed or policy.refuse_helo) or case.right() is not None:
        return None
    # What needs no look-up first: then ``needs`` can leave the others out.
    without = _sender_form(case) or helo_objection(case)
    return without or next(_listings(case), None) or _sender_domain(case) or helo_unresolved(case)


def _is_unclear(case: Case) -> bool:
    """True if nobody can tell who the sender is."""
    return isinstance(case.sender, Unknown) or any(reading.unresolvable for reading in case.sender_readings())


def asks_blocklists(case: Case) -> bool:
    """True if blocklists have a say: sendmail's OK and RELAY in Connect: exempt from them."""
    hit = case.connect_hit()
    return bool(case.policy.refuse_listed) and (hit is None or hit.side.kind not in (Kind.OK, Kind.RELAY))


def _listings(case: Case) -> Iterator[Decision]:
    if not asks_blocklists(case):
        return iter(())
    return iter([by_rule(Rule.CLIENT_MISSING)]) if case.client is None else _listed(case, case.client)


def _listed(case: Case, client: Address) -> Iterator[Decision]:
    answers = [(zone, case.facts.get(listed_need(zone, client))) for zone in case.policy.refuse_listed]
    for zone, fact in answers:
        if fact is not None and not fact.failed and fact.value:
            yield by_rule(Rule.LISTED_CLIENT, client=str(client), zone=zone, listing=fact.value)
    for zone, fact in answers:
        if (fact is None or fact.failed) and case.policy.on_failure is OnFailure.DEFER:
            yield by_rule(Rule.BLOCKLIST_MISSING, client=str(client), zone=zone)


def domain_to_resolve(case: Case) -> str | None:
    """The sender's domain, where the policy wants it to exist and that is not plain; None where nobody asks."""
    if not case.policy.sender_must_resolve or not isinstance(case.sender, Path):
        return None
    domain = case.sender.domain
    if not domain or domain.startswith("[") or match(case.policy.own, domain) is not None:
        return None
    # sendmail, check_mail: OK and RELAY override an unresolvable domain.
    return None if any(hit.side.kind in (Kind.OK, Kind.RELAY) for hit in case.from_hits()) else domain


def _sender_form(case: Case) -> Decision | None:
    """A sender whose domain must exist and can't be told."""
    if case.policy.sender_must_resolve:
        if isinstance(case.sender, Malformed):
            return by_rule(Rule.UNRESOLVABLE_SENDER, domain=shown(case.sender.raw))
        if isinstance(case.sender, Unknown):
            return by_rule(Rule.UNKNOWN_SENDER)
    return None


def _sender_domain(case: Case) -> Decision | None:
    domain = domain_to_resolve(case)
    if domain is None:
        return None
    fact = case.facts.get(sender_need(domain))
    if fact is not None and not fact.failed:
        return None if fact.value else by_rule(Rule.UNRESOLVABLE_SENDER, domain=domain)
    if case.policy.on_failure is OnFailure.DEFER:
        return by_rule(Rule.SENDER_DOMAIN_MISSING, domain=domain)
    return None

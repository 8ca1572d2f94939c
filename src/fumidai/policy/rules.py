# SPDX-License-Identifier: Apache-2.0
"""The names of all rules that can decide, with their sentence and the reply they give.

Names are stable: they stand in logs, in JSON and in ``docs/policy.md``. Sentences are msgids with ``{fields}``,
filled from ``Decision.params``; ``report`` translates them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fumidai.policy.request import Action, Decision
from fumidai.texts import N_


class Rule(StrEnum):
    """What a ``Decision`` may name."""

    # They permit.
    OWN_DOMAIN = "own-domain"
    POSTMASTER = "postmaster"
    RELAY_NETWORK = "relay-network"
    AUTHENTICATED = "authenticated"
    ACCESS_CONNECT_RELAY = "access-connect-relay"
    ACCESS_TO_RELAY = "access-to-relay"
    # They refuse (the access rules and, where the file says so, the look-ups may also defer).
    FOREIGN_RECIPIENT = "foreign-recipient"
    AMBIGUOUS_RECIPIENT = "ambiguous-recipient"
    UNRESOLVABLE_RECIPIENT = "unresolvable-recipient"
    UNQUALIFIED_RECIPIENT = "unqualified-recipient"
    MALFORMED_RECIPIENT = "malformed-recipient"
    UNKNOWN_RECIPIENT = "unknown-recipient"
    UNKNOWN_SENDER = "unknown-sender"
    UNKNOWN_CLIENT = "unknown-client"
    UNKNOWN_HELO = "unknown-helo"
    HOSTS_DENIED = "hosts-denied"
    ACCESS_CONNECT = "access-connect"
    ACCESS_FROM = "access-from"
    ACCESS_TO = "access-to"
    LISTED_CLIENT = "listed-client"
    UNRESOLVABLE_SENDER = "unresolvable-sender"
    HELO_MALFORMED = "helo-malformed"
    HELO_UNQUALIFIED = "helo-unqualified"
    HELO_OURS = "helo-ours"
    HELO_UNRESOLVABLE = "helo-unresolvable"
    # They defer: a look-up has no answer yet.
    HOSTS_NAME_MISSING = "hosts-name-missing"
    CLIENT_MISSING = "client-missing"
    CLIENT_NAME_MISSING = "client-name-missing"
    BLOCKLIST_MISSING = "blocklist-missing"
    SENDER_DOMAIN_MISSING = "sender-domain-missing"
    HELO_MISSING = "helo-missing"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule does by itself: action, sentence, reply (code 0: none, it permits)."""

    action: Action
    why: str
    code: int = 0
    enhanced: str = ""
    text: str = ""


def _permit(why: str) -> Verdict:
    return Verdict(Action.PERMIT, why)


def _refuse(why: str, code: int, enhanced: str, text: str) -> Verdict:
    return Verdict(Action.REFUSE, why, code, enhanced, text)


def _defer(why: str, code: int, enhanced: str, text: str) -> Verdict:
    return Verdict(Action.DEFER, why, code, enhanced, text)


# Enhanced codes: RFC 3463 §3.2 (X.1.3 bad destination syntax, X.1.8 bad sender system), §3.3 (X.2.1 mailbox disabled),
# §3.5 (X.4.3 directory failure), §3.8 (X.7.1 delivery not authorised).
VERDICTS: Final[Mapping[Rule, Verdict]] = {
    Rule.OWN_DOMAIN: _permit(N_("we receive mail for {domain}")),
    Rule.POSTMASTER: _permit(N_("every mail host takes mail for its postmaster")),
    Rule.RELAY_NETWORK: _permit(N_("{client} lies in the relay network {network}")),
    Rule.AUTHENTICATED: _permit(N_("{user} is authenticated and may send out")),
    Rule.ACCESS_CONNECT_RELAY: _permit(N_("the access table lets {client} relay ({key})")),
    Rule.ACCESS_TO_RELAY: _permit(N_("the access table relays to {domain} for everyone ({key})")),
    Rule.FOREIGN_RECIPIENT: _refuse(
        N_("{domain} is not ours, and {client} may not relay"), 550, "5.7.1", "Relaying denied"
    ),
    Rule.AMBIGUOUS_RECIPIENT: _refuse(
        N_("also reads as {reading}"), 550, "5.7.1", "Relaying denied: ambiguous address"
    ),
    Rule.UNRESOLVABLE_RECIPIENT: _refuse(
        N_("nobody can tell where {recipient} leads"), 550, "5.7.1", "Relaying denied: unclear address"
    ),
    Rule.UNQUALIFIED_RECIPIENT: _refuse(N_("{recipient} names no domain"), 550, "5.1.3", "Address needs a domain"),
    Rule.MALFORMED_RECIPIENT: _refuse(
        N_("{recipient} is no address by RFC 5321 ({fault})"), 501, "5.1.3", "Bad recipient address syntax"
    ),
    Rule.UNKNOWN_RECIPIENT: _refuse(N_("nobody knows the recipient"), 550, "5.7.1", "Relaying denied"),
    Rule.UNKNOWN_SENDER: _refuse(
        N_("nobody knows the sender, and the policy refuses some"), 550, "5.7.1", "Sender unknown"
    ),
    Rule.UNKNOWN_CLIENT: _refuse(N_("nobody knows which client asks"), 550, "5.7.1", "Relaying denied"),
    Rule.UNKNOWN_HELO: _refuse(
        N_("nobody knows what the client called itself, and the policy refuses some names"),
        550,
        "5.7.1",
        "HELO unknown",
    ),
    Rule.HOSTS_DENIED: _refuse(N_("the client rules deny {client} ({place})"), 550, "5.7.1", "Access denied"),
    Rule.ACCESS_CONNECT: _refuse(N_("the access table refuses {client} ({key})"), 550, "5.7.1", "Access denied"),
    Rule.ACCESS_FROM: _refuse(
        N_("the access table refuses the sender {sender} ({key})"), 550, "5.7.1", "Access denied"
    ),
    Rule.ACCESS_TO: _refuse(
        N_("the access table refuses the recipient {recipient} ({key})"),
        550,
        "5.2.1",
        "Mailbox disabled for this recipient",
    ),
    Rule.LISTED_CLIENT: _refuse(
        N_("{client} is on the blocklist {zone}"), 550, "5.7.1", "Client address is blocklisted"
    ),
    Rule.UNRESOLVABLE_SENDER: _refuse(
        N_("the sender's domain {domain} does not exist"), 550, "5.1.8", "Domain of sender address does not exist"
    ),
    Rule.HELO_MALFORMED: _refuse(
        N_("{client} calls itself {helo}, which is no name of a host"), 550, "5.7.1", "HELO is no host name"
    ),
    Rule.HELO_UNQUALIFIED: _refuse(
        N_("{client} calls itself {helo}, which is not a full name"), 550, "5.7.1", "HELO is no fully-qualified name"
    ),
    Rule.HELO_OURS: _refuse(
        N_("{client} calls itself {helo}, and that is our name"), 550, "5.7.1", "HELO is our name, not yours"
    ),
    Rule.HELO_UNRESOLVABLE: _refuse(
        N_("{client} calls itself {helo}, and there is no such host"), 550, "5.7.1", "HELO name does not exist"
    ),
    Rule.HOSTS_NAME_MISSING: _defer(
        N_("the name of {client} is not known yet, and the client rules ask for it ({place})"),
        451,
        "4.4.3",
        "Client name lookup failed, try again later",
    ),
    # Not the sender's fault but ours, so nothing may bounce: RFC 3463 §3.4, X.3.5 system incorrectly configured.
    Rule.CLIENT_MISSING: _defer(
        N_("nobody knows which client asks, and the policy refuses some"),
        451,
        "4.3.5",
        "Client address unknown, try again later",
    ),
    Rule.CLIENT_NAME_MISSING: _defer(
        N_("the name of {client} is not known yet, and the access table asks for it"),
        451,
        "4.4.3",
        "Client name lookup failed, try again later",
    ),
    Rule.BLOCKLIST_MISSING: _defer(
        N_("the blocklist {zone} has not answered about {client}"), 451, "4.4.3", "Lookup failed, try again later"
    ),
    Rule.HELO_MISSING: _defer(
        N_("whether {helo} exists, as {client} calls itself, could not be looked up"),
        451,
        "4.4.3",
        "HELO name lookup failed, try again later",
    ),
    Rule.SENDER_DOMAIN_MISSING: _defer(
        N_("whether {domain} exists could not be looked up"),
        451,
        "4.1.8",
        "Sender domain lookup failed, try again later",
    ),
}


def by_rule(rule: Rule, **params: str) -> Decision:
    """The decision that a rule makes by itself."""
    verdict = VERDICTS[rule]
    return Decision(
        verdict.action,
        rule.value,
        verdict.why.format(**params),
        params,
        verdict.code,
        verdict.enhanced,
        verdict.text,
    )

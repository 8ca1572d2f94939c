# SPDX-License-Identifier: Apache-2.0
"""A finding as a sentence, for each id that a judge may give.

Like verdicts, a finding has one or more wordings, the fullest first, and the first whose fields are all known is said;
the last of each needs only `target`. What a field holds comes from outside as often as not: the voice escapes it.

Limits: an id that stands nowhere here is printed with its parameters, so that nothing found is ever lost.
"""

from __future__ import annotations

from fumidai.evidence.finding import Finding, Severity
from fumidai.report.voice import Voice
from fumidai.texts import N_

FINDINGS: dict[str, tuple[str, ...]] = {
    "open-relay": (
        N_("{target} relays for strangers; delivered: {count} ({tests})."),
        N_("{target} relays for strangers ({tests})."),
        N_("{target} relays for strangers."),
    ),
    "lost-client-address": (
        N_("The server saw {seen} where we came from {source}: it can't tell strangers from its own. Likely: {layer}."),
        N_("The server saw {seen} where we came from {source}: it can't tell strangers from its own network."),
        N_("{target} does not see where its clients come from: it can't tell strangers from its own network."),
    ),
    "reflects-backscatter": (N_("{target} sends bounces to forged senders: strangers can throw its mail at anybody."),),
    "promised-to-relay": (
        N_("{target} promised to relay what was not seen to leave: {count} ({tests})."),
        N_("{target} promised to relay, and nothing was seen to leave ({tests})."),
        N_("{target} promised to relay, and nothing was seen to leave."),
    ),
    "refused-but-delivered": (
        N_("{target} refused {test} and delivered it all the same: its no can't be relied on."),
        N_("{target} refused {tests} and delivered it all the same: its no can't be relied on."),
        N_("{target} refused a message and delivered it all the same: its no can't be relied on."),
    ),
    "postmaster-refused": (
        N_("{target} refuses postmaster@{domain}; a mail server has to take its mail (RFC 5321 §4.5.1)."),
        N_("{target} refuses mail for its postmaster (RFC 5321 §4.5.1 wants it taken)."),
    ),
    "accepts-anything": (
        N_(
            "{target} took {count} of {asked} recipients, also such as can't exist, and nothing came out: "
            "it looks like a sink or a honeypot."
        ),
        N_("{target} takes every recipient, also such as can't exist: it looks like a sink or a honeypot."),
    ),
    "proof-from-elsewhere": (
        N_("What {target} relayed left from {address}: that is its outgoing address, the one that gets listed."),
        N_("What {target} relayed left from another address than the one that took it."),
    ),
    "seen-as": (
        N_("It saw us as {seen}; we came from {source} (a NAT on our side)."),
        N_("It saw us as {seen}."),
        N_("It saw us under another address than the one we know (a NAT on our side)."),
    ),
    "starttls-failed": (
        N_("{target} offers STARTTLS, but it failed: {detail}"),
        N_("{target} offers STARTTLS, but it failed."),
    ),
    "pipelining-broken": (
        N_("{target} announces PIPELINING and does not answer grouped commands properly (RFC 2920)."),
    ),
    "tester-blocked": (
        N_("{target} turned our tester away: {reply}"),
        N_("{target} turned our tester away."),
    ),
    "catch-all": (
        N_("It takes any name at {domain}: a strange address that it takes may simply be a mailbox."),
        N_("{target} takes any name at its domain: a strange address that it takes may simply be a mailbox."),
    ),
    "software-outdated": (
        N_("{name} {version} is out of date and comes without relay control."),
        N_("The software of {target} is out of date."),
    ),
    "late-refusal": (
        N_("{target} says no only after it has taken the recipients; tests that stop at RCPT say nothing here."),
    ),
    "late-refusal-untried": (
        N_(
            "{target} says no only after it has taken the recipients, and the tests that need a mailbox of its own "
            "({count}: {tests}) were not made. To make them: --local-user ADDRESS, where ADDRESS may get test messages."
        ),
        N_(
            "{target} says no only after it has taken the recipients, and the tests that need a mailbox of its own "
            "were not made. To make them: --local-user ADDRESS, where ADDRESS may get test messages."
        ),
    ),
    "deferred-forever": (
        N_("{target} put tests off (4xx) to the end ({count}): it never said yes or no."),
        N_("{target} put us off (4xx) to the end: it never said yes or no."),
    ),
    "auto-reply": (
        N_("{target} answered tests by itself ({count}; auto-reply or challenge): they go to forged senders too."),
        N_("{target} answers mail by itself (auto-reply or challenge): such answers go to forged senders too."),
    ),
    "callout-seen": (
        N_("{target} asked our sink whether the sender exists before it answered (a callout, no delivery)."),
    ),
    # of a trace
    "stepping-stone": (N_("{target} passed this message on from a stranger."),),
    "relay-address-masked": (N_("The address of {target} is masked in the report."),),
    "message-id-of-source": (N_("The Message-ID carries the source's address."),),
    "sites-differ": (
        N_("From, Reply-To and Message-ID name {count} different sites."),
        N_("From, Reply-To and Message-ID name different sites."),
    ),
    "empty-to": (N_("To is empty."),),
    "lines-left-out": (
        N_("It has too many Received lines: {count} or more of the oldest were not read."),
        N_("It has too many Received lines: the oldest were not read."),
    ),
    "quoted-original": (N_("A quoted original stands below the head."),),
    "border-inferred": (
        N_("Trust was inferred and ends at {last}; if {target} is a host of yours, name it with --ours."),
        N_("Trust was inferred; if {target} is a host of yours, name it with --ours."),
    ),
    "forwarder": (
        N_("{server} took it for {recipient} and passed it on: a list or a forwarder, no stepping stone by this."),
        N_("{server} passed it on as a list or a forwarder does; that makes it no stepping stone."),
        N_("{target} passed it on as a list or a forwarder does; that makes it no stepping stone."),
    ),
    "own-server": (
        N_("{server} sent it for a host of its own site."),
        N_("{target} sent it for a host of its own site."),
    ),
    "logged-in": (
        N_("The source had logged in at {server} ({user})."),
        N_("The source had logged in at {target}."),
    ),
    "sender-of-its-own": (
        N_("{server} mails for a sender of its own ({sender}), or believes strangers who say they are one."),
        N_("{target} mails for a sender of its own, or believes strangers who say they are one."),
    ),
    "customer": (
        N_("{server} mails for {sender}, whose own server handed it in."),
        N_("{target} mails for a customer, whose own server handed it in."),
    ),
    "lines-disagree": (
        N_("The last line to believe saw {seen}, but the next is by {by}: nothing shows that it is that host's own."),
        N_("Nothing shows that the line below the last one to believe was written by {target}."),
    ),
    # by --dns: of today, while the mail is of then
    "dns-confirms": (N_("DNS today: {name} still has the address {address}."), N_("DNS today confirms {target}.")),
    "dns-differs": (
        N_("DNS today: {name} has {addresses}, not {address}."),
        N_("DNS today has other addresses for {target}."),
    ),
    "dns-missing": (N_("DNS today knows nothing of {name}."), N_("DNS today knows nothing of {target}.")),
    "dns-failed": (
        N_("The DNS could not tell about {name} ({why})."),
        N_("The DNS could not tell about {target}."),
    ),
    "dns-hint": (
        N_("DNS today: {name} has {addresses}; whether it was that address then, only the reporter can tell."),
        N_("DNS today has addresses for {target}."),
    ),
    "dns-mail-exchanger": (
        N_("DNS today: {name} is a mail exchanger of {domain}. If that domain is yours, name the host with --ours."),
        N_("DNS today has {target} as a mail exchanger of the recipient. If it is yours, name it with --ours."),
    ),
    "dns-reverse-confirms": (
        N_("DNS today: {address} is called {name}, and the name leads back."),
        N_("DNS today: the name of {target} leads back."),
    ),
    "dns-reverse-differs": (
        N_("DNS today: {address} is called {name}, but that name does not lead back."),
        N_("DNS today: the name of {target} does not lead back."),
    ),
    "address-offered": (
        N_(
            "{field} says that {relay} had the address {address}. That is a hint and not taken: if it is right, "
            "give it with --relay-address {address}."
        ),
        N_("{field} says that the host which handed it over had the address {address}: a hint, and not taken."),
        N_("Another field names an address for {target}: a hint, and not taken."),
    ),
    "address-contradicted": (
        N_(
            "{field} names {address}, the line of {by} saw {seen}; {address} is what the older line of {beyond} saw. "
            "{target} may be a host of the reader's own."
        ),
        N_("{field} names {address}, the line of {by} saw {seen}: one is wrong, or speaks of another host."),
        N_("{field} names {address}, you named {told}."),
        N_("Another field names another address for {target}."),
    ),
    "web-client": (
        N_("{trusted} is a web mailer; by its X-Originating-IP the user sat at {address}."),
        N_("{by} is a web mailer; X-Originating-IP claims that the user sat at {address}. Nobody vouches for that."),
        N_("X-Originating-IP claims to know where the user of {target} sat."),
    ),
    "time-backwards": (
        N_("The line of {by} is {seconds} s later than the one above it: a wrong clock, or a line that was invented."),
        N_("The line of {target} is later than the one above it: a wrong clock, or a line that was invented."),
    ),
}

# What can stand between a client and a server and eat the client's address.
LAYERS: dict[str, str] = {
    "userland-proxy": N_("a container's userland proxy (an IPv6 port published for an IPv4-only container)"),
    "container": N_("a container network that hands connections on under its own address"),
    "load-balancer": N_("a load balancer without PROXY protocol"),
    "nat": N_("a NAT that rewrites the source of incoming connections"),
    "loopback": N_("a proxy on the host itself (tunnel, TLS wrapper, filter)"),
    "own-network": N_("a gateway of its own network that connects under its own address"),
}

_UNKNOWN = N_("{id} on {target} ({fields})")
_UNKNOWN_BARE = N_("{id} on {target}")

_RANK = {severity: rank for rank, severity in enumerate(Severity)}


def finding_sentence(finding: Finding, voice: Voice) -> str:
    """The finding in one sentence."""
    fields: dict[str, object] = {"target": finding.target, **finding.params}
    layer = str(fields.pop("layer", ""))
    if layer not in ("", "unknown"):
        fields["layer"] = voice.say(LAYERS[layer]) if layer in LAYERS else layer
    texts = FINDINGS.get(finding.id)
    if texts:
        return voice.best(texts, fields)
    listed = ", ".join(f"{name}={value}" for name, value in finding.params.items())
    return voice.say(_UNKNOWN if listed else _UNKNOWN_BARE, id=finding.id, target=finding.target, fields=listed)


def worst_first(findings: tuple[Finding, ...]) -> list[Finding]:
    """Findings in the order of their urgency; equals stay as they were."""
    return sorted(findings, key=lambda finding: _RANK[finding.severity])

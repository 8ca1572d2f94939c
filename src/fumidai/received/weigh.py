# SPDX-License-Identifier: Apache-2.0
"""Weigh the hops of a message: where does trust end, who passed it on there, and who gave it to him?

How it works. ``border`` finds the last trusted line: the peer in it is a fact. ``chain`` asks whether the next older
line is that peer's own, and where the peer's site took the message from outside.

* no older line, or the peer's site took it from itself or from a user who had logged in: **direct**;
* the peer's site took it from a stranger, and not for an address of its own: **relay**, and what its line saw is the
  **source**;
* the peer is a list or a forwarder, or mails for a sender of its own, or the older lines are not its own:
  **undecided**.

``clues``, ``clock`` and ``testimony`` (other fields that name the peer) raise or lower the confidence. They never
decide: the relay of a true report had a clock 758 seconds fast, and "time goes backwards" would have acquitted it.

Limits: a peer may have invented the lines below its own; a secondary mail exchanger that ``ours`` doesn't name looks
like a relay. A trace is a reason to test a host, not to list it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fumidai.evidence.finding import Finding, Severity
from fumidai.received import clues
from fumidai.received.address import inside
from fumidai.received.border import Ours, find_border
from fumidai.received.chain import Agreement, Entry, find_entry, helo_is_of
from fumidai.received.clock import DAY, HOUR, clock_error, seconds_between
from fumidai.received.date import read_date
from fumidai.received.headers import Headers
from fumidai.received.hop import Client, Hop, Kind
from fumidai.received.site import address_site, is_line, plain_name, site
from fumidai.received.testimony import LESS_SURE, WEB, hear, testified, web_client
from fumidai.received.trace import (
    Border,
    Claim,
    Confidence,
    Relay,
    Report,
    Source,
    Trace,
    TracedHop,
    TraceVerdict,
    Trust,
)

__all__ = ["Ours", "weigh"]

Claims = dict[int, tuple[Trust, tuple[Claim, ...]]]

_AGREEMENT_POINTS: Final = {
    Agreement.NAME: 3,
    Agreement.ADDRESS: 3,
    Agreement.HELO: 1,
    Agreement.SITE: 2,
    Agreement.HELO_SITE: 0,
}
#: Sendmail before 8.9 came without relay control (its RELEASE_NOTES: 8.9 refuses to relay by default).
_CLOSED_SINCE: Final = (8, 9)


def weigh(
    hops: Sequence[Hop],
    headers: Headers,
    *,
    ours: Ours | None = None,
    relay_address: str = "",
    around: Report | None = None,
    left_out: int = 0,
    message: bytes = b"",
) -> Trace:
    """What the lines of one message prove.

    Args:
        hops: newest first, as ``read_head`` gives them; headers: likewise.
        ours: the hosts to believe; without any the border is inferred.
        relay_address: the relay's address, where the user knows it and the report masks it.
        around: what stood around a pasted message.
        left_out: Received lines that were too many to be read (``Head.left_out``).
        message: the bytes that ``hops`` were read from; without them no other field is asked about the peer.
    """
    steps = [index for index, hop in enumerate(hops) if hop.kind is Kind.TRANSFER]
    if not steps:
        return Trace(TraceVerdict.NO_EVIDENCE, Confidence.LOW, hops=_traced(hops, steps, {}, -1))
    trusted = find_border(hops, steps, ours)
    border = max(trusted)
    claims = {index: (Trust.OBSERVED, why) for index, why in trusted.items()}
    older = [index for index in steps if index > border]
    entry = find_entry(hops, older, border) if older else None
    if entry is not None:
        claims.update(_believed(steps, entry))
    testimony = hear(message, hops, tuple(trusted))
    if testimony is not None and testimony.agree:
        claims[border] = (Trust.OBSERVED, trusted[border] + testimony.claims)
    case = _Case(hops, headers, border, older, entry, confirmed=testimony is not None and bool(testimony.agree))
    verdict, confidence, source, findings = case.judge()
    if testimony is not None and testimony.differ:
        confidence = LESS_SURE.get(confidence, confidence)
    relay = None
    if verdict is TraceVerdict.RELAY and entry is not None:
        relay = _relay(hops, border, entry, headers, relay_address)
        findings = [*_relay_findings(relay), *findings]
    if testimony is not None:
        findings += testified(testimony, hops, border, case.server, relay)
    if "x-originating-ip" in headers:
        findings += web_client(headers, hops, source, trusted=border == steps[-1])
    findings += clues.message_clues(headers, source)
    if left_out:
        findings.append(Finding("lines-left-out", Severity.LOW, hops[border].by, params={"count": left_out}))
    if around is not None and around.quoted is not None:
        findings.append(Finding("quoted-original", Severity.INFO, hops[border].by))
    rests_on = Border.DECLARED if ours else Border.INFERRED
    if relay is not None and rests_on is Border.INFERRED:
        findings.append(Finding("border-inferred", Severity.INFO, relay.name, params={"last": hops[border].by}))
    traced = _traced(hops, steps, claims, border)
    return Trace(verdict, confidence, relay, source, rests_on, border, traced, tuple(findings))


class _Case:
    """The lines of one message, and what is asked of them."""

    def __init__(
        self,
        hops: Sequence[Hop],
        headers: Headers,
        border: int,
        older: Sequence[int],
        entry: Entry | None,
        *,
        confirmed: bool,
    ) -> None:
        self.hops, self.headers, self.border, self.older, self.entry = hops, headers, border, older, entry
        self.confirmed = confirmed
        self.peer = hops[border].client
        self.server = plain_name(self.peer.rdns or self.peer.helo or self.peer.ip)

    def judge(self) -> tuple[TraceVerdict, Confidence, Source, list[Finding]]:
        """Verdict, confidence, source, and what speaks for them."""
        entry = self.entry
        if self.hops[self.border].auth:
            return TraceVerdict.DIRECT, Confidence.HIGH, self._source(self.border), self._logged_in(self.border)
        if not self.older:
            sure = Confidence.HIGH if self.peer.ip and not inside(self.peer.ip) else Confidence.LOW
            return TraceVerdict.DIRECT, sure, self._source(self.border), []
        if entry is None:
            return self._not_its_own()
        last = self.hops[entry.last]
        if _has_logged_in(last):
            found = self._logged_in(entry.last)
            return TraceVerdict.DIRECT, Confidence.MEDIUM, self._source(entry.last), found
        if not entry.outside:
            found = [Finding("own-server", Severity.INFO, self.server, params={"server": self.server})]
            return TraceVerdict.DIRECT, Confidence.MEDIUM, self._source(entry.last), found
        excuse = self._excuse(last)
        if excuse is not None:
            return TraceVerdict.UNDECIDED, Confidence.MEDIUM, self._source(entry.last), [excuse]
        return TraceVerdict.RELAY, self._confidence(entry), self._source(entry.last), self._against(entry)

    def _source(self, index: int) -> Source:
        client = self.hops[index].client
        return Source(client.ip, client.rdns, client.helo, client.ident, client.masked, self.hops[index].auth, index)

    def _not_its_own(self) -> tuple[TraceVerdict, Confidence, Source, list[Finding]]:
        """The lines below the border are by somebody else than the peer."""
        by = self.hops[self.older[0]].by
        found = [Finding("lines-disagree", Severity.INFO, self.server, params={"seen": self.server, "by": by})]
        source = self._source(self.border)
        # A customer's line is no mail server: what stands below its line, it brought along.
        lies = helo_is_of(self.peer, self.hops[self.border]) or clues.helo_is_bare_address(self.peer)
        if lies or is_line(self.peer.rdns, self.peer.ip):
            return TraceVerdict.DIRECT, Confidence.MEDIUM, source, found
        return TraceVerdict.UNDECIDED, Confidence.LOW, source, found

    def _logged_in(self, index: int) -> list[Finding]:
        user = self.hops[index].auth or self.hops[index].with_
        return [
            Finding(
                "logged-in", Severity.INFO, self.hops[index].by, params={"server": self.hops[index].by, "user": user}
            )
        ]

    def _excuse(self, last: Hop) -> Finding | None:
        """A reason why a site may take mail from a stranger and pass it on to us; None if there is none."""
        own = {
            site(self.peer.rdns),
            site(self.hops[self.entry.first if self.entry else self.border].by),
            site(last.by),
        } - {""}
        recipient = last.for_
        params: dict[str, str | int] = {"server": self.server}
        if recipient and address_site(recipient) in own:
            return Finding("forwarder", Severity.INFO, self.server, params={**params, "recipient": recipient})
        if clues.is_listed(self.headers):
            return Finding("forwarder", Severity.INFO, self.server, params=params)
        if not recipient and address_site(clues.domain_of(self.headers, "to")) in own:
            to = clues.domain_of(self.headers, "to")
            return Finding("forwarder", Severity.INFO, self.server, params={**params, "recipient": to})
        sender = last.envelope_from or clues.domain_of(self.headers, "from")
        if address_site(sender) in own:
            return Finding("sender-of-its-own", Severity.INFO, self.server, params={**params, "sender": sender})
        if address_site(sender) and address_site(sender) == site(last.client.rdns) and not self._from_line(last):
            return Finding("customer", Severity.INFO, self.server, params={**params, "sender": sender})
        return None

    def _from_line(self, hop: Hop) -> bool:
        return is_line(hop.client.rdns, hop.client.ip)

    def _confidence(self, entry: Entry) -> Confidence:
        """How sure a relay is: how well its line agrees, and what its client looks like."""
        own, last = self.hops[entry.first], self.hops[entry.last]
        points = _AGREEMENT_POINTS[entry.agreement]
        points += self._from_line(last) + clues.helo_is_bare_address(last.client)
        points += bool(last.for_) + bool(own.family)
        points += self.confirmed
        points -= own.date is None
        points -= 2 * is_line(self.peer.rdns, self.peer.ip)
        backwards = -(seconds_between(own.date, self.hops[self.border].date) or 0)
        points -= (backwards > HOUR) + (backwards > DAY)
        if points >= 4:
            return Confidence.HIGH
        return Confidence.MEDIUM if points >= 2 else Confidence.LOW

    def _against(self, entry: Entry) -> list[Finding]:
        """What speaks against believing the relay's own line, where it is more than a wrong clock."""
        backwards = -(seconds_between(self.hops[entry.first].date, self.hops[self.border].date) or 0)
        if backwards <= HOUR:
            return []
        params: dict[str, str | int] = {"seconds": backwards, "by": self.hops[entry.first].by}
        return [Finding("time-backwards", Severity.INFO, self.server, params=params)]


def _has_logged_in(hop: Hop) -> bool:
    return bool(hop.auth) or hop.with_.upper().startswith(WEB)


def _believed(steps: Sequence[int], entry: Entry) -> Claims:
    """The lines of the peer's site."""
    site_claim = (Claim("site-of-relay"),)
    own = {index: (Trust.BELIEVED, site_claim) for index in steps if entry.first < index <= entry.last}
    return {**own, entry.first: (Trust.BELIEVED, (Claim(entry.agreement.value),))}


def _relay(hops: Sequence[Hop], border: int, entry: Entry, headers: Headers, told: str) -> Relay:
    client, own = hops[border].client, hops[entry.first]
    name = client.rdns or client.helo or own.by
    written = read_date(headers["date"].text) if "date" in headers else None
    return Relay(
        name=name,
        ip=client.ip or told,
        masked=client.masked,
        told=bool(told) and not client.ip,
        entry="" if plain_name(hops[entry.last].by) == plain_name(name) else hops[entry.last].by,
        software=own.software,
        version=own.version,
        clock=clock_error(own.date, hops[border].date, written),
        output=border,
        own=entry.first,
    )


def _relay_findings(relay: Relay) -> list[Finding]:
    found = [Finding("stepping-stone", Severity.HIGH, relay.name)]
    if not relay.ip:
        found.append(Finding("relay-address-masked", Severity.MEDIUM, relay.name, params={"masked": relay.masked}))
    if relay.software.startswith("Sendmail") and _release(relay.version) < _CLOSED_SINCE:
        params: dict[str, str | int] = {"name": relay.software, "version": relay.version}
        found.append(Finding("software-outdated", Severity.MEDIUM, relay.name, params=params))
    return found


def _release(version: str) -> tuple[int, ...]:
    """The first two numbers of a version; the highest if it has none."""
    numbers = version.split(".")[:2]
    return tuple(map(int, numbers)) if len(numbers) == 2 and all(map(str.isdigit, numbers)) else (9999,)


def _traced(hops: Sequence[Hop], steps: Sequence[int], claims: Claims, border: int) -> tuple[TracedHop, ...]:
    """Every line with what it is worth."""
    traced: list[TracedHop] = []
    ahead = 0
    older_steps = iter(steps[1:])
    for index, hop in enumerate(hops):
        trust, why = claims.get(index) or (_OBSERVED if index < border else _CLAIMED)
        if hop.kind is not Kind.TRANSFER:
            traced.append(TracedHop(hop, trust, True) if hop.known else TracedHop(hop, *_UNKNOWN_FORM))
            continue
        older = next(older_steps, None)
        delay = seconds_between(hops[older].date, hop.date) if older is not None else None
        odd = _odd_client(hop.client)
        if hop.family.startswith("sendmail") and b"may be forged" in hop.raw:
            odd += _MAY_BE_FORGED
        if hop.date is None:
            odd += _NO_DATE
        if ahead > HOUR:
            odd += (Claim("later-than-above", {"seconds": ahead}),)
        traced.append(TracedHop(hop, trust, False, why + odd, delay))
        ahead = -delay if delay is not None else 0
    return tuple(traced)


_OBSERVED: Final[tuple[Trust, tuple[Claim, ...]]] = (Trust.OBSERVED, ())
_CLAIMED: Final = (Trust.CLAIMED, (Claim("nobody-vouches"),))
_UNKNOWN_FORM: Final = (Trust.DOUBTED, False, (Claim("unknown-form"),))
_NO_DATE: Final = (Claim("no-date"),)
_MAY_BE_FORGED: Final = (Claim("may-be-forged"),)
_HELO_BARE_ADDRESS: Final = (Claim("helo-bare-address"),)
_DYNAMIC_NAME: Final = (Claim("dynamic-name"),)


def _odd_client(client: Client) -> tuple[Claim, ...]:
    """What is odd about a client."""
    odd = _HELO_BARE_ADDRESS if clues.helo_is_bare_address(client) else ()
    return odd + _DYNAMIC_NAME if client.rdns and is_line(client.rdns, client.ip) else odd

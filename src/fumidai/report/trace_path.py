# SPDX-License-Identifier: Apache-2.0
"""The path of a message as rows for whoever draws it: each host once, with what was seen of it, and how far to believe.

A Received line tells of two hosts: of its writer, and of the client that the writer saw. What is odd about the client
stands beside the client's row, so no row repeats another; why a line is believed stands beside its writer.

Limits: texts are in the reader's language and escaped (`Voice`), not for HTML.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fumidai.received.hop import Kind
from fumidai.received.site import plain_name
from fumidai.received.trace import Claim, ClockError, Relay, Source, Trace, TracedHop, Trust
from fumidai.report.escape import raw
from fumidai.report.trace_words import ABOUT_CLIENT, TRUST, claim_text
from fumidai.report.voice import Voice
from fumidai.texts import N_

_HOUR: Final = 3600
_DAY: Final = 86400


@dataclass(frozen=True, slots=True)
class Stop:
    """One host of the path.

    Attributes:
        depth: 0 is the host that has the message; each next one handed it to the one before.
        host, software, time: its name, what runs on it (of the last one the name of its address), when it took the
            message, by its own clock. delay: since the older host's time, with its sign; "" where nobody can tell.
        trust: of the line that it wrote; None for the last, which wrote none that we have. note: why, as a clause.
        relay: it is the stepping stone.
        number: index of its line in `Trace.hops`; None for the last.
    """

    depth: int
    host: str
    software: str = ""
    time: str = ""
    delay: str = ""
    trust: Trust | None = None
    note: str = ""
    relay: bool = False
    number: int | None = None


def stops(trace: Trace, voice: Voice) -> tuple[Stop, ...]:
    """The hosts, from the one that has the message to the one it came from; none without a transfer."""
    steps = [(index, step) for index, step in enumerate(trace.hops) if step.hop.kind is Kind.TRANSFER]
    if not steps:
        return ()
    found = [_writer(depth, index, trace, steps, voice) for depth, (index, _) in enumerate(steps)]
    return (*found, _first(len(steps), steps[-1][1], voice))


def _writer(depth: int, index: int, trace: Trace, steps: list[tuple[int, TracedHop]], voice: Voice) -> Stop:
    step = trace.hops[index]
    hop = step.hop
    above = steps[depth - 1][1] if depth else None
    return Stop(
        depth,
        voice.show(raw(hop.by or hop.by_ip or "?")),
        voice.show(raw(software_text(hop.software, hop.version, hop.config) or hop.family)),
        clock_text(hop.date),
        delay_text(step.delay, voice),
        step.trust,
        "; ".join([*_own_claims(step, trace, index, voice), *(_as_seen(above, hop.by, voice) if above else ())]),
        trace.relay is not None and index == trace.relay.own,
        index,
    )


def _first(depth: int, step: TracedHop, voice: Voice) -> Stop:
    """The oldest host that is named."""
    client = step.hop.client
    host = client.ip or client.masked or client.rdns or client.helo or "?"
    name = client.rdns if client.rdns != host else ""
    notes = [*_client_claims(step.claims, voice)]
    if step.trust is not Trust.OBSERVED:
        notes.insert(0, voice.say(N_("claimed by the line above")))
    return Stop(depth, voice.show(raw(host)), voice.show(raw(name)), note="; ".join(notes))


def _own_claims(step: TracedHop, trace: Trace, index: int, voice: Voice) -> Iterator[str]:
    """Why its line is believed that far; that its clock is wrong is said once."""
    relay = trace.relay
    clock = relay.clock if relay is not None and index == relay.own else None
    error = clock.certain if clock is not None else 0
    for claim in step.claims:
        if claim.id not in ABOUT_CLIENT and not (error and claim.id == "later-than-above"):
            yield claim_text(claim, voice)
    if clock is not None and error:
        yield clock_error_text(clock, voice)


def _as_seen(above: TracedHop, name: str, voice: Voice) -> Iterator[str]:
    """What the line above saw of the host that calls itself so."""
    client = above.hop.client
    if plain_name(name) not in {plain_name(client.rdns), plain_name(client.helo)}:
        known = client.rdns or client.helo
        address = client.ip or client.masked
        seen = f"{known} [{address}]" if known and address else known or address or "?"
        yield voice.say(N_("the line above saw {seen}"), seen=raw(seen))
    yield from _client_claims(above.claims, voice)


def _client_claims(claims: tuple[Claim, ...], voice: Voice) -> list[str]:
    return [claim_text(claim, voice) for claim in claims if claim.id in ABOUT_CLIENT]


def clock_error_text(clock: ClockError, voice: Voice) -> str:
    """By how much a clock is wrong: at least, and at most where the Date field caps it."""
    error = clock.certain
    if error <= 0:
        return voice.say(N_("its clock is at least {seconds} s slow"), seconds=-error)
    if clock.at_most is not None and clock.at_most >= error:
        text = N_("its clock is at least {seconds} s fast, at most {most} s if Date is right")
        return voice.say(text, seconds=error, most=f"{clock.at_most:,}")
    return voice.say(N_("its clock is at least {seconds} s fast"), seconds=error)


def believed_text(stop: Stop, voice: Voice, before: Stop | None = None) -> str:
    """How far its line is believed, and why; what the host before said alike is not said again."""
    if stop.trust is None:
        return stop.note
    word = voice.say(TRUST[stop.trust])
    alike = before is not None and (before.trust, before.note) == (stop.trust, stop.note)
    return f"{word}: {stop.note}" if stop.note and not alike else word


def delay_text(seconds: int | None, voice: Voice) -> str:
    """How long it took by the two clocks: seconds below an hour, then hours, then days; "" where nobody can tell."""
    if seconds is None:
        return ""
    if abs(seconds) < _HOUR:
        return voice.say(N_("{delay} s"), delay=f"{seconds:+}")
    if abs(seconds) < 2 * _DAY:
        return voice.say(N_("{delay} h"), delay=f"{seconds / _HOUR:+.1f}")
    return voice.say(N_("{delay} days"), delay=f"{seconds / _DAY:+,.0f}")


def called(party: Source | Relay) -> bytes | str:
    """What a source or relay is called where one word has to do: its address, else a name."""
    name = (party.rdns or party.helo) if isinstance(party, Source) else party.name
    return raw(party.ip or party.masked or name or "?")


def software_text(name: str, version: str, config: str = "") -> str:
    """A program, its version, and its configuration's where that says more, as sendmail writes it: 8.8.8/3.7W."""
    own = config.removeprefix(version).lstrip("/") if version else ""
    return f"{name} {version}/{own}" if own else f"{name} {version}".strip()


def clock_text(date: datetime | None) -> str:
    """A time of day with its zone, as it was written."""
    return f"{date:%H:%M:%S %z}" if date is not None else ""

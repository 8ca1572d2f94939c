# SPDX-License-Identifier: Apache-2.0
"""A trace as people read it: verdict first, then the path with what can be believed of it, then what is odd, then what
to do.

    RELAY   ns.a.co.jp, sendmail 8.7.1, passed this message on. …

      mail.pimpdaddy.com  qmail           08:54:40 UTC
          observed: …
        ns.a.co.jp        sendmail 8.7.1  18:07:18 +0900
            believed: …
          216.76.216.45   host-….net

Each host stands a step further in than the one that took the message from it. Everything out of the message goes
through `Voice`, which escapes it.

Limits: one message; many are summarised elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fumidai.logs.join import Logged
from fumidai.received.hop import Kind
from fumidai.received.trace import Relay, Source, Trace, TracedHop, TraceVerdict
from fumidai.report.escape import Encodable, always, raw
from fumidai.report.findings import finding_sentence, worst_first
from fumidai.report.ink import Ink, Line, headed, plain
from fumidai.report.trace_json import Message
from fumidai.report.trace_words import CONFIDENCE, TRUST, claim_text
from fumidai.report.voice import Voice
from fumidai.report.width import cells, pad, wrap
from fumidai.texts import N_, Language

_INK = {
    TraceVerdict.RELAY: Ink.BAD,
    TraceVerdict.DIRECT: Ink.GOOD,
    TraceVerdict.UNDECIDED: Ink.WARN,
    TraceVerdict.NO_EVIDENCE: Ink.WARN,
}
#: Findings that the verdict's own sentence says already.
_SAID = frozenset({"stepping-stone", "relay-address-masked"})
_STEP = "  "


@dataclass(frozen=True, slots=True)
class _Row:
    """One host of the path: how deep it stands, what it is called, what runs on it, when it took the message."""

    depth: int
    host: str
    software: str
    time: str
    notes: str


@dataclass(frozen=True, slots=True)
class _Page:
    voice: Voice
    width: int
    verbose: int


def render_trace_text(
    message: Message,
    *,
    language: Language = "en",
    colour: bool = False,
    width: int = 80,
    verbose: int = 0,
    quiet: bool = False,
    encodable: Encodable = always,
) -> str:
    """One message's trace, each line ended by LF.

    Args:
        verbose: 1 and more also shows the lines as they stand.
        quiet: the last line alone.
    """
    page = _Page(Voice(language, encodable=encodable), max(40, width), verbose)
    last = _last_line(message, page)
    lines = [last] if quiet else [*_body(message, page), last]
    return "".join(line.painted(colour) + "\n" for line in lines)


def _body(message: Message, page: _Page) -> Iterator[Line]:
    trace, voice = message.trace, page.voice
    word = trace.verdict.value.upper()
    sentence = voice.together(_verdict(trace, voice))
    yield from headed(wrap(sentence, page.width, first=f"{word}   ", rest="  "), _INK[trace.verdict], 0, len(word))
    yield Line()
    rows = list(_rows(trace, voice))
    if rows:
        yield from _path(rows, page)
        yield Line()
    for text in _remarks(message, voice):
        yield from plain(wrap(text, page.width, rest=_STEP))
    if page.verbose:
        yield Line()
        yield from _raw_lines(trace, page)
        yield from _log_lines(message.logged, page)
    yield Line()


def _verdict(trace: Trace, voice: Voice) -> Iterator[str]:
    relay, source = trace.relay, trace.source
    if trace.verdict is TraceVerdict.RELAY and relay is not None:
        software = _software(relay.software, relay.version)
        texts = (N_("{name}, {software}, passed this message on."), N_("{name} passed this message on."))
        fields = {"name": raw(relay.name or relay.ip or "?")} | ({"software": software} if software else {})
        yield voice.best(texts, fields)
        yield from _whereabouts(relay, voice)
    elif trace.verdict is TraceVerdict.DIRECT and source is not None:
        yield voice.say(
            N_("No stepping stone is seen: {source} handed the message over itself."), source=_called(source)
        )
    elif trace.verdict is TraceVerdict.UNDECIDED:
        yield voice.say(N_("The lines that can be believed don't tell whether somebody passed this message on."))
    else:
        yield voice.say(N_("Nothing to trace: there is no Received line that tells of a transfer."))


def _whereabouts(relay: Relay, voice: Voice) -> Iterator[str]:
    if relay.ip and relay.told:
        yield voice.say(N_("Its address, as you say, is {ip}."), ip=raw(relay.ip))
    elif relay.ip:
        yield voice.say(N_("Its address is {ip}."), ip=raw(relay.ip))
    elif relay.masked:
        yield voice.say(N_("Its address is masked in the report: ask the reporter, or give it with --relay-address."))


def _rows(trace: Trace, voice: Voice) -> Iterator[_Row]:
    """The hosts, from the one that has the message to the one it came from."""
    steps = [(index, step) for index, step in enumerate(trace.hops) if step.hop.kind is Kind.TRANSFER]
    for depth, (index, step) in enumerate(steps):
        hop = step.hop
        family = "" if hop.software else hop.family
        yield _Row(
            depth,
            voice.show(raw(hop.by or hop.by_ip or "?")),
            voice.show(raw(_software(hop.software, hop.version) or family)),
            _clock(hop.date),
            _why(step, trace, index, voice),
        )
    if steps:
        client = steps[-1][1].hop.client
        first = client.ip or client.masked or client.rdns or client.helo or "?"
        name = client.rdns if client.rdns != first else ""
        yield _Row(len(steps), voice.show(raw(first)), voice.show(raw(name)), "", "")


def _why(step: TracedHop, trace: Trace, index: int, voice: Voice) -> str:
    """How far a line is believed, and why."""
    claims = [claim_text(claim, voice) for claim in step.claims]
    relay = trace.relay
    if relay is not None and index == relay.own and relay.clock is not None and relay.clock.certain:
        claims.append(_clock_error(relay.clock.certain, voice))
    word = voice.say(TRUST[step.trust])
    return f"{word}: {'; '.join(claims)}" if claims else word


def _clock_error(seconds: int, voice: Voice) -> str:
    if seconds > 0:
        return voice.say(N_("its clock is at least {seconds} s fast"), seconds=seconds)
    return voice.say(N_("its clock is at least {seconds} s slow"), seconds=-seconds)


def _path(rows: Sequence[_Row], page: _Page) -> Iterator[Line]:
    """The rows in columns, notes behind them where they fit and below where not."""
    hosts = min(max(len(_STEP) * (row.depth + 1) + cells(row.host) for row in rows), page.width // 2)
    wares = min(max(cells(row.software) for row in rows if row.time), 24) if any(row.time for row in rows) else 0
    for row in rows:
        indent = _STEP * (row.depth + 1)
        text = f"{pad(indent + row.host, hosts)}  {pad(row.software, wares)}  {row.time}".rstrip()
        if not row.notes:
            yield from plain(wrap(text.strip(), page.width, first=indent, rest=indent + _STEP))
        elif cells(text) + 2 + cells(row.notes) <= page.width:
            yield Line(f"{text}  {row.notes}")
        else:
            yield Line(text)
            yield from plain(wrap(row.notes, page.width, first=indent + _STEP * 2, rest=indent + _STEP * 2))


def _remarks(message: Message, voice: Voice) -> Iterator[str]:
    trace = message.trace
    if trace.source is not None and trace.verdict is not TraceVerdict.DIRECT:
        seen = N_("Source: {source} (what the relay saw).") if trace.relay else N_("Source: {source}.")
        yield voice.say(seen, source=_called(trace.source))
    for number, logged in message.logged.items():
        yield _handed_in(trace.hops[number].hop.by, logged, voice)
    for finding in worst_first(trace.findings):
        if finding.id not in _SAID:
            yield finding_sentence(finding, voice)
    if trace.noise:
        yield voice.ngettext(
            "{count} line is a program's note to itself.",
            "{count} lines are programs' notes to themselves.",
            trace.noise,
        )
    if message.around is not None and message.around.filed_text:
        yield voice.say(N_("The evidence was filed {date}."), date=raw(message.around.filed_text))


def _handed_in(by: str, logged: Logged, voice: Voice) -> str:
    """Who handed the message in, by the log of that host."""
    client = logged.ip or logged.name
    texts = (
        N_("The log of {host} knows more of {id}: {client} logged in there as {user}."),
        N_("The log of {host} knows more of {id}: it came from {client}."),
        N_("The log of {host} knows more of {id}: it was handed in on that machine by {local}."),
        N_("The log of {host} has {id}, but tells no client."),
    )
    known = {"client": client, "user": logged.user, "local": "" if client else logged.local}
    said = {name: value for name, value in known.items() if value}
    return voice.best(texts, {"host": raw(by or "?"), "id": raw(logged.id), **said})


def _raw_lines(trace: Trace, page: _Page) -> Iterator[Line]:
    for number, step in enumerate(trace.hops, 1):
        text = " ".join(step.hop.raw.decode("utf-8", "surrogateescape").split())
        yield from plain(wrap(page.voice.show(text), page.width, first=f"{number:>3}  ", rest="     "))


def _log_lines(logged: Mapping[int, Logged], page: _Page) -> Iterator[Line]:
    for one in logged.values():
        yield Line()
        for number, text in one.lines:
            yield from plain(wrap(page.voice.show(text), page.width, first=f"{number:>6}  ", rest="        "))


def _last_line(message: Message, page: _Page) -> Line:
    trace, voice = message.trace, page.voice
    word = trace.verdict.value.upper()
    parts = []
    if trace.relay is not None:
        named = (trace.relay.name, trace.relay.ip or trace.relay.masked)
        parts.append(" ".join(voice.show(raw(text)) for text in named if text))
    if trace.source is not None:
        parts.append(voice.say(N_("source {source}"), source=_called(trace.source)))
    if trace.verdict is not TraceVerdict.NO_EVIDENCE:
        parts.append(voice.say(CONFIDENCE[trace.confidence]))
    parts.append(voice.show(message.file))
    return Line(f"{word}  " + "; ".join(parts), _INK[trace.verdict], 0, len(word))


def _called(source: Source) -> bytes | str:
    return raw(source.ip or source.masked or source.rdns or source.helo or "?")


def _software(name: str, version: str) -> str:
    return f"{name} {version}".strip()


def _clock(date: datetime | None) -> str:
    return f"{date:%H:%M:%S %z}" if date is not None else "?"

# SPDX-License-Identifier: Apache-2.0
"""A trace as people read it: verdict first, then the path with what can be believed of it, then what is odd, then what
to do.

    RELAY   ns.a.co.jp, sendmail 8.7.1, passed this message on. …

      mail.pimpdaddy.com  qmail           08:54:40 +0000  -758 s
          observed: …
        ns.a.co.jp        Sendmail 8.7.1  18:07:18 +0900
            believed: …
          216.76.216.45   host-….net

Each host stands a step further in than the one that took the message from it. Everything out of the message goes
through `Voice`, which escapes it.

Limits: one message; many are summarised elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fumidai.logs.join import Logged
from fumidai.received.trace import Relay, Trace, TraceVerdict
from fumidai.report.escape import Encodable, always, raw
from fumidai.report.findings import finding_sentence, worst_first
from fumidai.report.ink import Ink, Line, headed, plain
from fumidai.report.trace_json import Message
from fumidai.report.trace_next import next_steps
from fumidai.report.trace_path import Stop, believed_text, called, software_text, stops
from fumidai.report.trace_words import CONFIDENCE
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
#: Findings about the message itself, told beside its source.
_OF_THE_MESSAGE = frozenset({"message-id-of-source", "sites-differ", "empty-to"})
_STEP = "  "
#: Narrower than this, or with more hosts than that, each stands only one column further in.
_ROOMY, _MANY = 72, 8


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
    sentence = verdict_text(trace, voice)
    yield from headed(wrap(sentence, page.width, first=f"{word}   ", rest="  "), _INK[trace.verdict], 0, len(word))
    yield Line()
    rows = stops(trace, voice)
    if rows:
        yield from _path(rows, page)
        yield Line()
    said = [line for text in remarks(message, voice) for line in plain(wrap(text, page.width, rest=_STEP))]
    # Both together, so that a message with much to say fits a screen.
    for block in ([*said, *_steps(message, page)], [*_evidence(message, page)] if page.verbose else []):
        if block:
            yield from block
            yield Line()


def _evidence(message: Message, page: _Page) -> Iterator[Line]:
    yield from _raw_lines(message.trace, page)
    yield from _log_lines(message.logged, page)


def verdict_text(trace: Trace, voice: Voice) -> str:
    """The verdict as a sentence about the world."""
    return voice.together(_verdict(trace, voice))


def _verdict(trace: Trace, voice: Voice) -> Iterator[str]:
    relay, source = trace.relay, trace.source
    if trace.verdict is TraceVerdict.RELAY and relay is not None:
        software = software_text(relay.software, relay.version)
        texts = (N_("{name}, {software}, passed this message on."), N_("{name} passed this message on."))
        fields = {"name": raw(relay.name or relay.ip or "?")} | ({"software": software} if software else {})
        yield voice.best(texts, fields)
        yield from _whereabouts(relay, voice)
    elif trace.verdict is TraceVerdict.DIRECT and source is not None:
        yield voice.say(
            N_("No stepping stone is seen: {source} handed the message over itself."), source=called(source)
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
        yield voice.say(N_("Its address is masked in the report: ask the reporter."))


def _path(rows: Sequence[Stop], page: _Page) -> Iterator[Line]:
    """The rows in columns, notes behind them where they fit and below where not."""
    narrow = page.width < _ROOMY
    step = " " if narrow or len(rows) > _MANY else _STEP
    # Notes need room to the right of the deepest host.
    deepest = page.width // 2 // len(step)
    hosts = min(max(len(step) * min(row.depth, deepest) + 2 + cells(row.host) for row in rows), page.width // 2)
    wares = min(max((cells(row.software) for row in rows if row.time), default=0), 24)
    delays = max(cells(row.delay) for row in rows)
    before = None
    for row in rows:
        indent = _STEP + step * min(row.depth, deepest)
        time = f"{pad(row.time, 14)}  {' ' * (delays - cells(row.delay))}{row.delay}" if row.time else ""
        text = f"{pad(indent + row.host, hosts)}  {pad(row.software, wares)}  {time}".rstrip()
        notes = believed_text(row, page.voice, before)
        before = row
        if cells(text) > page.width:
            short = "  ".join(part for part in (row.host, row.software, row.time, row.delay) if part)
            yield from plain(wrap(short, page.width, first=indent, rest=indent + _STEP * 2))
        elif notes and cells(text) + 2 + cells(notes) <= page.width:
            yield Line(f"{text}  {notes}")
            continue
        else:
            yield Line(text)
        if notes:
            yield from plain(wrap(notes, page.width, first=indent + _STEP * 2, rest=indent + _STEP * 2))


def remarks(message: Message, voice: Voice) -> Iterator[str]:
    """A paragraph of where it came from and what is odd about it, then what else there is to know."""
    trace = message.trace
    findings = [finding for finding in worst_first(trace.findings) if finding.id not in _SAID]
    odd = [finding_sentence(finding, voice) for finding in findings if finding.id in _OF_THE_MESSAGE]
    if trace.source is not None and trace.verdict is not TraceVerdict.DIRECT:
        seen = N_("Source: {source} (what the relay saw).") if trace.relay else N_("Source: {source}.")
        odd.insert(0, voice.say(seen, source=called(trace.source)))
    if odd:
        yield voice.together(odd)
    for number, logged in message.logged.items():
        yield _handed_in(trace.hops[number].hop.by, logged, voice)
    for finding in findings:
        if finding.id not in _OF_THE_MESSAGE:
            yield finding_sentence(finding, voice)
    counted = [*_counted(trace, voice)]
    if message.around is not None and message.around.filed_text:
        counted.append(voice.say(N_("The evidence was filed {date}."), date=raw(message.around.filed_text)))
    if counted:
        yield voice.together(counted)


def _counted(trace: Trace, voice: Voice) -> Iterator[str]:
    """Lines that are no step of the way."""
    if trace.noise:
        yield voice.ngettext(
            "{count} line is a program's note.",
            "{count} lines are programs' notes.",
            trace.noise,
        )
    unknown = sum(not step.hop.known for step in trace.hops)
    if unknown:
        yield voice.ngettext(
            "{count} Received line has a form that we don't know and counts for nothing (-v shows it).",
            "{count} Received lines have a form that we don't know and count for nothing (-v shows them).",
            unknown,
        )


def _steps(message: Message, page: _Page) -> Iterator[Line]:
    """Commands to paste, what to know of each behind it or below."""
    steps = next_steps(message, page.voice)
    label = max((cells(step.label) for step in steps), default=0) + 2
    for step in steps:
        text = pad(step.label, label) + step.command
        if not step.text:
            yield Line(text)
        elif cells(text) + cells(step.text) + 5 <= page.width:
            yield Line(f"{text}   # {step.text}")
        else:
            yield Line(text)
            yield from plain(wrap(f"# {step.text}", page.width, first=" " * label, rest=" " * label))


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
        parts.append(voice.say(N_("source {source}"), source=called(trace.source)))
    if trace.verdict is not TraceVerdict.NO_EVIDENCE:
        parts.append(voice.say(CONFIDENCE[trace.confidence]))
    parts.append(voice.show(message.file))
    return Line(f"{word}  " + "; ".join(parts), _INK[trace.verdict], 0, len(word))

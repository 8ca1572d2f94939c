# SPDX-License-Identifier: Apache-2.0
"""Traces as one page to hand on: it loads nothing, runs nothing, and reads the same on a screen and on paper.

A few messages are shown whole: verdict, path as a drawing, what is odd, the Received lines with what was read out of
them marked, what could not be told. Of many there are the numbers, a plot over time and tables.

Limits: a Received line is shown up to 2000 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from fumidai.received.hop import Hop
from fumidai.received.read import spans
from fumidai.received.trace import Border, TraceVerdict
from fumidai.report.markup import Content, Markup, element, joined, page
from fumidai.report.trace_draw import draw_days, draw_path, key_text
from fumidai.report.trace_json import RAW_LIMIT, Message
from fumidai.report.trace_next import next_steps
from fumidai.report.trace_path import believed_text, stops
from fumidai.report.trace_style import STYLE
from fumidai.report.trace_summary import Party, Summary, counts_text, ranked, summary_word
from fumidai.report.trace_text import remarks, verdict_text
from fumidai.report.trace_words import CONFIDENCE
from fumidai.report.voice import Voice
from fumidai.texts import N_, Language

_PARTIES: Final = 100


def render_trace_html(
    messages: Sequence[Message], summary: Summary, *, language: Language = "en", troubles: Sequence[str] = ()
) -> str:
    """The page.

    Args:
        messages: those that are shown whole; none where there are too many.
        summary: of all messages.
        troubles: sentences about what could not be read.
    """
    voice = Voice(language)
    title = _title(messages, summary, voice)
    shown = [_article(message, voice) for message in messages] or [_overview(summary, voice)]
    missing = [_section(N_("What could not be read"), _list(troubles), voice)] if troubles else []
    return page(title, language, STYLE, *shown, *missing, _limits(voice))


def _title(messages: Sequence[Message], summary: Summary, voice: Voice) -> str:
    if len(messages) == 1:
        return f"{messages[0].trace.verdict.value.upper()} {verdict_text(messages[0].trace, voice)}"
    return counts_text(summary, voice)


def _article(message: Message, voice: Voice) -> Markup:
    trace = message.trace
    path = stops(trace, voice)
    parts: list[Content] = [_headline(trace.verdict.value.upper(), verdict_text(trace, voice))]
    facts = [
        message.file,
        *([] if trace.verdict is TraceVerdict.NO_EVIDENCE else [voice.say(CONFIDENCE[trace.confidence])]),
    ]
    parts.append(element("p", "; ".join(facts), class_="quiet"))
    if path:
        why = [
            element("li", element("strong", stop.host), " ", believed_text(stop, voice))
            for stop in path
            if believed_text(stop, voice)
        ]
        drawing = element("figure", draw_path(path, voice), element("figcaption", _key(voice)))
        parts += [_section(N_("The way it came, the newest host first"), drawing, voice)]
        parts += [_section(N_("How far each host's line can be believed"), element("ol", *why), voice)]
    said = [*remarks(message, voice)]
    if said:
        parts.append(_section(N_("What is odd, and what else is known"), _list(said), voice))
    steps = [
        element("li", f"{step.label} ", element("code", step.command), f"  # {step.text}" if step.text else "")
        for step in next_steps(message, voice)
    ]
    if steps:
        parts.append(_section(N_("What you can do"), element("ul", *steps), voice))
    lines = [element("pre", marked_line(step.hop)) for step in trace.hops]
    if lines:
        parts.append(
            _section(N_("The Received lines as they stand, with what was read out of them"), joined(lines), voice)
        )
    for logged in message.logged.values():
        noted = [element("pre", f"{number:>6}  ", line) for number, line in logged.lines]
        parts.append(_section(N_("What the log says"), joined(noted), voice))
    if trace.border is Border.INFERRED and path:
        note = voice.say(
            N_("No host was named as trusted (--ours): where trust ends was inferred from the lines alone.")
        )
        parts.append(element("p", note, class_="quiet"))
    return element("article", *parts)


def marked_line(hop: Hop) -> Markup:
    """A Received line with what was read out of it marked, each part with its name."""
    raw = hop.raw[:RAW_LIMIT]
    parts: list[Content] = []
    at = 0
    for name, span in sorted(spans(hop).items(), key=lambda item: item[1]):
        start, end = span.start - hop.span.start, span.end - hop.span.start
        if at <= start < end <= len(raw):
            parts += [_plain(raw[at:start]), element("mark", _plain(raw[start:end]), element("b", name))]
            at = end
    parts.append(_plain(raw[at:]))
    if len(hop.raw) > RAW_LIMIT:
        parts.append(f" ...(+{len(hop.raw) - RAW_LIMIT})")
    return joined(parts)


def _plain(raw: bytes) -> bytes:
    """On one line: how a line was folded tells nothing."""
    return raw.replace(b"\r\n", b" ").replace(b"\n", b" ").replace(b"\t", b" ")


def _overview(summary: Summary, voice: Voice) -> Markup:
    parts: list[Content] = [_headline(summary_word(summary), counts_text(summary, voice))]
    if len(summary.days) > 1:
        figure = element("figure", draw_days(summary.days, voice))
        parts.append(_section(N_("Passed on, by day (UTC)"), figure, voice))
    parts += [*_table(N_("Relays"), N_("sources"), summary.relays, voice)]
    parts += [*_table(N_("Sources"), N_("relays"), summary.sources, voice)]
    return element("article", *parts)


def _table(title: str, peers: str, parties: Mapping[tuple[str, str], Party], voice: Voice) -> Iterator[Markup]:
    if not parties:
        return
    columns = (N_("name"), N_("address"), N_("messages"), peers, N_("first"), N_("last"))
    head = element(
        "tr", *(element("th", voice.say(name), class_=_number(at), scope="col") for at, name in enumerate(columns))
    )
    rows = []
    for key, party in ranked(parties)[:_PARTIES]:
        name, address = key if title == "Relays" else (key[1], key[0])
        cells = (name, address, f"{party.messages:,}", f"{len(party.peers):,}", party.first[:10], party.last[:10])
        rows.append(element("tr", *(element("td", text, class_=_number(at)) for at, text in enumerate(cells))))
    table = element("table", element("thead", head), element("tbody", *rows))
    more = len(parties) - len(rows)
    rest = (
        [element("p", voice.say(N_("and {count} more: -o FILE.csv"), count=f"{more:,}"), class_="quiet")]
        if more
        else []
    )
    yield _section(title, joined((element("figure", table), *rest)), voice)


def _number(column: int) -> str | None:
    return "n" if column in (2, 3) else None


def _headline(word: str, sentence: str) -> Markup:
    return element("h1", *([element("span", word, class_="word")] if word else []), sentence)


def _section(title: str, content: Content, voice: Voice) -> Markup:
    return element("section", element("h2", voice.say(title)), content)


def _list(texts: Sequence[str]) -> Markup:
    return element("ul", *(element("li", text) for text in texts))


def _key(voice: Voice) -> Markup:
    return joined((f"{word} {text}" for word, text in key_text(voice).items()), "; ")


def _limits(voice: Voice) -> Markup:
    text = N_(
        "What this can't tell: a host may have invented the lines below its own, and a mail server that stands in for "
        "another looks like a relay. A trace is a reason to test a host, not to list it."
    )
    return element("p", voice.say(text), class_="quiet")

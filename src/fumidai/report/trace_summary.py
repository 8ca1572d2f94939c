# SPDX-License-Identifier: Apache-2.0
"""Many messages on one screen: which relays, which sources, over what time.

    summary = Summary()
    for row in rows: summary.add(row)
    render_summary(summary, …)

Limits: at most 100,000 relays and as many sources are told apart, those that came first; the others are counted
together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from fumidai.received.trace import TraceVerdict
from fumidai.report.escape import Encodable, always
from fumidai.report.ink import Ink, Line, headed, plain
from fumidai.report.trace_row import Row
from fumidai.report.voice import Voice
from fumidai.report.width import cells, pad, wrap
from fumidai.texts import N_, Language

MOST: Final = 100_000
_BAR: Final = 30


@dataclass(frozen=True, slots=True)
class _Amount:
    """How many lines of each part: the short form fits a screen of 24 lines."""

    relays: int
    sources: int
    bars: int


_SHORT: Final = _Amount(5, 4, 5)
_LONG: Final = _Amount(50, 50, 28)


@dataclass(slots=True)
class Party:
    """A relay or a source.

    Attributes:
        messages: how many came through it; peers: how many different ones stood on its other side, up to 1,000.
        first, last: dates of the first and the last of them, ISO 8601.
        software: of a relay, as it was seen last.
    """

    messages: int = 0
    peers: set[str] = field(default_factory=set)
    first: str = ""
    last: str = ""
    software: str = ""

    def add(self, date: str, peer: str, software: str = "") -> None:
        """Count one message."""
        self.messages += 1
        self.software = software or self.software
        if peer and len(self.peers) < 1000:
            self.peers.add(peer)
        if date:
            self.first = min(self.first or date, date)
            self.last = max(self.last, date)


@dataclass(slots=True)
class Summary:
    """What was met so far.

    Attributes:
        verdicts: how many messages of each; relays, sources: by name and address.
        days: how many messages that were relayed, by day (UTC).
        others: messages of relays and sources beyond those told apart.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    relays: dict[tuple[str, str], Party] = field(default_factory=dict)
    sources: dict[tuple[str, str], Party] = field(default_factory=dict)
    days: Counter[str] = field(default_factory=Counter)
    others: int = 0

    @property
    def messages(self) -> int:
        """All of them."""
        return self.verdicts.total()

    def add(self, row: Row) -> None:
        """Count one message."""
        self.verdicts[row.verdict] += 1
        if row.verdict == TraceVerdict.RELAY:
            self._party(self.relays, (row.relay, row.relay_ip)).add(row.date, row.source, row.software)
            if row.date and (row.date[:10] in self.days or len(self.days) < MOST):
                self.days[row.date[:10]] += 1
        if row.source or row.source_name:
            self._party(self.sources, (row.source, row.source_name)).add(row.date, row.relay)

    def _party(self, known: dict[tuple[str, str], Party], key: tuple[str, str]) -> Party:
        if key in known or len(known) < MOST:
            return known.setdefault(key, Party())
        self.others += 1
        return Party()


def render_summary(
    summary: Summary,
    *,
    language: Language = "en",
    colour: bool = False,
    width: int = 80,
    verbose: int = 0,
    quiet: bool = False,
    encodable: Encodable = always,
) -> str:
    """The summary, each line ended by LF.

    Args:
        verbose: 1 and more shows ten times as much.
        quiet: the first line alone, however long.
    """
    voice = Voice(language, encodable=encodable)
    width, amount = max(40, width), _LONG if verbose else _SHORT
    lines = list(_counts(summary, voice, 10_000 if quiet else width))
    if not quiet:
        lines += [
            *_table(N_("Relays"), N_("sources"), summary.relays, voice, width, amount.relays),
            *_table(N_("Sources"), N_("relays"), summary.sources, voice, width, amount.sources),
            *_days(summary.days, voice, width, amount.bars),
        ]
    return "".join(line.painted(colour) + "\n" for line in lines)


def counts_text(summary: Summary, voice: Voice) -> str:
    """How many messages of each verdict, in a sentence."""
    found = summary.verdicts
    return voice.say(
        N_(
            "{count} messages: {relay} passed on by a stepping stone, {direct} direct, {undecided} undecided, "
            "{nothing} without evidence."
        ),
        count=f"{summary.messages:,}",
        relay=f"{found[TraceVerdict.RELAY]:,}",
        direct=f"{found[TraceVerdict.DIRECT]:,}",
        undecided=f"{found[TraceVerdict.UNDECIDED]:,}",
        nothing=f"{found[TraceVerdict.NO_EVIDENCE]:,}",
    )


def summary_word(summary: Summary) -> str:
    """The verdict word of the whole."""
    ranked_words = (TraceVerdict.RELAY, TraceVerdict.DIRECT, TraceVerdict.UNDECIDED)
    found = next((word for word in ranked_words if summary.verdicts[word]), TraceVerdict.NO_EVIDENCE)
    return found.value.upper()


def _counts(summary: Summary, voice: Voice, width: int) -> Iterator[Line]:
    word = summary_word(summary)
    ink = Ink.BAD if summary.verdicts[TraceVerdict.RELAY] else Ink.WARN
    yield from headed(wrap(counts_text(summary, voice), width, first=f"{word}   ", rest="  "), ink, 0, len(word))


def ranked(parties: Mapping[tuple[str, str], Party]) -> list[tuple[tuple[str, str], Party]]:
    """The greatest first."""
    return sorted(parties.items(), key=lambda item: (-item[1].messages, item[0]))


def stretches(days: Mapping[str, int], most_bars: int) -> list[tuple[str, int]]:
    """Stretches of days and their messages; as many days in one as it takes for that many bars at most."""
    ordered = sorted(days)
    size = max(1, -(-len(ordered) // most_bars))
    cut = [ordered[at : at + size] for at in range(0, len(ordered), size)]
    return [(one[0] if len(one) == 1 else f"{one[0]} - {one[-1]}", sum(days[day] for day in one)) for one in cut]


def _table(
    title: str, peers: str, parties: Mapping[tuple[str, str], Party], voice: Voice, width: int, most: int
) -> Iterator[Line]:
    """The greatest, one a line; what doesn't fit the width stands below."""
    if not parties:
        return
    listed = ranked(parties)
    yield Line()
    yield Line(voice.say(title))
    names = [voice.show(" ".join(part for part in key if part)) or "?" for key, _ in listed[:most]]
    room = min(max(cells(name) for name in names), max(width - 46, 20))
    for name, (_, party) in zip(names, listed, strict=False):
        numbers = f"{party.messages:>9,}  {len(party.peers):>5,} {voice.say(peers)}"
        time = f"{party.first[:10]} - {party.last[:10]}" if party.first else ""
        if cells(name) <= room:
            yield Line(f"  {pad(name, room)}{numbers}  {time}".rstrip())
        else:
            yield from plain(wrap(name, width, first="  ", rest="    "))
            yield Line(f"  {pad('', room)}{numbers}  {time}".rstrip())
    if len(listed) > most:
        yield Line("  " + voice.say(N_("and {count} more: -o FILE.csv"), count=f"{len(listed) - most:,}"))


def _days(days: Mapping[str, int], voice: Voice, width: int, most_bars: int) -> Iterator[Line]:
    """A bar for each stretch of days; as many days in one as it takes for the bars to fit."""
    if len(days) < 2:
        return
    bars = stretches(days, most_bars)
    most = max(count for _, count in bars)
    room = min(_BAR, width - 40)
    yield Line()
    yield Line(voice.say(N_("Passed on, by day (UTC)")))
    for name, count in bars:
        bar = "#" * max(1, round(count * room / most))
        yield Line(f"  {pad(name, 24)} {pad(bar, room)} {count:>9,}")

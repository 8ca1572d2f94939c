# SPDX-License-Identifier: Apache-2.0
"""Drawings of traces as inline SVG: the path of one message, and how many messages were passed on over time.

How far a host's line is believed is told by its shape and by its word: a full ring is observed, a ring with a dot
believed, a dashed ring claimed, a cross doubted. The stepping stone has a heavy ring and its word.

Limits: names longer than a drawing is wide are broken over lines, at most four; the page has them whole below.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from fumidai.received.trace import Trust
from fumidai.report.markup import Markup, element, joined
from fumidai.report.trace_path import Stop
from fumidai.report.trace_words import TRUST
from fumidai.report.voice import Voice
from fumidai.report.width import wrap
from fumidai.texts import N_

_WIDTH: Final = 640
_STEP: Final = 84
_LEFT: Final = 24
#: Letters that fit beside a host's ring, and lines of a name.
_LETTERS, _NAME_LINES = 60, 4
_LINE: Final = 20
_BARS: Final = 120


def draw_path(path: Sequence[Stop], voice: Voice) -> Markup:
    """The hosts from top to bottom, who has the message first."""
    tops, bottom = _places(path)
    parts = [
        *_edges(path, tops),
        *(part for stop, top in zip(path, tops, strict=True) for part in _host(stop, top, voice)),
    ]
    label = voice.say(N_("Path of the message: {hosts}"), hosts=" - ".join(stop.host for stop in path))
    return element(
        "svg", *parts, role="img", aria_label=label, viewBox=f"0 0 {_WIDTH} {bottom}", width=_WIDTH, height=bottom
    )


def _places(path: Sequence[Stop]) -> tuple[list[int], int]:
    """Where each host stands, and where all end."""
    tops, top = [], 20
    for stop in path:
        tops.append(top)
        top += max(_STEP, _LINE * len(_name(stop)) + 64)
    return tops, top


def _name(stop: Stop) -> list[str]:
    return wrap(stop.host, _LETTERS)[:_NAME_LINES]


def _edges(path: Sequence[Stop], tops: Sequence[int]) -> Iterator[Markup]:
    """From each host up to the one that it handed the message to, with the time between."""
    for stop, upper, lower in zip(path, tops, tops[1:], strict=False):
        line = f"M{_LEFT} {lower - 12} V{upper + 16} m-5 8 l5 -8 l5 8"
        yield element("path", d=line, class_="edge")
        if stop.delay:
            yield element("text", stop.delay, x=_LEFT + 24, y=lower - 18, class_="quiet", font_size=13)


def _host(stop: Stop, top: int, voice: Voice) -> Iterator[Markup]:
    trusted = stop.trust
    kind = "host relay" if stop.relay else "host"
    dashed = " claimed" if trusted in (Trust.CLAIMED, None) else ""
    yield element("circle", cx=_LEFT, cy=top, r=10, class_=kind + dashed)
    if trusted is Trust.BELIEVED:
        yield element("circle", cx=_LEFT, cy=top, r=3, class_="host")
    elif trusted is Trust.DOUBTED:
        yield element("path", d=f"M{_LEFT - 5} {top - 5} l10 10 m0 -10 l-10 10", class_="edge")
    lines = _name(stop)
    for number, line in enumerate(lines):
        yield element("text", line, x=_LEFT + 24, y=top + 5 + _LINE * number, font_size=16, font_weight=600)
    word = [voice.say(TRUST[trusted])] if trusted is not None else []
    if stop.relay:
        word.insert(0, voice.say(N_("stepping stone")))
    told = ", ".join(part for part in (*word, stop.software, stop.time) if part)
    colour = "accent" if stop.relay else "quiet"
    yield element("text", told, x=_LEFT + 24, y=top + 5 + _LINE * len(lines), font_size=13, class_=colour)


def draw_days(days: Mapping[str, int], voice: Voice) -> Markup:
    """Bars on a scale of time, each a day or as many days as it takes for 120 bars.

    Args:
        days: how many messages by day (ISO 8601); not empty.
    """
    first, last = date.fromisoformat(min(days)), date.fromisoformat(max(days))
    size = -(-((last - first).days + 1) // _BARS)
    bars = Counter[int]()
    for day, count in days.items():
        bars[(date.fromisoformat(day) - first).days // size] += count
    most = max(bars.values())
    width, high, ground = _WIDTH / ((last - first).days // size + 1), 150, 180
    parts = [
        element(
            "rect",
            element("title", f"{first + timedelta(number * size)}: {count:,}"),
            x=round(number * width, 1),
            y=round(ground - max(1.0, high * count / most), 1),
            width=round(max(1.0, width - 2), 1),
            height=round(max(1.0, high * count / most), 1),
            class_="bar",
        )
        for number, count in sorted(bars.items())
    ]
    ends = (
        element("text", str(first), x=0, y=ground + 18, font_size=13, class_="quiet"),
        element("text", str(last), x=_WIDTH, y=ground + 18, font_size=13, class_="quiet", text_anchor="end"),
        element("text", f"{most:,}", x=0, y=14, font_size=13, class_="quiet"),
    )
    said = N_("Messages passed on by day, {first} to {last}; at most {most}")
    return element(
        "svg",
        joined(parts),
        *ends,
        role="img",
        aria_label=voice.say(said, first=first, last=last, most=f"{most:,}"),
        viewBox=f"0 0 {_WIDTH} {ground + 26}",
        width=_WIDTH,
        height=ground + 26,
    )


def key_text(voice: Voice) -> Mapping[str, str]:
    """What the shapes mean, by the word."""
    return {
        voice.say(TRUST[Trust.OBSERVED]): voice.say(N_("(full ring) a host that is trusted wrote the line")),
        voice.say(TRUST[Trust.BELIEVED]): voice.say(N_("(ring with a dot) the line above saw its writer")),
        voice.say(TRUST[Trust.CLAIMED]): voice.say(N_("(dashed ring) nobody vouches for the line")),
        voice.say(TRUST[Trust.DOUBTED]): voice.say(N_("(ring with a cross) the line contradicts what was seen")),
    }

# SPDX-License-Identifier: Apache-2.0
"""How to mend it, in the order of an emergency: stop it now, mend it, clear the queue, prove it, tell the provider.

A cure's text is a msgid that `dialects` knows; the report adds the label, the commands that one can paste and the page.

Limits: prints what it is given; whether a cure fits the server is decided where the cures come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from fumidai.report.ink import Line, plain
from fumidai.report.voice import Voice
from fumidai.report.width import pad, wrap
from fumidai.texts import N_


class Urgency(StrEnum):
    """When a cure is due, the most urgent first."""

    NOW = "now"
    MEND = "mend"
    CLEAR = "clear"
    PROVE = "prove"
    TELL = "tell"


_LABELS = {
    Urgency.NOW: N_("Now:"),
    Urgency.MEND: N_("Mend:"),
    Urgency.CLEAR: N_("Then:"),
    Urgency.PROVE: N_("Prove:"),
    Urgency.TELL: N_("Tell:"),
}
_ORDER = tuple(Urgency)
_INDENT = " " * 8


@dataclass(frozen=True, slots=True)
class CureText:
    """One thing to do.

    Attributes:
        urgency: when it is due.
        text: msgid of what to do.
        commands: to be pasted, one a line.
        page: path of the page that explains it, "" if there is none.
        target: whom it concerns, "" for all.
    """

    urgency: Urgency
    text: str
    commands: tuple[str, ...] = ()
    page: str = ""
    target: str = ""


def cure_lines(cures: Sequence[CureText], voice: Voice, width: int, *, commands: bool, again: str = "") -> list[Line]:
    """The cures in order, each under its label.

    Args:
        commands: with what can be pasted.
        again: the command that proves it mended, "" for none; it stands before what to tell others.
    """
    first = [cure for cure in cures if cure.urgency is not Urgency.TELL]
    last = [cure for cure in cures if cure.urgency is Urgency.TELL]
    prove = [Line(pad(voice.say(_LABELS[Urgency.PROVE]), 8) + voice.show(again))] if again else []
    return [*_labelled(first, voice, width, commands), *prove, *_labelled(last, voice, width, commands)]


def _labelled(cures: Sequence[CureText], voice: Voice, width: int, commands: bool) -> list[Line]:
    lines: list[Line] = []
    said = page = ""
    for cure in sorted(cures, key=lambda cure: _ORDER.index(cure.urgency)):
        label = voice.say(_LABELS[cure.urgency])
        first = pad(label, 8) if label != said else _INDENT
        said = label
        text = voice.say(cure.text)
        if cure.page and cure.page != page:
            text = f"{text.rstrip('.。')}: {voice.show(cure.page)}"
            page = cure.page
        lines += plain(wrap(text, width, first=first, rest=_INDENT))
        if commands:
            lines += [Line(f"{_INDENT}  {voice.show(command)}") for command in cure.commands]
    return lines

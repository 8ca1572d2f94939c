# SPDX-License-Identifier: Apache-2.0
"""What is shown while a run goes on: one bar that is written over, and the lines above it.

    mail.a.com - 192.0.2.25 port 25 - Sendmail 8.8.8 - offers PIPELINING - 3 sessions of 9
    controls  postmaster taken, unknown user refused (550), decoy refused (550)
      x 131/198 pct-domain  250 2.1.5 Ok
    [####################------------] 131/198  x 2 delivered  ! 1 accepted  + 126 refused  ? 2   about 4 s left

Formatting only: the command line writes it to stderr, and only where that is a terminal. A bar never takes more columns
than the terminal has, because a line that wraps can't be written over; it loses the time left first, then its bar.

Limits: knows no clock; the time left comes in as a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fumidai.evidence.endpoint import Endpoint
from fumidai.evidence.outcome import Outcome, Word
from fumidai.evidence.result import Software, TestRow
from fumidai.report.escape import lines_of
from fumidai.report.glyphs import PLAIN, Glyphs
from fumidai.report.untold import control_words
from fumidai.report.voice import Voice
from fumidai.report.width import cells, wrap
from fumidai.report.words import COUNTED, REASONS
from fumidai.texts import N_

_NO_SOFTWARE = Software()
_BAR = 32
_SMALLEST_BAR = 8
_REPLY_LIMIT = 200


@dataclass(frozen=True, slots=True)
class ProgressState:
    """Where a run stands.

    Attributes:
        done, total: tests answered, and tests that will be asked.
        counts: how many met each outcome so far.
        seconds_left: an estimate, None where there is none yet.
    """

    done: int
    total: int
    counts: Mapping[Word, int] = field(default_factory=dict)
    seconds_left: float | None = None


def progress_line(state: ProgressState, voice: Voice, *, glyphs: Glyphs = PLAIN, width: int = 80) -> str:
    """The bar with its numbers, at most `width` columns wide."""
    counts = _counts(state, voice, glyphs)
    left = "" if state.seconds_left is None else _left(state.seconds_left, voice)
    number = f"{state.done}/{state.total}"
    for tail in (f"{number}  {counts}   {left}".rstrip(), f"{number}  {counts}".rstrip(), number):
        room = width - cells(tail) - 3
        if room >= _SMALLEST_BAR:
            return f"[{_bar(state, glyphs, min(_BAR, room))}] {tail}"
    return number if cells(number) <= width else ""


def _bar(state: ProgressState, glyphs: Glyphs, width: int) -> str:
    share = min(1.0, state.done / state.total) if state.total else 0.0
    full = int(width * share)
    return glyphs.full * full + glyphs.empty * (width - full)


def _counts(state: ProgressState, voice: Voice, glyphs: Glyphs) -> str:
    order = (Word.DELIVERED, Word.ACCEPTED, Word.REFUSED, Word.DEFERRED, Word.UNTESTED)
    shown = [word for word in order if state.counts.get(word)]
    return "  ".join(f"{glyphs.of(word)} {voice.say(COUNTED[word], count=state.counts[word])}" for word in shown)


def _left(seconds: float, voice: Voice) -> str:
    if seconds >= 90:
        return voice.say(N_("about {minutes} min left"), minutes=round(seconds / 60))
    return voice.say(N_("about {seconds} s left"), seconds=max(1, round(seconds)))


def header_lines(
    endpoint: Endpoint,
    voice: Voice,
    *,
    software: Software = _NO_SOFTWARE,
    extensions: Sequence[str] = (),
    sessions: int = 0,
    most: int = 0,
    glyphs: Glyphs = PLAIN,
    width: int = 80,
) -> list[str]:
    """Who is asked: name, address, port, software, whether it offers PIPELINING, sessions at a time.

    Args:
        sessions: sessions side by side; `most`: how many the battery was split into. 0 leaves both out.
    """
    parts = [endpoint.name] if endpoint.name not in ("", str(endpoint.address)) else []
    parts.append(voice.say(N_("{address} port {port}"), address=endpoint.address, port=endpoint.port))
    parts.append(" ".join(part for part in (software.name, software.version) if part))
    offered = [keyword for keyword in extensions if keyword.upper() in ("PIPELINING", "STARTTLS")]
    if offered:
        parts.append(voice.say(N_("offers {extensions}"), extensions=", ".join(sorted(offered))))
    if sessions:
        parts.append(voice.say(N_("{sessions} sessions of {most}"), sessions=sessions, most=max(sessions, most)))
    return wrap(voice.show(f" {glyphs.between} ".join(part for part in parts if part)), width, rest="  ")


def controls_lines(controls: Sequence[TestRow], voice: Voice, *, width: int = 80) -> list[str]:
    """What the controls met; none where none was asked."""
    words = control_words(controls, voice)
    return wrap(voice.say(N_("controls  {controls}"), controls=words), width, rest="  ") if words else []


def attempt_lines(
    done: int, total: int, name: str, outcome: Outcome, voice: Voice, *, glyphs: Glyphs = PLAIN, width: int = 80
) -> list[str]:
    """One test as it is answered: its number, its id, and what it met."""
    lines = lines_of(outcome.reply)
    if lines:
        what = voice.show(b" / ".join(line.strip() for line in lines), _REPLY_LIMIT)
    else:
        what = voice.say(REASONS[outcome.reason]) if outcome.reason else outcome.word.value
    head = f"  {glyphs.of(outcome.word)} {done}/{total} {voice.show(name)}  "
    return wrap(what, width, first=head, rest=" " * 6)


def proof_line(name: str, peer: str, voice: Voice, *, glyphs: Glyphs = PLAIN, bounced: bool = False) -> str:
    """A proof came in; `bounced`: it came back to the sender."""
    text = N_("a bounce of {test} came from {peer}") if bounced else N_("{test} arrived from {peer}")
    sign = glyphs.accepted if bounced else glyphs.delivered
    return f"  {sign} {voice.say(text, test=name, peer=peer or '?')}"


def putting_off_line(count: int, until: float, voice: Voice) -> str:
    """Temporary refusals (4xx) will be asked again at `until`, in seconds since the epoch."""
    return voice.ngettext(
        "{count} test put off by the server (4xx); asked again at {time}",
        "{count} tests put off by the server (4xx); asked again at {time}",
        count,
        time=voice.clock(until),
    )


def asking_line(voice: Voice) -> str:
    """Said at the start of a run that sends nothing."""
    return voice.say(N_("Asking without sending. If everything is refused, no proof is needed."))


def promised_lines(count: int, voice: Voice, *, width: int = 80) -> list[str]:
    """Said at the end of a run that sent nothing and was promised something."""
    text = voice.ngettext(
        "{count} recipient was promised. Whether it leaves the server only a proof can tell: "
        "--proof-domain NAME --sink :25, where NAME has an MX or A record that leads here "
        "(the host name your provider gave this machine will do).",
        "{count} recipients were promised. Whether they leave the server only a proof can tell: "
        "--proof-domain NAME --sink :25, where NAME has an MX or A record that leads here "
        "(the host name your provider gave this machine will do).",
        count,
    )
    return wrap(text, width)


def waiting_line(promises: int, until: float, voice: Voice) -> str:
    """Said after the last dot; `until` is the end of the proof window in seconds since the epoch."""
    return voice.ngettext(
        "{count} promise open, proof window until {time} (Ctrl-C keeps what is here)",
        "{count} promises open, proof window until {time} (Ctrl-C keeps what is here)",
        promises,
        time=voice.clock(until),
    )

# SPDX-License-Identifier: Apache-2.0
"""Show a run on a terminal while it goes on: who is asked, each test with what it met, one bar below.

Only for people: where standard error is no terminal nothing of it is written. The bar is one line that is
written over; everything else scrolls above it.

Limits: the estimate of the time left knows only the pace so far.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from fumidai.battery.attempt import Attempt, ControlKind
from fumidai.cli.screen import Screen
from fumidai.dialects.software import identify
from fumidai.evidence.outcome import Outcome, Word
from fumidai.evidence.proof import Arrival, Proof, ProofKind
from fumidai.evidence.transcript import Transcript
from fumidai.judge.record import Record
from fumidai.judge.rows import control_rows
from fumidai.policy.request import Action
from fumidai.report.glyphs import Glyphs
from fumidai.report.progress import (
    ProgressState,
    attempt_lines,
    controls_lines,
    header_lines,
    progress_line,
    proof_line,
    putting_off_line,
    waiting_line,
)
from fumidai.report.voice import Voice
from fumidai.report.width import cells
from fumidai.tester.questions import Questions
from fumidai.texts import N_
from fumidai.trial.hosts import Host

#: Seconds between two drawings of the bar.
_REDRAW = 0.1


@dataclass(slots=True)
class Progress:
    """A listener that draws on a terminal.

    Attributes:
        rows: also write each test as it is answered.
    """

    screen: Screen
    voice: Voice
    glyphs: Glyphs
    rows: bool = False
    _began: float = field(default_factory=time.monotonic)
    _drawn: float = 0.0
    _barred: bool = False
    _total: int = 0
    _words: dict[int, Word] = field(default_factory=dict)
    _allowed: set[int] = field(default_factory=set)
    _controlled: set[int] = field(default_factory=set)
    _window: float = 0.0

    def connecting(self, hosts: Sequence[Host]) -> None:
        """Say whom we wait for, until somebody answers: a server may take a minute before it greets."""
        where = self.voice.listed([host.name for host in hosts[:3]] + ["..."] * (len(hosts) > 3))
        self._raw(self._clipped(self.voice.say(N_("Connecting to {where} ..."), where=where)))
        self._barred = True

    def say(self, text: str) -> None:
        """Write something above the bar."""
        self._above(text.split("\n"))

    def asking(self, record: Record, questions: Questions) -> None:
        """Say who is asked."""
        self._total += len(questions.attempts)
        software = identify(record.greeting.decode("latin-1"), record.hello, ())
        self._above(
            header_lines(
                record.endpoint,
                self.voice,
                software=software,
                extensions=sorted(record.extensions),
                glyphs=self.glyphs,
                width=self.screen.width,
            )
        )

    def answered(self, record: Record, attempt: Attempt, outcome: Outcome) -> None:
        """Count a test; say what the controls met once all are answered."""
        if attempt.control is not None:
            self._controls(record)
            return
        if attempt.expected.action is Action.PERMIT and outcome.word is Word.ACCEPTED:
            self._allowed.add(attempt.number)
        self._words[attempt.number] = outcome.word
        if self.rows:
            done, name = len(self._words), attempt.test.id
            self._above(
                attempt_lines(done, self._total, name, outcome, self.voice, glyphs=self.glyphs, width=self.screen.width)
            )
        self._bar()

    def session_ended(self, record: Record, transcript: Transcript) -> None:
        """Nothing is shown of it."""

    def arrived(self, arrival: Arrival) -> None:
        """Nothing is shown of it: ``proven`` says what it proves."""

    def proven(self, proof: Proof, attempt: Attempt | None) -> None:
        """A token came back."""
        if attempt is None:
            return
        if proof.kind is ProofKind.DELIVERY and attempt.control is None:
            self._words[attempt.number] = Word.DELIVERED
        if self.rows or proof.kind is ProofKind.BOUNCE:
            name = attempt.control.value if attempt.control else attempt.test.id
            bounced = proof.kind is ProofKind.BOUNCE
            line = proof_line(name, proof.arrival.peer, self.voice, glyphs=self.glyphs, bounced=bounced)
            self._above([line])
        self._bar()

    def putting_off(self, count: int, until: float) -> None:
        """Temporary refusals wait."""
        self._above([putting_off_line(count, until, self.voice)])

    def waiting(self, promises: int, until: float) -> None:
        """The proof window is open: say so once."""
        if not self._window:
            self._window = until
            self._above([waiting_line(promises, until, self.voice)])

    def end(self) -> None:
        """Take the bar away."""
        self._above([])

    def _controls(self, record: Record) -> None:
        known = [number for number in record.controls if number in record.outcomes]
        if id(record) in self._controlled or len(known) < len(ControlKind):
            return
        self._controlled.add(id(record))
        self._above(controls_lines(control_rows(record, ()), self.voice, width=self.screen.width))

    def _bar(self) -> None:
        now = time.monotonic()
        done = len(self._words)
        if now - self._drawn < _REDRAW and done < self._total:
            return
        self._drawn = now
        pace = (now - self._began) / done if done else 0.0
        left = pace * (self._total - done) if 5 <= done < self._total else None
        state = ProgressState(
            done,
            self._total,
            Counter(word for number, word in self._words.items() if number not in self._allowed),
            left,
        )
        line = progress_line(state, self.voice, glyphs=self.glyphs, width=self.screen.width - 1)
        self._raw(f"\r\x1b[K{line}")
        self._barred = True

    def _above(self, lines: list[str]) -> None:
        """Write lines where the bar stood."""
        clear = "\r\x1b[K" if self._barred else ""
        self._raw(clear + "".join(f"{line}\n" for line in lines))
        self._barred = False

    def _clipped(self, line: str) -> str:
        """One line that can be written over."""
        return line if cells(line) < self.screen.width else ""

    def _raw(self, text: str) -> None:
        self.screen.write(text, ended=False)

# SPDX-License-Identifier: Apache-2.0
"""Keep a run as it happens: a listener that writes everything into the run folder.

What arrives is not written here: the sink keeps a message before it acknowledges it (``RunFolder.keep_proof``).
"""

from __future__ import annotations

from dataclasses import dataclass

from fumidai.battery.attempt import Attempt
from fumidai.evidence.outcome import Outcome
from fumidai.evidence.proof import Arrival, Proof
from fumidai.evidence.transcript import Transcript
from fumidai.judge.record import Record
from fumidai.store.run import Part, RunFolder
from fumidai.tester.questions import Questions


@dataclass(slots=True)
class Keeper:
    """Writes into one folder."""

    folder: RunFolder

    def asking(self, record: Record, questions: Questions) -> None:
        """Note the questions of an endpoint."""
        self.folder.note_record(record)
        self.folder.note_attempts(record, Part.CONTROL, questions.controls)
        self.folder.note_attempts(record, Part.TEST, questions.attempts)
        self.folder.note_attempts(record, Part.APART, questions.inapplicable)

    def answered(self, record: Record, attempt: Attempt, outcome: Outcome) -> None:
        """Note an answer; a decoy is asked for the first time with its answer."""
        if attempt.decoy_of:
            self.folder.note_attempts(record, Part.DECOY, [attempt])
        self.folder.note_outcome(record, outcome)

    def session_ended(self, record: Record, transcript: Transcript) -> None:
        """Keep a dialogue."""
        self.folder.keep_transcript(record, transcript)

    def arrived(self, arrival: Arrival) -> None:
        """Kept by the sink already."""

    def proven(self, proof: Proof, attempt: Attempt | None) -> None:
        """Kept by the sink already."""

    def putting_off(self, count: int, until: float) -> None:
        """Nothing to keep."""

    def waiting(self, promises: int, until: float) -> None:
        """Nothing to keep."""

    def finish(self, records: list[Record]) -> None:
        """Note what the endpoints are known as now."""
        for record in records:
            self.folder.note_record(record)

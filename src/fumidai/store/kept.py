# SPDX-License-Identifier: Apache-2.0
"""Read a run folder back: records with their questions and answers, arrivals, transcripts, header.

The line files are read in their order and the last word counts. A line that is damaged, or speaks of a record that
nobody introduced, is counted and passed over: a run folder may have been cut off anywhere.

Limits: everything is held in memory. ``Record.last_dot`` is a time of the process that ran, and comes back as 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from fumidai.battery.attempt import Attempt, Inapplicable
from fumidai.battery.row import RelayTest
from fumidai.evidence.outcome import Outcome
from fumidai.evidence.proof import Arrival
from fumidai.judge.record import Record
from fumidai.store.codec import CodecError, decode, encode, encode_part
from fumidai.store.journal import parse, read_journal
from fumidai.store.proofs import read_arrivals
from fumidai.store.transcripts import read_transcript

#: Fields of a record that have files of their own, or mean nothing later.
APART: Final = frozenset({"attempts", "controls", "decoys", "outcomes", "transcripts", "inapplicable", "last_dot"})

_WITHOUT_ROW: Final = frozenset({"test"})


class Part(StrEnum):
    """What an attempt is in its record."""

    TEST = "test"
    CONTROL = "control"
    DECOY = "decoy"
    APART = "inapplicable"


@dataclass(slots=True)
class Kept:
    """A run as it was kept.

    Attributes:
        header: as it was written; empty where there is none.
        records: endpoints, in the order in which they were begun.
        arrivals: messages that came, oldest first; ``file`` is relative to the run folder.
        damaged: lines and files that could not be read.
    """

    header: dict[str, Any] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    damaged: int = 0


class RowTable:
    """Catalogue rows that were written already: each is written once, and named after that."""

    def __init__(self) -> None:
        self.rows: dict[str, RelayTest] = {}

    def name(self, row: RelayTest) -> tuple[str, bool]:
        """The row's name in the file, and whether it is new."""
        name, number = row.id, 1
        while name in self.rows:
            # The same object, in nearly all cases.
            if self.rows[name] is row or self.rows[name] == row:
                return name, False
            number += 1
            name = f"{row.id}#{number}"
        self.rows[name] = row
        return name, True


def record_line(number: int, record: Record) -> dict[str, Any]:
    """A record as a line."""
    return {"record": number, **encode_part(Record, record, APART)}


def row_line(name: str, row: RelayTest) -> dict[str, Any]:
    """A catalogue row as a line."""
    return {"row": name, "is": encode(RelayTest, row)}


def attempt_line(number: int, part: Part, attempt: Attempt | Inapplicable, row: str) -> dict[str, Any]:
    """A question as a line."""
    kind = Inapplicable if isinstance(attempt, Inapplicable) else Attempt
    return {"record": number, "part": part.value, "row": row, "is": encode_part(kind, attempt, _WITHOUT_ROW)}


def outcome_line(number: int, outcome: Outcome) -> dict[str, Any]:
    """An answer as a line."""
    return {"record": number, "is": encode(Outcome, outcome)}


def read_kept(folder: Path, rows: RowTable) -> Kept:
    """Read everything.

    Args:
        rows: learns the rows that stand in the folder.

    Raises:
        OSError: the folder can't be read.
    """
    kept = Kept()
    records: dict[int, Record] = {}
    kept.header, bad = _header(folder / "run.json")
    kept.damaged += bad
    kept.damaged += _each_line(folder / "records.jsonl", lambda line: _take_record(records, line))
    kept.damaged += _each_line(folder / "attempts.jsonl", lambda line: _take_attempt(records, rows, line))
    kept.damaged += _each_line(folder / "outcomes.jsonl", lambda line: _take_outcome(records, line))
    kept.damaged += _take_transcripts(records, folder / "transcripts")
    # Numbers are given in order; a gap means that lines were lost, and a record in its place keeps the others' numbers.
    kept.records = [records[number] for number in sorted(records)]
    arrivals, bad = read_arrivals(folder / "proofs")
    kept.arrivals = [replace(arrival, file=f"proofs/{arrival.file}") for arrival in arrivals]
    kept.damaged += bad
    return kept


def _header(path: Path) -> tuple[dict[str, Any], int]:
    try:
        header = parse(path.read_bytes())
    except FileNotFoundError:
        return {}, 0
    except ValueError:
        return {}, 1
    return (header, 0) if isinstance(header, dict) else ({}, 1)


def _each_line(path: Path, take: Callable[[Any], None]) -> int:
    """Hand each line to ``take``; how many were damaged."""
    lines, damaged = read_journal(path)
    for line in lines:
        try:
            take(line)
        except (CodecError, LookupError, TypeError, ValueError):
            damaged += 1
    return damaged


def _take_record(records: dict[int, Record], line: Any) -> None:
    number = int(line["record"])
    if number != len(records) and number not in records:
        raise CodecError(f"record {number} comes out of turn")
    records[number] = decode(Record, line)


def _take_attempt(records: dict[int, Record], rows: RowTable, line: Any) -> None:
    if "record" not in line:
        rows.rows[line["row"]] = decode(RelayTest, line["is"])
        return
    record, part, row = records[line["record"]], Part(line["part"]), rows.rows[line["row"]]
    if part is Part.APART:
        record.inapplicable.append(decode(Inapplicable, line["is"], test=row))
        return
    attempt = decode(Attempt, line["is"], test=row)
    match part:
        case Part.TEST:
            record.attempts[attempt.number] = attempt
        case Part.CONTROL:
            record.controls[attempt.number] = attempt
        case Part.DECOY:
            record.decoys[attempt.decoy_of] = attempt


def _take_outcome(records: dict[int, Record], line: Any) -> None:
    outcome = decode(Outcome, line["is"])
    records[line["record"]].outcomes[outcome.attempt] = outcome


def _take_transcripts(records: dict[int, Record], folder: Path) -> int:
    damaged = 0
    read = []
    for path in folder.glob("[!.]*.jsonl"):
        found = read_transcript(path)
        number = found[0].get("record") if found else None
        if found is None or number not in records:
            damaged += 1
            continue
        read.append((records[number], int(found[0].get("number", 0)), found[1]))
    for record, _, transcript in sorted(read, key=lambda item: item[1]):
        record.transcripts.append(transcript)
    return damaged

# SPDX-License-Identifier: Apache-2.0
"""A run as programs read it: one JSON document, or one line for each entry (`jsonl`).

The shape is published as JSON Schema in `report/schema/test-1.json` (`fumidai/test/1`): new keys may come, those that
are there keep their name and meaning. Texts are English. What a peer said is escaped as it is in every report
(`report.escape`), so that printing a value can't harm a terminal; the raw bytes are in the run folder. The output is
ASCII.

Limits: of a line of more than 2000 bytes, and of more than 200 lines said in one go, the beginning is given and the
rest counted. A non-finite number can't occur in a result and would raise `ValueError`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from fumidai.evidence.finding import Finding
from fumidai.evidence.outcome import Answer, Outcome
from fumidai.evidence.proof import Proof
from fumidai.evidence.result import Entry, RunResult, TestRow
from fumidai.evidence.verdict import Verdict, exit_code
from fumidai.report.dialogue import LINE_LIMIT, MOST_LINES, bounded, said
from fumidai.report.escape import lines_of, raw, show
from fumidai.report.findings import finding_sentence
from fumidai.report.sentence import verdict_sentence
from fumidai.report.voice import Voice

SCHEMA = "fumidai/test/1"

Json = dict[str, Any]

_ENGLISH = Voice("en")


def render_json(result: RunResult, *, code: int | None = None) -> str:
    """The run as one indented JSON document, ended by LF.

    Args:
        code: the exit code that the program will end with, where it is not that of the verdicts.
    """
    entries = [_entry(entry, result.window_closed) for entry in result.entries]
    return (
        json.dumps(_document(result, result.verdict, result.verdicts, entries, code), indent=2, allow_nan=False) + "\n"
    )


def render_jsonl(result: RunResult, *, code: int | None = None) -> str:
    """One document a line for each entry, each of the same shape as the whole."""
    lines = []
    for entry in result.entries:
        verdicts = {entry.endpoint.target: entry.verdict}
        lines.append(
            json.dumps(
                _document(result, entry.verdict, verdicts, [_entry(entry, result.window_closed)], code), allow_nan=False
            )
        )
    return "".join(line + "\n" for line in lines)


def published_schema() -> Json:
    """The JSON Schema of what `render_json` writes."""
    text = resources.files(__package__ or "fumidai.report").joinpath("schema/test-1.json").read_text("utf-8")
    schema: Json = json.loads(text)
    return schema


def _document(
    result: RunResult, verdict: Verdict, verdicts: Mapping[str, Verdict], entries: list[Json], code: int | None
) -> Json:
    return {
        "schema": SCHEMA,
        "run": {
            "id": show(result.id),
            "started": result.started,
            "seconds": result.seconds,
            "waited": result.waited,
            "battery": show(result.battery),
            "vantage": show(result.vantage),
            "proof_domain": show(result.proof_domain),
            "folder": show(result.folder),
            "interrupted": result.interrupted,
            "window_closed": result.window_closed or None,
            "exit_code": exit_code(result.verdicts.values()) if code is None else code,
        },
        "verdict": verdict.value,
        "verdicts": {show(target): each.value for target, each in verdicts.items()},
        "targets": entries,
        "findings": [_finding(finding) for finding in result.findings],
        "left_out": _places(result.left_out, verdicts),
        "silent": _places(result.silent, verdicts),
    }


def _places(places: Mapping[str, Iterable[str]], targets: Iterable[str]) -> dict[str, list[str]]:
    return {show(target): [show(place) for place in places[target]] for target in targets if target in places}


def _entry(entry: Entry, until: float) -> Json:
    endpoint = entry.endpoint
    return {
        "target": show(endpoint.target),
        "name": show(endpoint.name),
        "address": str(endpoint.address),
        "port": endpoint.port,
        "tls": endpoint.tls.value,
        "domain": show(entry.domain),
        "verdict": entry.verdict.value,
        "verdict_reason": entry.verdict_reason.value,
        "verdict_text": verdict_sentence(entry, _ENGLISH, until=until),
        "verdict_params": _params(entry.verdict_params),
        "software": {"name": show(entry.software.name), "version": show(entry.software.version)},
        "banner": _reply(entry.banner),
        "extensions": [show(keyword) for keyword in entry.extensions],
        "source": show(entry.source),
        "client_address_seen": show(entry.client_address_seen),
        "counts": {word.value: count for word, count in entry.counts().items()},
        "seconds": entry.seconds,
        "connections": entry.connections,
        "round_trips": entry.round_trips,
        "controls": [_row(row) for row in entry.controls],
        "tests": [_row(row) for row in entry.tests],
        "findings": [_finding(finding) for finding in entry.findings],
        "transcript": [
            {
                "session": transcript.session,
                "seconds": round(line.seconds, 6),
                "direction": line.direction.value,
                "text": show(line.data),
            }
            for transcript in entry.transcripts
            for line in bounded(said(transcript))
        ],
    }


def _row(row: TestRow) -> Json:
    return {
        "number": row.number,
        "id": row.id,
        "title": row.title,
        "family": row.family,
        "class": row.row_class,
        "mail_from": show(raw(row.mail_from)),
        "rcpt_to": show(raw(row.rcpt_to)),
        "expected": row.expected,
        "rule": row.rule,
        "outcome": row.word.value,
        "allowed": row.allowed,
        **_outcome(row.outcome),
        "proofs": [_proof(proof) for proof in row.proofs],
        "decoy": None if row.decoy is None else {"outcome": row.decoy.word.value, **_outcome(row.decoy)},
    }


def _outcome(outcome: Outcome) -> Json:
    """The deciding answer; `answered` is what the dialogue alone gave, before proofs were looked at."""
    return {
        "answered": outcome.word.value,
        "stage": outcome.stage.value,
        "code": outcome.code,
        "reply": _reply(outcome.reply),
        "reason": outcome.reason.value if outcome.reason else None,
        "session": outcome.session,
        "completed": outcome.completed,
        "earlier": [_answer(answer) for answer in outcome.earlier],
    }


def _reply(reply: bytes) -> list[str]:
    """The lines of a reply; of one that is longer than any honest one only the first, with the number left out."""
    lines = lines_of(reply)
    shown = [show(line, limit=LINE_LIMIT) for line in lines[:MOST_LINES]]
    return shown if len(lines) <= MOST_LINES else [*shown, f"(+{len(lines) - MOST_LINES} lines)"]


def _answer(answer: Answer) -> Json:
    return {
        "stage": answer.stage.value,
        "code": answer.code,
        "reply": _reply(answer.reply),
        "session": answer.session,
        "pipelined": answer.pipelined,
    }


def _proof(proof: Proof) -> Json:
    arrival = proof.arrival
    return {
        "token": show(proof.token),
        "kind": proof.kind.value,
        "where": proof.where.value,
        "recipient": show(proof.recipient),
        "received": arrival.received,
        "peer": show(arrival.peer),
        "helo": show(arrival.helo),
        "reverse_path": None if arrival.reverse_path is None else show(arrival.reverse_path),
        "file": show(arrival.file),
        "automatic": proof.automatic,
    }


def _finding(finding: Finding) -> Json:
    return {
        "id": finding.id,
        "severity": finding.severity.value,
        "target": show(finding.target),
        "text": finding_sentence(finding, _ENGLISH),
        "evidence": [show(raw(text)) for text in finding.evidence],
        "params": _params(finding.params),
        "remedies": list(finding.remedies),
    }


def _params(params: Mapping[str, str | int]) -> Json:
    return {name: show(raw(value)) if isinstance(value, str) else value for name, value in params.items()}

# SPDX-License-Identifier: Apache-2.0
"""The dialogue as the relay test service of 2001 printed it on a telnet line.

    Connecting to 192.0.2.25 ...
    <<< 220 mail.a.com ESMTP
    >>> HELO probe.example.net
    <<< 250 mail.a.com
    :Relay test: #Quote test
    >>> mail from: <spamtest@mail.a.com>
    ...
    >>> QUIT
    <<< 221 mail.a.com closing connection
    Tested host banner: 220 mail.a.com ESMTP
    System appeared to reject relay attempts

What the server says is given line for line, long ones as they are, control characters escaped; the test's name comes
from the notes that the tester writes into the transcript. The service stopped at RCPT, so the
line that it closed with for a sound system is known ("appeared to reject") and the one for an open system is not: those
here are ours. They say what a proof showed, which the service never could.

Limits: a test whose line stands in no transcript is named by its id.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fumidai.evidence.outcome import Word
from fumidai.evidence.result import Entry
from fumidai.evidence.transcript import Direction, Transcript
from fumidai.evidence.verdict import Verdict
from fumidai.report.dialogue import ARROWS, bounded, said
from fumidai.report.escape import lines_of, raw, show
from fumidai.report.holes import is_hole
from fumidai.report.sentence import untried_sentence, verdict_sentence
from fumidai.report.voice import Voice

# How a note begins that names a test.
LABEL = b":Relay test: "

_ENGLISH = Voice("en")


def render_maps(entry: Entry) -> str:
    """The entry's dialogue in the form of 2001, each line ended by LF."""
    lines: list[str] = []
    for transcript in _of_the_service(entry):
        lines.append(f"Connecting to {entry.endpoint.address} ...")
        for line in bounded(said(transcript)):
            text = show(line.data)
            lines.append(text if line.direction is Direction.NOTE else f"{ARROWS[line.direction]} {text}")
    if not entry.transcripts:
        lines.append(f"Connecting to {entry.endpoint.address} ...")
    lines += [*_banner(entry), *_closing(entry)]
    return "".join(line + "\n" for line in lines)


def _of_the_service(entry: Entry) -> Sequence[Transcript]:
    """The sessions that have the service's labels; controls and decoys, which it had not, are asked in others."""
    labelled = [
        transcript
        for transcript in entry.transcripts
        if any(piece.direction is Direction.NOTE and piece.data.startswith(LABEL) for piece in transcript.pieces())
    ]
    return labelled or entry.transcripts


def _banner(entry: Entry) -> list[str]:
    lines = [show(line) for line in lines_of(entry.banner)]
    return [f"Tested host banner: {lines[0]}", *lines[1:]] if lines else []


def _closing(entry: Entry) -> Iterator[str]:
    labels = _labels(entry)
    match entry.verdict:
        case Verdict.OPEN:
            delivered = _named(entry, labels, Word.DELIVERED)
            yield f"A message for a stranger was delivered through this system ({delivered})"
        case Verdict.ACCEPTS:
            promised = _named(entry, labels, Word.ACCEPTED)
            yield f"System promised to relay ({promised}); only a proof can tell whether it does"
        case Verdict.CLOSED:
            yield "System appeared to reject relay attempts"
            if entry.verdict_params.get("untried"):
                yield untried_sentence(entry, _ENGLISH)
        case _:
            yield verdict_sentence(entry, _ENGLISH)


def _named(entry: Entry, labels: dict[int, str], word: Word) -> str:
    rows = [row for row in entry.tests if row.word is word and is_hole(row)]
    return ", ".join(labels.get(row.number, show(row.id)) for row in rows)


def _labels(entry: Entry) -> dict[int, str]:
    """The name under which each test was announced: the last note before its recipient was said.

    A recipient holds the token of its test, so no two tests say the same one.
    """
    numbers = {_bytes(row.rcpt_to): row.number for row in entry.tests}
    labels: dict[int, str] = {}
    for transcript in entry.transcripts:
        label = ""
        for line in said(transcript):
            if line.direction is Direction.NOTE and line.data.startswith(LABEL):
                label = show(line.data.removeprefix(LABEL))
            elif line.direction is Direction.US and line.data[:4].upper() == b"RCPT" and label:
                labels |= {number: label for recipient, number in numbers.items() if line.data.endswith(recipient)}
    return labels


def _bytes(text: str) -> bytes:
    data = raw(text)
    return data if isinstance(data, bytes) else data.encode()

# SPDX-License-Identifier: Apache-2.0
"""A session's dialogue as a file: a head line, then one line for each thing said, bytes as latin-1 in JSON.

Readable by eye and by ``evidence.Transcript``: ``{"t": seconds, "d": "<" | ">" | "#", "data": …}``.

Limits: written once, when the session has ended.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fumidai.evidence.transcript import Direction, Transcript
from fumidai.store.journal import read_journal


def transcript_lines(transcript: Transcript, head: dict[str, Any]) -> bytes:
    """The file's contents; ``head`` is added to the first line."""
    entries: list[dict[str, Any]] = [{**head, "session": transcript.session, "label": transcript.label}]
    entries += [
        {"t": round(piece.seconds, 6), "d": piece.direction.value, "data": piece.data.decode("latin-1")}
        for piece in transcript.pieces()
    ]
    return b"".join(json.dumps(entry, separators=(",", ":")).encode("ascii") + b"\n" for entry in entries)


def read_transcript(path: Path) -> tuple[dict[str, Any], Transcript] | None:
    """The head line and the dialogue; None where the file is damaged beyond its head.

    Raises:
        OSError: it can't be read.
    """
    entries, _ = read_journal(path)
    try:
        head = dict(entries[0])
        transcript = Transcript(int(head["session"]), str(head["label"]))
        for entry in entries[1:]:
            transcript.add(float(entry["t"]), Direction(entry["d"]), entry["data"].encode("latin-1"))
    except (LookupError, TypeError, ValueError, AttributeError):
        return None
    return head, transcript

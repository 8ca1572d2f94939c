# SPDX-License-Identifier: Apache-2.0
"""Read a corpus in one way and tell the CPU time: `python -m benchmarks.reading WAY CORPUS COUNT`.

CORPUS is a JSON list of messages as Latin-1 text. Printed is `{"messages": …, "cpu": seconds}`. Imports and the reading
of the corpus are not counted; a short first round is not either.

Limits: runs in whatever Python has the way's library, so nothing of ours is imported before it is known which.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

WARM = 50


def main(way: str, corpus: str, count: int) -> None:
    """Measure."""
    found = [one.encode("latin-1") for one in json.loads(Path(corpus).read_text("ascii"))[:count]]
    read = _way(way)
    for message in found[:WARM]:
        read(message)
    began = time.process_time()
    for message in found:
        read(message)
    print(json.dumps({"messages": len(found), "cpu": time.process_time() - began}))


def _way(way: str) -> Callable[[bytes], object]:
    if way.startswith("mail-parser"):
        import mailparser

        return lambda message: mailparser.parse_from_bytes(message).received
    if way.endswith("parse alone"):
        from fumidai.received.read import read_head

        return read_head
    from fumidai.trace.letters import letters
    from fumidai.trace.work import Question, trace_letter

    question = Question()
    return lambda message: [trace_letter(letter, question) for letter in letters(message, "box")]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

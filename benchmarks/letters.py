# SPDX-License-Identifier: Apache-2.0
"""Mailboxes for the trace benchmark, made out of the fixtures in `tests/messages`, the same ones in every run.

Real mail may not be shipped, so it was counted, and messages are made to the counts: two kinds of mail, a corpus of
2002-2005 and one of 2022-2026. The counts stand in ``mail.toml``, which also names where they are from; ``ways`` makes
the Received lines, ``bodies`` the other fields and the body. `benchmarks.corpus` counts made mail and real mail alike,
and docs/benchmarks.md shows the two beside each other.

Limits: what is equal is what was counted; see docs/benchmarks.md for what isn't.
"""

from __future__ import annotations

import json
import random
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmarks.bodies import Bodies
from benchmarks.ways import Ways

FIGURES = Path(__file__).with_name("mail.toml")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of mail: its name in tables and in ``mail.toml``."""

    name: str
    figures: str


OLD = Kind("2 kB heads, 6 lines", "old")
NEW = Kind("10 kB heads, 5 lines", "new")


def messages(kind: Kind, count: int) -> list[bytes]:
    """So many messages of a kind."""
    return list(islice(drawn_messages(kind), count))


def drawn_messages(kind: Kind) -> Iterator[bytes]:
    """Messages of a kind, without end."""
    table = tomllib.loads(FIGURES.read_text("utf-8"))
    figures = table[kind.figures]
    dice = random.Random(kind.name)
    ways, bodies = Ways(table, kind.figures, dice), Bodies(figures, kind.figures, dice)
    while True:
        marked = dice.random() < figures["marked"]
        lines, when = ways.draw(dice.choices(range(15), figures["received"][not marked])[0])
        text = lines + bodies.fields(when, marked=marked) + bodies.body()
        if dice.random() < figures["mbox"]:
            text = f"From s@sender.example {when:%a %b %d %H:%M:%S %Y}\n{text}"
        if dice.random() < figures["crlf"]:
            text = text.replace("\n", "\r\n")
        yield text.encode("latin-1")


def mailbox(found: bytes) -> bytes:
    """A message as an mbox holds it."""
    return b"From x@elsewhere.example Tue Nov 24 10:00:00 2026\n" + found.replace(b"\nFrom ", b"\n>From ") + b"\n\n"


def main(what: str, kind: str, size: int, path: str) -> None:
    """Write a corpus (``json``, so many messages) or a mailbox (``mbox``, so many octets) in a process of its own.

    A program's greatest memory, as the kernel tells it, is never less than that of the process that started it.
    Printed is the number of messages.
    """
    drawing = drawn_messages(next(one for one in (OLD, NEW) if one.name == kind))
    if what == "json":
        found = [one.decode("latin-1") for one in islice(drawing, size)]
        Path(path).write_text(json.dumps(found), encoding="ascii")
        print(len(found))
        return
    count = 0
    with Path(path).open("wb") as file:
        while file.tell() < size:
            file.write(mailbox(next(drawing)))
            count += 1
    print(count)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])

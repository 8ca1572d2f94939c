# SPDX-License-Identifier: Apache-2.0
"""Mailboxes for the trace benchmark, made out of the fixtures in `tests/messages`, the same ones in every run.

Each message gets the lines of one fixture on top and lines of others below, so many that their number is that of real
mail, and is filled up with other fields to the size of real heads: 2 kB with six lines (a corpus of 2002–2006), 10 kB
with five (one of 2022–2026), as measured by the project's research. Digits that tell messages apart are changed, so
that nothing can be remembered from one message to the next but what repeats in real mail too.

How often a family is met follows 72,000 lines of those two corpora (``OLD.mix``, ``NEW.mix``): Exchange, sendmail and
Postfix write most of all lines. Families that are not named share one part in thirty. One message in ten begins with
one of the chains that tell of a way.

Limits: lines of different fixtures don't know each other, so a chain ends where the first fixture does, as it does in
real mail at the border.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "messages"
_RECEIVED = re.compile(rb"(?mis)^received:.*?(?=^\S)")
_DIGITS = re.compile(rb"(?<![\d.])(\d{1,3}\.\d{1,3}\.\d{1,3}\.)(\d{1,3})(?!\d)")
_ID = re.compile(rb"(?<=\bid )([0-9A-Za-z-]{5,20})\b")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of mail: size of the head in octets, Received lines, size of the body, parts of the families."""

    name: str
    head: int
    lines: int
    body: int
    mix: Mapping[str, float] = field(hash=False)


_OLD_MIX = {"sendmail": 37, "postfix": 20, "fetchmail": 15, "exim": 5, "qmail": 6, "exchange": 4, "chains": 9}
_NEW_MIX = {"office365": 65, "exchange": 12, "postfix": 11, "sendmail": 4, "gmail": 2, "exim": 2, "chains": 9}
OLD = Kind("2 kB heads, 6 lines", 2000, 6, 1500, _OLD_MIX)
NEW = Kind("10 kB heads, 5 lines", 10_000, 5, 3000, _NEW_MIX)


def messages(kind: Kind, count: int) -> list[bytes]:
    """So many messages of a kind."""
    dice = random.Random(kind.name)
    paths = sorted(FIXTURES.glob("*/*.eml"))
    heads = [path.read_bytes().replace(b"\r\n", b"\n") for path in paths]
    weights = _weights(kind, [path.parent.name for path in paths])
    return [_message(kind, dice.choices(heads, weights, k=kind.lines), dice) for _ in range(count)]


def _weights(kind: Kind, families: list[str]) -> list[float]:
    """How often each fixture is met: its family's part, shared by the family's fixtures."""
    rest = sum(kind.mix.values()) / 30 / sum(family not in kind.mix for family in families)
    return [kind.mix[family] / families.count(family) if family in kind.mix else rest for family in families]


def _message(kind: Kind, fixtures: list[bytes], dice: random.Random) -> bytes:
    lines = [line for fixture in fixtures for line in _RECEIVED.findall(fixture)][: kind.lines]
    rest = _RECEIVED.sub(b"", fixtures[0]).partition(b"\n\n")[0]
    head = b"".join(_changed(line, dice) for line in lines) + rest + b"\n"
    while len(head) < kind.head:
        head += _filling(dice, min(kind.head - len(head), 700))
    return head + b"\n" + b"Text of a message that nobody reads.\n" * (kind.body // 37)


def _changed(line: bytes, dice: random.Random) -> bytes:
    line = _DIGITS.sub(lambda found: found[1] + str(dice.randint(1, 254)).encode(), line)
    return _ID.sub(lambda found: b"%012X" % dice.getrandbits(48), line)


def _filling(dice: random.Random, size: int) -> bytes:
    """A field as signatures and filters write them: long, folded, of no meaning here."""
    name = dice.choice([b"X-Filter-Result", b"DKIM-Signature", b"X-Report", b"ARC-Seal", b"Authentication-Results"])
    text = dice.randbytes(max(size // 2 - 10, 8)).hex().encode()
    return name + b": " + b"\n\t".join(text[at : at + 70] for at in range(0, len(text), 70)) + b"\n"


def mailbox(found: list[bytes]) -> bytes:
    """The messages as an mbox."""
    return b"".join(b"From x@elsewhere.example Tue Nov 24 10:00:00 2026\n" + one + b"\n" for one in found)


def main(what: str, kind: str, count: int, path: str, copies: int) -> None:
    """Write a corpus (``json``) or a mailbox (``mbox``, so many copies of it) in a process of its own.

    A program's greatest memory, as the kernel tells it, is never less than that of the process that started it.
    """
    found = messages(next(one for one in (OLD, NEW) if one.name == kind), count)
    if what == "json":
        Path(path).write_text(json.dumps([one.decode("latin-1") for one in found]), encoding="ascii")
        return
    box = mailbox(found)
    with Path(path).open("wb") as file:
        for _ in range(copies):
            file.write(box)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))

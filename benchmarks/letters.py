# SPDX-License-Identifier: Apache-2.0
"""Mailboxes for the trace benchmark, made out of the fixtures in `tests/messages`, the same ones in every run.

Each message gets the lines of one fixture on top and lines of others below, so many that their number is that of real
mail, and is filled up with other fields to the size of real heads: 2 kB with six lines (a corpus of 2002–2006), 10 kB
with five (one of 2022–2026), as measured by the project's research. Digits that tell messages apart are changed, so
that nothing can be remembered from one message to the next but what repeats in real mail too.

Limits: lines of different fixtures don't know each other, so a chain ends where the first fixture does, as it does in
real mail at the border.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "messages"
_RECEIVED = re.compile(rb"(?mis)^received:.*?(?=^\S)")
_DIGITS = re.compile(rb"(?<![\d.])(\d{1,3}\.\d{1,3}\.\d{1,3}\.)(\d{1,3})(?!\d)")
_ID = re.compile(rb"(?<=\bid )([0-9A-Za-z-]{5,20})\b")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of mail: size of the head in octets, Received lines, size of the body."""

    name: str
    head: int
    lines: int
    body: int


OLD = Kind("2 kB heads, 6 lines", 2000, 6, 1500)
NEW = Kind("10 kB heads, 5 lines", 10_000, 5, 3000)


def messages(kind: Kind, count: int) -> list[bytes]:
    """So many messages of a kind."""
    dice = random.Random(kind.name)
    found = sorted(FIXTURES.glob("*/*.eml"))
    heads = [path.read_bytes().replace(b"\r\n", b"\n") for path in found]
    pool = [line for head in heads for line in _RECEIVED.findall(head)]
    return [_message(kind, heads[number % len(heads)], pool, dice) for number in range(count)]


def _message(kind: Kind, fixture: bytes, pool: list[bytes], dice: random.Random) -> bytes:
    own = _RECEIVED.findall(fixture)
    rest = _RECEIVED.sub(b"", fixture).partition(b"\n\n")[0]
    lines = own + [dice.choice(pool) for _ in range(kind.lines - len(own))]
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

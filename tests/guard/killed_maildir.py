# SPDX-License-Identifier: Apache-2.0
"""A process that fills a Maildir as fast as it can and says which messages are kept, until somebody kills it.

    python -m tests.guard.killed_maildir ROOT FIRST

Each line on standard output is the number of a message that was told 250. Bodies differ in size, some are spooled in
several pieces, every third goes to both Maildirs.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys

from fumidai.guard.backend import Answer
from fumidai.guard.maildir_backend import MaildirBackend
from tests.guard.handing import hand

SIZES = (100, 2_000, 70_000, 300_000)


def message(number: int) -> list[bytes]:
    """The pieces of one message, with its number at both ends."""
    filler = b"x" * 70 + b"\r\n"
    mark = b"message %d\r\n" % number
    lines = SIZES[number % len(SIZES)] // len(filler)
    return [b"Subject: " + mark + b"\r\n", *([filler * 100] * (lines // 100 + 1)), mark]


def recipients(number: int) -> list[bytes]:
    return [b"<u@a.com>", b"<v@a.com>"] if number % 3 == 0 else [b"<u@a.com>"]


async def session(backend: MaildirBackend, numbers: itertools.count[int]) -> None:
    while True:
        number = next(numbers)
        answer: Answer = await hand(backend, *recipients(number), pieces=message(number))
        assert answer.code == 250
        os.write(1, b"%d\n" % number)


async def main(root: str, first: int) -> None:
    backend = MaildirBackend(f"{root}/{{domain}}/{{local}}", "mx")
    numbers = itertools.count(first)
    await asyncio.gather(*(session(backend, numbers) for _ in range(20)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))

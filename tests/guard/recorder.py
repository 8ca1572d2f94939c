# SPDX-License-Identifier: Apache-2.0
"""A mail server to be killed: each message is on disk, one line in a file of this process' own, before it says 250.

    python -m tests.guard.recorder PORT FOLDER

A line is the message's number and its digest. A last line without its end was never acknowledged by anybody.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from pathlib import Path

from tests.guard.faulty import Faulty, Taken
from tests.guard.numbered import as_sent, digest, message, number_of


class Record(list[Taken]):
    """Writes down instead of remembering."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)

    def append(self, taken: Taken) -> None:
        text = as_sent(taken.message)
        os.write(self._handle, b"%d %s\n" % (number_of(text), digest(text).encode()))
        os.fsync(self._handle)


def read_records(folder: Path) -> tuple[Counter[int], int]:
    """How often each message is in the records, and how many are not whole."""
    arrived: Counter[int] = Counter()
    truncated = 0
    for file in folder.iterdir():
        for line in file.read_text(encoding="ascii").split("\n")[:-1]:
            number, told = line.split()
            whole = digest(message(int(number))) == told
            arrived[int(number)] += whole
            truncated += not whole
    return arrived, truncated


async def main(port: int, folder: Path) -> None:
    server = Faulty(taken=Record(folder / f"{os.getpid()}-{os.urandom(4).hex()}"))
    async with await asyncio.start_server(server.serve, "127.0.0.1", port) as listening:
        print("listening", flush=True)
        await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))

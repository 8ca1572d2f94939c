# SPDX-License-Identifier: Apache-2.0
"""A Maildir on a disk of one mebibyte; run in a mount namespace of its own, for it mounts that disk.

    unshare --mount --map-root-user python -m tests.guard.full_disk FOLDER

Prints what a small message, one that does not fit (in two forms), and a small one again were told, and the files left.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from fumidai.guard.maildir_backend import MaildirBackend
from tests.guard.handing import MESSAGE, hand

U, V = b"<u@a.com>", b"<v@a.com>"


def kept(root: Path) -> int:
    """How many files there are, wherever they stand."""
    return sum(1 for path in root.rglob("*") if path.is_file())


async def main(root: Path) -> None:
    for user in ("u", "v"):
        for part in ("tmp", "new"):
            (root / user / part).mkdir(parents=True)
    backend = MaildirBackend(f"{root}/{{local}}", "mx")
    big, half = [b"x" * 50_000 + b"\r\n"] * 40, [b"x" * 50_000 + b"\r\n"] * 12
    for recipients, pieces in (((U,), [MESSAGE]), ((U,), big), ((U, V), half), ((V,), half), ((U, V), [MESSAGE])):
        answer = await hand(backend, *recipients, pieces=pieces)
        print(answer.code, answer.enhanced, kept(root))
    await backend.close()


if __name__ == "__main__":
    disk = sys.argv[1]
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "fumidai-test", disk], check=True)
    asyncio.run(main(Path(disk)))

# SPDX-License-Identifier: Apache-2.0
"""The real command with its log, and a Maildir too, on a disk of one mebibyte that is full for a while.

    unshare --mount --map-root-user python -m tests.guard.full_log FOLDER

Mounts that disk, so it runs in a mount namespace of its own. Prints one line for each thing seen.
"""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

from tests.guard.commanded import Command, commanding, free_port, number, page
from tests.guard.faulty import behind
from tests.guard.guarded import Client, calling

LOST = "fumidai_guard_log_lines_lost_total"


async def send(client: Client) -> str:
    """One message; code and enhanced code of what is told in the end."""
    for line in (b"MAIL FROM:<s@b.test>", b"RCPT TO:<u@a.test>", b"DATA"):
        if await client.say(line) not in (250, 354):
            return "not taken"
    client.writer.write(b"Subject: x\r\n\r\nhello\r\n.\r\n")
    answer = await client.reply()
    return f"{answer.code} {answer.enhanced}" if answer else "closed"


def fill(file: Path) -> None:
    """Leave not one octet."""
    with file.open("wb", buffering=0) as out:
        for size in (65536, 4096, 1):
            try:
                while True:
                    out.write(b"x" * size)
            except OSError:
                continue


def readable(command: Command) -> str:
    """Which lines of the log are whole."""
    whole = torn = 0
    for line in command.log.read_bytes().splitlines():
        try:
            json.loads(line)
            whole += 1
        except ValueError:
            torn += 1
    return f"{whole} lines, {'some' if torn > 1 else 'at most one'} torn"


async def main(folder: Path, backend: str) -> None:
    for part in ("tmp", "new"):
        (folder / "u" / part).mkdir(parents=True)
    port, metrics = free_port(), free_port()
    policy = (
        f'[policy]\nreceive_for = ["a.test"]\n[guard]\nlisten = "127.0.0.1:{port}"\nbackend = "{backend}"\n'
        f'metrics = "127.0.0.1:{metrics}"\n'
    )
    filler = folder / "filler"
    async with commanding(folder, policy, LANG="C.UTF-8") as command, calling(port) as client:
        await client.say(b"EHLO c.test")
        print("room:", await send(client))
        fill(filler)
        # The log has the rest of a page of memory left: a dozen messages are sure to want more.
        print("full:", *sorted({await send(client) for _ in range(12)}))
        print((await command.hear("The log of decisions")).strip())
        filler.unlink()
        print("room again:", *[await send(client) for _ in range(2)])
        told = (await command.hear("written again")).split(";")[1].split()[0]
        print("counted:", number(await page(metrics), LOST) == int(told) > 0)
        command.process.terminate()
        print("exit:", await command.end())
        print(readable(command), "kept:", len(list((folder / "u" / "new").iterdir())))


async def both(folder: Path) -> None:
    await main(folder / "one", f"maildir://{folder}/one/{{local}}")
    async with behind() as server:
        await main(folder / "two", f"smtp://127.0.0.1:{server.port}")
        print("at the server:", len(server.taken))


if __name__ == "__main__":
    disk = sys.argv[1]
    os.environ["FUMIDAI_USER"] = pwd.getpwuid(os.geteuid()).pw_name
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "fumidai-test", disk], check=True)
    asyncio.run(both(Path(disk)))

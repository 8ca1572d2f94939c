# SPDX-License-Identifier: Apache-2.0
"""A server that takes its time for each reply, and more clients than are let in: nobody is lost, nothing piles up."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.guard.commanded import commanding, free_port
from tests.guard.faulty import behind
from tests.guard.guarded import Client, without_trace

CLIENTS, MOST = 200, 240
#: Seconds for each reply and each piece of a body; it is two where this is asked by hand.
DELAY = 0.3
BODY = b"Subject: x\r\n\r\n" + (b"x" * 98 + b"\r\n") * 6_000


def memory(pid: int) -> int:
    """The most memory that a process has had, in octets."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no such line")


async def send(port: int) -> list[int]:
    """A message, as a mail server sends it to one that offers PIPELINING; all answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    client = Client(reader, writer)
    codes: list[int] = []

    async def heard(count: int) -> bool:
        """The next answers; True where they say that it may go on."""
        for _ in range(count):
            answer = await client.reply(60)
            codes.append(answer.code if answer else 0)
        return 200 <= codes[-1] < 400

    said = (b"EHLO c.test\r\n", b"MAIL FROM:<s@b.test>\r\nRCPT TO:<u@a.test>\r\nDATA\r\n", BODY + b".\r\n", b"QUIT\r\n")
    try:
        goes_on = await heard(1)
        for data, count in zip(said, (1, 3, 1, 1), strict=True):
            if goes_on:
                writer.write(data)
                goes_on = await heard(count)
    finally:
        writer.close()
    return codes


async def test_everybody_who_is_let_in_is_served_in_the_end(tmp_path: Path) -> None:
    port = free_port()
    async with behind() as backend:
        policy = (
            f'[policy]\nreceive_for = ["a.test"]\n[guard]\nlisten = "127.0.0.1:{port}"\n'
            f'backend = "smtp://127.0.0.1:{backend.port}"\nconnections = {CLIENTS}\n'
            f"connections_per_client = {MOST}\nconnections_per_net = 0\n"
        )
        async with commanding(tmp_path, policy) as command:
            before = memory(command.pid)
            backend.delay = DELAY
            answers = await asyncio.gather(*(send(port) for _ in range(MOST)))
            grown = memory(command.pid) - before
            again = await send(port)
    served = [codes for codes in answers if codes[0] == 220]
    # A connection that has ended makes room, so some more than those at once may have come in.
    assert CLIENTS <= len(served) < MOST
    assert all(codes == [220, 250, 250, 250, 354, 250, 221] for codes in served)
    assert all(codes == [421] for codes in answers if codes[0] != 220)
    assert again == served[0], "and afterwards all is as before"
    assert len(backend.taken) == len(served) + 1
    assert all(without_trace(taken.message) == BODY for taken in backend.taken)
    # 120 MB were on their way; a client waits with what the server does not take.
    assert grown < 200 * CLIENTS * 1024, grown

# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: another policy counts from the next message on, a bad one is refused, and nobody is dropped by either."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.guard.commanded import Command, commanding, free_port, number, page, until
from tests.guard.faulty import behind
from tests.guard.guarded import calling
from tests.guard.senders import Senders

DONE = "Everything was read again"
RELOADS = 100


def policy(port: int, backend: int, domain: str = "a.test", more: str = "") -> str:
    return (
        f'[policy]\nreceive_for = ["{domain}"]\n'
        f'[guard]\nlisten = "127.0.0.1:{port}"\nbackend = "smtp://127.0.0.1:{backend}"\n{more}'
    )


async def reload(command: Command, folder: Path, text: str) -> None:
    (folder / "fumidai.toml").write_text(text, encoding="utf-8")
    command.signal(signal.SIGHUP)
    await command.hear(DONE)


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_message_ends_under_the_policy_it_began_with(tmp_path: Path, workers: int) -> None:
    port, more = free_port(), f"workers = {workers}\n"
    async with behind() as backend, commanding(tmp_path, policy(port, backend.port, more=more)) as command:
        async with calling(port) as client, calling(port) as idle:
            for line in (b"EHLO c.test", b"MAIL FROM:<s@c.test>", b"RCPT TO:<u@a.test>"):
                assert await client.say(line) == 250
            await reload(command, tmp_path, policy(port, backend.port, "b.test", more))
            assert await client.say(b"RCPT TO:<v@a.test>") == 250, "still the old policy"
            assert await client.say(b"DATA") == 354
            assert await client.say(b"x: y\r\n\r\nz\r\n.") == 250
            for one in (client, idle):
                assert await one.say(b"EHLO c.test") == 250, "nobody was dropped"
                assert await one.say(b"MAIL FROM:<s@c.test>") == 250
                assert await one.say(b"RCPT TO:<u@a.test>") == 550, "the new policy"
                assert await one.say(b"RCPT TO:<u@b.test>") == 250
        (taken,) = backend.taken
        assert b"z" in taken.message


async def test_a_bad_policy_is_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    port = free_port()
    async with (
        behind() as backend,
        commanding(tmp_path, policy(port, backend.port)) as command,
        calling(port) as client,
    ):
        for bad, what in (
            ('[policy]\nreceive_for = ["a.test"\n', "fumidai.toml:"),
            (policy(port, backend.port, more='workers = "many"\n'), "fumidai.toml:6: guard.workers"),
            ('[policy]\nreceive_for = ["b.test"]\n', "stands behind"),
        ):
            (tmp_path / "fumidai.toml").write_text(bad, encoding="utf-8")
            command.signal(signal.SIGHUP)
            await command.hear(what)
            await command.hear("Nothing was changed")
            assert await client.say(b"EHLO c.test") == 250
            assert await client.say(b"MAIL FROM:<s@c.test>") == 250
            assert await client.say(b"RCPT TO:<u@a.test>") == 250


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_warning_is_told_once(tmp_path: Path, workers: int) -> None:
    port, more = free_port(), f"workers = {workers}\n"
    async with behind() as backend, commanding(tmp_path, policy(port, backend.port, more=more)) as command:
        doubtful = policy(port, backend.port, more=more) + '[access]\n"To:u@a.test" = "DISCARD"\n'
        await reload(command, tmp_path, doubtful)
        command.signal(signal.SIGTERM)
        assert await command.end() == 0
    assert sum("which says the same" in line for line in command.said) == 1, command.said


async def test_a_fault_of_ours_is_no_reason_to_end(tmp_path: Path) -> None:
    """Something that nobody foresaw: here the reader runs out of stack."""
    port = free_port()
    async with behind() as backend, commanding(tmp_path, policy(port, backend.port)) as command:
        (tmp_path / "fumidai.toml").write_text("x = " + "[" * 200_000, encoding="utf-8")
        command.signal(signal.SIGHUP)
        await command.hear("Nothing was changed")
        async with calling(port) as client:
            assert await client.say(b"EHLO c.test") == 250
            assert await client.say(b"MAIL FROM:<s@c.test>") == 250
            assert await client.say(b"RCPT TO:<u@a.test>") == 250


@pytest.mark.parametrize("workers", [1, 2])
async def test_what_can_not_change_is_named(tmp_path: Path, workers: int) -> None:
    port, more = free_port(), f"workers = {workers}\n"
    async with behind() as backend, commanding(tmp_path, policy(port, backend.port, more=more)) as command:
        other = policy(free_port(), backend.port, "b.test", "workers = 3\nrecipients = 2\n")
        await reload(command, tmp_path, other)
        assert any("only a restart can change it: listen, workers." in line for line in command.said)
        async with calling(port) as client:
            assert await client.say(b"EHLO c.test") == 250
            assert await client.say(b"MAIL FROM:<s@c.test>") == 250
            assert await client.say(b"RCPT TO:<u@b.test>") == 250, "the rest is taken over"


async def test_another_backend_gets_what_begins_now(tmp_path: Path) -> None:
    port = free_port()
    async with behind() as old, behind() as new, commanding(tmp_path, policy(port, old.port)) as command:
        async with calling(port) as client:
            for line in (b"EHLO c.test", b"MAIL FROM:<s@c.test>", b"RCPT TO:<u@a.test>"):
                assert await client.say(line) == 250
            await reload(command, tmp_path, policy(port, new.port))
            assert await client.say(b"DATA") == 354
            assert await client.say(b"x: y\r\n\r\nold\r\n.") == 250
            assert await client.say(b"MAIL FROM:<s@c.test>") == 250
            assert await client.say(b"RCPT TO:<u@a.test>") == 250
            assert await client.say(b"DATA") == 354
            assert await client.say(b"x: y\r\n\r\nnew\r\n.") == 250
        assert [b"old" in one.message for one in old.taken] == [True]
        assert [b"new" in one.message for one in new.taken] == [True]


async def test_a_maildir_is_left_only_when_nothing_is_on_its_way_to_it(tmp_path: Path) -> None:
    port = free_port()
    folders = [tmp_path / name for name in ("old", "new")]
    for folder in folders:
        for part in ("cur", "new", "tmp"):
            (folder / "u" / part).mkdir(parents=True)
    texts = [policy(port, 9).replace("smtp://127.0.0.1:9", f"maildir://{folder}/{{local}}") for folder in folders]
    async with commanding(tmp_path, texts[0]) as command, calling(port) as client, calling(port) as other:
        for one in (client, other):
            for line in (b"EHLO c.test", b"MAIL FROM:<s@c.test>", b"RCPT TO:<u@a.test>"):
                assert await one.say(line) == 250
            assert await one.say(b"DATA") == 354
        assert await other.say(b"x: y\r\n\r\nz\r\n.") == 250
        await reload(command, tmp_path, texts[1])
        await asyncio.sleep(1.5)  # longer than it takes to see that a backend is no longer needed
        assert await client.say(b"x: y\r\n\r\nz\r\n.") == 250
        for line in (b"MAIL FROM:<s@c.test>", b"RCPT TO:<u@a.test>"):
            assert await client.say(line) == 250
        assert await client.say(b"DATA") == 354
        assert await client.say(b"x: y\r\n\r\nz\r\n.") == 250
        assert [len(list((folder / "u" / "new").iterdir())) for folder in folders] == [2, 1]


def memory(pid: int) -> int:
    """Octets of a process that are its own."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty", "Private_Clean"))) * 1024


async def test_a_hundred_reloads_under_load_lose_nothing_and_no_memory(tmp_path: Path) -> None:
    port, metrics = free_port(), free_port()
    more = f'metrics = "127.0.0.1:{metrics}"\n'
    async with behind() as backend, commanding(tmp_path, policy(port, backend.port, more=more)) as command:
        load = Senders(port, 4)
        used: list[int] = []
        for count in range(RELOADS):
            before = len(load.acknowledged)
            # The table of access keys is big enough for a leak to be seen.
            keys = "[access]\n" + "".join(f'"From:x{n}.{count}.test" = "REJECT"\n' for n in range(500))
            await reload(command, tmp_path, policy(port, backend.port, more=more) + keys)
            await until(lambda: len(load.acknowledged) > before)  # noqa: B023  # it is called here
            if count in (RELOADS // 2, RELOADS - 1):
                used.append(memory(command.pid))
        text = await page(metrics)
        await load.finish()
        command.signal(signal.SIGTERM)
        assert await command.end() == 0
    assert number(text, 'fumidai_guard_reloads_total{result="taken"}') == RELOADS
    assert number(text, "fumidai_guard_sessions_total") == 4, "no client had to come again"
    assert len(load.acknowledged) >= RELOADS
    assert not load.refused
    assert not load.doubts
    assert load.hold_against(taken.message for taken in backend.taken).sound
    assert used[1] - used[0] < 4_000_000, used

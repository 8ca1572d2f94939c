# SPDX-License-Identifier: Apache-2.0
"""The guard as a command: it becomes ready, decides, stops in order or at once, and says why it can't begin."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import shutil
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.guard.commanded import Command, commanding, free_port, launch
from tests.guard.faulty import behind
from tests.guard.guarded import calling, session

ROOT = os.geteuid() == 0
POLICY = '[policy]\nreceive_for = ["a.test"]\n[guard]\n'


def text(port: int, backend: int, more: str = "") -> str:
    return f'{POLICY}listen = "127.0.0.1:{port}"\nbackend = "smtp://127.0.0.1:{backend}"\n{more}'


async def test_it_decides_and_ends_in_order(tmp_path: Path) -> None:
    port = free_port()
    async with behind() as backend, commanding(tmp_path, text(port, backend.port)) as command:
        async with calling(port) as client:
            assert (await client.all(session(b"x: y\r\n\r\nz")))[-2:] == [250, 221]
        command.signal(signal.SIGTERM)
        assert await command.end() == 0
    assert [line["event"] for line in command.decisions()] == ["rcpt", "message"]


async def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    port = free_port()
    async with behind() as backend, commanding(tmp_path, text(port, backend.port, "grace = 300\n")) as command:  # noqa: SIM117
        async with calling(port) as client:
            for line in (b"EHLO c.test", b"MAIL FROM:<s@b.test>", b"RCPT TO:<u@a.test>"):
                assert await client.say(line) == 250
            assert await client.say(b"DATA") == 354
            command.signal(signal.SIGTERM)
            await asyncio.sleep(0.3)
            assert command.process.returncode is None, "a message that is being sent may be finished"
            began = time.monotonic()
            command.signal(signal.SIGTERM)
            assert await command.end() == 0
            assert time.monotonic() - began < 20
    assert not backend.taken
    assert [line["event"] for line in command.decisions()] == ["rcpt"]


async def ended(command: Command, code: int, *said: str) -> None:
    """It ends with this code, and says why in one to three lines."""
    assert await command.end() == code, command.said
    assert 1 <= len(command.said) <= 3, command.said
    for part in said:
        assert part in "\n".join(command.said)


async def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        await ended(await launch(tmp_path, text(port, 9)), 69, str(port), "is taken")
        await ended(await launch(tmp_path, text(port, 9, "workers = 2\n")), 69, str(port), "is taken")
        more = f'metrics = "127.0.0.1:{port}"\n'
        await ended(await launch(tmp_path, text(0, 9, more)), 69, str(port), "is taken", "metrics")
        more = f'policy_service = "127.0.0.1:{port}"\n'
        await ended(await launch(tmp_path, text(0, 9, more)), 69, str(port), "is taken", "policy_service")


async def test_two_guards_do_not_share_a_port_unseen(tmp_path: Path) -> None:
    port = free_port()
    async with commanding(tmp_path, text(port, 9, "workers = 2\n")):
        await ended(await launch(tmp_path, ""), 69, str(port), "is taken")


async def test_a_socket_that_is_taken_and_one_that_was_left_behind(tmp_path: Path) -> None:
    place = tmp_path / "ask"
    policy = f'{POLICY}policy_service = "unix:{place}"\n'
    async with commanding(tmp_path, policy) as command:
        await ended(await launch(tmp_path, policy), 69, str(place), "is taken")
        command.signal(signal.SIGKILL)
        await command.process.wait()
    assert place.is_socket()
    async with commanding(tmp_path, policy) as command:
        command.signal(signal.SIGTERM)
        assert await command.end() == 0
    assert not place.exists()
    place.write_text("not yours")
    await ended(await launch(tmp_path, policy), 69, str(place), "something else is there")
    assert place.read_text() == "not yours"


@pytest.mark.skipif(
    int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 25, reason="everybody may use port 25"
)
async def test_a_port_that_needs_more_rights(tmp_path: Path) -> None:
    before: tuple[str, ...] = ()
    if ROOT:
        if shutil.which("setpriv") is None:
            pytest.skip("needs setpriv")
        before = ("setpriv", "--bounding-set", "-net_bind_service", "--inh-caps", "-net_bind_service")
    command = await launch(tmp_path, text(25, 9), before=before)
    await ended(command, 77, "Port 25 on 127.0.0.1 needs more rights", "setcap")


@pytest.mark.parametrize("url", ["smtp://", "http://127.0.0.1:25", "127.0.0.1:25", "maildir:relative"])
async def test_a_backend_that_can_not_be_meant(tmp_path: Path, url: str) -> None:
    command = await launch(tmp_path, f'{POLICY}listen = ":0"\nbackend = "{url}"\n')
    await ended(command, 64, "fumidai.toml:5: guard.backend", "is no backend")


async def test_what_is_missing(tmp_path: Path) -> None:
    await ended(await launch(tmp_path, ""), 64, "can't be read")
    await ended(await launch(tmp_path, POLICY), 64, "not said what stands behind")
    await ended(await launch(tmp_path, f'{POLICY}backend = "smtp://127.0.0.1:9"\n'), 64, "where to listen")


@pytest.mark.parametrize(
    ("option", "value"), [("--workers", "0"), ("--metrics", "9125"), ("--policy-service", "unix:here")]
)
async def test_an_option_that_can_not_be_meant(tmp_path: Path, option: str, value: str) -> None:
    key = option.removeprefix("--").replace("-", "_")
    await ended(await launch(tmp_path, text(0, 9), option, value), 64, f"guard.{key}")


async def test_a_user_that_does_not_exist(tmp_path: Path) -> None:
    command = await launch(tmp_path, text(0, 9), FUMIDAI_USER="nobody-has-this-name")
    await ended(command, 67, "no user nobody-has-this-name", "useradd")


@pytest.mark.skipif(not ROOT, reason="what root is asked")
async def test_root_is_asked_whom_to_become(tmp_path: Path) -> None:
    await ended(await launch(tmp_path, text(0, 9), FUMIDAI_USER=""), 64, "started as root", 'user = "nobody"')


@pytest.mark.skipif(ROOT, reason="what others are told")
async def test_only_root_can_become_another(tmp_path: Path) -> None:
    await ended(await launch(tmp_path, text(0, 9), FUMIDAI_USER="root"), 77, "Only root can become the user root")


@pytest.mark.skipif(not ROOT, reason="only root can become another")
@pytest.mark.parametrize("workers", [1, 2])
async def test_root_is_given_up_for_good(tmp_path: Path, workers: int) -> None:
    """Every process has the user's numbers alone, and mail goes through as before."""
    port = free_port()
    policy = text(port, 9, f"workers = {workers}\n")
    async with behind() as backend:
        policy = policy.replace("127.0.0.1:9", f"127.0.0.1:{backend.port}")
        async with commanding(tmp_path, policy, FUMIDAI_USER="nobody") as command:
            nobody = pwd.getpwnam("nobody")
            pids = [command.pid, *command.children()]
            assert len(pids) == (1 if workers == 1 else 3)
            for pid in pids:
                status = status_of(pid)
                for who in ("Uid", "Gid"):
                    (numbers,) = re.findall(rf"^{who}:\s+(.*)$", status, re.MULTILINE)
                    assert set(numbers.split()) == {str(nobody[3 if who == "Gid" else 2])}, status
                assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)
            async with calling(port) as client:
                assert (await client.all(session(b"x: y\r\n\r\nz")))[-2:] == [250, 221]
            command.signal(signal.SIGTERM)
            assert await command.end() == 0
    # pytest's own folders are for their owner alone, and so is the policy in them.
    assert any("can't be read by the user nobody: a reload" in line for line in command.said)


def status_of(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text(encoding="ascii")


async def notified(plug: socket.socket) -> list[str]:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(20):
        return (await loop.sock_recv(plug, 4096)).decode().splitlines()


@pytest.mark.parametrize("workers", [1, 2])
async def test_systemd_is_told(tmp_path: Path, workers: int) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as plug:
        plug.setblocking(False)
        plug.bind(str(tmp_path / "notify"))
        policy = text(0, 9, f"workers = {workers}\n")
        async with commanding(tmp_path, policy, NOTIFY_SOCKET=str(tmp_path / "notify")) as command:
            assert await notified(plug) == ["READY=1"]
            command.signal(signal.SIGHUP)
            first, stamp = await notified(plug)
            assert (first, stamp.partition("=")[0]) == ("RELOADING=1", "MONOTONIC_USEC")
            assert await notified(plug) == ["READY=1"]
            command.signal(signal.SIGTERM)
            assert await notified(plug) == ["STOPPING=1"]
            assert await command.end() == 0

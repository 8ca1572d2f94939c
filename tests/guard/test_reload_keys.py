# SPDX-License-Identifier: Apache-2.0
"""SIGHUP reads what the policy file names, too: certificate, key, users; and what a root that was left can not."""

from __future__ import annotations

import os
import signal
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guard.commanded import Command, commanding, free_port
from tests.guard.faulty import behind
from tests.guard.guarded import Client
from tests.guard.secured import PASSWORD, authority, calling_tls, cheap, files, plain

OTHER = b"another password"


def policy(port: int, backend: int, workers: int) -> str:
    return (
        '[policy]\nreceive_for = ["a.test"]\n[policy.relay]\nauthenticated = ["*"]\n'
        f'[guard]\nlisten = "127.0.0.1:{port}"\nbackend = "smtp://127.0.0.1:{backend}"\nworkers = {workers}\n'
        'certificate = "cert.pem"\nkey = "key.pem"\nusers = "users"\n'
    )


def renew(folder: Path) -> None:
    """Another certificate with another key."""
    leaf = authority().issue_cert("gate.a.test", "127.0.0.1")
    (folder / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    (folder / "key.pem").write_bytes(leaf.private_key_pem.bytes())


def write_users(folder: Path, **passwords: bytes) -> None:
    file = folder / "users"
    file.write_text("".join(f"{name}:{cheap(password)}\n" for name, password in passwords.items()), encoding="utf-8")
    file.chmod(0o600)


def serial(client: Client) -> str:
    inside = client.writer.get_extra_info("ssl_object")
    assert isinstance(inside, ssl.SSLObject)
    return str(inside.getpeercert()["serialNumber"])  # type: ignore[index]  # it was verified, so there is one


async def relays(client: Client) -> None:
    """Whoever is logged in may send out."""
    assert await client.say(b"MAIL FROM:<s@a.test>") == 250
    assert await client.say(b"RCPT TO:<u@b.test>") == 250


async def reload(command: Command, text: str) -> None:
    command.signal(signal.SIGHUP)
    await command.hear(text)


@pytest.mark.parametrize("workers", [1, 2])
async def test_certificate_and_users_are_read_again_and_nobody_is_dropped(tmp_path: Path, workers: int) -> None:
    port = free_port()
    files(tmp_path)
    write_users(tmp_path, taro=PASSWORD)
    async with (
        behind() as backend,
        commanding(tmp_path, policy(port, backend.port, workers)) as command,
        calling_tls(port) as before,
    ):
        assert await before.say(b"AUTH PLAIN " + plain()) == 235
        old = serial(before)
        renew(tmp_path)
        write_users(tmp_path, hanako=OTHER)
        await reload(command, "Everything was read again")
        await relays(before)
        async with calling_tls(port) as after:
            assert serial(after) != old
            assert await after.say(b"AUTH PLAIN " + plain()) == 535, "no longer a user"
            assert await after.say(b"AUTH PLAIN " + plain(b"hanako", OTHER)) == 235
            await relays(after)
        # A key that does not belong to the certificate.
        (tmp_path / "key.pem").write_bytes(authority().issue_cert("x.test").private_key_pem.bytes())
        await reload(command, "guard.certificate: The private key in")
        await command.hear("Nothing was changed")
        (tmp_path / "cert.pem").write_text("nothing")
        await reload(command, "cert.pem holds no certificate")
        await command.hear("Nothing was changed")
        async with calling_tls(port) as after:
            assert serial(after) != old


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter; pytest's own are for their owner alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another")
@pytest.mark.parametrize("workers", [1, 2])
async def test_what_root_alone_may_read_serves_until_a_reload_wants_it(open_folder: Path, workers: int) -> None:
    port = free_port()
    files(open_folder)
    write_users(open_folder, taro=PASSWORD)
    async with (
        behind() as backend,
        commanding(open_folder, policy(port, backend.port, workers), FUMIDAI_USER="nobody") as command,
    ):
        for name in ("key.pem", "users"):
            await command.hear(f"{name} can't be read by the user nobody: a reload (SIGHUP) will be refused")
        async with calling_tls(port) as client:
            assert await client.say(b"AUTH PLAIN " + plain()) == 235
            await relays(client)
            await reload(command, "Nothing was changed")
            old = serial(client)
            await relays_again(client)
        # A worker that begins now has what the parent read while it was root.
        if workers > 1:
            for pid in command.children():
                os.kill(pid, signal.SIGKILL)
                await command.hear("another one starts")
        async with calling_tls(port) as client:
            assert serial(client) == old
        for name in ("key.pem", "users"):
            os.chown(open_folder / name, -1, 65534)
            (open_folder / name).chmod(0o640)
        renew(open_folder)
        await reload(command, "Everything was read again")
        async with calling_tls(port) as client:
            assert serial(client) != old


async def relays_again(client: Client) -> None:
    assert await client.say(b"RSET") == 250
    await relays(client)

# SPDX-License-Identifier: Apache-2.0
"""TLS and logins of the real command: from a password typed to a message sent, and another certificate by SIGHUP."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import signal
import ssl
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from fumidai.cli.hashing import print_hash
from fumidai.errors import UsageError
from fumidai.guard.users import load_users
from tests.guard.commanded import commanding, free_port
from tests.guard.secured import authority, calling_tls, files, plain, trusting

HASH = (sys.executable, "-m", "fumidai", "guard", "--hash-password")


def hashed(name: str, password: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*HASH, name], input=password, capture_output=True, timeout=30, check=False)


def test_a_line_from_standard_input_is_one_of_the_file(tmp_path: Path) -> None:
    made = hashed("taro@a.test", b"open: sesame\r\n")
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith(b"taro@a.test:$scrypt$")
    assert b"sesame" not in made.stdout + made.stderr
    file = tmp_path / "users"
    file.write_bytes(made.stdout + hashed("jiro", b"open: sesame").stdout)
    users = load_users(file)
    assert users.fit("taro@a.test", b"open: sesame")
    assert users.fit("jiro", b"open: sesame")
    first, second = (line.rpartition("$")[2] for line in file.read_text().splitlines())
    assert first != second, "each has a salt of its own"


@pytest.mark.parametrize(
    ("name", "password"),
    [("taro", b""), ("taro", b"\n"), ("taro", b"a\nb\n"), ("a:b", b"x"), ("", b"x"), (" taro", b"x"), ("#taro", b"x")],
)
def test_what_can_be_no_line_is_refused(
    name: str, password: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(password)))
    with pytest.raises(UsageError):
        print_hash(name)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("again", "code"), [(b"sesame\n", 0), (b"simsim\n", 64)])
def test_from_a_terminal_it_is_asked_twice_and_never_shown(again: bytes, code: int, tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [*HASH, "taro"])
    said = b""
    due = [(b"Password of taro: ", b"sesame\n"), (b"Once more: ", again)]
    with suppress(OSError):  # the terminal's end, once nobody has it any more
        while data := os.read(terminal, 4096):
            said += data
            if due and due[0][0] in said:
                os.write(terminal, due.pop(0)[1])
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == code
    assert not due
    assert b"sesame" not in said
    assert b"simsim" not in said
    if code == 0:
        file = tmp_path / "users"
        file.write_bytes(said.split(b"\r\n")[-2])
        assert load_users(file).fit("taro", b"sesame")


async def names(port: int) -> set[str]:
    """Whose certificate is shown."""
    context = trusting()
    context.check_hostname = False
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown = writer.get_extra_info("peercert")["subjectAltName"]
    writer.close()
    with suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()
    return {name for kind, name in shown if kind == "DNS"}


@pytest.mark.parametrize("workers", [1, 2])
async def test_keys_and_users_are_read_again(workers: int, tmp_path: Path) -> None:
    clear, secure = free_port(), free_port()
    certificate, key = files(tmp_path)
    (tmp_path / "users").write_bytes(hashed("taro", b"sesame").stdout)
    policy = (
        f'[policy]\nreceive_for = ["a.test"]\n[policy.relay]\nauthenticated = ["*"]\n[guard]\nworkers = {workers}\n'
        f'listen = "127.0.0.1:{clear}"\nlisten_tls = "127.0.0.1:{secure}"\nbackend = "smtp://127.0.0.1:1"\n'
        'certificate = "cert.pem"\nkey = "key.pem"\nusers = "users"\nname = "gate.a.test"\nauth_delay = 0\n'
        + ('user = "root"\n' if os.geteuid() == 0 else "")
    )
    async with commanding(tmp_path, policy) as command:
        assert any("may read the hashes" in line for line in command.said), command.said
        assert await names(secure) == {"gate.a.test"}
        async with calling_tls(clear) as early, calling_tls(secure, implicit=True) as other:
            assert await early.say(b"AUTH PLAIN " + plain(password=b"sesame")) == 235

            key.write_bytes(b"")
            command.signal(signal.SIGHUP)
            await command.hear("Nothing was changed")
            assert any("key.pem holds no private key" in line for line in command.said), command.said
            assert await names(secure) == {"gate.a.test"}

            fresh = authority().issue_cert("fresh.a.test")
            key.write_bytes(fresh.private_key_pem.bytes())
            certificate.write_bytes(b"".join(blob.bytes() for blob in fresh.cert_chain_pems))
            (tmp_path / "users").write_bytes(hashed("taro", b"simsim").stdout)
            command.signal(signal.SIGHUP)
            await command.hear("Everything was read again")
            async with asyncio.timeout(20):
                while await names(secure) != {"fresh.a.test"}:  # noqa: ASYNC110  # each worker reads by itself
                    await asyncio.sleep(0.05)
            assert await early.say(b"NOOP") == 250
            if workers == 1:
                assert await other.say(b"AUTH PLAIN " + plain(password=b"sesame")) == 535
                assert await other.say(b"AUTH PLAIN " + plain(password=b"simsim")) == 235
        command.signal(signal.SIGTERM)
        assert await command.end() == 0
    assert {line["user"] for line in command.decisions() if line["event"] == "auth"} == {"taro"}

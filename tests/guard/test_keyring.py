# SPDX-License-Identifier: Apache-2.0
"""What ``[guard]`` says about TLS and AUTH: read with the policy file, and wrong where it can't be meant."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fumidai.errors import PolicyError, UsageError
from fumidai.guard.keyring import Keyring, load_keyring
from fumidai.guard.settings import GuardSettings, read_settings
from fumidai.policy.lines import key_lines
from fumidai.policy.notice import Source
from fumidai.policy.read import read_policy
from tests.guard.secured import cheap, files

HEAD = '[policy]\nreceive_for = ["a.test"]\n[policy.relay]\nauthenticated = ["*"]\n[guard]\nlisten = ":2525"\n'
BEHIND = 'backend = "smtp://127.0.0.1:26"\n'


def read(folder: Path, rest: str, head: str = HEAD) -> tuple[GuardSettings, Keyring, list[str]]:
    file = str(folder / "fumidai.toml")
    policy, _ = read_policy(head + rest, file)
    source = Source(file, key_lines(head + rest))
    settings = read_settings(policy, source)
    keyring = load_keyring(settings, source, now=time.time())
    return settings, keyring, [warning.key + ": " + warning.message for warning in source.warnings]


def test_files_are_seen_from_the_policys_folder(tmp_path: Path) -> None:
    files(tmp_path)
    (tmp_path / "users").write_text(f"taro:{cheap(b'x')}\n")
    (tmp_path / "users").chmod(0o600)
    rest = BEHIND + 'certificate = "cert.pem"\nkey = "key.pem"\nusers = "users"\nlisten_tls = [":4650"]\n'
    settings, keyring, warnings = read(tmp_path, rest)
    assert keyring.tls is not None
    assert keyring.users is not None
    assert list(keyring.users.hashes) == ["taro"]
    assert settings.listen_tls[0].port == 4650
    assert warnings == []


def test_without_any_of_it_there_is_none(tmp_path: Path) -> None:
    assert read(tmp_path, BEHIND)[1:] == (Keyring(), [])


def test_what_should_not_stay_so_is_warned_of(tmp_path: Path) -> None:
    _, key = files(tmp_path)
    key.chmod(0o644)
    (tmp_path / "users").write_text("")
    (tmp_path / "users").chmod(0o644)
    head = HEAD.replace('authenticated = ["*"]\n', "")
    rest = BEHIND + 'certificate = "cert.pem"\nkey = "key.pem"\nusers = "users"\n'
    warnings = read(tmp_path, rest, head)[2]
    assert [warning.partition(" {")[0] for warning in warnings] == [
        "guard.users: To be logged in permits nobody anything yet: [policy.relay] authenticated names no user.",
        "guard.certificate: Everybody may read the private key in",
        "guard.users: Everybody on this machine may read the hashes in",
    ]


@pytest.mark.parametrize(
    ("rest", "line", "key", "words"),
    [
        ('key = "key.pem"\n', 8, "guard.key", "Without a certificate"),
        ('listen_tls = ":465"\n', 8, "guard.listen_tls", "Without a certificate"),
        ('users = "users"\n', 8, "guard.users", "Without a certificate"),
        ('certificate = "nowhere.pem"\n', 8, "guard.certificate", "No such file"),
        ('certificate = "cert.pem"\n', 8, "guard.certificate", "no private key"),
        ('certificate = "cert.pem"\nkey = "key.pem"\nusers = "nowhere"\n', 10, "guard.users", "No such file"),
        ("certificate = 1\n", 8, "guard.certificate", "no name of a file"),
        ('certificate = ""\n', 8, "guard.certificate", "no name of a file"),
        ('certificate = "cert.pem"\nkey = "key.pem"\nlisten_tls = "x"\n', 10, "guard.listen_tls", "no address"),
        ("handshake_time = 0\n", 8, "guard.handshake_time", "whole number"),
    ],
)
def test_what_can_not_be_meant_names_its_line(rest: str, line: int, key: str, words: str, tmp_path: Path) -> None:
    files(tmp_path)
    with pytest.raises(PolicyError, match=words) as caught:
        read(tmp_path, BEHIND + rest)
    assert caught.value.place == f"{tmp_path}/fumidai.toml:{line}: {key}"


def test_only_an_smtp_server_can_be_asked_for_passwords(tmp_path: Path) -> None:
    files(tmp_path)
    rest = 'backend = "lmtp://127.0.0.1:24"\ncertificate = "cert.pem"\nkey = "key.pem"\nusers = "backend"\n'
    with pytest.raises(PolicyError, match="lmtp://127"):
        read(tmp_path, rest)
    assert read(tmp_path, rest.replace("lmtp", "smtp"))[1].users is None


def test_a_line_of_the_password_file_is_named_itself(tmp_path: Path) -> None:
    files(tmp_path)
    (tmp_path / "users").write_text("taro\n")
    with pytest.raises(PolicyError) as caught:
        read(tmp_path, BEHIND + 'certificate = "cert.pem"\nkey = "key.pem"\nusers = "users"\n')
    assert caught.value.place == f"{tmp_path}/users:1"


def test_without_a_policy_file_the_error_still_names_the_file() -> None:
    with pytest.raises(UsageError, match=r"nowhere\.pem can't be read"):
        load_keyring(GuardSettings(certificate="nowhere.pem"), now=0.0)

# SPDX-License-Identifier: Apache-2.0
"""The files of ``[guard] hosts``: read, put into the policy, asked at the door; wrong ones stop the start."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from fumidai.cli.client_rules import with_client_rules
from fumidai.errors import PolicyError
from fumidai.guard.settings import read_settings
from fumidai.policy.decide import decide
from fumidai.policy.lines import key_lines
from fumidai.policy.model import Policy
from fumidai.policy.notice import Source
from fumidai.policy.read import read_policy
from fumidai.policy.request import UNKNOWN
from tests.policy.asking import ask

HEAD = '[policy]\nreceive_for = ["a.com"]\n[guard]\nbackend = "smtp://127.0.0.1:2525"\n'


def read(folder: Path, allow: str | None, deny: str | None, more: str = "") -> tuple[Policy, Source]:
    """A policy whose guard asks two files, None for one that isn't there."""
    names = [str(folder / "allow"), str(folder / "deny")]
    for name, text in zip(names, (allow, deny), strict=True):
        if text is not None:
            Path(name).write_text(text)
    text = f"{HEAD}hosts = {names!r}\n{more}"
    policy, _ = read_policy(text, "f.toml")
    source = Source("f.toml", key_lines(text))
    return with_client_rules(policy, read_settings(policy, source), source), source


def test_a_client_is_turned_away_by_its_address_and_by_its_name(tmp_path: Path) -> None:
    policy, source = read(tmp_path, "smtp: 192.0.2.7\n", "smtp: 192.0.2. .evil.test\n")
    assert not source.warnings
    for client, name, rule in (
        ("192.0.2.7", None, "own-domain"),
        ("192.0.2.8", None, "hosts-denied"),
        ("203.0.113.1", "mx.evil.test", "hosts-denied"),
        ("203.0.113.1", UNKNOWN, "hosts-name-missing"),
        ("203.0.113.1", "mx.good.test", "own-domain"),
    ):
        answer = decide(policy, ask("<u@a.com>", client=ip_address(client), client_name=name))
        assert answer.rule == rule
    assert answer.code == 0
    denied = decide(policy, ask("<u@a.com>", client=ip_address("192.0.2.8")))
    assert denied.params["place"] == f"{tmp_path / 'deny'}:1"


def test_files_that_are_named_inside(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("192.0.2. 198.51.100.7\n")
    policy, _ = read(tmp_path, "", f"ALL: {tmp_path / 'bad'}\n")
    assert decide(policy, ask("<u@a.com>", client=ip_address("198.51.100.7"))).rule == "hosts-denied"


def test_rules_under_another_name(tmp_path: Path) -> None:
    files = ("sendmail: 192.0.2.7\n", "sendmail: ALL\n")
    policy, source = read(tmp_path, *files)
    assert [warning.place for warning in source.warnings] == ["f.toml:5: guard.hosts"]
    assert decide(policy, ask("<u@a.com>")).rule == "own-domain"
    policy, source = read(tmp_path, *files, 'services = ["sendmail"]\n')
    assert not source.warnings
    assert decide(policy, ask("<u@a.com>")).rule == "hosts-denied"


def test_an_option_that_does_nothing_is_warned_of_with_its_place(tmp_path: Path) -> None:
    _, source = read(tmp_path, "", "smtp: ALL: spawn (/bin/true) &\n")
    assert [(warning.file, warning.line) for warning in source.warnings] == [(str(tmp_path / "deny"), 1)]


def test_what_is_wrong_inside_names_that_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as told:
        read(tmp_path, "\nsmtp: ALL: alow\n", "")
    assert told.value.place == f"{tmp_path / 'allow'}:2"


def test_a_file_that_is_not_there_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as told:
        read(tmp_path, "smtp: ALL\n", None)
    assert told.value.place == "f.toml:5: guard.hosts"


@pytest.mark.parametrize(
    "line",
    ['hosts = ["/etc/hosts.deny"]', 'hosts = "/etc/hosts.deny"', 'hosts = ["a", 1]', "services = []", "services = 25"],
)
def test_what_cannot_be_meant(line: str) -> None:
    text = HEAD + line + "\n"
    with pytest.raises(PolicyError) as told:
        read_settings(read_policy(text, "f.toml")[0], Source("f.toml", key_lines(text)))
    assert told.value.line == 5


def test_without_files_nothing_is_asked() -> None:
    policy, _ = read_policy(HEAD, "f.toml")
    source = Source("f.toml", key_lines(HEAD))
    assert with_client_rules(policy, read_settings(policy, source), source) is policy

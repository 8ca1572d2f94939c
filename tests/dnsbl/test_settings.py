# SPDX-License-Identifier: Apache-2.0
"""``[blocklists]``: what can be meant is read, what can't is an error with file, line and key."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from fumidai.dnsbl.settings import BlocklistSettings, OnUnhealthy, read_blocklists
from fumidai.errors import PolicyError
from fumidai.policy.lines import key_lines
from fumidai.policy.notice import Source
from fumidai.policy.read import read_policy
from fumidai.policy.write import write_policy

HEAD = '[policy]\nreceive_for = ["a.test"]\n[blocklists]\nrefuse = ["bl.test"]\n'


def read(text: str) -> tuple[BlocklistSettings, list[str]]:
    policy, _ = read_policy(text, "f.toml")
    source = Source("f.toml", key_lines(text))
    settings = read_blocklists(policy, source)
    return settings, [f"{warning.place}: {warning.message.format(**warning.params)}" for warning in source.warnings]


def test_everything_is_read() -> None:
    settings, warnings = read(
        HEAD + 'on_failure = "ignore"\non_unhealthy = "fail"\nresolver = "[::1]:5353"\ncheck_every = 60\ndeadline = 2\n'
        'codes = {"BL.test" = ["127.0.0.[2..4]", "127.0.0.9"]}\n'
    )
    assert (settings.on_unhealthy, settings.resolver) == (OnUnhealthy.FAIL, ("::1", 5353))
    assert (settings.check_every, settings.deadline) == (60, 2)
    wanted = settings.wanted("bl.test")
    assert wanted is not None
    assert [IPv4Address(f"127.0.0.{last}") in wanted for last in (2, 5, 9)] == [True, False, True]
    assert not warnings


def test_nothing_said_is_the_usual() -> None:
    assert read('[policy]\nreceive_for = ["a.test"]\n')[0] == BlocklistSettings()
    settings, _ = read(HEAD)
    assert settings.on_unhealthy is OnUnhealthy.LEAVE_OUT
    assert settings.wanted("bl.test") is None
    zen = settings.wanted("zen.spamhaus.org")
    assert zen is not None
    assert IPv4Address("127.0.0.4") in zen


def test_a_key_in_a_zone_is_nobody_elses() -> None:
    settings, _ = read(HEAD.replace("bl.test", "key.bl.test") + 'names = {"key.bl.test" = "bl.test"}\n')
    assert settings.name("key.bl.test") == "bl.test"
    assert settings.name("abc123.zen.dq.spamhaus.net") == "zen.dq.spamhaus.net"
    assert settings.name("abc123.combined.mail.abusix.zone") == "combined.mail.abusix.zone"
    assert settings.name("zen.spamhaus.org") == "zen.spamhaus.org"
    assert settings.name("other.test") == "other.test"


def test_what_was_written_is_read_again() -> None:
    text = HEAD + 'on_unhealthy = "fail"\n[blocklists.codes]\n"bl.test" = "127.0.0.2"\n'
    policy, _ = read_policy(text, "f.toml")
    assert read(write_policy(policy))[0] == read(text)[0]


@pytest.mark.parametrize("text", ["127.0.0.1", "127.0.0.1:53", "[127.0.0.1]:53"])
def test_ways_to_name_a_resolver(text: str) -> None:
    assert read(HEAD + f'resolver = "{text}"\n')[0].resolver == ("127.0.0.1", 53)
    assert read(HEAD + 'resolver = "::1"\n')[0].resolver == ("::1", 53)
    assert read(HEAD + 'resolver = "[::1]"\n')[0].resolver == ("::1", 53)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('on_unhealty = "fail"', "on_unhealty"),
        ('on_unhealthy = "ignore"', "on_unhealthy"),
        ("on_unhealthy = []", "on_unhealthy"),
        ("check_every = 1", "check_every"),
        ("check_every = true", "check_every"),
        ('deadline = "soon"', "deadline"),
        ('resolver = "localhost"', "resolver"),
        ('resolver = "127.0.0.1:0"', "resolver"),
        ('resolver = "127.0.0.1:x"', "resolver"),
        ("resolver = 53", "resolver"),
        ('codes = "127.0.0.2"', "codes"),
        ('names = "x"', "names"),
        ('names = {"bl.test" = "two words"}', 'names."bl.test"'),
        ('names = {"bl.test" = 2}', 'names."bl.test"'),
        ('names = {"other.test" = "x.test"}', "names"),
        ('codes = {"bl.test" = "127.0.0.x"}', 'codes."bl.test"'),
        ('codes = {"bl.test" = 2}', 'codes."bl.test"'),
        ('codes = {"bl.test" = []}', 'codes."bl.test"'),
        ('codes = {"other.test" = "127.0.0.2"}', "codes"),
    ],
)
def test_what_cannot_be_meant_names_its_line(line: str, key: str) -> None:
    with pytest.raises(PolicyError) as told:
        read(HEAD + line + "\n")
    assert told.value.place == f"f.toml:5: blocklists.{key}"


@pytest.mark.parametrize("zone", ["[192.0.2.1]", ".".join(["z" * 60] * 4)])
def test_a_zone_that_cannot_be_asked_is_refused(zone: str) -> None:
    with pytest.raises(PolicyError) as told:
        read(HEAD.replace("bl.test", zone))
    assert told.value.place == "f.toml:4: blocklists.refuse"


@pytest.mark.parametrize(
    ("zone", "said"),
    [("dnsbl.sorbs.net", "is gone"), ("list.dnswl.org", "good senders"), ("dbl.spamhaus.org", "list of domains")],
)
def test_doubtful_lists_are_warned_of(zone: str, said: str) -> None:
    _, warnings = read(HEAD.replace("bl.test", zone))
    assert len(warnings) == 1
    assert warnings[0].startswith("f.toml:4: blocklists.refuse: ")
    assert said in warnings[0]

# SPDX-License-Identifier: Apache-2.0
"""``[guard]``: what can be meant is read, what can't is an error with file, line and key."""

from __future__ import annotations

import pytest

from fumidai.errors import PolicyError
from fumidai.guard.decision_log import LogFormat, sentence
from fumidai.guard.settings import GuardSettings, LineEndings, ProxyProtocol, read_settings
from fumidai.policy.lines import key_lines
from fumidai.policy.notice import Source
from fumidai.policy.read import read_policy

HEAD = '[policy]\nreceive_for = ["a.test"]\n[guard]\n'
BACKEND = 'backend = "smtp://127.0.0.1:2525"\n'


def read(text: str) -> GuardSettings:
    policy, _ = read_policy(text, "f.toml")
    return read_settings(policy, Source("f.toml", key_lines(text)))


def test_everything_is_read() -> None:
    settings = read(
        HEAD + BACKEND + 'listen = [":25", "[::1]:2525"]\nname = "gate.a.test"\nline_endings = "normalize"\n'
        'log_format = "text"\nmessage_size = 5000\ngrace = 0\n'
    )
    assert [(str(place.address), place.port) for place in settings.listen] == [("None", 25), ("::1", 2525)]
    assert (settings.line_endings, settings.log_format) == (LineEndings.NORMALIZE, LogFormat.TEXT)
    assert (settings.message_size, settings.grace, settings.name) == (5000, 0, "gate.a.test")


def test_proxies_and_limits_are_read() -> None:
    lines = [
        'proxies = ["192.0.2.10", "2001:db8:1::/64"]',
        'proxy_protocol = "never"',
        *(
            "connection_rate = 60",
            "message_rate = 120",
            "recipient_rate = 0",
            "greet_pause = 500",
            "message_time = 600",
        ),
    ]
    settings = read(HEAD + BACKEND + "\n".join(lines) + "\n")
    assert [str(network) for network in settings.proxies] == ["192.0.2.10/32", "2001:db8:1::/64"]
    assert settings.proxy_protocol is ProxyProtocol.NEVER
    assert (settings.connection_rate, settings.message_rate, settings.recipient_rate) == (60, 120, 0)
    assert (settings.greet_pause, settings.message_time) == (500, 600)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("smtp://127.0.0.1:2525", ("smtp", "127.0.0.1", 2525, "")),
        ("smtp://[::1]", ("smtp", "::1", 25, "")),
        ("smtp://old.a.test:26/", ("smtp", "old.a.test", 26, "")),
        ("lmtp://127.0.0.1:24", ("lmtp", "127.0.0.1", 24, "")),
        ("lmtp:///run/lmtp", ("lmtp", "", 24, "/run/lmtp")),
        ("maildir:///var/mail/{domain}/{local}", ("maildir", "", 0, "/var/mail/{domain}/{local}")),
    ],
)
def test_backends(url: str, parts: tuple[str, str, int, str]) -> None:
    target = read(HEAD + f'backend = "{url}"\n').backend
    assert (target.scheme, target.host, target.port, target.path) == parts


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('backnd = "smtp://x"', "backnd"),
        ('listen = ["25"]', "listen"),
        ('listen = ["0.0.0.0:99999"]', "listen"),
        ('line_endings = "fold"', "line_endings"),
        ("message_size = true", "message_size"),
        ("message_size = 10", "message_size"),
        ('recipients = "many"', "recipients"),
        ('name = "two words"', "name"),
        ('proxies = "192.0.2.10"', "proxies"),
        ('proxies = ["0.0.0.0/0"]', "proxies"),
        ('proxies = ["::/0"]', "proxies"),
        ('proxies = ["0.0.0.0/1", "128.0.0.0/1"]', "proxies"),
        ('proxies = ["192.0.2.1/24"]', "proxies"),
        ('proxies = ["::ffff:192.0.2.0/120"]', "proxies"),
        ('proxies = ["lb.a.test"]', "proxies"),
        ("proxies = [25]", "proxies"),
        ('proxy_protocol = "maybe"', "proxy_protocol"),
        ("proxy_time = 0", "proxy_time"),
        ("connections_per_net = -1", "connections_per_net"),
        ("greet_pause = 1.5", "greet_pause"),
        ("clients = 5", "clients"),
        ("buffer = 10", "buffer"),
        ("workers = 0", "workers"),
        ("colour = 4", "colour"),
        ('metrics = "9125"', "metrics"),
        ('policy_service = "unix:relative"', "policy_service"),
        ("user = 8", "user"),
    ],
)
def test_what_cannot_be_meant_names_its_line(line: str, key: str) -> None:
    with pytest.raises(PolicyError) as told:
        read(HEAD + BACKEND + line + "\n")
    assert told.value.place == f"f.toml:5: guard.{key}"


@pytest.mark.parametrize(
    "url", ["http://x", "smtp://", "smtp://u:p@x", "smtp://x:port", "smtp://x/y", "maildir://x", ""]
)
def test_what_is_no_backend_is_refused(url: str) -> None:
    with pytest.raises(PolicyError) as told:
        read(HEAD + f'backend = "{url}"\n')
    assert told.value.place == "f.toml:4: guard.backend"


def test_a_guard_before_nothing_is_refused() -> None:
    with pytest.raises(PolicyError):
        read(HEAD + 'listen = ":25"\n')


def test_blocklists_are_read_with_their_own_table() -> None:
    settings = read(HEAD + BACKEND + '[blocklists]\nrefuse = ["bl.b.test"]\ndeadline = 2\n')
    assert settings.blocklists.deadline == 2
    with pytest.raises(PolicyError) as told:
        read(HEAD + BACKEND + '[blocklists]\nrefuse = ["bl.b.test"]\ndedline = 2\n')
    assert told.value.place == "f.toml:7: blocklists.dedline"
    with pytest.raises(PolicyError) as told:
        read(HEAD + BACKEND + "blocklists = {}\n")
    assert told.value.place == "f.toml:5: guard.blocklists"


def test_the_sentence_for_people_holds_nothing_that_acts_on_a_terminal() -> None:
    fields = {
        "client": "203.0.113.77",
        "from": "<>",
        "to": "<v%evil.test@a.com>",
        "action": "refuse",
        "rule": "ambiguous-recipient",
        "why": "also reads as v@evil.test",
    }
    line = "refused 203.0.113.77  <> for <v%evil.test@a.com>: also reads as v@evil.test (ambiguous-recipient)"
    assert sentence("rcpt", fields) == line
    list_ = {"list": "bl.test", "action": "left out", "rule": "silent", "why": "it gives no answer"}
    assert sentence("blocklist", list_) == "left out bl.test: it gives no answer (silent)"
    assert "\x1b" not in sentence("rcpt", {**fields, "to": "<\x1b[31m\n@a.com>"})
    assert "\n" not in sentence("rcpt", {**fields, "to": "<\x1b[31m\n@a.com>"})

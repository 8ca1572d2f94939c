# SPDX-License-Identifier: Apache-2.0
"""Client rules: hosts_access(5) and hosts_options(5) point by point, and thousands of cases against tcpwrappers."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.errors import FumidaiError, PolicyError
from fumidai.policy.hosts_access import SERVICES, End, HostsTables, Name, Named, deciding, objection
from fumidai.policy.hosts_file import read_hosts
from fumidai.policy.request import UNKNOWN, Action, Decision
from tests.policy import tcpwrappers

SERVER = End(ip_address("192.0.2.25"), "mx.a.com")
NAMES: dict[str, Name] = {"unknown": Named.NOTHING, "paranoid": Named.FALSELY}


def end(address: str, name: Name = Named.NOTHING) -> End:
    return End(ip_address(address), NAMES.get(name, name) if isinstance(name, str) else name)


def tables(
    allow: str = "", deny: str = "", include: Callable[[str], str] | None = None, services: tuple[str, ...] = SERVICES
) -> HostsTables:
    return read_hosts(allow, deny, include=include, server_ends=True, services=services)[0]


def granted(allow: str, deny: str, client: End, daemon: str = "smtp", server: End | None = SERVER) -> bool:
    return objection(tables(allow, deny, services=(daemon,)), client, server) is None


def action(told: Decision | None) -> Action:
    return Action.PERMIT if told is None else told.action


def matches(clients: str, client: End) -> bool:
    """Does a client list hold this client?"""
    return granted(f"smtp : {clients}\n", "ALL : ALL\n", client)


@pytest.mark.parametrize(
    ("allow", "deny", "answer", "place"),
    [
        ("", "", Action.PERMIT, "no rule"),
        ("smtp: ALL\n", "ALL: ALL\n", Action.PERMIT, "hosts.allow:1"),
        ("# no\n\nsmtp:\\\n 192.0.2.1\n", "ALL: ALL\n", Action.PERMIT, "hosts.allow:3"),
        ("pop3: ALL\n", "ALL: ALL\n", Action.REFUSE, "hosts.deny:1"),
        ("smtp: ALL: deny\n", "", Action.REFUSE, "hosts.allow:1"),
        ("", "smtp: ALL: allow\n", Action.PERMIT, "hosts.deny:1"),
        ("#smtp: ALL \\\nsmtp: ALL\n", "ALL: ALL\n", Action.REFUSE, "hosts.deny:1"),  # the comment goes on
    ],
)
def test_the_first_rule_that_matches_decides(allow: str, deny: str, answer: Action, place: str) -> None:
    made = tables(allow, deny)
    told = objection(made, end("192.0.2.1"))
    assert action(told) is answer
    assert deciding(made, end("192.0.2.1"))[-1].place == place
    if told is not None:
        assert told.params == {"client": "192.0.2.1", "place": place}
        assert place in told.why


@pytest.mark.parametrize(
    ("clients", "address", "name", "found"),
    [
        ("192.0.2.", "192.0.2.1", "unknown", True),
        ("192.0.2.1", "192.0.2.11", "unknown", False),
        ("192.0.2.0/255.255.255.0, 10.", "192.0.2.1", "unknown", True),
        ("192.0.2.0/255.0.255.0", "192.7.2.1", "unknown", True),
        ("192.0.2.1/32", "192.0.2.1", "unknown", True),
        ("0.0.0.0/0.0.0.0", "192.0.2.1", "unknown", True),
        ("0.0.0.0/0.0.0.0", "2001:db8::1", "unknown", False),
        ("[2001:db8::5]/32", "2001:db8:1::1", "unknown", True),
        ("[2001:DB8::1]", "2001:db8::1", "unknown", True),
        ("192.0.2.0/24", "::ffff:192.0.2.1", "unknown", True),
        (".evil.test", "192.0.2.1", "a.EVIL.test", True),
        (".evil.test", "192.0.2.1", "evil.test", False),
        ("evil.test", "192.0.2.1", "evil.test", True),
        ("evil.", "192.0.2.1", "evil.test", True),
        ("192.0.*", "192.0.2.1", "unknown", True),
        ("h?.test", "192.0.2.1", "h1.test", True),
        ("h?.test", "192.0.2.1", "h.test", False),
        ("all", "192.0.2.1", "unknown", True),
        ("KNOWN", "192.0.2.1", "a.test", True),
        ("KNOWN", "192.0.2.1", "paranoid", False),
        ("UNKNOWN", "192.0.2.1", "unknown", True),
        ("UNKNOWN", "192.0.2.1", "paranoid", False),
        ("PARANOID", "192.0.2.1", "paranoid", True),
        ("LOCAL", "192.0.2.1", "box", True),
        ("LOCAL", "192.0.2.1", "box.test", False),
        ("LOCAL", "192.0.2.1", "unknown", False),
        ("ALL EXCEPT 192.0.2.0/24 EXCEPT 192.0.2.1", "192.0.2.1", "unknown", True),
        ("ALL EXCEPT 192.0.2.0/24 EXCEPT 192.0.2.1", "192.0.2.2", "unknown", False),
        ("10. 192.0.2. EXCEPT .evil.test", "192.0.2.2", "a.evil.test", False),
    ],
)
def test_clients(clients: str, address: str, name: str, found: bool) -> None:
    assert matches(clients, end(address, name)) is found


@pytest.mark.parametrize(
    ("daemons", "found"),
    [
        *(("smtp", True), ("SMTP", True), ("pop3 smtp", True), ("25", True), ("s*", True), ("KNOWN", True)),
        *(("ALL EXCEPT smtp", False), ("ALL EXCEPT pop3", True), ("LOCAL", False), ("sm", False)),
        *(("smtp@192.0.2.25", True), ("smtp@.a.com", True), ("ALL@192.0.2.0/24", True), ("smtp@10.", False)),
    ],
)
def test_services(daemons: str, found: bool) -> None:
    made = tables(f"{daemons} : ALL\n", "ALL : ALL\n")
    assert (objection(made, end("192.0.2.1"), SERVER) is None) is found


def test_a_rule_for_one_server_end_never_permits_where_that_is_unknown() -> None:
    for files in (("smtp@192.0.2.25 : ALL\n", "ALL : ALL\n"), ("", "smtp@192.0.2.25 : ALL\n")):
        assert action(objection(tables(*files), end("192.0.2.1"))) is Action.DEFER


@pytest.mark.parametrize(
    ("allow", "deny", "answer"),
    [
        ("smtp : 192.0.2.\n", "ALL : .evil.test\n", Action.PERMIT),  # never asked for the name
        ("", "ALL : .evil.test\n", Action.DEFER),
        ("smtp : .good.test\n", "", Action.PERMIT),
        ("smtp : .good.test\n", "ALL : ALL\n", Action.DEFER),
        ("smtp : .good.test : deny\n", "ALL : ALL\n", Action.REFUSE),
        ("smtp : ALL EXCEPT UNKNOWN\n", "ALL : ALL\n", Action.DEFER),
        ("smtp : KNOWN 192.0.2.1\n", "ALL : ALL\n", Action.PERMIT),
        ("smtp : KNOWN EXCEPT 192.0.2.1\n", "ALL : ALL\n", Action.REFUSE),
        ("pop3 : KNOWN\n", "ALL : ALL\n", Action.REFUSE),
        ("smtp : 10. EXCEPT .x.test\n", "ALL : ALL\n", Action.REFUSE),
    ],
)
def test_a_name_that_nobody_knows_yet(allow: str, deny: str, answer: Action) -> None:
    told = objection(tables(allow, deny), end("192.0.2.1", UNKNOWN))
    assert action(told) is answer
    if told is not None and answer is Action.DEFER:
        assert (told.code, told.enhanced) == (451, "4.4.3")


@pytest.mark.parametrize(
    ("clients", "asks"),
    [("192.0.2. [::1]", False), ("ALL", False), ("LOCAL", True), ("10. EXCEPT .evil.test", True), ("h?.test", True)],
)
def test_whether_names_are_asked_for(clients: str, asks: bool) -> None:
    assert tables("", f"smtp@mx.a.com : {clients}\n").asks_name is asks


def test_files_named_in_rules() -> None:
    files = {"/etc/friends": "10.\n192.0.2.0/24 /etc/more", "/etc/more": ".good.test"}
    made = tables("smtp: /etc/friends\n", "ALL: ALL\n", include=files.__getitem__)
    assert made.asks_name
    for client, answer in (("192.0.2.1", Action.PERMIT), ("203.0.113.1", Action.REFUSE)):
        assert action(objection(made, end(client))) is answer
    assert objection(made, end("203.0.113.1", "a.good.test")) is None

    def missing(path: str) -> str:
        raise FileNotFoundError(2, "No such file", path)

    for include in (None, missing, lambda path: path):
        with pytest.raises(PolicyError):
            read_hosts("smtp: /etc/friends\n", "", include=include)


@pytest.mark.parametrize(
    ("options", "reply"),
    [
        ("deny", (550, "5.7.1", "Access denied")),
        ("severity mail.info : deny", (550, "5.7.1", "Access denied")),
        ("twist /bin/echo 550 go away", (550, "5.7.1", "go away")),
        ("twist echo '421 4.3.2 later, please'", (421, "4.3.2", "later, please")),
        ("twist = /usr/bin/echo no entry\\: really", (550, "5.7.1", "no entry: really")),
        ("twist /bin/echo 550 4.3.2 which is it", (550, "5.7.1", "which is it")),
    ],
)
def test_what_a_denied_client_hears(options: str, reply: tuple[int, str, str]) -> None:
    told = objection(tables(f"smtp: ALL: {options}\n"), end("192.0.2.1"))
    assert told is not None
    assert (told.code, told.enhanced, told.text) == reply
    assert told.action is (Action.DEFER if reply[0] < 500 else Action.REFUSE)


def test_options_that_do_nothing_are_warned_of() -> None:
    text = "smtp: ALL: severity=mail.Info: banners /etc/b: umask 022: nice: keepalive: spawn (x \\: y) &: ALLOW\n"
    made, warnings = read_hosts("", text, deny_file="d")
    [rule] = made.rules
    assert (rule.grants, rule.place) == (True, "d:1")
    left_out = ["severity", "banners", "umask", "nice", "keepalive", "spawn"]
    assert [warning.params["option"] for warning in warnings] == left_out
    assert {warning.place for warning in warnings} == {"d:1"}


def test_lines_about_other_services_are_passed_over() -> None:
    text = "sshd: @admins\npop3@192.0.2.1 : ALL : aclexec x\nALL EXCEPT smtp 25 : ALL\nsmtp : 10.\n"
    made, warnings = read_hosts(text, "")
    assert [rule.place for rule in made.rules] == ["hosts.allow:4"]
    assert not warnings
    [rule] = read_hosts("sendmail : ALL\n", "", services=("Sendmail",))[0].rules
    assert rule.grants
    for line in ("smtp@192.0.2.1 : ALL\n", "ALL EXCEPT smtp@192.0.2.1 : ALL\n", "pop3 smtp@mx.a.com: ALL\n"):
        with pytest.raises(PolicyError, match="one address of this server"):
            read_hosts(line, "")


@pytest.mark.parametrize(
    "line",
    [
        *("smtp ALL", "smtp :", ": ALL", "smtp : EXCEPT ALL", "smtp : ALL EXCEPT", "smtp : a EXCEPT EXCEPT b"),
        *("smtp : @friends", "smtp : root@192.0.2.1", "smtp : ALL # all", "sm/tp : ALL", "smtp@ : ALL"),
        *("smtp : 192.0.2", "smtp : 192.0.2.1/24", "smtp : 192.0.2.0/33", "smtp : 0.0.0.0/0", "smtp : 192.0.2.0/"),
        *("smtp : 192.0.2.1/255.255.255.255", "smtp : 300.0.2.1", "smtp : 192.0.2.0/x", "smtp : ./24", "smtp : ."),
        *(
            "smtp : [2001:db8::]/129",
            "smtp : [2001:db8::",
            "smtp : [::ffff:192.0.2.1]",
            "smtp : [fe80::1%1]",
            "smtp : []",
        ),
        *("smtp : 2001:db8::1", "smtp : ALL : bogus", "smtp : ALL : denny", "smtp : ALL :", "smtp : ALL : : deny"),
        *(
            "smtp : ALL : deny : allow",
            "smtp : ALL : deny x",
            "smtp : ALL : severity",
        ),
        *("smtp : ALL : twist /bin/sh -c x", "smtp : ALL : twist echo `id`", "smtp : ALL : twist echo hi : deny"),
        *(
            "smtp : ALL : aclexec x",
            "smtp : ALL : rfc931 5",
            "smtp : ALL : keepalive x",
            "smtp : a\\\\ b",
            "smtp : a\0b",
        ),
        *("smtp : [2001:db8::1", "smtp : é.test", "smtp : ALL \\\r", "smtp : a*/24", "smtp : *."),
    ],
)
@pytest.mark.parametrize("which", ["allow", "deny"])
def test_what_has_no_certain_meaning_is_an_error(line: str, which: str) -> None:
    text = f"# first\n{line}\n"
    with pytest.raises(PolicyError) as raised:
        read_hosts(text if which == "allow" else "", text if which == "deny" else "")
    assert raised.value.place == f"hosts.{which}:2"


@pytest.mark.parametrize("text", ["smtp: ALL", "smtp: ALL\nsmtp: x", "smtp: ALL \\\n"])
def test_a_last_line_without_its_end_is_an_error(text: str) -> None:
    with pytest.raises(PolicyError, match="no end"):
        read_hosts(text, "")


@given(st.text(alphabet="smtp:ALEXCPT ,./[]@#*?\\\n-=0129fdb\0é") | st.text())
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        made, _ = read_hosts(text, text, include=lambda path: path[1:], server_ends=True)
    except FumidaiError:
        return
    for client in (end("192.0.2.1", UNKNOWN), end("2001:db8::1", "a.test")):
        assert deciding(made, client, SERVER)
        objection(made, client, SERVER)


# --- against tcpwrappers itself ---

ADDRESSES = ["192.0.2.1", "192.0.2.77", "192.0.3.1", "10.1.2.3", "203.0.113.9", "2001:db8::1", "2001:db8:5::9", "::1"]
CLIENT_NAMES = ["unknown", "paranoid", "box", "mail.evil.test", "evil.test", "x.y.evil.test", "MX.a.com", "a.com"]
PATTERNS = [
    *("ALL", "LOCAL", "KNOWN", "UNKNOWN", "PARANOID", "all", "Known"),
    *(
        "192.0.2.1",
        "192.0.2.",
        "192.0.",
        "10.",
        "192.0.2.0/24",
        "192.0.2.0/255.255.254.0",
        "192.0.2.64/26",
        "0.0.0.0/1",
    ),
    *("192.0.2.1/32", "10.1.0.0/16", "192.0.2.0/255.0.255.0", "0.0.0.0/0.0.0.0", "128.0.0.0/2"),
    *("[2001:db8::]/32", "[2001:db8::1]", "[2001:db8:5::]/48", "[::]/0", "[2001:DB8::7]/64", "[::1]", "[::1]/128"),
    *(".evil.test", "evil.test", "mail.evil.test", ".test", "mx.A.com", ".com", "evil.", "mail.evil.", ".2.1", ".1"),
    *("*.test", "192.0.?.1", "mail.*", "*", "*.0.2.*", "?ox", "m?il.evil.*", "un*", "p*", "2001*", "**.com"),
]
DAEMONS = ["smtp", "SMTP", "pop3", "ALL", "s*", "KNOWN", "smtp@192.0.2.25", "smtp@10.", "ALL@.a.com", "smt?@[::1]"]
OPTIONS = [
    "",
    *("allow", "deny", "DENY", "severity mail.info", "severity = notice : deny", "umask 022 : allow"),
    "nice 3",
]


def a_list(chance: random.Random, words: list[str], most: int) -> str:
    groups = [
        chance.choice([" ", ", ", ","]).join(chance.choices(words, k=chance.randint(1, most)))
        for _ in range(chance.choice([1, 1, 1, 2, 2, 3, 4]))
    ]
    return f" {chance.choice(['EXCEPT', 'except'])} ".join(groups)


def a_file(chance: random.Random) -> str:
    lines = []
    for _ in range(chance.choice([0, 1, 1, 2, 3, 5])):
        fields = [a_list(chance, DAEMONS, 2), a_list(chance, PATTERNS, 3), *filter(None, [chance.choice(OPTIONS)])]
        lines.append(chance.choice([":", " : ", " :\\\n "]).join(fields))
    return "".join(f"{line}\n{chance.choice(['', '', '# note', ' '])}\n" for line in lines)


def cases(seed: int, count: int) -> list[list[str]]:
    """[allow, deny, daemon, address, name, server address, server name]"""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        client = [chance.choice(ADDRESSES), chance.choice(CLIENT_NAMES)]
        made.append(
            [a_file(chance), a_file(chance), chance.choice(["smtp", "pop3"]), *client, "192.0.2.25", "mx.a.com"]
        )
    return made


def ours(case: list[str]) -> str:
    allow, deny, daemon, address, name, server, server_name = case
    return "granted" if granted(allow, deny, end(address, name), daemon, end(server, server_name)) else "denied"


def needs(there: bool) -> None:
    """Skip where tcpwrappers can't be had; CI has to have them."""
    if not there and os.environ.get("CI") == "true":
        pytest.fail("CI must have the Debian package tcpd")
    if not there:
        pytest.skip("tcpwrappers (Debian package tcpd) are not installed")


def test_thousands_of_cases_against_the_library_of_tcpwrappers(tmp_path: Path) -> None:
    needs(tcpwrappers.available())
    asked = cases(2001, 4000)
    oracle = subprocess.run(
        [sys.executable, "-m", "tests.policy.tcpwrappers", str(tmp_path)],
        input="".join(f"{json.dumps(case)}\n" for case in asked),
        capture_output=True,
        text=True,
        check=True,
    )
    answers = oracle.stdout.split()
    assert len(answers) == len(asked)
    different = [(case, answer) for case, answer in zip(asked, answers, strict=True) if ours(case) != answer]
    assert different[:3] == []
    assert len(asked) / 5 < answers.count("denied") < len(asked) * 4 / 5


def test_some_cases_against_tcpdmatch(tmp_path: Path) -> None:
    tcpdmatch = shutil.which("tcpdmatch", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    needs(tcpdmatch is not None)
    for case in cases(2002, 200):
        case[4] = "unknown"  # tcpdmatch knows no name of a client that is given as an address
        case[0], case[1] = (re.sub("@[^ ,:]*(::1])?", "", text) for text in case[:2])  # nor of the server's end
        for name, text in zip(("allow", "deny"), case[:2], strict=True):
            (tmp_path / f"hosts.{name}").write_text(text)
        command = [str(tcpdmatch), "-d", case[2], case[3]]
        told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        assert f"access:   {ours(case)}" in told, (case, told)

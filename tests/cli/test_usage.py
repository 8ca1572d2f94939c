# SPDX-License-Identifier: Apache-2.0
"""What can't be meant is said at once, in a line or two, with the right exit code, before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Runner

#: Nobody listens there, and nothing of these tests comes so far.
NOWHERE = "127.0.0.1:2"

CASES = {
    "unknown command": (["tset"], 64, "There is no command tset.", "Did you mean test?"),
    "unknown option": (["test", "--frist", NOWHERE], 64, "There is no option --frist.", "--first"),
    "option without value": (["test", NOWHERE, "--wait"], 64, "--wait needs a value", "--help"),
    "no target": (["test"], 64, "No target was named.", "fumidai test mail.example.com"),
    "two words": (["test", "a b"], 64, "a b is no target.", "host:port"),
    "port too large": (["test", "127.0.0.1:99999"], 64, "127.0.0.1:99999 is no target.", "host:port"),
    "port missing": (["test", "mail.a.test:"], 64, "mail.a.test: is no target.", "host:port"),
    "bracket open": (["test", "[::1"], 64, "[::1 is no target.", "[IPv6 address]"),
    "no network": (["test", "1.2.3.4/33"], 64, "1.2.3.4/33 is no target.", "192.0.2.0/28"),
    "network too large": (["test", "10.0.0.0/8"], 64, "16777216 addresses", "--targets"),
    "unknown battery": (["test", NOWHERE, "--battery", "ful"], 64, "There is no battery ful.", "full, quick"),
    "unknown test": (["test", NOWHERE, "--tests", "pct-doman"], 64, "There is no test pct-doman.", "pct-domain"),
    "unknown family": (["test", NOWHERE, "--family", "nosuch"], 64, "There is no family nosuch.", "percent-hack"),
    "no ports": (["test", NOWHERE, "--ports", "25,b"], 64, "25,b is no list of ports.", "25,465,587"),
    "no number": (["test", NOWHERE, "--wait", "soon"], 64, "--wait: soon is no number.", ""),
    "not finite": (["test", NOWHERE, "--wait", "nan"], 64, "--wait: nan is out of range.", ""),
    "half a session": (["test", NOWHERE, "--concurrency", "1.5"], 64, "--concurrency: 1.5 is out of range.", "whole"),
    "no domain": (["test", NOWHERE, "--domain", "a@b"], 64, "a@b is no domain.", "example.com"),
    "no mailbox": (["test", NOWHERE, "--local-user", "bob"], 64, "bob is no mail address.", ""),
    "no name": (["test", NOWHERE, "--ehlo", "a\nb"], 64, "--ehlo: a\\x0ab is no name.", ""),
    "no source": (["test", NOWHERE, "--source", "here"], 64, "--source: here is no address.", ""),
    "both families": (["test", NOWHERE, "-4", "-6"], 64, "-4 and -6 exclude each other.", ""),
    "no format": (["test", NOWHERE, "--format", "xml"], 64, "--format is one of text, json", "--help"),
    "no such ending": (["test", NOWHERE, "-o", "x.doc"], 64, "x.doc: no format has this ending.", ".json"),
    "no place to listen": (
        ["test", NOWHERE, "--proof-domain", "p.test", "--sink", "here"],
        64,
        "here is no address to listen on.",
        "[v6]:PORT",
    ),
    "proof without sink": (["test", NOWHERE, "--proof-domain", "p.test"], 64, "needs a place", "--sink :25"),
    "sink without proof": (["test", NOWHERE, "--sink", ":2525"], 64, "needs a proof domain", "--proof-domain NAME"),
    "sink and Maildir": (
        ["test", NOWHERE, "--proof-domain", "p.test", "--sink", ":2525", "--proof-maildir", "."],
        64,
        "exclude each other",
        "",
    ),
    "no Maildir": (
        ["test", NOWHERE, "--proof-domain", "p.test", "--proof-maildir", "nosuch"],
        64,
        "nosuch is no folder",
        "",
    ),
    "no policy": (["test", NOWHERE, "--policy", "nosuch.toml"], 64, "nosuch.toml can't be read", ""),
    "no list": (["test", "--targets", "nosuch"], 64, "nosuch can't be read", ""),
    "no such run": (["test", "--resume", "nosuch"], 74, "There is no run nosuch", "by its id"),
    "other targets": (["test", NOWHERE, "--resume", "x"], 64, "name no others", ""),
    "nothing to show": (["show", "nosuch"], 74, "There is no run nosuch", "by its id"),
    "a sink that listens nowhere": (["sink"], 64, "--listen is missing.", "fumidai sink --listen"),
    "a sink that fills nothing": (["sink", "--listen", ":2525"], 64, "--maildir is missing.", "fumidai sink"),
    "a public host": (["test", "192.0.2.1"], 64, "tested only if it stands in the policy", "--yes"),
    "a host that is none": (["test", "nosuch.localhost.invalid", "--yes"], 68, "nosuch.localhost.invalid", ""),
    "proof within the target's own": (
        ["test", NOWHERE, "--domain", "a.test", "--proof-domain", "proof.a.test", "--sink", "127.0.0.1:2525"],
        64,
        "proof.a.test belongs with a.test",
        "Use a name outside",
    ),
    "proof above the target's own": (
        ["test", NOWHERE, "--domain", "mail.a.test", "--proof-domain", "a.test", "--sink", "127.0.0.1:2525"],
        64,
        "a.test belongs with mail.a.test",
        "Use a name outside",
    ),
    "proof that goes elsewhere": (
        ["sink", "--listen", "192.0.2.1:2525", "--maildir", "m"],
        69,
        "192.0.2.1 is no address of this machine",
        "Name one of its own",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_meant(name: str, fumidai: Runner) -> None:
    words, code, what, mend = CASES[name]
    done = fumidai(*words).assert_tidy()
    assert done.code == code, done.err
    assert what in done.err
    assert mend in done.err
    assert done.out == ""
    assert len(done.err.splitlines()) <= 3
    assert fumidai.runs() == [], "nothing was asked, so nothing is kept"


def test_help_names_every_command(fumidai: Runner) -> None:
    done = fumidai("--help")
    assert done.code == 0
    for command in ("test", "show", "sink", "demo"):
        assert f"  {command} " in done.out
        assert "Usage: fumidai " + command in fumidai(command, "--help").out
    assert max(map(len, fumidai("test", "--help").out.splitlines())) <= 80


def test_without_words_help_is_a_complaint(fumidai: Runner) -> None:
    done = fumidai()
    assert (done.code, done.out) == (64, "")
    assert "Commands:" in done.err


def test_a_bad_line_of_a_list_is_named(fumidai: Runner, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("# our hosts\n127.0.0.1:2   # the old one\n\na b\n")
    done = fumidai("test", "--targets", "list").assert_tidy()
    assert done.code == 64
    assert done.err.startswith("list:4: a b is no target.")


@pytest.mark.parametrize("where", ["-", "list"])
def test_a_list_of_targets(where: str, fumidai: Runner, tmp_path: Path) -> None:
    text = "\ufeff# our hosts\r\n127.0.0.1:2   # the old one\r\n\r\n127.0.0.1:3\r\n"
    (tmp_path / "list").write_text(text)
    done = fumidai("test", "--targets", where, stdin=text if where == "-" else "").assert_tidy()
    assert done.code == 3
    assert "127.0.0.1:2 refused the connection" in done.out
    assert "127.0.0.1:3 refused the connection" in done.out


def test_one_unknown_name_does_not_stop_the_others(fumidai: Runner) -> None:
    done = fumidai("test", "nosuch.invalid", NOWHERE).assert_tidy()
    assert "nosuch.invalid" in done.err
    assert "127.0.0.1:2 refused the connection" in done.out
    assert "Not asked at all: nosuch.invalid." in done.out
    assert done.code == 3


def test_debug_shows_where(fumidai: Runner) -> None:
    assert "Traceback" in fumidai("test", "a b", "--debug").err
    assert "Traceback" in fumidai("test", "a b", env={"FUMIDAI_DEBUG": "1"}).err

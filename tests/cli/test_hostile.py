# SPDX-License-Identifier: Apache-2.0
"""Broken and hostile servers: each gets a sentence of its own and the right exit code, and what was seen is kept.

Limits: patience is cut short by ``--max-time``; what waiting whole minutes would show is shown in ``tests.tester``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from tests.cli import hostile
from tests.cli.conftest import Runner
from tests.cli.street import Street
from tests.tester.servers import Behaviour, Talk


@dataclass(frozen=True)
class Case:
    """A server, what is said of it, and how the command ends.

    Attributes:
        kept: a word of the server that has to be in the run folder.
    """

    talk: Talk | None
    code: int
    said: str
    kept: str = ""
    seconds: float = 30.0


CASES = {
    "silence": Case(hostile.silent, 3, "took the connection but never greeted", seconds=2),
    "another protocol": Case(
        hostile.garbage_only, 3, "a mail server. SSH-2.0-OpenSSH_9.2p1 Debian-2", "SSH-2.0", seconds=3
    ),
    "garbage before the greeting": Case(hostile.garbage_first, 0, "refused all 167 relay attempts", "SSH-2.0"),
    "a greeting without end": Case(hostile.endless_greeting, 3, "began a greeting that has no end", "on it goes"),
    "a line of ten megabytes": Case(hostile.long_line, 3, "began a greeting that has no end", "xxxxxxxxxx"),
    "a reply of a megabyte": Case(hostile.big_reply, 0, "refused all 167 relay attempts", "XXXXXXXXXX"),
    "NUL, escapes, 8 bit": Case(hostile.nul_and_high_bytes, 0, "refused all 167 relay attempts", "owned"),
    "a character a second": Case(hostile.dribbling, 3, "had not finished its greeting when time was up", seconds=2),
    "hangs up at once": Case(hostile.drops, 3, "closed it without a word"),
    "hangs up after EHLO": Case(hostile.hangs_up_after_hello, 3, "before it answered our HELO", "mail.a.test"),
    "turns us away": Case(hostile.blocks, 3, "blocked using zen.blocklist.test", "zen.blocklist.test"),
    "TLS refused": Case(
        hostile.tls_refused, 3, "454 4.7.0 TLS not available due to local problem", "TLS not available"
    ),
    "TLS nonsense": Case(hostile.tls_garbage, 3, "offers STARTTLS, but it failed", "garbage, no TLS record"),
}


@pytest.mark.parametrize("name", CASES)
def test_server(name: str, fumidai: Runner, street: Street) -> None:
    case = CASES[name]
    port = street.serve(Behaviour(talk=case.talk))
    words = ["test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--max-time", case.seconds]
    done = fumidai(*words, "-o", "result.json").assert_tidy()
    assert done.code == case.code, done.out
    assert case.said in " ".join(done.out.replace("\n  | ", " ").split()), done.out
    assert f"exit {case.code}; {fumidai.runs()[0]}" in done.last
    result = json.loads((fumidai.folder / "result.json").read_text())
    assert result["run"]["exit_code"] == case.code
    shown = fumidai("show", fumidai.runs()[0].name, "-o", "shown.json").assert_tidy()
    assert (shown.code, shown.last) == (done.code, done.last)
    kept = json.loads((fumidai.folder / "shown.json").read_text())
    assert kept["targets"] == result["targets"]
    said = [line["text"] for entry in kept["targets"] for line in entry["transcript"] if line["direction"] == "<"]
    assert any(case.kept in line for line in said) or not case.kept


@pytest.mark.parametrize("talk", [hostile.endless_greeting, hostile.long_line])
@pytest.mark.parametrize("form", [["-v"], ["--format", "json"], ["--format", "maps"]])
def test_a_flood_makes_no_flood_of_ours(talk: Talk, form: list[str], fumidai: Runner, street: Street) -> None:
    port = street.serve(Behaviour(talk=talk))
    words = ["test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--tests", "plain-foreign"]
    done = fumidai(*words, *form).assert_tidy()
    assert len(done.raw_out) < 2_000_000


def test_nobody_listens(fumidai: Runner) -> None:
    done = fumidai("test", "127.0.0.1:2", "--policy", "pol.toml").assert_tidy()
    assert done.code == 3
    assert "127.0.0.1:2 refused the connection." in done.out


def test_a_port_that_refuses_beside_one_that_answers_does_not_apply(fumidai: Runner, street: Street) -> None:
    port = street.serve()
    done = fumidai("test", "127.0.0.1", "--ports", f"2,{port}", "--policy", "pol.toml").assert_tidy()
    assert done.code == 0, done.out
    assert f"127.0.0.1:{port} refused all" in done.out
    assert "Nobody listens there, so not asked: 127.0.0.1:2." in " ".join(done.out.split())


def test_an_address_that_was_left_out_is_named(fumidai: Runner, street: Street) -> None:
    port = street.serve()
    both = fumidai("test", f"mail.localhost:{port}", "--policy", "pol.toml", "--tests", "plain-foreign").assert_tidy()
    assert both.code == 3, "nobody listens on the other address, and that is no all-clear"
    one = fumidai(
        "test", f"mail.localhost:{port}", "-4", "--policy", "pol.toml", "--tests", "plain-foreign"
    ).assert_tidy()
    assert one.code == 0, one.out
    assert "Left out by -4 or -6: ::1." in one.out
    assert fumidai("show", fumidai.runs()[-1].name).out == one.out


@pytest.mark.parametrize(
    "form", [[], ["-v"], ["-q"], ["--format", "maps"], ["--format", "json"], ["--format", "jsonl"]]
)
def test_control_characters_never_reach_the_terminal(form: list[str], fumidai: Runner, street: Street) -> None:
    port = street.serve(Behaviour(talk=hostile.nul_and_high_bytes))
    words = ["test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--battery", "quick"]
    done = fumidai(*words, *form, "-o", "a.txt", "-o", "a.json", "-o", "a.jsonl", "-o", "a.maps").assert_tidy()
    assert done.code == 0
    for name in ("a.txt", "a.json", "a.jsonl", "a.maps"):
        text = (fumidai.folder / name).read_text()
        assert text
        assert all(character.isprintable() or character == "\n" for character in text), name


def test_time_is_up_before_it_has_answered(fumidai: Runner, street: Street) -> None:
    port = street.serve(Behaviour(slow=1.0))
    done = fumidai("test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--max-time", "3").assert_tidy()
    assert done.code == 3
    assert f"Time was up before 127.0.0.1:{port} had answered" in done.out
    assert f"\n    fumidai test --resume {fumidai.runs()[0].name} --max-time 1800\n" in done.out, "to be pasted whole"

# SPDX-License-Identifier: Apache-2.0
"""Options out of the environment and the policy file, in their order; and policy files that are wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import POLICY, Done, Runner
from tests.cli.street import Street
from tests.tester.servers import Behaviour

NOWHERE = "127.0.0.1:2"


def settings(fumidai: Runner) -> dict[str, Any]:
    """The options of the newest run, as it keeps them."""
    header: dict[str, Any] = json.loads((fumidai.runs()[-1] / "run.json").read_text())
    kept: dict[str, Any] = header["settings"]
    return kept


def with_file(fumidai: Runner, text: str, *words: object, env: dict[str, str | None] | None = None) -> Done:
    """Run a test with ``fumidai.toml`` in the folder."""
    (fumidai.folder / "fumidai.toml").write_text(text)
    return fumidai("test", NOWHERE, *words, env=env).assert_tidy()


def test_the_file_of_this_folder_is_used_and_that_is_said(fumidai: Runner, street: Street) -> None:
    port = street.serve()
    (fumidai.folder / "fumidai.toml").write_text(POLICY)
    done = fumidai("test", f"127.0.0.1:{port}", "--tests", "plain-foreign").assert_tidy()
    assert done.code == 0, done.out
    assert "Using the policy in ./fumidai.toml." in done.err


TABLE = """
[test]
battery = "quick"
ports = [25, 2525]
wait = 30
max-time = 44.5
domain = ["b.test"]
local-user = "bob@a.test"
first = true
family = "percent-hack"
"""


def test_a_table_of_options(fumidai: Runner) -> None:
    with_file(fumidai, POLICY + TABLE)
    kept = settings(fumidai)
    assert kept["battery"] == "quick"
    assert kept["ports"] == "25,2525"
    assert float(kept["wait"]) == 30
    assert float(kept["max_time"]) == 44.5
    assert kept["domains"] == ["b.test"]
    assert kept["local_user"] == "bob@a.test"
    assert kept["first"] is True
    assert kept["families"] == ["percent-hack"]


def test_the_order_of_precedence(fumidai: Runner) -> None:
    with_file(fumidai, POLICY + TABLE, env={"FUMIDAI_WAIT": "31", "FUMIDAI_DOMAIN": "c.test d.test"})
    assert (float(settings(fumidai)["wait"]), settings(fumidai)["domains"]) == (31, ["c.test", "d.test"])
    with_file(fumidai, POLICY + TABLE, "--wait", "32", env={"FUMIDAI_WAIT": "31", "FUMIDAI_FIRST": "0"})
    assert (float(settings(fumidai)["wait"]), settings(fumidai)["first"]) == (32, False)


@pytest.mark.parametrize(
    ("variable", "value", "option"),
    [("FUMIDAI_QUIET", "1", "-q"), ("FUMIDAI_EXIT_ZERO", "1", "--exit-zero"), ("FUMIDAI_FAIL_ON", "open", "--fail-on")],
)
def test_output_options_from_the_environment(variable: str, value: str, option: str, fumidai: Runner) -> None:
    words = [option, value] if option == "--fail-on" else [option]
    said = fumidai("test", NOWHERE, *words)
    done = fumidai("test", NOWHERE, env={variable: value})
    assert (done.code, done.out.count("\n")) == (said.code, said.out.count("\n"))


def test_output_options_from_the_file(fumidai: Runner) -> None:
    done = with_file(fumidai, POLICY + '[test]\nformat = "json"\nexit-zero = true\noutput = ["a.txt"]\n')
    assert done.code == 0
    assert json.loads(done.out)["run"]["exit_code"] == 0
    assert (fumidai.folder / "a.txt").is_file()


WRONG = {
    "no TOML": ("[policy\n", "fumidai.toml:1: This is not TOML"),
    "no UTF-8": ("[policy]\n# \udce9\n", "fumidai.toml:2: This line is not UTF-8."),
    "the whole world": (
        POLICY + '[policy.relay]\nnetworks = ["192.0.2.0/24", "0.0.0.0/0"]\n',
        'fumidai.toml:5: policy.relay.networks: "0.0.0.0/0" lets the whole world relay.',
    ),
    "the whole other world": (
        POLICY + '[policy.relay]\nnetworks = [\n  "::/0",\n]\n',
        'fumidai.toml:6: policy.relay.networks: "::/0" lets the whole world relay.',
    ),
    "a key that nobody knows": (
        POLICY + "[test]\nwaite = 3\n",
        'fumidai.toml:5: test.waite: Nobody knows the key "wai',
    ),
    "a table that nobody knows": ("[polizei]\n", 'fumidai.toml:1: polizei: Nobody knows the key "polizei".'),
    "a flag that is none": (
        POLICY + '[test]\nfirst = "yes"\n',
        "fumidai.toml:5: test.first: This must be true or false",
    ),
    "a number that is none": (
        POLICY + "[test]\nwait = true\n",
        "fumidai.toml:5: test.wait: This must be text or a num",
    ),
    "a list for one": (POLICY + "[test]\nwait = [1, 2]\n", "fumidai.toml:5: test.wait: This is one value, not a list."),
    "no such format": (POLICY + '[test]\nformat = "xml"\n', "fumidai.toml:5: test.format: This is one of text, json"),
    "a run is no setting": (
        POLICY + '[test]\nresume = "x"\n',
        'fumidai.toml:5: test.resume: Nobody knows the key "res',
    ),
    "a number out of range": (POLICY + "[test]\nwait = -1\n", "--wait: -1 is out of range."),
    "proof in our own": (
        POLICY + '[proof]\ndomain = "proof.a.test"\n[test]\nsink = ":2525"\n',
        "fumidai.toml:5: proof.domain:",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_wrong(name: str, fumidai: Runner) -> None:
    text, said = WRONG[name]
    (fumidai.folder / "fumidai.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    done = fumidai("test", NOWHERE).assert_tidy()
    assert done.code == 64, done.err
    assert said in done.err
    assert done.out == ""
    assert fumidai.runs() == []


def test_a_file_that_may_be_wrong_is_used_with_a_warning(fumidai: Runner) -> None:
    done = with_file(fumidai, POLICY + '[policy.relay]\nnetworks = ["172.17.0.0/16"]\n')
    assert done.code == 3
    assert "fumidai.toml:5: policy.relay.networks:" in done.err
    assert "container bridges" in done.err


EXITS = [
    # what the server does, options, exit code
    (Behaviour(), [], 0),
    (Behaviour(everything=True), [], 1),
    (Behaviour(everything=True), ["--fail-on", "accepts"], 1),
    (Behaviour(everything=True), ["--fail-on", "inconclusive"], 1),
    (Behaviour(everything=True), ["--fail-on", "open"], 0),
    (Behaviour(everything=True), ["--fail-on", "reflects"], 0),
    (Behaviour(everything=True), ["--exit-zero"], 0),
    (None, [], 3),
    (None, ["--fail-on", "inconclusive"], 3),
    (None, ["--fail-on", "accepts"], 0),
    (None, ["--exit-zero"], 0),
]


@pytest.mark.parametrize("case", range(len(EXITS)))
def test_exit_codes(case: int, fumidai: Runner, street: Street) -> None:
    behaviour, options, code = EXITS[case]
    port = street.serve(behaviour) if behaviour else 2
    words = ["test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--tests", "plain-foreign", *options]
    done = fumidai(*words).assert_tidy()
    assert done.code == code, done.out
    assert f"exit {code};" in done.last


def test_the_worst_of_several_targets(fumidai: Runner, street: Street) -> None:
    sound, open_ = street.serve(), street.serve(Behaviour(everything=True))
    words = ["--policy", "pol.toml", "--tests", "plain-foreign"]
    both = fumidai("test", f"127.0.0.1:{sound}", NOWHERE, *words).assert_tidy()
    assert both.code == 3
    three = fumidai("test", f"127.0.0.1:{sound}", NOWHERE, f"127.0.0.1:{open_}", *words).assert_tidy()
    assert three.code == 1
    assert three.out.index(f"127.0.0.1:{open_}") < three.out.index(f"127.0.0.1:{sound}"), "the worst first"


def test_a_choice_of_tests(fumidai: Runner, street: Street) -> None:
    port = street.serve()
    target = ["test", f"127.0.0.1:{port}", "--policy", "pol.toml", "--format", "json"]

    def asked(*options: str) -> set[str]:
        done = fumidai(*target, *options).assert_tidy()
        rows = json.loads(done.out)["targets"][0]["tests"]
        return {row["id"] for row in rows if row["outcome"] != "not-applicable"}

    assert asked("--tests", "plain-foreign, pct-domain") == {"plain-foreign", "pct-domain"}
    hack = asked("--family", "percent-hack")
    assert {"pct-domain", "pct-host"} <= hack
    assert all(name.startswith("pct-") for name in hack)
    assert len(asked("--battery", "nmap")) <= 16

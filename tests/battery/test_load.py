# SPDX-License-Identifier: Apache-2.0
"""The catalogue: every row is there, says what it is, and can't point at anybody else's mailbox."""

from __future__ import annotations

import re
import time
from importlib import resources

import pytest

from fumidai.battery import load, words
from fumidai.battery.row import Reach, RowClass, StepKind
from fumidai.errors import FixtureError

REQUIRED = (
    "baseline",
    "sender-claim",
    "percent-hack",
    "multi-at",
    "quoted-local",
    "source-route",
    "bang-and-legacy",
    "domain-literal",
    "encapsulated",
    "lexical",
    "unicode",
    "session-state",
    "relay-scope",
    "identity-trust",
)
SLOW = {"state-error-limit", "state-nonmail-limit", "state-slow-dribble", "state-second-attempt", "state-max-rcpt"}
# What follows an at sign in a row without being a placeholder: reserved names, loopback, and pseudo domains.
RESERVED = (
    *("localhost", "localhost.localdomain", "invalid", "uucp", "[127.0.0.1", "[10.0.0.1", "[ipv6", "[x-foo"),
    *("127.1", "0177.0.0.1"),
)


def rows():
    return list(load.catalogue().values())


def test_all_rows_of_the_research_are_there_and_second_forms_besides():
    counts = {family.name: len(family.tests) for family in load.families()}
    assert len(counts) == 20
    assert sum(counts.values()) == len(load.catalogue()) >= 367
    assert counts["lexical"] == 36
    assert counts["smuggling"] == 17


@pytest.mark.parametrize("name", REQUIRED)
def test_required_families_run(name):
    family = next(family for family in load.families() if family.name == name)
    assert any(test.runs for test in family.tests)


def test_rows_that_do_not_run_say_why():
    for test in rows():
        assert test.runs or test.comment, test.id
        assert not (test.runs and test.row_class in (RowClass.BACK, RowClass.CAPABILITY)), test.id


def test_every_row_tells_what_it_is():
    for test in rows():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", test.id)
        assert 3 <= len(test.title) <= 70, test.id
        assert test.title[-1] not in ".!?", test.id
        assert test.proves, test.id
        assert test.vulnerable, test.id
        assert test.source, test.id
        assert test.evidence in ("V", "R", "D"), test.id
        assert test.checked or test.evidence != "D" or not test.runs, test.id


def test_titles_are_unique_among_rows_that_run():
    titles = [test.title for test in rows() if test.runs and test.id != "scope-unknown-local"]
    assert len(titles) == len(set(titles))


def test_slow_rows_are_the_five_of_the_design():
    assert {test.id for test in rows() if test.slow} == SLOW


def test_dangerous_rows_never_go_beyond_rcpt_or_write_to_a_named_user_or_are_about_loops():
    dangerous = {test.id: test for test in rows() if test.opt_in and test.runs}
    assert set(dangerous) == {
        "sender-loopback-literal",
        "sender-loopback-literal6",
        "fax-gateway",
        "pipe-local",
        "lex-slash",
        "lit-private",
        "bdat-bare-lf",
    }
    assert {"local-user", "proof"} <= dangerous["bdat-bare-lf"].needs
    for name in ("fax-gateway", "pipe-local", "lex-slash", "lit-private"):
        assert dangerous[name].reach is Reach.RCPT


def test_no_row_names_a_domain_that_could_be_somebody_s():
    for test in rows():
        for template in (test.mail_from, test.rcpt_to, *load.templates(test)):
            bare = words.PLACEHOLDER.sub("\0", template)
            for name in re.findall(r"@([^\s<>\"@,;:%()\\\]]+)", bare):
                tail = name.rsplit("\0", 1)[-1].strip(".").lower()
                allowed = "\0" in name if not tail else tail in RESERVED or tail.endswith((".example", ".invalid"))
                assert allowed, (test.id, name)


def test_every_word_is_known_and_needs_follow_from_words():
    for test in rows():
        if test.runs:
            assert load.used_words(test) <= set(words.WORDS)
            assert {words.WORDS[name][0] for name in load.used_words(test)} - {""} <= test.needs
            assert test.needs <= load.NEEDS


@pytest.mark.parametrize(
    "step", ['{ kind = "data", chunked = true }', '{ kind = "message", tail = "x" }', '{ kind = "rcpt", tail = "x" }']
)
def test_only_a_message_is_chunked_and_only_a_chunked_one_has_a_tail(step):
    text = f"""
        [family]
        name = "x"
        [[test]]
        id = "x"
        class = "T"
        title = "X"
        script = [{step}]
    """
    with pytest.raises(FixtureError, match="chunked"):
        load.read("x", text)


def test_a_local_message_needs_a_named_local_user_and_a_proof():
    for test in rows():
        if any(step.kind is StepKind.MESSAGE and step.local for step in test.script):
            assert {"local-user", "proof"} <= test.needs, test.id


def test_rows_beyond_rcpt_write_only_to_us_or_the_target():
    elsewhere = {"parent", "tld", "domain-zwsp", "domain-backwards", "arpa", "labels256"}
    for test in rows():
        if test.runs and test.reach is Reach.DATA:
            assert not load.used_words(test) & elsewhere, test.id
            assert "{nonce}{domain}" not in test.mail_from + test.rcpt_to, test.id


def test_it_loads_in_well_under_a_tenth_of_a_second():
    load.families.cache_clear()
    load.catalogue.cache_clear()
    begun = time.perf_counter()
    load.catalogue()
    assert time.perf_counter() - begun < 0.3  # measured 0.025 s; the slack is for a loaded machine


GOOD = """
[family]
name = "baseline"
title = "T"
about = "A"
[defaults]
class = "F"
evidence = "V"
[[test]]
id = "one"
title = "One"
"""


def test_read_gives_defaults_and_rows():
    family = load.read("baseline", GOOD)
    (test,) = family.tests
    assert (family.title, test.row_class, test.mail_from, test.rcpt_to) == (
        "T",
        RowClass.FOREIGN,
        "<{sender}>",
        "<{proof}>",
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("reach = 'far'", "far"),
        ("severity = 'awful'", "awful"),
        ("rcpt_to = '<{nobody}>'", "nobody"),
        ("colour = 'red'", "colour"),
        ("slow = 'yes'", "yes"),
        ("needs = ['luck']", "luck"),
        ("alters = ['mood']", "mood"),
        ("script = [{ kind = 'dance' }]", "dance"),
        ("script = [{ kind = 'rcpt', colour = 'red' }]", "colour"),
        ("class = 'Q'", "Q"),
        ("rcpt_to = ", "baseline.toml"),
    ],
)
def test_a_broken_row_is_our_own_error_and_says_where(change, says):
    with pytest.raises(FixtureError) as caught:
        load.read("baseline", GOOD + change)
    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["[family]\nname = 'other'\n", "[family]\nname = 'baseline'\n", GOOD + "[more]\n"])
def test_a_file_without_its_parts_is_our_own_error(text):
    with pytest.raises(FixtureError):
        load.read("baseline", text)


def test_every_file_of_the_catalogue_is_read():
    folder = resources.files("fumidai.battery").joinpath("catalogue")
    files = {entry.name for entry in folder.iterdir() if entry.name.endswith(".toml")}
    assert files == {f"{name}.toml" for name in (*load.FAMILIES, load.CONTROLS)}

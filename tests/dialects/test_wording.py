# SPDX-License-Identifier: Apache-2.0
"""Refusals as servers word them, read by the table; and a table that no text can make slow or raise."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.dialects import phrases, wording
from fumidai.dialects.wording import classify, is_refusal
from fumidai.evidence.outcome import Reason, Stage

TABLE = Path(__file__).with_name("replies.txt")


def rows() -> list[tuple[Stage, Reason, str, int, str]]:
    read = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            stage, reason, who, reply = line.split(" | ", 3)
            reply = reply.replace("\\n", "\n")
            read.append((Stage(stage), Reason(reason), who, int(reply[:3]), reply))
    return read


ROWS = rows()
EACH = pytest.mark.parametrize(
    ("stage", "reason", "who", "code", "reply"), ROWS, ids=[f"{row[2]}: {row[4][:50]}" for row in ROWS]
)


@EACH
def test_the_reason_of_a_refusal(stage: Stage, reason: Reason, who: str, code: int, reply: str) -> None:
    assert classify(code, reply, stage) is reason, who


@EACH
def test_with_or_without_the_codes_and_as_latin_1(
    stage: Stage, reason: Reason, who: str, code: int, reply: str
) -> None:
    bare = "\n".join(line[4:] for line in reply.split("\n"))
    assert classify(code, bare, stage) is reason
    assert classify(code, reply.encode().decode("latin-1"), stage) is reason
    assert classify(code, reply.encode().decode("ascii", "surrogateescape"), stage) is reason


@pytest.mark.parametrize("encoding", ["iso2022_jp", "euc_jp", "cp932", "utf-8"])
def test_japanese_in_the_encodings_of_its_time(encoding: str) -> None:
    text = "550 不正中継は許可されていません"
    assert classify(550, text.encode(encoding).decode("latin-1"), Stage.RCPT) is Reason.RELAY


def test_the_table_is_large_and_names_many() -> None:
    assert len(ROWS) >= 150
    assert len({row[2].split()[0] for row in ROWS}) >= 40
    assert {row[1] for row in ROWS} >= {Reason(word) for word in ("relay", "sender", "client", "helo", "auth", "tls")}


@pytest.mark.parametrize(
    ("code", "reason", "refused"),
    [
        (550, Reason.RELAY, True),
        (454, Reason.RELAY, True),
        (450, Reason.RELAY, True),
        (454, Reason.TEMPORARY, False),
        (450, Reason.USER, False),
        (421, Reason.CLOSED, False),
        (550, Reason.TESTER_BLOCKED, True),
        (250, Reason.PROTOCOL, False),
        (0, Reason.PROTOCOL, False),
        (600, Reason.RELAY, False),
    ],
)
def test_what_settles_a_question(code: int, reason: Reason, refused: bool) -> None:
    assert is_refusal(code, reason) is refused


def test_every_phrase_can_be_met() -> None:
    """A phrase that an earlier one always catches first would be dead data."""
    dead = []
    for phrase in phrases.PHRASES:
        stage = Stage.RCPT if Stage.RCPT in phrase.stages else min(phrase.stages)
        code = int(f"{phrase.codes or 5}50")
        text = phrase.words.replace("*", " x ")
        if classify(code, text, stage) is not phrase.reason:
            dead.append((phrase.words, phrase.reason, classify(code, text, stage)))
    assert not dead


def test_phrases_are_lower_case_and_said_once() -> None:
    seen = [(phrase.words, phrase.stages, phrase.codes) for phrase in phrases.PHRASES]
    assert [words for words, _, _ in seen] == [words.casefold() for words, _, _ in seen]
    assert len(seen) == len(set(seen))


@given(st.integers(0, 999), st.text(), st.sampled_from(Stage))
def test_any_text_has_a_reason(code: int, text: str, stage: Stage) -> None:
    reason = classify(code, text, stage)
    assert isinstance(reason, Reason)
    if 400 <= code <= 599:
        assert reason in phrase_reasons() | {Reason.CLOSED, Reason.UNCLEAR}


@given(st.binary(max_size=300), st.sampled_from(Stage))
def test_any_bytes_have_a_reason(raw: bytes, stage: Stage) -> None:
    for text in (raw.decode("latin-1"), raw.decode("utf-8", "surrogateescape")):
        assert isinstance(classify(550, text, stage), Reason)


def phrase_reasons() -> set[Reason]:
    return {phrase.reason for phrase in phrases.PHRASES}


@pytest.mark.parametrize("piece", ["<", "<a", "@", "5.7.1", "5.", "550-", "relay ", "\x1b$", "(", "é", "a@", "\n"])
def test_a_long_reply_is_cut_before_it_is_read(piece: str) -> None:
    long = piece * (2_000_000 // len(piece))
    assert len(wording.readable(long)) <= wording.READ_AT_MOST + 2
    assert isinstance(classify(550, long, Stage.RCPT), Reason)


@given(st.text(alphabet="<>@ab \n.", max_size=200))
def test_nothing_with_an_at_sign_is_compared(text: str) -> None:
    assert "@" not in wording.readable(text)


def test_says_in_order() -> None:
    assert wording.says(" helo name is invalid ", "helo * invalid")
    assert not wording.says(" invalid helo name ", "helo * invalid")
    assert wording.says(" an rbl hit ", " rbl")
    assert not wording.says(" a surbl hit ", " rbl")


@pytest.mark.parametrize(
    ("reply", "connections", "over_time", "commands"),
    [
        ("421 4.3.2 Connection rate limit exceeded.", True, True, False),
        ("421 4.7.0 mail.a.test Error: too many connections from 198.51.100.7", True, False, False),
        ("421 Too many concurrent SMTP connections; please try again later.", True, False, False),
        ("451 4.7.1 You are sending too fast, slow down", True, True, False),
        ("421 4.7.0 mail.a.test Error: too many errors", False, False, True),
        ("421 mail.a.test lost input connection: too many nonmail commands", False, False, True),
        ("452 4.5.3 Error: too many recipients", False, False, True),
        ("421 4.7.0 Something came in clear behind STARTTLS", False, False, True),
        ("421 4.3.0 Service not available", False, False, False),
        # Whose domain is called so decides nothing.
        ("550 5.7.1 <x@rate-limit.example>... Relaying denied", False, False, False),
    ],
)
def test_what_a_limit_counts(reply: str, connections: bool, over_time: bool, commands: bool) -> None:
    said = wording.counts_connections(reply), wording.counts_over_time(reply), wording.blames_commands(reply)
    assert said == (connections, over_time, commands)


@pytest.mark.parametrize("phrase", [*phrases.OF_CONNECTIONS, *phrases.OF_COMMANDS])
def test_each_kind_of_limit_is_a_limit(phrase: str) -> None:
    assert classify(421, f"421 4.7.0 {phrase}", Stage.RCPT) is Reason.LIMIT

# SPDX-License-Identifier: Apache-2.0
"""Every text has its Japanese, with the same fields, and the compiled catalogue is the one of the `.po`."""

from __future__ import annotations

import ast

import pytest
from babel.messages.catalog import Message

from fumidai.texts import N_, catalogue, choose_language
from tools import texts


def test_catalogue_holds_every_text_of_the_source() -> None:
    have = {(message.id, message.context) for message in texts.load() if message.id}
    found = {(message.id, message.context) for message in texts.collect() if message.id}
    assert found <= have, "run: python3 dev.py texts"
    assert have <= found, "run: python3 dev.py texts (texts that no code uses any more)"


def test_every_text_is_translated_with_the_same_fields() -> None:
    left = [f"{fault}: {message.id!r}" for message in texts.load() if message.id for fault in texts.faults(message)]
    assert not left, "\n".join(left)


def test_compiled_catalogue_is_fresh() -> None:
    assert texts.MO.read_bytes() == texts.compiled(texts.load()), "run: python3 dev.py texts"


@pytest.mark.parametrize(
    ("english", "japanese", "flags", "wrong"),
    [
        ("{n} refused", "{n} 件を拒否", set(), []),
        ("{n} refused", "", set(), ["not translated"]),
        ("{n} refused", "{m} 件を拒否", set(), ["fields differ"]),
        ("{n} refused", "拒否", set(), ["fields differ"]),
        ("refused", "拒否", {"fuzzy"}, ["fuzzy"]),
        (("{n} test", "{n} tests"), ("{n} 件",), set(), []),
        ("a lone { brace", "括弧 {", set(), []),
    ],
)
def test_faults_are_seen(english: str, japanese: str, flags: set[str], wrong: list[str]) -> None:
    assert texts.faults(Message(english, japanese, flags=flags)) == wrong


@pytest.mark.parametrize(
    ("value", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("C", "en"),
        ("POSIX", "en"),
        ("en_US.UTF-8", "en"),
        ("ja", "ja"),
        ("ja_JP.UTF-8", "ja"),
        ("ja_JP.eucJP", "ja"),
        ("ja-JP", "ja"),
        ("ja@modifier", "ja"),
        ("ja:en", "ja"),
        ("en:ja", "en"),
        (":ja", "ja"),
        ("jam", "en"),
        ("de_DE", "en"),
        ("../../etc", "en"),
    ],
)
def test_language_is_chosen_from_the_value_of_lang(value: str | None, language: str) -> None:
    assert choose_language(value) == language


def test_unknown_languages_read_as_english_and_the_first_known_one_wins() -> None:
    text = next(message.id for message in texts.load() if isinstance(message.id, str) and message.string)
    assert catalogue(["tlh", "../ja"]).gettext(text) == text
    assert catalogue([]).gettext(text) == text
    assert catalogue(["en", "ja"]).gettext(text) == text
    assert catalogue(["tlh", "ja_JP"]).gettext(text) != text


def test_a_mark_changes_nothing() -> None:
    assert N_("{count} refused") == "{count} refused"


def unreadable(source: str) -> list[int]:
    """Lines where an error is given a text that no catalogue can hold: filled in before it is translated."""
    return [said.lineno for said in texts.told(source) if isinstance(said, (ast.JoinedStr, ast.BinOp))]


def test_no_error_is_filled_in_before_it_is_translated() -> None:
    paths = [path for path in texts.SOURCE.rglob("*.py") if unreadable(path.read_text(encoding="utf-8"))]
    assert not paths


@pytest.mark.parametrize(
    ("source", "collected", "wrong"),
    [
        ('raise UsageError("no")', ["no"], []),
        ('raise errors.UsageError("no {x}", x=1, mend="do")', ["no {x}", "do"], []),
        ('raise UsageError(f"no {x}")', [], [1]),
        ('raise UsageError("no " + x)', [], [1]),
        ('raise UsageError(N_("no"))', [], []),
        ('raise FixtureError("ours")', [], []),
        ('raise ValueError("no")', [], []),
    ],
)
def test_texts_of_errors_are_collected(source: str, collected: list[str], wrong: list[int]) -> None:
    assert [text for _, text in texts.error_texts(source)] == collected
    assert unreadable(source) == wrong


@pytest.mark.parametrize(
    ("source", "collected"),
    [
        ('_("one")', ["one"]),
        ('N_("one " "and more")', ["one and more"]),
        ('voice.gettext("one")', ["one"]),
        ('ngettext("{n} test", "{n} tests", n)', [("{n} test", "{n} tests")]),
        ("f'{say(N_(\"one\"))} more'", ["one"]),
        ("_(name)", []),
        ('_("")', []),
        ('print("one")', []),
    ],
)
def test_marked_texts_are_collected(source: str, collected: list[str | tuple[str, ...]]) -> None:
    assert [text for _, text in texts.marked_texts(source)] == collected

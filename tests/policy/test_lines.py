# SPDX-License-Identifier: Apache-2.0
"""The index of lines: every key of a TOML text is found on the line where it stands."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.policy.lines import Place, key_lines

TEXT = '''# [not.a.table]
top = "# no comment, [no table]"   # x = 1
[policy]
receive_for = ["a.com",
  # between
  "b.com", ["deep", "er"],
]
'quoted key' = """
inside = 1
[inside]
"""
"esc\\u0061pe" = 'x'
a.b = 1.5
literal = \'\'\'
x = 2\'\'\'
when = 1979-05-27T07:32:00Z
[policy.relay]
inline = { one = 1, two = ["x"], three.four = {} }
[[host]]
name = "h0"
[[host]]
name = "h1"
[host.more]
key = 1
[[host.list]]
key = 2
last = true'''

EXPECTED: dict[Place, int] = {
    ("top",): 2,
    ("policy",): 3,
    ("policy", "receive_for"): 4,
    ("policy", "receive_for", 0): 4,
    ("policy", "receive_for", 1): 6,
    ("policy", "receive_for", 2): 6,
    ("policy", "receive_for", 2, 0): 6,
    ("policy", "receive_for", 2, 1): 6,
    ("policy", "quoted key"): 8,
    ("policy", "escape"): 12,
    ("policy", "a"): 13,
    ("policy", "a", "b"): 13,
    ("policy", "literal"): 14,
    ("policy", "when"): 16,
    ("policy", "relay"): 17,
    ("policy", "relay", "inline"): 18,
    ("policy", "relay", "inline", "one"): 18,
    ("policy", "relay", "inline", "two"): 18,
    ("policy", "relay", "inline", "two", 0): 18,
    ("policy", "relay", "inline", "three"): 18,
    ("policy", "relay", "inline", "three", "four"): 18,
    ("host",): 19,
    ("host", 0): 19,
    ("host", 0, "name"): 20,
    ("host", 1): 21,
    ("host", 1, "name"): 22,
    ("host", 1, "more"): 23,
    ("host", 1, "more", "key"): 24,
    ("host", 1, "list"): 25,
    ("host", 1, "list", 0): 25,
    ("host", 1, "list", 0, "key"): 26,
    ("host", 1, "list", 0, "last"): 27,
}


def test_each_key_has_its_line() -> None:
    tomllib.loads(TEXT)
    assert key_lines(TEXT) == EXPECTED


@pytest.mark.parametrize(
    "text", ["", "\n\n", "=", "[", "[[", "a", "a =", "a = [", "a = {", "a = {=", '"a\\q" = 1', "]]}}=,."]
)
def test_what_is_no_toml_is_no_error(text: str) -> None:
    assert all(line == 1 for line in key_lines(text).values())


@given(st.text("ab=\"'[]{}.,#\\\n 1", max_size=60))
def test_any_text_ends(text: str) -> None:
    lines = key_lines(text)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


def places(value: Any, place: Place = ()) -> list[Place]:
    """Every key and element that tomllib found."""
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in [(*place, key), *places(item, (*place, key))]]
    if isinstance(value, list):
        return [found for at, item in enumerate(value) for found in [(*place, at), *places(item, (*place, at))]]
    return []


@given(st.text("ab=\"'[]{}.,#\n 1", max_size=40))
def test_nothing_that_tomllib_finds_is_missing(text: str) -> None:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(places(tables)) <= set(key_lines(text))

# SPDX-License-Identifier: Apache-2.0
"""The pages of the relay tests are there, all of them, and as the data has them now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fumidai.battery.load import catalogue
from tools import test_pages as writer

MADE = writer.pages()


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.stem)
def test_the_page_is_current(path: Path):
    assert path.exists(), "python3 dev.py docs"
    assert path.read_text(encoding="utf-8") == MADE[path], "python3 dev.py docs"


def test_no_page_is_left_over():
    assert set(writer.FOLDER.glob("*.md")) == {path for path in MADE if path.parent == writer.FOLDER}


def test_every_row_has_a_page():
    assert {writer.FOLDER / f"{name}.md" for name in catalogue()} <= set(MADE)


def test_every_row_that_runs_shows_its_dialogue_or_where_it_stands():
    for test in catalogue().values():
        if test.runs:
            text = MADE[writer.FOLDER / f"{test.id}.md"]
            assert "$ telnet mail.target.example 25" in text or "it would be said as" in text or "no such form" in text


def test_links_lead_to_pages():
    for path, text in MADE.items():
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            assert (path.parent / link).resolve() in MADE, (path.name, link)


def test_pages_hold_nothing_that_cannot_be_seen():
    for path, text in MADE.items():
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u200b\u202e]", text), path.name

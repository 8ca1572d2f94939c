# SPDX-License-Identifier: Apache-2.0
"""Every word that can stand in a result is explained, in both languages."""

from __future__ import annotations

import importlib
import pkgutil
from enum import StrEnum
from pathlib import Path

import pytest

import fumidai.evidence

DOCS = Path(__file__).resolve().parents[2] / "docs"


def words() -> set[type[StrEnum]]:
    """Every closed list of words that the evidence room declares."""
    names = [f"fumidai.evidence.{module.name}" for module in pkgutil.iter_modules(fumidai.evidence.__path__)]
    things = [thing for name in names for thing in vars(importlib.import_module(name)).values()]
    return {
        thing for thing in things if isinstance(thing, type) and issubclass(thing, StrEnum) and thing is not StrEnum
    }


@pytest.mark.parametrize("page", ["glossary.md", "glossary.ja.md"])
def test_every_word_is_explained(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    missing = [f"{kind.__name__}: {word}" for kind in words() for word in kind if f"`{word.value}`" not in text]
    assert not missing, "\n".join(sorted(missing))


def test_the_lists_are_found() -> None:
    assert {"Verdict", "Word", "Reason", "Stage", "Severity"} <= {kind.__name__ for kind in words()}


def test_both_pages_explain_the_same_words() -> None:
    def coded(page: str) -> list[str]:
        lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
        return [line.split("`")[1] for line in lines if line.startswith("| `")]

    assert coded("glossary.md") == coded("glossary.ja.md")

# SPDX-License-Identifier: Apache-2.0
"""docs/trace.md explains every word that a trace may say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fumidai.received.trace import Confidence, TraceVerdict, Trust
from fumidai.report.trace_words import CLAIMS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "trace.md").read_text(encoding="utf-8")
#: Findings as the rooms of a trace write them.
FOUND = {
    name
    for room in ("received", "trace")
    for file in (ROOT / "src" / "fumidai" / room).glob("*.py")
    for name in re.findall(r'(?:Finding\(|kind = |return Finding\()\s*"([a-z]+(?:-[a-z]+)+)"', file.read_text("utf-8"))
}


@pytest.mark.parametrize("word", sorted({*FOUND, *CLAIMS, *TraceVerdict, *Trust, *Confidence}))
def test_the_page_has_the_word(word: str) -> None:
    assert f"`{word}`" in PAGE


def test_there_are_some() -> None:
    assert len(FOUND) > 12

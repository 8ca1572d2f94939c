# SPDX-License-Identifier: Apache-2.0
"""Every word that a trace can say is explained in docs/trace.md and has its sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fumidai.received.border import _INSIDE
from fumidai.received.chain import Agreement
from fumidai.received.trace import Confidence, TraceVerdict, Trust
from fumidai.report.findings import FINDINGS
from fumidai.report.trace_words import CLAIMS

ROOT = Path(__file__).parents[2]
SOURCE = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "fumidai" / "received").glob("*.py"))
FOUND = set(re.findall(r'Finding\(\s*"([\w-]+)"', SOURCE))
CLAIMED = set(re.findall(r'Claim\(\s*"([\w-]+)"', SOURCE)) | set(Agreement)
CLAIMED |= {claim.id for claims in _INSIDE.values() for claim in claims}


def test_the_words_are_found() -> None:
    assert {"stepping-stone", "border-inferred"} <= FOUND
    assert {"topmost", "agrees-by-name", "inside-private"} <= CLAIMED


@pytest.mark.parametrize("kind", [TraceVerdict, Confidence, Trust, sorted(FOUND), sorted(CLAIMED)], ids=str)
def test_every_word_is_on_the_page(kind) -> None:
    page = (ROOT / "docs" / "trace.md").read_text(encoding="utf-8")
    assert not [str(word) for word in kind if word != "low" and f"`{word}`" not in page]


def test_every_word_has_its_sentence() -> None:
    assert set(FINDINGS) >= FOUND
    assert set(CLAIMS) == CLAIMED

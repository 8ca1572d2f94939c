# SPDX-License-Identifier: Apache-2.0
"""Draw the picture of a real run for the README: run the demo, and set what it printed as SVG.

    python -m tools.picture        # writes docs/images/demo.svg and demo.ja.svg

Limits: not part of the checks, because tokens and times differ with each run; draw it anew when the screens change.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unicodedata
from html import escape
from pathlib import Path

IMAGES = Path(__file__).parent.parent / "docs" / "images"
CELL, LINE, MARGIN = 8.4, 19, 20
COLOURS = {"OPEN": "#b3261e", "CLOSED": "#1b6e3c", "ACCEPTS": "#8a5a00"}


def run_demo(language: str) -> list[str]:
    """What the demo prints in a language, line by line."""
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home, "LANG": language, "PYTHONUTF8": "1"}
        command = [sys.executable, "-m", "fumidai", "demo"]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, check=True)
    return done.stdout.rstrip("\n").split("\n")


def columns(text: str) -> int:
    """Terminal columns of a text: wide characters take two (UAX #11)."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def draw(lines: list[str], title: str) -> str:
    """The lines as SVG; the verdict's word in colour, which is never the only sign."""
    width = max(columns(line) for line in lines) * CELL + 2 * MARGIN
    height = len(lines) * LINE + 2 * MARGIN
    rows = [_row(line, MARGIN + LINE * (index + 0.75)) for index, line in enumerate(lines) if line]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" role="img" '
            f'aria-label="{escape(title)}" font-family="DejaVu Sans Mono, Noto Sans Mono CJK JP, monospace" '
            'font-size="14" fill="#1d1b20">',
            '<rect width="100%" height="100%" rx="8" fill="#fbfaf7" stroke="#d8d4cc"/>',
            *rows,
            "</svg>",
            "",
        ]
    )


def _row(line: str, y: float) -> str:
    word = line.split(" ", 1)[0]
    colour = COLOURS.get(word)
    text = escape(line)
    if colour:
        text = f'<tspan fill="{colour}" font-weight="bold">{word}</tspan>{escape(line[len(word) :])}'
    width = columns(line) * CELL
    return f'<text x="{MARGIN}" y="{y:.1f}" xml:space="preserve" textLength="{width:.1f}">{text}</text>'


def main() -> int:
    """Draw both pictures."""
    IMAGES.mkdir(exist_ok=True)
    for name, language in (("demo.svg", "C.UTF-8"), ("demo.ja.svg", "ja_JP.UTF-8")):
        (IMAGES / name).write_text(draw(run_demo(language), "fumidai demo"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

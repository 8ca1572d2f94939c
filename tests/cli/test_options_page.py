# SPDX-License-Identifier: Apache-2.0
"""The page of options names every option and every exit code that there is, and none that there isn't."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import click
import pytest

from fumidai import errors
from fumidai.cli.tracing import EX_NOINPUT
from fumidai.evidence.verdict import EXIT_CODES

PAGES = [Path("docs/options.md"), Path("docs/options.ja.md")]


def options() -> set[str]:
    """Every long option, and the short ones that have none."""
    found = set()
    for name in ("test", "show", "sink", "guard", "trace"):
        command: click.Command = import_module(f"fumidai.cli.{name}").command
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                found |= set(parameter.opts)
    return found


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_option_is_on_the_page(page: Path) -> None:
    text = (Path(__file__).parents[2] / page).read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w`-])`?(--?[a-z0-9][a-z0-9-]*)", text))
    assert options() - named == set()
    assert {name for name in named if name.startswith("--")} - options() == set()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_exit_code_is_on_the_page(page: Path) -> None:
    text = (Path(__file__).parents[2] / page).read_text(encoding="utf-8")
    named = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    ours = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")}
    assert named == ours | set(EXIT_CODES.values()) | {EX_NOINPUT}

# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share; each is also an environment variable ``FUMIDAI_…`` and a key in the policy file.

The order is: command line, environment, the command's table in the policy file (``settings``), default.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from fumidai.cli.screen import say
from fumidai.texts import N_

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("text", "json", "jsonl", "maps")


def option(*names: str, text: str, **settings: Any) -> Callable[[F], F]:
    """One option with its environment variable, named after its long form; None (or empty) where it is not given."""
    long = max((name for name in names if name.startswith("--")), key=len, default=names[0])
    variable = f"FUMIDAI_{long.lstrip('-').replace('-', '_').upper()}"
    if not settings.get("multiple"):
        settings.setdefault("default", None)
    return click.option(*names, envvar=variable, help=say(text), **settings)


_OUTPUT = (
    option("--format", "format_", text=N_("Format of what is printed."), type=click.Choice(FORMATS)),
    option(
        "-o",
        "--output",
        text=N_("Also write to this file; the format follows its ending (.txt .json .jsonl .maps). Repeatable."),
        multiple=True,
        metavar="FILE",
    ),
    option("-v", "--verbose", text=N_("Show everything, with the dialogue."), count=True),
    option("-q", "--quiet", text=N_("Print the verdict line alone."), is_flag=True),
    option(
        "--fail-on",
        text=N_("Exit with 0 unless the verdict is at least this bad."),
        type=click.Choice(("open", "reflects", "accepts", "inconclusive")),
    ),
    option("--exit-zero", text=N_("Always exit with 0 once there is a verdict."), is_flag=True),
    option("--debug", text=N_("Show tracebacks."), is_flag=True),
)


def output_options(command: F) -> F:
    """How the result is printed."""
    for one in reversed(_OUTPUT):
        command = one(command)
    return command

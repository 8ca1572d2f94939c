# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share; each is also an environment variable ``FUMIDAI_…`` and a key in the policy file.

The order is: command line, environment, ``[test]`` of the policy file, default.
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
    """One option with its environment variable, named after its long form."""
    long = max((name.split("/")[0] for name in names if name.startswith("--")), key=len, default=names[0])
    variable = f"FUMIDAI_{long.lstrip('-').replace('-', '_').upper()}"
    return click.option(*names, envvar=variable, help=say(text), **settings)


def output_options(command: F) -> F:
    """How the result is printed."""
    command = option(
        "--format", "format_", text=N_("Format of what is printed."), type=click.Choice(FORMATS), default=None
    )(command)
    command = option(
        "-o",
        "--output",
        text=N_("Also write to this file; the format follows its ending (.txt .json .jsonl). Repeatable."),
        multiple=True,
        type=click.Path(dir_okay=False),
    )(command)
    command = option("-v", "--verbose", text=N_("Show everything, with the dialogue."), count=True)(command)
    command = option("-q", "--quiet", text=N_("Print the verdict line alone."), is_flag=True)(command)
    command = option("--debug", text=N_("Show tracebacks."), is_flag=True)(command)
    command = option(
        "--fail-on",
        text=N_("Exit with 0 unless the verdict is at least this bad."),
        type=click.Choice(("open", "reflects", "accepts", "inconclusive")),
        default=None,
    )(command)
    return option("--exit-zero", text=N_("Always exit with 0 once there is a verdict."), is_flag=True)(command)

# SPDX-License-Identifier: Apache-2.0
"""What ``--help`` prints, and what the argument parser complains of, in the person's language and width.

The parser's own formatter knows neither Japanese, which has no spaces to break at, nor columns of two.

Limits: the words in capitals that stand for a value (FILE, SECONDS) are the same in both languages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from fumidai.cli.screen import output, say
from fumidai.report.width import cells, pad, wrap
from fumidai.texts import N_

#: Columns of the names beside their texts.
_NAMES = 28


class Command(click.Command):
    """A command whose help is ours."""

    def get_help(self, ctx: click.Context) -> str:
        """The whole help text."""
        usage = " ".join([ctx.command_path, *self.collect_usage_pieces(ctx)])
        return page(usage, self.help or "", [(say(N_("Options")), options_of(self, ctx))])


def page(usage: str, text: str, lists: Iterable[tuple[str, Sequence[tuple[str, str]]]]) -> str:
    """One page of help: usage, what it is for, and lists of names with their texts."""
    screen = output()
    width = min(screen.width, 100)
    lines = [*wrap(usage, width, first=say(N_("Usage: ")), rest="    "), ""]
    for paragraph in text.split("\n\n"):
        lines += [*wrap(paragraph, width, first="  ", rest="  "), ""]
    for title, items in lists:
        lines += [f"{title}:", *_list(items, width), ""]
    return screen.fitting("\n".join(lines).rstrip())


def options_of(command: click.Command, ctx: click.Context) -> list[tuple[str, str]]:
    """Names and texts of a command's options, in order."""
    found = []
    for parameter in command.get_params(ctx):
        if isinstance(parameter, click.Option):
            text = say(_SHOW_HELP) if "--help" in parameter.opts else parameter.help or ""
            found.append((_names(parameter, ctx), text))
    return found


_SHOW_HELP = N_("Show this text.")


def _names(option: click.Option, ctx: click.Context) -> str:
    names = ", ".join(sorted(option.opts, key=len))
    value = "" if option.is_flag or option.count else f" {option.make_metavar(ctx)}"
    return names + value


def _list(items: Sequence[tuple[str, str]], width: int) -> list[str]:
    lines = []
    column = min(_NAMES, 2 + max((cells(name) for name, _ in items), default=0))
    for name, text in items:
        beside = cells(name) + 2 <= column
        if not beside:
            lines.append(f"  {name}")
        lines += wrap(text, width, first="  " + pad(name if beside else "", column), rest="  " + " " * column)
    return lines


def complaint_of(error: click.UsageError) -> str:
    """What the parser complains of, with the way to help."""
    path = error.ctx.command_path if error.ctx else "fumidai"
    return f"{_what(error)}\n  {say(N_('See {command} --help.'), command=path)}"


def _what(error: click.UsageError) -> str:
    match error:
        case click.NoSuchOption():
            near = f" {say(N_('Did you mean {near}?'), near=error.possibilities[0])}" if error.possibilities else ""
            return say(N_("There is no option {option}."), option=error.option_name) + near
        case click.MissingParameter():
            return say(N_("{option} is missing."), option=_option(error))
        case click.BadOptionUsage():
            return say(N_("{option} needs a value, or takes none."), option=error.option_name)
        case click.BadParameter(param=click.Option(type=click.Choice() as choice)):
            return say(N_("{option} is one of {choices}."), option=_option(error), choices=", ".join(choice.choices))
        case click.BadParameter():
            return f"{_option(error)}: {error.message}"
        case _:
            return error.format_message()


def _option(error: click.BadParameter) -> str:
    names = error.param.opts if error.param else []
    return max(names, key=len, default="?")

# SPDX-License-Identifier: Apache-2.0
"""The command line: find the command, run it, turn every ending into an exit code (DESIGN §6).

Each command is a file of its own and is imported only when it is called, so that ``--help`` stays quick. The
argument parser's own complaints end with 64 (EX_USAGE), ours with the code of the error, a crash with 70; an
interrupt that a command does not handle itself with 3.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

import click

from fumidai import __version__
from fumidai.cli.complaint import complain, confess
from fumidai.cli.help import complaint_of, page
from fumidai.cli.screen import complaints, say
from fumidai.errors import FumidaiError, UsageError
from fumidai.texts import N_

EX_USAGE = 64
INTERRUPTED = 3

#: Command -> what it is for, in the order in which help lists them.
COMMANDS = {
    "test": N_("Prove whether a mail server relays for strangers."),
    "show": N_("Print a run that was kept, in any format."),
    "sink": N_("Take the messages that come back as proof, and nothing else."),
    "guard": N_("Stand in front of a mail server and let nothing through that the policy does not allow."),
    "trace": N_("Find the stepping stone that spam came through, by its Received lines."),
    "demo": N_("See the whole story on this machine, nothing installed."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"fumidai.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called.

        Raises:
            UsageError: there is none of that name.
        """
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            near = get_close_matches(args[0], COMMANDS, n=1)
            raise UsageError(
                N_("There is no command {name}."),
                mend=N_("Did you mean {near}?") if near else N_("Known are: {known}."),
                name=args[0],
                near=near[0] if near else "",
                known=", ".join(COMMANDS),
            )
        return super().resolve_command(ctx, args)

    def get_help(self, ctx: click.Context) -> str:
        """The list of commands, without importing any of them."""
        commands = [(name, say(text)) for name, text in COMMANDS.items()]
        options = [("-V, --version", say(N_("Show the version."))), ("-h, --help", say(N_("Show this text.")))]
        lists = [(say(N_("Commands")), commands), (say(N_("Options")), options)]
        return page("fumidai COMMAND ...", self.help or "", lists)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help=say(N_("Fumidai proves that no mail host of yours is a stepping stone, and helps until that is true.")),
)
@click.version_option(__version__, "-V", "--version", message="fumidai %(version)s")
def group() -> None:
    """The command itself does nothing."""


def main(argv: Sequence[str]) -> int:
    """Run one command; its exit code."""
    debug = "--debug" in argv or bool(os.environ.get("FUMIDAI_DEBUG"))
    try:
        code = group.main(list(argv), prog_name="fumidai", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        complaints().write(error.ctx.get_help())
        return EX_USAGE
    except click.UsageError as error:
        complaints().write(complaint_of(error))
        return EX_USAGE
    except click.exceptions.Exit as ending:
        return EX_USAGE if ending.exit_code == 2 else ending.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except FumidaiError as error:
        return complain(error, debug=debug)
    except Exception as error:
        return confess(error, debug=debug)
    return code if isinstance(code, int) else 0

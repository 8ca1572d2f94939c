# SPDX-License-Identifier: Apache-2.0
"""``fumidai sink``: take the messages that come back as proof, for several runs at once."""

from __future__ import annotations

from typing import Any

import click

from fumidai.cli.help import Command
from fumidai.cli.options import option
from fumidai.cli.screen import say
from fumidai.texts import N_

_HELP = N_(
    "Take the messages that come back as proof and put them into a Maildir, until stopped.\n\n"
    "Runs read it with --proof-maildir DIR and the same --key. It takes nothing but messages with a token of that "
    "key, and sends nothing."
)


@click.command("sink", cls=Command, help=say(_HELP))
@option(
    "--listen",
    "places",
    text=N_("ADDR:PORT to listen on, or :25 for both families. Repeatable."),
    multiple=True,
    metavar="ADDR:PORT",
)
@option("--maildir", text=N_("The Maildir to fill; made if it is not there."), metavar="DIR")
@option(
    "--domain",
    "domains",
    text=N_("Only hear out recipients in this domain (or with a token). Repeatable."),
    multiple=True,
    metavar="DOMAIN",
)
@option("--key", text=N_("The file with the key that signs tokens."), metavar="FILE")
@option("--name", text=N_("The name to greet with."), metavar="NAME")
@option("--policy", text=N_("Read [sink] of this file (default: ./fumidai.toml, if it stands there)."), metavar="FILE")
@option("--debug", text=N_("Show tracebacks."), is_flag=True)
def command(**given: Any) -> int:
    """Take the messages that come back as proof."""
    from fumidai.cli.sinking import run_until_stopped

    return run_until_stopped(given, click.get_current_context().command.params)

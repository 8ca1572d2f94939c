# SPDX-License-Identifier: Apache-2.0
"""``fumidai show``: print a run that was kept, in any format, judged anew from its folder."""

from __future__ import annotations

from typing import Any

import click

from fumidai.cli.help import Command
from fumidai.cli.options import output_options
from fumidai.cli.screen import say
from fumidai.texts import N_

_HELP = N_(
    "Print a run that was kept.\n\nRUN is its id, the end of its id, or the path of its folder. Without RUN the kept "
    "runs are listed, newest first."
)


@click.command("show", cls=Command, help=say(_HELP))
@click.argument("run", required=False, metavar="[RUN]")
@output_options
def command(run: str | None, **given: Any) -> int:
    """Print a run that was kept."""
    from fumidai.cli.showing import list_runs, show_run

    return show_run(run, given) if run else list_runs()

# SPDX-License-Identifier: Apache-2.0
"""``fumidai demo``: the story of a stepping stone in four acts, on this machine, in well under a minute."""

from __future__ import annotations

from typing import Any

import click

from fumidai.cli.options import option
from fumidai.cli.screen import say
from fumidai.texts import N_

_HELP = N_(
    "See the whole story on this machine: an old relay runs, it is tested and found open, a guard is put before it, it "
    "is tested again and found closed. Nothing leaves the machine and nothing needs to be installed."
)


@click.command("demo", help=say(_HELP))
@option("--debug", text=N_("Show tracebacks."), is_flag=True)
def command(**given: Any) -> int:
    """See the whole story on this machine."""
    from fumidai.cli.telling import tell

    return tell()

# SPDX-License-Identifier: Apache-2.0
"""``fumidai guard``: stand in front of a mail server and let nothing through that the policy does not allow."""

from __future__ import annotations

from typing import Any

import click

from fumidai.cli.help import Command
from fumidai.cli.options import option
from fumidai.cli.screen import say
from fumidai.texts import N_

_HELP = N_(
    "Stand in front of a mail server that must stay as it is, and let nothing through that the policy does not "
    "allow.\n\n"
    "It keeps no message and writes no bounce: a message is acknowledged only once the server behind has taken it. "
    "Where to listen and what stands behind are in [guard] of the policy file."
)


@click.command("guard", cls=Command, help=say(_HELP))
@option(
    "--policy", text=N_("The policy file, with [guard] (default: ./fumidai.toml, if it stands there)."), metavar="FILE"
)
@option(
    "--listen",
    "places",
    text=N_("ADDR:PORT to listen on, or :25 for both families. Repeatable."),
    multiple=True,
    metavar="ADDR:PORT",
)
@option(
    "--backend", text=N_("What stands behind: smtp://HOST:PORT, lmtp://HOST:PORT or maildir:///DIR."), metavar="URL"
)
@option(
    "--policy-service",
    text=N_("ADDR:PORT or unix:/PATH where a Postfix may ask for decisions (check_policy_service). Repeatable."),
    multiple=True,
    metavar="PLACE",
)
@option("--workers", text=N_("How many processes serve clients (default: 1)."), type=int, metavar="N")
@option("--metrics", text=N_("ADDR:PORT where Prometheus may read numbers, at /metrics."), metavar="ADDR:PORT")
@option(
    "--user", text=N_("Whom to become once all ports are open; needed where it is started as root."), metavar="USER"
)
@option("--log-format", text=N_("How each decision is written."), type=click.Choice(("json", "text")))
@option(
    "--hash-password",
    "to_hash",
    text=N_("Only ask for the password of this user, and print the line for the password file."),
    metavar="NAME",
)
@option("--debug", text=N_("Show tracebacks."), is_flag=True)
def command(to_hash: str | None, **given: Any) -> int:
    """Stand in front of a mail server."""
    if to_hash is not None:
        from fumidai.cli.hashing import print_hash

        return print_hash(to_hash)
    from fumidai.cli.guarding import guard_until_stopped

    return guard_until_stopped(given)

# SPDX-License-Identifier: Apache-2.0
"""``fumidai trace``: from the spam to the stepping stone."""

from __future__ import annotations

from typing import Any

import click

from fumidai.cli.help import Command
from fumidai.cli.options import option
from fumidai.cli.screen import say
from fumidai.texts import N_

_HELP = N_(
    "Read spam and say which host was the stepping stone, where the mail came from, and which Received lines can be "
    "believed.\n\n"
    "PATH is a message, a mailbox (mbox), a Maildir, a folder of messages, an abuse report (its attached original is "
    "traced), or any text that a head was pasted into; - is standard input."
)


@click.command("trace", cls=Command, help=say(_HELP))
@click.argument("paths", nargs=-1, metavar="PATH...")
@option(
    "--ours",
    text=N_("A network or host name whose Received lines are believed (.a.com: all below). Repeatable."),
    multiple=True,
    metavar="NET|NAME",
)
@option("--policy", text=N_("Believe the hosts of this policy file (default: ./fumidai.toml)."), metavar="FILE")
@option("--relay-address", text=N_("The relay's address, where the report masks it."), metavar="ADDR")
@option(
    "--log",
    "logs",
    text=N_("A mail log that knows the queue ids in the lines (also .gz); journal: this machine's. Repeatable."),
    multiple=True,
    metavar="FILE",
)
@option("--dns", text=N_("Ask today's DNS about the names and addresses found (changes no verdict)."), is_flag=True)
@option("--jobs", text=N_("Processes that read (default: one for each core)."), type=click.IntRange(1, 256))
@option(
    "--format",
    "format_",
    text=N_("Format of what is printed."),
    type=click.Choice(("text", "json", "jsonl", "csv", "html")),
)
@option(
    "-o",
    "--output",
    text=N_("Also write to this file (.txt .html .json .jsonl .csv .parquet; .arf: an abuse report). Repeatable."),
    multiple=True,
    metavar="FILE",
)
@option(
    "--report-from",
    text=N_("Who sends the abuse report: its From (default: the policy's postmaster)."),
    metavar="ADDRESS",
)
@option("--report-to", text=N_("To whom the abuse report goes: its To; never guessed."), metavar="ADDRESS")
@option("-v", "--verbose", text=N_("Show the Received lines as they stand."), count=True)
@option("-q", "--quiet", text=N_("Print the verdict line alone."), is_flag=True)
@option("--debug", text=N_("Show tracebacks."), is_flag=True)
def command(paths: tuple[str, ...], **given: Any) -> int:
    """From the spam to the stepping stone."""
    from fumidai.cli.tracing import trace_paths

    return trace_paths(paths, given, click.get_current_context().command.params)

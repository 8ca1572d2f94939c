# SPDX-License-Identifier: Apache-2.0
"""``fumidai test``: parse what is ordered, run one whole test, print what was found."""

from __future__ import annotations

from typing import Any

import click

from fumidai.cli.help import Command
from fumidai.cli.options import option, output_options
from fumidai.cli.screen import say
from fumidai.texts import N_

_HELP = N_(
    "Prove whether a mail server relays for strangers.\n\n"
    "TARGET is a host, an address, [IPv6 address], host:port, a domain (all its mail exchangers) or a network. "
    "Without a proof domain nothing is sent: the server is only asked. With one, every test message that the server "
    "takes is handed over, and the verdict comes from what really arrives."
)


@click.command("test", cls=Command, help=say(_HELP))
@click.argument("targets", nargs=-1, metavar="TARGET...")
@option(
    "--targets",
    "targets_file",
    text=N_("Read targets from this file, one a line; - is standard input."),
    metavar="FILE",
)
@option("--policy", text=N_("The relay policy (default: ./fumidai.toml, if it stands there)."), metavar="FILE")
@option(
    "--domain", "domains", text=N_("A domain the target receives for. Repeatable."), multiple=True, metavar="DOMAIN"
)
@option("--battery", text=N_("Which tests: full, quick, maps, abuse.net or nmap."), metavar="NAME")
@option(
    "--tests",
    text=N_("Only these tests, by id, separated by commas; names slow and dangerous ones too."),
    metavar="IDS",
)
@option("--family", "families", text=N_("Only tests of this family. Repeatable."), multiple=True, metavar="NAME")
@option("--first", text=N_("Stop a family at its first delivered hole."), is_flag=True)
@option("--ports", text=N_("Ports, separated by commas (default 25; on 465 TLS begins at once)."), metavar="PORTS")
@option("-4", "ipv4", text=N_("IPv4 addresses only."), is_flag=True)
@option("-6", "ipv6", text=N_("IPv6 addresses only."), is_flag=True)
@option(
    "--proof-domain",
    text=N_("A domain whose mail comes to the sink; test messages are addressed there."),
    metavar="DOMAIN",
)
@option(
    "--sink",
    "sinks",
    text=N_("Listen here for what comes back: ADDR:PORT, or :25 for both families. Repeatable."),
    multiple=True,
    metavar="ADDR:PORT",
)
@option("--proof-maildir", text=N_("Read what comes back from this Maildir instead."), metavar="DIR")
@option("--key", text=N_("The file with the key that signs tokens."), metavar="FILE")
@option("--wait", text=N_("Seconds to wait for open promises after the last message (default 120)."), metavar="SECONDS")
@option("--max-time", text=N_("Seconds for asking one address (default 600)."), metavar="SECONDS")
@option("--rcpt-only", text=N_("Never hand a message over, even with a proof domain."), is_flag=True)
@option("--local-user", text=N_("An existing mailbox at the target that may get test messages."), metavar="ADDRESS")
@option(
    "--mx-domain",
    text=N_("A domain of yours whose MX list names the sink first and the target after it."),
    metavar="DOMAIN",
)
@option("--ehlo", text=N_("The name to greet with."), metavar="NAME")
@option("--source", text=N_("The local address to connect from."), metavar="ADDR")
@option("--rate", text=N_("Connections a second to one host (default: no limit)."), metavar="NUMBER")
@option("--concurrency", text=N_("Most sessions at once to one host (default 8; it begins with 4)."), metavar="NUMBER")
@option(
    "--resume", text=N_("Go on with this run: ask what is missing, collect late proofs, judge again."), metavar="RUN"
)
@option("--yes", text=N_("I may test these hosts: don't ask."), is_flag=True)
@output_options
def command(**given: Any) -> int:
    """Prove whether a mail server relays for strangers."""
    from fumidai.cli.testing import run_test

    return run_test(given, click.get_current_context().command.params)

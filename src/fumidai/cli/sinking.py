# SPDX-License-Identifier: Apache-2.0
"""Run a sink of its own until it is told to stop, with a line for each message it takes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from fumidai.cli.complaint import error_text
from fumidai.cli.declared import load_policy
from fumidai.cli.order import parse_listen
from fumidai.cli.screen import complaints, output, say
from fumidai.cli.settings import with_settings
from fumidai.errors import UsageError
from fumidai.evidence.proof import Arrival
from fumidai.net.loop import run
from fumidai.report.escape import show
from fumidai.sink.sink import run_sink
from fumidai.store.state import token_key
from fumidai.texts import N_


def run_until_stopped(options: Mapping[str, Any], parameters: Sequence[click.Parameter]) -> int:
    """Listen and keep; 0 once told to stop.

    Raises:
        UsageError: it is not said where to listen or what to fill.
    """
    declared = load_policy(options["policy"])
    given = with_settings(options, declared.policy.sections.get("sink", {}), "sink", parameters, declared.source)
    for name, option in (("places", "--listen"), ("maildir", "--maildir")):
        if not given[name]:
            raise UsageError(
                N_("{option} is missing."),
                mend=N_("For example: fumidai sink --listen :25 --maildir proofs"),
                option=option,
            )
    places = [(listen.address, listen.port) for listen in (parse_listen(text) for text in given["places"])]
    key = token_key(Path(given["key"]) if given["key"] else None)

    def ready(sockets: list[tuple[str, int]]) -> None:
        shown = ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in sockets)
        complaints().write(
            say(
                N_("Listening on {places}; key {fingerprint}; Ctrl-C ends it."),
                places=shown,
                fingerprint=key.fingerprint,
            )
        )

    async def whole() -> None:
        stop = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        await run_sink(
            places,
            Path(given["maildir"]),
            key,
            domains=given["domains"],
            name=given["name"] or "",
            stop=stop,
            on_ready=ready,
            on_arrival=_tell,
            on_trouble=lambda trouble: complaints().write(error_text(trouble)),
        )

    run(whole())
    return 0


def _tell(arrival: Arrival) -> None:
    recipients = ", ".join(arrival.recipients)
    output().write(f"{show(arrival.peer)}  <{show(arrival.reverse_path or '')}> -> {show(recipients)}  {arrival.file}")

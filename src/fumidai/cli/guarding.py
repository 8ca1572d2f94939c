# SPDX-License-Identifier: Apache-2.0
"""Run a guard until it is told to stop: its decisions on standard output, everything else on standard error.

What is given on the command line or in the environment stands in place of the file's key.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from fumidai.cli.declared import load_policy, warning_text
from fumidai.cli.screen import complaints, say
from fumidai.errors import UsageError
from fumidai.guard.run import run_guard
from fumidai.guard.settings import SECTION, GuardSettings, read_settings
from fumidai.net.loop import run
from fumidai.policy.model import Policy
from fumidai.texts import N_

_KEYS: Final = {"places": "listen", "backend": "backend", "log_format": "log_format"}


def guard_until_stopped(options: Mapping[str, Any]) -> int:
    """Listen and decide; 0 once told to stop.

    Raises:
        UsageError: there is no policy, or it is not said where to listen.
        PolicyError: ``[guard]`` can't be meant.
    """
    declared = load_policy(options["policy"])
    if not declared:
        raise UsageError(
            N_("A guard needs a policy."),
            mend=N_("Say --policy FILE; in it receive_for names the domains you receive for."),
        )
    policy, source = with_options(declared.policy, options), declared.source
    settings = read_settings(policy, source)
    if not settings.listen:
        raise UsageError(
            N_("It is not said where to listen."),
            mend=N_('Write listen = ["0.0.0.0:25"] into [guard], or say --listen.'),
        )
    for warning in source.warnings:
        complaints().write(warning_text(warning))
    run(_guard(policy, settings))
    return 0


def with_options(policy: Policy, options: Mapping[str, Any]) -> Policy:
    """The policy with the options in its ``[guard]``."""
    given = {key: options[name] for name, key in _KEYS.items() if options.get(name)}
    if "listen" in given:
        given["listen"] = list(given["listen"])
    table = {**policy.sections.get(SECTION, {}), **given}
    return replace(policy, sections={**policy.sections, SECTION: table})


async def _guard(policy: Policy, settings: GuardSettings) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await run_guard(policy, settings, write_line, stop=stop, on_ready=lambda places: _ready(places, settings))


def write_line(text: str) -> None:
    """Write lines of the log at once; where nobody takes them any more, the guard goes on without."""
    data = text.encode("utf-8", "backslashreplace")
    try:
        while data:
            data = data[os.write(sys.stdout.fileno(), data) :]
    except OSError:
        return


def _ready(places: list[tuple[str, int]], settings: GuardSettings) -> None:
    shown = ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in places)
    complaints().write(
        say(N_("Guarding {backend} on {places}; Ctrl-C ends it."), backend=settings.backend.url, places=shown)
    )

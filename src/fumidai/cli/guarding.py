# SPDX-License-Identifier: Apache-2.0
"""Run a guard until it is told to stop: its decisions on standard output, everything else on standard error.

What is given on the command line or in the environment stands in place of the file's key, at a reload too.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from fumidai.cli.client_rules import with_client_rules
from fumidai.cli.complaint import error_text
from fumidai.cli.declared import Declared, load_policy, warning_text
from fumidai.cli.screen import complaints, say
from fumidai.errors import FumidaiError, StorageError, UsageError
from fumidai.guard.decision_log import Unwritten
from fumidai.guard.hidden_at_load import warn_of_hidden
from fumidai.guard.keyring import load_keyring, secret_files
from fumidai.guard.service import serve
from fumidai.guard.settings import SECTION, GuardSettings, Place_, read_settings
from fumidai.guard.station import Setup
from fumidai.net.route import is_own
from fumidai.net.surroundings import look_around
from fumidai.policy.model import Policy
from fumidai.report.escape import show
from fumidai.texts import N_

_KEYS: Final = {
    "places": "listen",
    "backend": "backend",
    "log_format": "log_format",
    "policy_service": "policy_service",
    "workers": "workers",
    "metrics": "metrics",
    "user": "user",
}
_LISTS: Final = ("listen", "policy_service")
#: limits.h, PIPE_BUF: so much reaches a pipe in one piece, whoever else writes to it.
_PIECE: Final = 4096


def guard_until_stopped(options: Mapping[str, Any]) -> int:
    """Listen and decide; 0 once told to stop.

    Raises:
        UsageError: there is no policy, or it is not said where to listen.
        PolicyError: ``[guard]`` can't be meant.
        ListenError, PermissionRefused, NoSuchUser: it can't begin.
    """
    setup = read_setup(options)
    settings = setup.settings

    def ready(places: list[tuple[str, int]]) -> None:
        _ready(places, settings)

    def load(*, quiet: bool) -> Setup:
        return read_setup(options, quiet=quiet)

    return serve(setup, load, Screen(settings.workers > 1), ready)


def read_setup(options: Mapping[str, Any], *, quiet: bool = False) -> Setup:
    """Read everything that a guard needs; warnings go to standard error, unless ``quiet``.

    Raises:
        UsageError: there is no policy, or it is not said where to listen.
        PolicyError: it is wrong, or a file that it names can't be used.
    """
    declared = load_policy(options["policy"], quiet=quiet)
    if not declared:
        raise UsageError(
            N_("A guard needs a policy."),
            mend=N_("Say --policy FILE; in it receive_for names the domains you receive for."),
        )
    policy, source = with_options(declared.policy, options), declared.source
    settings = read_settings(policy, source)
    policy = with_client_rules(policy, settings, source)
    if not (settings.listen or settings.listen_tls or settings.policy_service):
        raise UsageError(
            N_("It is not said where to listen."),
            mend=N_('Write listen = ["0.0.0.0:25"] into [guard], or say --listen.'),
        )
    warn_of_hidden(policy, settings, source, look_around(), is_own)
    keyring = load_keyring(settings, source, now=time.time())
    for warning in () if quiet else source.warnings:
        complaints().write(warning_text(warning))
    return Setup(policy, settings, _files(declared, settings), keyring)


def _files(declared: Declared, settings: GuardSettings) -> tuple[Path, ...]:
    """What a reload reads again."""
    return (Path(declared.file), *map(Path, settings.hosts), *secret_files(settings, declared.source))


def with_options(policy: Policy, options: Mapping[str, Any]) -> Policy:
    """The policy with the options in its ``[guard]``."""
    given = {key: options[name] for name, key in _KEYS.items() if options.get(name) not in (None, (), "")}
    for key in _LISTS:
        if key in given:
            given[key] = list(given[key])
    table = {**policy.sections.get(SECTION, {}), **given}
    return replace(policy, sections={**policy.sections, SECTION: table})


class Screen:
    """How a guard speaks to whoever runs it; see ``station.Voice``. A full disk behind it stops no mail.

    Args:
        shared: several processes write the log.
    """

    def __init__(self, shared: bool) -> None:
        self._shared = shared
        self._torn = False  # the log ends in the middle of a line

    def log(self, text: str) -> None:
        """Lines of decisions, written at once.

        Raises:
            Unwritten: they can't be.
        """
        data = text.encode("utf-8", "backslashreplace")
        if self._torn:
            data = b"\n" + data
        rest, handle = data, sys.stdout.fileno()
        try:
            for piece in _pieces(data) if self._shared else (data,):
                end = len(rest) - len(piece)
                while len(rest) > end:
                    rest = rest[os.write(handle, rest[: len(rest) - end]) :]
        except OSError as problem:
            self._torn = self._torn if len(rest) == len(data) else data[-len(rest) - 1] != ord("\n")
            raise Unwritten(rest.removeprefix(b"\n").count(b"\n"), problem) from None
        self._torn = False

    def say(self, message: str, **params: object) -> None:
        """A sentence about itself."""
        fields = {name: show(str(value)) for name, value in params.items()}
        with suppress(StorageError):
            complaints().write(say(message, **fields) if fields else say(message))

    def complain(self, error: FumidaiError) -> None:
        """What went wrong, and what to do."""
        with suppress(StorageError):
            complaints().write(error_text(error))


def _pieces(data: bytes) -> Iterator[bytes]:
    """Whole lines, as many as reach a pipe in one piece: lines of other processes can't come between."""
    while len(data) > _PIECE:
        end = data.rfind(b"\n", 0, _PIECE) + 1 or data.find(b"\n") + 1 or len(data)
        yield data[:end]
        data = data[end:]
    yield data


def _ready(places: list[tuple[str, int]], settings: GuardSettings) -> None:
    if settings.listen:
        complaints().write(
            say(
                N_("Guarding {backend} on {places}; Ctrl-C ends it."),
                backend=settings.backend.url,
                places=_shown(places),
            )
        )
    if settings.policy_service:
        shown = ", ".join(map(_place, settings.policy_service))
        complaints().write(say(N_("Answering Postfix's policy delegation on {places}; Ctrl-C ends it."), places=shown))


def _shown(places: list[tuple[str, int]]) -> str:
    return ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in places)


def _place(place: Place_) -> str:
    if place.path:
        return f"unix:{show(place.path)}"
    host = "" if place.address is None else f"[{place.address}]" if place.address.version == 6 else str(place.address)
    return f"{host}:{place.port}"

# SPDX-License-Identifier: Apache-2.0
"""Run ``fumidai test`` once its options are read: folder, signals, progress, result.

The first Ctrl-C (or TERM) ends the asking and the waiting and keeps what is there; the second ends the program at
once, and what was written down until then stays in the run folder.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from fumidai.cli.complaint import error_text
from fumidai.cli.declared import Declared, load_policy, read_declared
from fumidai.cli.order import confirm_public, make_order, read_targets
from fumidai.cli.output import Wanted, check_file, deliver
from fumidai.cli.progress import Progress
from fumidai.cli.screen import complaints, language, local_zone, say
from fumidai.cli.settings import command_line, with_settings
from fumidai.errors import FumidaiError, UsageError
from fumidai.evidence.outcome import Word
from fumidai.evidence.result import RunResult
from fumidai.net.loop import run
from fumidai.report.escape import show
from fumidai.report.glyphs import choose_glyphs
from fumidai.report.progress import asking_line, promised_lines
from fumidai.report.voice import Voice
from fumidai.sink.lead import Lead
from fumidai.store.run import RunFolder
from fumidai.texts import N_
from fumidai.trial.order import Order
from fumidai.trial.run import RunName, Trial, new_run_name
from fumidai.trial.scene import read_scene
from fumidai.trial.whole import Earlier, carry_out, finish

#: Options that describe how the result is printed, and are not kept with the run.
_NOT_KEPT = frozenset({"format_", "output", "verbose", "quiet", "debug", "fail_on", "exit_zero", "resume", "yes"})

#: Options that take the place of others when a run is gone on with.
_EITHER = {
    "sinks": frozenset({"proof_maildir"}),
    "proof_maildir": frozenset({"sinks"}),
    "ipv4": frozenset({"ipv6"}),
    "ipv6": frozenset({"ipv4"}),
}


def run_test(given: Mapping[str, Any], parameters: Sequence[click.Parameter]) -> int:
    """Carry out one ``test`` command; its exit code."""
    if given["resume"]:
        return _resume(given, parameters)
    declared = load_policy(given["policy"])
    given = with_settings(given, declared.policy.sections.get("test", {}), "test", parameters, declared.source)
    targets = [*given["targets"], *(read_targets(given["targets_file"]) if given["targets_file"] else [])]
    if not targets:
        raise UsageError(
            N_("No target was named."),
            mend=N_("Name a host, for example: fumidai test mail.example.com --domain example.com"),
        )
    wanted = wanted_output(given, shlex.join(["fumidai", *sys.argv[1:]]))
    kept = {key: value for key, value in given.items() if key not in _NOT_KEPT}
    order = make_order(given, targets, declared, {**kept, "targets": targets})
    name = new_run_name(time.time())
    with RunFolder.create(name.id) as folder:
        try:
            return _carry_out(order, name, folder, given, wanted, None)
        except (FumidaiError, click.Abort, KeyboardInterrupt):
            folder.discard_if_empty()
            raise


def _resume(given: Mapping[str, Any], parameters: Sequence[click.Parameter]) -> int:
    """Go on with an earlier run: its options, with those given now on top."""
    if given["targets"] or given["targets_file"]:
        raise UsageError(
            N_("--resume goes on with the targets of its run; name no others."),
            mend=N_("For other targets, run a test of their own."),
        )
    folder, kept = RunFolder.open(given["resume"])
    with folder:
        scene = read_scene(kept.header, str(folder.path))
        now = {key: value for key, value in given.items() if value not in (None, ())}
        before = {key: value for key, value in scene.settings.items() if not _EITHER.get(key, frozenset()) & now.keys()}
        settings = {**before, **{key: value for key, value in now.items() if key not in _NOT_KEPT}}
        settings["targets"] = list(scene.targets)
        merged = {**given, **settings, "yes": True}
        declared = read_declared(scene.policy_file, scene.policy_text, quiet=True) if scene.declared else Declared()
        order = make_order(merged, list(scene.targets), declared, settings)
        name = RunName(scene.raw, scene.id)
        again = command_line("test", settings, parameters)
        return _carry_out(order, name, folder, merged, wanted_output(merged, again), Earlier(scene, kept))


def wanted_output(given: Mapping[str, Any], again: str) -> Wanted:
    """How the result is to be printed; ``again`` is the command that would test again."""
    for file in given["output"]:
        check_file(file)
    form = given["format_"] or ("maps" if given.get("battery") == "maps" and not given["quiet"] else "text")
    return Wanted(
        format=form,
        files=tuple(given["output"]),
        verbose=given["verbose"] or 0,
        quiet=bool(given["quiet"]),
        fail_on=given["fail_on"],
        exit_zero=bool(given["exit_zero"]),
        again=again,
    )


def _carry_out(
    order: Order,
    name: RunName,
    folder: RunFolder,
    given: Mapping[str, Any],
    wanted: Wanted,
    earlier: Earlier | None,
) -> int:
    screen = complaints()
    voice = Voice(language(), local_zone(), screen.encodable)
    glyphs = choose_glyphs(screen.encodable, ambiguous_is_wide=language() == "ja")
    progress = Progress(screen, voice, glyphs, rows=bool(wanted.verbose))
    shown = screen.terminal and not wanted.quiet
    tell = progress.say if shown else screen.write
    begun: list[Trial] = []

    def confirm(trial: Trial) -> None:
        for error in trial.unknown:
            screen.write(error_text(error))
        addresses = [address for host in trial.hosts for address in host.addresses]
        confirm_public(order, addresses, [host.name for host in trial.hosts], yes=bool(given["yes"]))
        if not order.sending and not wanted.quiet:
            screen.write(asking_line(voice))
        if shown:
            progress.connecting(trial.hosts)
        # From here on Ctrl-C keeps what is seen; before, there was nothing, and it simply ended the program.
        begun.append(trial)
        _catch_signals(trial.stop, at_once, tell)

    def at_once() -> int:
        return _break_off(begun[0], folder, wanted)

    async def whole() -> RunResult:
        listeners = (progress,) if shown else ()
        return await carry_out(
            order,
            name,
            folder,
            listeners,
            asyncio.Event(),
            confirm=confirm,
            warn=lambda lead: tell(_warning(lead)),
            trouble=lambda error: tell(error_text(error)),
            earlier=earlier,
        )

    try:
        result = run(whole())
    finally:
        if shown:
            progress.end()
    code = deliver(result, wanted)
    _last_words(result, order, voice, folder, wanted)
    return code


def _catch_signals(stop: asyncio.Event, at_once: Callable[[], int], tell: Callable[[str], None]) -> None:
    """The first interrupt stops the run, the second the program."""
    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        if stop.is_set():
            os._exit(at_once())
        stop.set()
        tell(say(N_("Stopping; what is there is kept (once more to stop at once).")))

    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, interrupted)


def _break_off(trial: Trial, folder: RunFolder, wanted: Wanted) -> int:
    """Write down and say in one line what is known at this moment; the exit code (2 where it is open already)."""
    result = finish(trial, folder)
    return deliver(result, replace(wanted, format="text", files=(), quiet=True))


def _warning(lead: Lead) -> str:
    """Nobody could see whether the proof domain leads here."""
    warning = say(
        N_("Warning: whether the proof domain leads to this sink can't be seen from here ({host}: {why})."),
        host=show(lead.host or "?"),
        why=show(lead.text),
    )
    mend = say(N_("If nothing arrives, see from outside whether port 25 at that name reaches this machine."))
    return f"{warning}\n  {mend}"


def _last_words(result: RunResult, order: Order, voice: Voice, folder: RunFolder, wanted: Wanted) -> None:
    """What standard output did not say: a folder that could not be kept; promises, where no text named them."""
    screen = complaints()
    if folder.error is not None:
        screen.write(error_text(folder.error))
    taken = [row for entry in result.entries for row in entry.tests if row.word is Word.ACCEPTED and not row.allowed]
    if taken and not order.sending and not wanted.quiet and wanted.format != "text":
        screen.write("\n".join(promised_lines(len(taken), voice, width=screen.width)))

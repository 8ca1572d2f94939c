# SPDX-License-Identifier: Apache-2.0
"""Judge a kept run again and print it; list what is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from fumidai.cli.output import deliver
from fumidai.cli.screen import complaints, local_zone, output, say
from fumidai.cli.settings import command_line
from fumidai.cli.test import command as tested
from fumidai.cli.testing import wanted_output
from fumidai.errors import StorageError
from fumidai.evidence.token import KnownTokens
from fumidai.judge.proofs import read_proof
from fumidai.judge.record import Record
from fumidai.report.escape import show
from fumidai.store.files import unreadable
from fumidai.store.run import read_header, read_run
from fumidai.store.state import runs_folder
from fumidai.texts import N_
from fumidai.trial.scene import conclude, read_scene


def show_run(name: str, given: Mapping[str, Any]) -> int:
    """Print one run; the exit code is that of its verdict."""
    path, kept = read_run(name)
    scene = read_scene(kept.header, str(path))
    if kept.damaged:
        complaints().write(
            say(N_("{count} lines of this run could not be read; the rest is shown."), count=kept.damaged)
        )
    one_address = {
        number
        for record in kept.records
        for number, attempt in record.all_attempts().items()
        if attempt.mail_from == attempt.rcpt_to
    }
    tokens = KnownTokens(frozenset(_tokens(kept.records)))
    proofs = [
        proof for arrival in kept.arrivals for proof in read_proof(tokens, scene.raw, arrival, one_address=one_address)
    ]
    again = command_line("test", scene.settings, tested.params)
    return deliver(conclude(scene, kept.records, proofs, str(path)), wanted_output(given, again))


def _tokens(records: Sequence[Record]) -> Iterator[str]:
    """Every token of the run. They stand in its folder, so that whoever was handed it needs no key to read it."""
    for record in records:
        for attempt in record.all_attempts().values():
            yield from attempt.tokens.values()


def list_runs() -> int:
    """List the kept runs, newest first."""
    folder = runs_folder()
    try:
        paths = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    except OSError as problem:
        raise unreadable(folder, problem) from problem
    runs = [(read_header(path), path.name) for path in paths]
    if not runs:
        output().write(say(N_("No run is kept in {folder}."), folder=show(str(folder))))
        return 0
    for header, name in sorted(runs, key=lambda run: (_started(run[0]), run[1]), reverse=True):
        output().write(_line(name, header))
    return 0


def _started(header: Mapping[str, Any]) -> float:
    started = header.get("started")
    return float(started) if isinstance(started, int | float) else 0.0


def _line(name: str, header: Mapping[str, Any]) -> str:
    """Id, time, verdict, battery, targets of a run."""
    try:
        scene = read_scene(header, name)
    except StorageError:
        return f"{show(name)}  ({say(N_('unreadable'))})"
    time = datetime.fromtimestamp(scene.started, local_zone())
    verdict = scene.verdict.upper() or "?"
    targets = show(" ".join(scene.targets))
    return f"{show(name)}  {time:%Y-%m-%d %H:%M:%S %Z}  {show(verdict):<12}  {show(scene.battery)}  {targets}"

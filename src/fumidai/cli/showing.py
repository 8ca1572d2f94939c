# SPDX-License-Identifier: Apache-2.0
"""Judge a kept run again and print it; list what is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fumidai.cli.output import deliver
from fumidai.cli.screen import complaints, output, say
from fumidai.cli.testing import wanted_output
from fumidai.errors import StorageError
from fumidai.evidence.proof import Arrival, Proof
from fumidai.evidence.token import TokenKey
from fumidai.judge.proofs import read_proof
from fumidai.report.escape import show
from fumidai.store.run import read_run
from fumidai.store.state import runs_folder, token_key
from fumidai.texts import N_
from fumidai.trial.scene import Scene, conclude, read_scene


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
    proofs = _proofs(scene, kept.arrivals, one_address)
    return deliver(conclude(scene, kept.records, proofs, str(path)), wanted_output(given))


def _proofs(scene: Scene, arrivals: Sequence[Arrival], one_address: set[int]) -> list[Proof]:
    if not arrivals:
        return []
    key = _key_of(scene)
    return [proof for arrival in arrivals for proof in read_proof(key, scene.raw, arrival, one_address=one_address)]


def _key_of(scene: Scene) -> TokenKey:
    from pathlib import Path

    named = scene.settings.get("key")
    return token_key(Path(str(named)) if named else None)


def list_runs() -> int:
    """List the kept runs, newest first."""
    folder = runs_folder()
    paths = sorted((path for path in folder.iterdir() if path.is_dir()), reverse=True) if folder.is_dir() else []
    if not paths:
        output().write(say(N_("No run is kept in {folder}."), folder=str(folder)))
        return 0
    for path in paths:
        output().write(_line(path.name))
    return 0


def _line(name: str) -> str:
    try:
        path, kept = read_run(name)
        scene = read_scene(kept.header, str(path))
    except StorageError as error:
        return f"{name}  ({show(str(error))})"
    return f"{name}  {scene.battery}  {show(' '.join(scene.targets))}"

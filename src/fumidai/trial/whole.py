# SPDX-License-Identifier: Apache-2.0
"""Carry an order out from end to end: folder, sink, questions, proof window, judgement.

The sink keeps a message in the run folder before it acknowledges it, and hands it on as it comes; a Maildir that
somebody else fills is looked into while the run goes on. What was seen is on the disk at every moment, so a run
that is stopped or killed can be shown and gone on with.

Limits: one run at a time in one process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from fumidai.errors import ProofDomainError, StorageError
from fumidai.evidence.result import RunResult
from fumidai.net.resolver import Resolver
from fumidai.sink.lead import Lead, Where, leads_here
from fumidai.sink.sink import Sink
from fumidai.store.maildir import new_messages
from fumidai.store.run import Kept, RunFolder
from fumidai.texts import N_
from fumidai.trial.keeping import Keeper
from fumidai.trial.listener import Listeners, RunListener
from fumidai.trial.order import Order
from fumidai.trial.run import RunName, Trial
from fumidai.trial.scene import Scene


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier part of a run that is gone on with."""

    scene: Scene
    kept: Kept


async def carry_out(
    order: Order,
    name: RunName,
    folder: RunFolder,
    listeners: Sequence[RunListener],
    stop: asyncio.Event,
    *,
    confirm: Callable[[Trial], None] = lambda trial: None,
    warn: Callable[[Lead], None] = lambda lead: None,
    trouble: Callable[[StorageError], None] = lambda error: None,
    earlier: Earlier | None = None,
    resolver: Resolver | None = None,
) -> RunResult:
    """One whole test.

    Args:
        listeners: who hears of it besides the run folder.
        confirm: asked once the hosts are known, before anything is opened; raises where it must not go on.
        warn: told where nobody can see whether the proof domain leads to the sink.
        trouble: told once of a Maildir that can't be read any more; the run goes on without it.
        earlier: what an earlier part of the same run left.

    Raises:
        FumidaiError: something of the order can't be carried out; nothing was sent then.
    """
    keeper = Keeper(folder)
    trial = Trial(order, name, Listeners((keeper, *listeners)), stop, resolver or Resolver())
    await trial.find()
    confirm(trial)
    if earlier is not None:
        trial.take_up(earlier.scene, earlier.kept.records, earlier.kept.arrivals)
    folder.write_header(trial.scene().header())
    async with _proofs(trial, folder, trouble) as look:
        await _check(trial, warn)
        await trial.ask()
        await trial.wait(look)
    keeper.finish(trial.records)
    return finish(trial, folder)


def finish(trial: Trial, folder: RunFolder) -> RunResult:
    """Judge what is there now and write down what the run came to."""
    # A message may have been kept in the very moment in which we stopped listening to the sink.
    for arrival in folder.arrivals():
        trial.proofs.take(arrival)
    scene = trial.scene()
    result = trial.judged(scene, str(folder.path))
    folder.write_header(scene.header())
    folder.sync()
    return result


@asynccontextmanager
async def _proofs(
    trial: Trial, folder: RunFolder, trouble: Callable[[StorageError], None]
) -> AsyncIterator[Callable[[], None]]:
    """Open where proofs come in; yields what has to be called to look for more."""
    plan = trial.order.proof
    if plan is None or not trial.order.sending:
        yield lambda: None
    elif plan.maildir is not None:
        look = Maildir(plan.maildir, trial, folder, trouble).look
        look()
        watcher = asyncio.create_task(_watch(look))
        try:
            yield look
        finally:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher
    else:
        sink = Sink(trial.order.key, trial.own_domains(), (), trial.proofs.take, folder.keep_proof)
        places = await sink.start([(one.address, one.port) for one in plan.sinks])
        trial.sink_places = tuple(places)
        try:
            yield lambda: None
        finally:
            await sink.close()


@dataclass(slots=True)
class Maildir:
    """Where somebody else puts the proofs."""

    path: Path
    trial: Trial
    folder: RunFolder
    trouble: Callable[[StorageError], None]
    seen: set[str] = field(default_factory=set)
    failed: bool = False

    def look(self) -> None:
        """Copy the proofs that are new into the run folder, and read them."""
        # Clocks differ between machines, and one may be set while we run: a day is early enough.
        since = min(self.trial.started, time.time()) - 86400.0
        try:
            for arrival in new_messages(self.path, self.seen, since=since):
                if self.trial.proofs.concerns(arrival):
                    # A full disk is told once, at the end; the proof counts all the same, for the Maildir still has it.
                    with suppress(StorageError):
                        self.folder.keep_proof(arrival)
                self.trial.proofs.take(arrival)
        except StorageError as error:
            # What was seen is worth more than what can't be read: said once, and the run goes on.
            if not self.failed:
                self.failed = True
                self.trouble(error)


async def _watch(look: Callable[[], None]) -> None:
    """Look about once a second while the questions are asked."""
    while True:
        await asyncio.sleep(1.0)
        look()


async def _check(trial: Trial, warn: Callable[[Lead], None]) -> None:
    """See whether the proof domain leads to our sink, before anything is sent.

    Raises:
        ProofDomainError: it leads to another server, or nowhere.
    """
    plan = trial.order.proof
    if plan is None or not trial.order.sending or not plan.sinks:
        return
    lead = await leads_here(plan.domain, trial.order.key.fingerprint, trial.resolver)
    if lead.where is Where.ELSEWHERE:
        raise ProofDomainError(
            N_("Mail for {domain} does not come to this sink: {host} greeted with “{greeting}”."),
            mend=N_("Point its MX or A record here, or use a name that leads here already."),
            domain=plan.domain,
            host=lead.host,
            greeting=lead.text,
        )
    if lead.where is Where.NOWHERE:
        raise ProofDomainError(
            N_("Mail for {domain} goes nowhere: it has no exchanger and no address."),
            mend=N_("Give it an MX or A record that leads here, or use a name that has one already."),
            domain=plan.domain,
        )
    if lead.where is Where.UNKNOWN:
        warn(lead)

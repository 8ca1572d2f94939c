# SPDX-License-Identifier: Apache-2.0
"""Trace many messages on all cores, the results in the order of what was named, in constant memory.

    for result in trace_all(["spam.mbox"], Question(), shape, spool):

Every piece of work (``work.Piece``: a part of a mailbox, some files) goes to a process of its own and comes back
shaped by the caller's function, so that only what is printed travels. A few pieces are on their way at once; the next
ones are found while these are read. Little work is done here, without other processes.

Limits: a process that dies takes all down with it (an error that says so).
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import Final, Generic, TypeVar

from fumidai.errors import FumidaiError
from fumidai.texts import N_
from fumidai.trace.letter import Trouble
from fumidai.trace.mbox import parts
from fumidai.trace.places import Place, find_places
from fumidai.trace.work import Piece, Question, Traced, trace_piece

Shaped = TypeVar("Shaped")
#: What becomes of one message, called where it was traced.
Shape = Callable[[Traced], Shaped]

#: Files of one piece, at most so many and so many octets together.
_FILES: Final = 200
_OCTETS: Final = 4 * 1024 * 1024
#: Less than this is done without other processes: their start costs more.
_LITTLE: Final = 3 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Done(Generic[Shaped]):
    """One piece's results.

    Attributes:
        results: shaped messages, and troubles, in order.
        octets: how much was read; files: how many files were finished with it.
    """

    results: tuple[Shaped | Trouble, ...]
    octets: int
    files: int


def trace_all(
    names: Iterable[str], question: Question, shape: Shape[Shaped], spool: Path, jobs: int | None = None
) -> Iterator[Done[Shaped]]:
    """Trace everything that is named.

    Args:
        shape: see ``Shape``; with several processes it and what it gives must be picklable.
        spool: a folder of ours for standard input.
        jobs: processes; None: one for each core.

    Raises:
        FumidaiError: a process of ours has ended before its work.
    """
    work = pieces(find_places(names, spool))
    jobs = jobs or len(os.sched_getaffinity(0))
    if jobs == 1:
        yield from (_do(piece, question, shape) for piece in work)
        return
    first: list[Piece | Trouble] = []
    size = 0
    for piece in work:
        first.append(piece)
        size += 0 if isinstance(piece, Trouble) else piece.size
        if size > _LITTLE:
            break
    else:
        yield from (_do(piece, question, shape) for piece in first)
        return
    yield from _in_processes(chain(first, work), question, shape, jobs)


def pieces(places: Iterable[Place | Trouble]) -> Iterator[Piece | Trouble]:
    """Cut what was found into pieces of work, its order kept."""
    batch: list[Place] = []
    for place in places:
        if isinstance(place, Place) and not place.mbox:
            batch.append(place)
            if len(batch) < _FILES and sum(one.size for one in batch) < _OCTETS:
                continue
        if batch:
            yield Piece(tuple(batch))
            batch = []
        if isinstance(place, Trouble):
            yield place
        elif place.mbox:
            yield from (Piece((place,), part) for part in parts(place.size))
    if batch:
        yield Piece(tuple(batch))


def _do(piece: Piece | Trouble, question: Question, shape: Shape[Shaped]) -> Done[Shaped]:
    if isinstance(piece, Trouble):
        return Done((piece,), 0, 1)
    found = trace_piece(piece, question)
    results = tuple(one if isinstance(one, Trouble) else shape(one) for one in found)
    last = piece.part is None or piece.part.end == piece.places[0].size
    return Done(results, piece.size, len(piece.places) if last else 0)


def _in_processes(
    work: Iterable[Piece | Trouble], question: Question, shape: Shape[Shaped], jobs: int
) -> Iterator[Done[Shaped]]:
    # A process made from a bare one: no loop, thread or lock of this one can be in a strange state there.
    context = get_context("forkserver")
    context.set_forkserver_preload(["fumidai.trace.work"])
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_leave_interrupts_to_the_parent)
    waiting: deque[Future[Done[Shaped]]] = deque()
    try:
        for piece in work:
            waiting.append(pool.submit(_do, piece, question, shape))
            if len(waiting) >= 2 * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as problem:
        raise FumidaiError(
            N_("A process that read messages has ended before its work."),
            mend=N_("There may be too little memory: try --jobs 1."),
        ) from problem
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)

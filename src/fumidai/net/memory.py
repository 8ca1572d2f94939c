# SPDX-License-Identifier: Apache-2.0
"""Answers that are kept for a while, each asked for once however many wait for it.

``peek`` gives what is known now; ``get`` asks where nothing is. Whoever asks while the question is already out waits
for the same answer. A waiter that gives up leaves the question out: its answer serves the next one.

The number of kept answers is bounded; the one that was not used for the longest time goes first. Questions that are
out are as many as there are different ones waited for.

Limits: for one event loop. Nothing is kept over a restart.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Memory(Generic[_Key, _Value]):
    """See above.

    Args:
        most: answers that are kept at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[_Key, tuple[_Value, float]] = OrderedDict()
        self._asked: dict[_Key, asyncio.Task[_Value]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def peek(self, key: _Key) -> _Value | None:
        """What is known; None for nothing, or nothing that still holds."""
        kept = self._kept.get(key)
        if kept is None or kept[1] <= monotonic():
            return None
        self._kept.move_to_end(key)
        return kept[0]

    async def get(self, key: _Key, ask: Callable[[], Awaitable[tuple[_Value, float]]]) -> _Value:
        """What is known, else what ``ask`` finds: (answer, seconds for which it holds)."""
        known = self.peek(key)
        if known is not None:
            return known
        task = self._asked.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._ask(key, ask))
            self._asked[key] = task
            task.add_done_callback(lambda _: self._asked.pop(key, None))
        return await asyncio.shield(task)

    async def _ask(self, key: _Key, ask: Callable[[], Awaitable[tuple[_Value, float]]]) -> _Value:
        value, seconds = await ask()
        self._kept[key] = (value, monotonic() + seconds)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return value

    def close(self) -> None:
        """Give up every question that is out."""
        for task in self._asked.values():
            task.cancel()

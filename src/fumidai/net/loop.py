# SPDX-License-Identifier: Apache-2.0
"""Start the event loop: uvloop where it is installed, plain asyncio elsewhere.

uvloop halves the CPU time of a test (docs/decisions); it is an optional extra, so everything works without it.
``FUMIDAI_LOOP=asyncio`` leaves it out, for comparisons.

Limits: one loop at a time; Ctrl-C cancels the main coroutine once, as ``asyncio.Runner`` does.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` to its end in a new loop and return its value."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(main)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's maker of loops; None for asyncio's own."""
    if os.environ.get("FUMIDAI_LOOP") == "asyncio":
        return None
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop

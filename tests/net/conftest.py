# SPDX-License-Identifier: Apache-2.0
"""Every asynchronous test of this room runs on plain asyncio and, where it is installed, on uvloop."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable


def pytest_asyncio_loop_factories(config, item):
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.SelectorEventLoop}
    if importlib.util.find_spec("uvloop"):
        import uvloop

        factories["uvloop"] = uvloop.new_event_loop
    return factories

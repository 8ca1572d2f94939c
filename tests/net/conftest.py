# SPDX-License-Identifier: Apache-2.0
"""Every test of this room runs on plain asyncio and, where it is installed, on uvloop."""

from __future__ import annotations

import asyncio
import importlib.util

import pytest

LOOPS = ["asyncio", *(["uvloop"] if importlib.util.find_spec("uvloop") else [])]


@pytest.fixture(params=LOOPS)
def event_loop_policy(request):
    if request.param == "asyncio":
        return asyncio.DefaultEventLoopPolicy()
    import uvloop

    return uvloop.EventLoopPolicy()

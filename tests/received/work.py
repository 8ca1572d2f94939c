# SPDX-License-Identifier: Apache-2.0
"""Work without a clock: how many lines of our own code run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def lines_run(action: Callable[[bytes], object], data: bytes) -> int:
    """The number of lines of fumidai that run for an action on some data."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        if "fumidai" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action(data)
    finally:
        sys.settrace(before)
    return count

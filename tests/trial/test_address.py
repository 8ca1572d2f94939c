# SPDX-License-Identifier: Apache-2.0
"""When what was put off is asked again: with its time, with others' times, and with times beyond the end."""

from __future__ import annotations

import asyncio
import time
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import pytest

from fumidai.evidence.endpoint import Endpoint, TlsState
from fumidai.trial.address import AddressRun


def due(*hints: float | None, left: float = 180.0, after: float | None = 60.0) -> float | None:
    """Seconds from now until all are asked again."""
    now = time.monotonic()
    endpoint = Endpoint("a.test", "a.test", ip_address("192.0.2.25"), 25, TlsState.CLEAR)
    nothing: Any = None
    run = AddressRun(endpoint, nothing, nothing, now + left, asyncio.Event())
    waiting: Any = [SimpleNamespace(deferred=[(None, hint) for hint in hints], last_first_asking=now)]
    found = run._due(waiting, after)
    return None if found is None else found - now


@pytest.mark.parametrize(
    ("hints", "seconds"),
    [
        ((5.0,), 6),
        ((5.0, 60.0), 61),
        ((None,), 60),
        ((5.0, None), 60),
        ((5.0, 540.0), 6),  # one that may come only after the end does not keep the others from being asked
        ((540.0,), None),
        ((540.0, None), 60),
    ],
)
async def test_when_to_ask_again(hints: tuple[float | None, ...], seconds: float | None) -> None:
    found = due(*hints)
    assert found == (None if seconds is None else pytest.approx(seconds, abs=0.5))


async def test_no_time_is_left() -> None:
    assert due(5.0, left=3.0) is None
    assert due(None, after=None) is None

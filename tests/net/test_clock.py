# SPDX-License-Identifier: Apache-2.0
"""Stamps go forward whatever happens to the system's clock."""

from __future__ import annotations

import time

import pytest

from fumidai.net.clock import Clock


def test_stamps_follow_the_time_of_day():
    clock = Clock()
    assert clock.now() == pytest.approx(time.time(), abs=1)
    first, second = clock.now(), clock.now()
    assert first <= second
    assert clock.seconds() == pytest.approx(0, abs=1)
    assert clock.jumped() == pytest.approx(0, abs=1)


def test_a_jump_is_seen_and_not_suffered(monkeypatch):
    clock = Clock()
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() - 3600)
    assert clock.now() == pytest.approx(true_time(), abs=1)
    assert clock.jumped() == pytest.approx(-3600, abs=1)

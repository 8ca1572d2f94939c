# SPDX-License-Identifier: Apache-2.0
"""The loop that a command runs in: the faster one where it is installed and not left out."""

from __future__ import annotations

import asyncio
import builtins
import importlib.util

import pytest

from fumidai.net.loop import run


async def kind_of_loop() -> str:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


@pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed")
def test_the_faster_loop_where_it_is_installed(monkeypatch):
    monkeypatch.delenv("FUMIDAI_LOOP", raising=False)
    assert run(kind_of_loop()) == "uvloop"


def test_plain_asyncio_when_asked_for(monkeypatch):
    monkeypatch.setenv("FUMIDAI_LOOP", "asyncio")
    assert run(kind_of_loop()) == "asyncio"


def test_plain_asyncio_where_the_other_is_not_installed(monkeypatch):
    monkeypatch.delenv("FUMIDAI_LOOP", raising=False)
    found = builtins.__import__

    def missing(name, *rest):
        if name == "uvloop":
            raise ImportError(name)
        return found(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    assert run(kind_of_loop()) == "asyncio"


def test_what_fails_inside_comes_out():
    async def fail() -> None:
        raise LookupError("x")

    with pytest.raises(LookupError):
        run(fail())

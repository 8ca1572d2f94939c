# SPDX-License-Identifier: Apache-2.0
"""What a worker and its parent say to each other over a pair of sockets: one JSON value a line.

    worker → parent   "ready" · "alive" · {"counts": [[["messages", "delivered"], 17], …]} · {"reloaded": 3}
    parent → worker   {"reload": 3} · "stop"

Reloads are numbered: a worker that was told of several while it read answers for the last one it had heard of when it
began to read.

A line that ends (the other process is gone) means "stop" to a worker: no worker outlives its parent for long.

Limits: a worker that the parent can't reach at once (its buffer is full) is told nothing; it is about to be replaced.
"""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from typing import Final

from fumidai.guard.counts import Numbers

READY: Final = "ready"
ALIVE: Final = "alive"
STOP: Final = "stop"


def counts_line(numbers: Numbers) -> object:
    """The numbers as they go over the line."""
    return {"counts": [[list(key), number] for key, number in numbers.items()]}


def counts_of(said: object) -> Numbers | None:
    """The numbers of such a line; None where it is another."""
    if not isinstance(said, dict) or "counts" not in said:
        return None
    return {tuple(key): number for key, number in said["counts"]}


def reload_line(number: int) -> object:
    """Read everything again."""
    return {"reload": number}


def reload_of(said: object) -> int:
    """The number of such a line; 0 where it is another."""
    return int(said.get("reload", 0)) if isinstance(said, dict) else 0


def reloaded_line(number: int) -> object:
    """Everything was read again, or refused."""
    return {"reloaded": number}


def reloaded_of(said: object) -> int:
    """The number of such a line; 0 where it is another."""
    return int(said.get("reloaded", 0)) if isinstance(said, dict) else 0


def say(plug: socket.socket, what: object) -> None:
    """Say one thing; who is gone does not hear it."""
    with suppress(OSError):
        plug.sendall(json.dumps(what, separators=(",", ":")).encode() + b"\n")


class Ear:
    """Cuts what the other one says into values."""

    def __init__(self) -> None:
        self._rest = b""

    def hear(self, data: bytes) -> list[object]:
        """The values that are whole now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]

# SPDX-License-Identifier: Apache-2.0
"""Invariant: however what a client sends is cut, the answering side asks and writes the same, and raises nothing.

The first byte of an input is the size of the pieces, the second says how questions are answered and (with 8) that
messages may come in chunks; the rest is what the client sends. Every line written is a reply that the reading side of
this room understands.
"""

from __future__ import annotations

import sys

from fumidai.smtp.reply import Reply, ReplyReader
from fumidai.smtp.server import (
    DataChunk,
    Early,
    Event,
    Injected,
    Limits,
    Refuse,
    ServerMachine,
    Swallowed,
    XClient,
    usual,
)
from fuzz import campaign

LIMITS = Limits(line=200, message=300, excess=900, recipients=3, errors=9, endless=400)
ANNOUNCED = ("PIPELINING", "SIZE 300", "STARTTLS", "8BITMIME", "AUTH PLAIN", "DSN", "XCLIENT ADDR")
CHUNKED = (*ANNOUNCED, "CHUNKING")


def target(data: bytes) -> None:
    """Hold the invariant for one input."""
    step, mood, stream = (data[0] or 1) if data else 1, data[1] if len(data) > 1 else 0, data[2:]
    whole = talk([stream], mood)
    assert whole == talk([stream[start : start + step] for start in range(0, len(stream), step)], mood)
    replies = ReplyReader().feed(whole[1])
    assert all(isinstance(reply, Reply) for reply in replies)
    assert b"".join(reply.raw for reply in replies) == whole[1]


def talk(pieces: list[bytes], mood: int) -> tuple[list[Event], bytes]:
    """All events, neighbouring pieces of one thing joined, and everything written; inside TLS all is said again."""
    machine = ServerMachine(CHUNKED if mood & 8 else ANNOUNCED, LIMITS, collect=bool(mood & 1))
    events: list[Event] = []
    written = machine.greet("hi") + hear(machine, pieces, mood, events)
    if machine.state == "tls":
        for event in machine.tls_started():
            join(events, event)
        written += hear(machine, pieces, mood, events)
    return events, written


def hear(machine: ServerMachine, pieces: list[bytes], mood: int, events: list[Event]) -> bytes:
    """Feed the pieces, answer what is asked, add the events; give what was written."""
    written = b""
    for piece in pieces:
        heard = machine.receive(piece)
        while heard:
            for event in heard:
                join(events, event)
                if isinstance(event, Refuse | Swallowed):
                    written += event.reply
                elif event is machine.asked:
                    written += answer(machine, len(events), mood)
            heard = machine.receive(b"")
    return written


def answer(machine: ServerMachine, number: int, mood: int) -> bytes:
    """Say yes mostly; now and then no, or ask back."""
    assert machine.asked is not None
    if number % 7 < mood >> 5:
        return machine.answer(334 if mood & 4 else 550, "no")
    if isinstance(machine.asked, XClient):
        return machine.answer(220, "hi")
    return machine.answer(*usual(machine.asked, "mail.example"))


def join(events: list[Event], event: Event) -> None:
    """Append; a piece of what the last one is a piece of, to it."""
    if events and isinstance(event, DataChunk | Early | Injected) and type(events[-1]) is type(event):
        events[-1] = type(event)(events[-1].data + event.data)
    else:
        events.append(event)


if __name__ == "__main__":
    sys.exit(campaign.run(target, "server"))

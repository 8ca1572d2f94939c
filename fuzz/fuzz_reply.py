# SPDX-License-Identifier: Apache-2.0
"""Invariant: whatever a server sends, and however it is cut, the asking side gives the same events and raises nothing.

The first byte of an input is the size of the pieces, the second says how much was asked before; the rest is what the
server sends.
"""

from __future__ import annotations

import sys

from fumidai.smtp import command
from fumidai.smtp.client import Answered, ClientMachine, Event, Noise
from fumidai.smtp.reply import MAX_LINE, MAX_REPLY, Garbled, ReplyReader
from fuzz import campaign

ASKED = [command.ehlo("a"), command.mail(b"<>"), command.rcpt(b"<a>"), command.DATA, command.RSET, command.STARTTLS]


def target(data: bytes) -> None:
    """Hold the invariant for one input."""
    step, asked, stream = (data[0] or 1) if data else 1, data[1] if len(data) > 1 else 0, data[2:]
    cut = [stream[start : start + step] for start in range(0, len(stream), step)]
    assert hear([stream], asked) == hear(cut, asked)
    for max_line, max_reply in ((MAX_LINE, MAX_REPLY), (100, 300)):
        reader = ReplyReader(max_line, max_reply)
        items = [item for piece in cut for item in reader.feed(piece)]
        assert items == ReplyReader(max_line, max_reply).feed(stream)
        assert all(len(item.raw) <= max(max_line, max_reply) for item in items)
        assert all(item.code == int(item.raw[:3]) for item in items if not isinstance(item, Garbled))
        assert len(reader.pending) <= max_reply + 2 * max_line


def hear(pieces: list[bytes], asked: int) -> list[Event]:
    """All events of one dialogue, to its end."""
    machine = ClientMachine()
    for number in range(asked % 16):
        machine.say(ASKED[number % len(ASKED)], answers=(number % 3, 2))
    events = [event for piece in pieces for event in machine.receive(piece)]
    answered = sum(isinstance(event, Answered) for event in events)
    assert answered <= 2 * (asked % 16)
    assert all(event.garbled.raw for event in events if isinstance(event, Noise))
    return events + (machine.tls_started() if machine.state == "tls" else []) + machine.eof()


if __name__ == "__main__":
    sys.exit(campaign.run(target, "reply"))

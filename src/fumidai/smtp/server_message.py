# SPDX-License-Identifier: Apache-2.0
"""The message as the answering side reads it: piece by piece, within its bound, up to its end.

Limits: DATA only; chunks are handed in by ``server_bdat``.
"""

from __future__ import annotations

from fumidai.smtp.command import Verb
from fumidai.smtp.data import END, DataReader, Oddity
from fumidai.smtp.refusals import Refusal
from fumidai.smtp.server_dialogue import NO_MESSAGE, Dialogue
from fumidai.smtp.server_events import DataChunk, DataEnd, Message
from fumidai.smtp.states import follow


class MessageTaking(Dialogue):
    """See above."""

    __slots__ = ()

    def _begin_message(self) -> None:
        self._reader = DataReader()
        self._size = 0
        self._parts = []

    def _data(self) -> bool:
        """Read the message on; at most up to where it may end, so that the rest is not copied again and again."""
        if not self._buffer:
            return False
        end = self._buffer.find(END)
        length = end + len(END) if end >= 0 else len(self._buffer)
        rest = self._feed(bytes(self._buffer[:length]))
        del self._buffer[: length - rest]
        return True

    def _feed(self, data: bytes) -> int:
        """Take a piece of the message; how many octets of it lie behind its end."""
        fed = self._reader.feed(data)
        self.odd = self._reader.odd
        self._keep(fed.data)
        bound = self.limits.message
        if bound and self._size > bound + self.limits.excess:
            self._refuse(Refusal.MESSAGE_TOO_BIG, b"")
            self._close(Refusal.MESSAGE_TOO_BIG)
        elif fed.done:
            self._end_message(self._reader.oddities)
        return len(fed.rest)

    def _keep(self, data: bytes) -> None:
        """Hand on or collect a part of the message, as far as it is within the bound."""
        bound = self.limits.message
        size = self._size + len(data)
        # What is over the bound is not kept; no piece ends between a CR and its LF.
        part = data if not bound or size <= bound else data[: max(bound - self._size, 0)].removesuffix(b"\r")
        self._size = size
        if part and self._collect:
            self._parts.append(part)
        elif part:
            self._queue.append(DataChunk(part))

    def _end_message(self, oddities: tuple[Oddity, ...]) -> None:
        size, parts, self._parts = self._size, self._parts, []
        self._reader = NO_MESSAGE
        if self.limits.message and size > self.limits.message:
            self.state = follow(self.state, Verb.MESSAGE, Refusal.MESSAGE_TOO_BIG.code, self.hello is not None)
            self._forget_transaction()
            self._refuse(Refusal.MESSAGE_TOO_BIG, b"")
        else:
            self._ask(Message(b"".join(parts), oddities) if self._collect else DataEnd(size, oddities))

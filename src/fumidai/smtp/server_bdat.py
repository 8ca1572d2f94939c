# SPDX-License-Identifier: Apache-2.0
"""BDAT before the answering side (RFC 3030): what each chunk's command means, and what comes of its octets.

Counting and dropping are ``server_chunks``'.

Limits: BINARYMIME is not known, so a chunk is text as DATA would be.
"""

from __future__ import annotations

from fumidai.smtp.command import Command, Verb, parse_chunk
from fumidai.smtp.data import ChunkReader
from fumidai.smtp.objections import objection
from fumidai.smtp.refusals import Refusal
from fumidai.smtp.server_chunks import ChunkIntake, Verdict
from fumidai.smtp.server_events import ChunkBegin, ChunkEnd, Swallowed
from fumidai.smtp.server_message import MessageTaking
from fumidai.smtp.states import State, follow


class ChunkTaking(MessageTaking):
    """See above."""

    __slots__ = ()

    def _begin_chunk(self, command: Command, line: bytes) -> None:
        """A BDAT: what follows are octets, whatever is answered."""
        announced = "CHUNKING" in self._keywords
        chunk = parse_chunk(command.argument) if announced else None
        if chunk is None:
            # Where the chunk ends nobody knows, and it must not be read as commands.
            why = Refusal.CHUNK_SYNTAX if announced else Refusal.NO_CHUNKS
            self._refuse(why, line)
            self._close(why)
            return
        intake = self._intake = self._intake or ChunkIntake(self.limits.excess)
        intake.begin(*chunk)
        wrong = self._objection_to_chunk(command, intake)
        if wrong:
            self.state = follow(self.state, Verb.BDAT, wrong.code, self.hello is not None)
            self._forget_transaction()  # whatever the refusal, it is over
            self._drop_chunk(intake, (wrong, line), len(line))
        elif self.state is State.RCPT:
            self._ask(ChunkBegin(*chunk))
            return
        if not intake.left:
            self._end_chunk(intake)

    def _objection_to_chunk(self, command: Command, intake: ChunkIntake) -> Refusal | None:
        # RFC 3030 §2: a client that pipelines may have sent more before it heard of the first refusal.
        if intake.failed:
            return Refusal.CHUNK_LEFT
        so_far = self._size if self.state is State.BDAT else 0
        if out_of_order := objection(command, self.state, self._keywords):
            return out_of_order
        too_big = self.limits.message and so_far + intake.size > self.limits.message
        return Refusal.MESSAGE_TOO_BIG if too_big else None

    def _open_chunk(self, code: int, reply: bytes) -> bytes:
        """The first chunk was answered: keep it, or drop it and say so then."""
        intake = self._intake
        if intake is None or self.closed:
            return reply
        if code // 100 == 2:
            intake.reader = ChunkReader()
        else:
            self._drop_chunk(intake, Swallowed(reply))
        return b""

    def _drop_chunk(self, intake: ChunkIntake, verdict: Verdict, more: int = 0) -> None:
        if not intake.drop(verdict, more):
            self._end_chunk(intake)
            self._close(Refusal.MESSAGE_TOO_BIG)

    def _octets(self, intake: ChunkIntake) -> bool:
        """Read the chunk on."""
        if intake.left and not self._buffer:
            return False
        self._keep(intake.take(self._buffer))
        self.odd = intake.reader is not None and intake.reader.odd
        if not intake.left:
            self._end_chunk(intake)
        return True

    def _end_chunk(self, intake: ChunkIntake) -> None:
        reader, verdict = intake.reader, intake.end()
        if isinstance(verdict, Swallowed):
            self._queue.append(verdict)
        elif verdict is not None:
            self._refuse(*verdict)
        elif reader is not None and intake.last:
            last = reader.end()
            self.odd = reader.odd
            self._keep(last)
            self._end_message(reader.oddities)
        else:
            self._ask(ChunkEnd(intake.size))

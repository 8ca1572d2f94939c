# SPDX-License-Identifier: Apache-2.0
"""The chunks of one connection (RFC 3030): how many octets are due, whether they are kept, what is said at their end.

A chunk is counted, never searched: whatever is in it, the next command stands right behind its last octet. One that is
refused is read all the same, and dropped; only then its reply is given (RFC 3030 §2). What may be dropped in one
transaction is bounded; the connection has to be closed beyond that.

Limits: no order of commands; that is the machine's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fumidai.smtp.command import Verb
from fumidai.smtp.data import ChunkReader
from fumidai.smtp.refusals import Refusal
from fumidai.smtp.server_events import Swallowed
from fumidai.smtp.states import HELLOS

#: Commands after which a failed transaction does not count any more.
_AFRESH = (Verb.MAIL, Verb.RSET, *HELLOS)
#: What is to be said when a dropped chunk has been read: a reply, or what is wrong with which line.
Verdict = Swallowed | tuple[Refusal, bytes]


@dataclass(slots=True)
class ChunkIntake:
    """See above.

    Attributes:
        excess: octets that may be dropped in one transaction.
        size, last: the chunk that was begun last, and whether it is its message's last.
        left: octets of it that are still due; -1: in none.
        reader: of the message, as long as its chunks are kept.
        failed: a chunk of this transaction was refused: more of them may be on their way.
    """

    excess: int
    size: int = 0
    last: bool = False
    left: int = -1
    reader: ChunkReader | None = None
    failed: bool = False
    _spare: int = field(init=False)
    _verdict: Verdict | None = None

    def __post_init__(self) -> None:
        self._spare = self.excess

    def begin(self, size: int, last: bool) -> None:
        """So many octets follow."""
        self.size, self.last, self.left = size, last, size

    def drop(self, verdict: Verdict, more: int) -> bool:
        """Drop this chunk and give the verdict then; False if it is too big for that.

        Args:
            more: what the command itself has cost, so that chunks of nothing come to an end too.
        """
        self.failed = True
        self.reader = None
        self._verdict = verdict
        self._spare -= self.size + more
        return self._spare >= 0

    def answered(self, verb: Verb, taken: bool) -> None:
        """A command was answered: a refused chunk fails its transaction, and some commands begin afresh."""
        if verb is Verb.BDAT and not taken:
            self.failed = True
        elif verb in _AFRESH and taken:
            self.failed = False
            self._spare = self.excess

    def take(self, buffer: bytearray) -> bytes:
        """Take what is due off the buffer, and give what may be kept of it; never cut between a CR and its LF."""
        data = bytes(buffer[: self.left])
        del buffer[: self.left]
        self.left -= len(data)
        return b"" if self.reader is None else self.reader.feed(data).data

    def end(self) -> Verdict | None:
        """The chunk is over: the verdict, if it was dropped."""
        self.left = -1
        verdict, self._verdict = self._verdict, None
        return verdict

# SPDX-License-Identifier: Apache-2.0
"""One message's body on its way through: whether it may go on, piece by piece, and how long it has been under way.

    piece → line ends right, or made right → the header counted → the same piece, for the backend
          └ no: ``fault``, and nothing of what comes after goes on

A fault is told to the client where the message, or the chunk, ends.

Limits: what is MIME in a body is nobody's concern here; lines may be of any length and octets of any value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fumidai.guard.body import made_right, strange
from fumidai.guard.headers import HeaderCount
from fumidai.guard.notes import Ending
from fumidai.guard.settings import GuardSettings, LineEndings

#: Seconds from the beginning of a body after which its rate counts.
_START: Final = 300.0


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a message is refused.

    Attributes:
        code, enhanced, text: the reply.
        why: for the log.
        ends: the client is not listened to any more.
    """

    code: int
    enhanced: str
    text: str
    why: str
    ends: bool = False


class Passage:
    """See above.

    Args:
        now: the loop's time.
        ending: what the log will say of the message; None where a refused chunk is only being dropped.

    Attributes:
        size: octets so far.
        fault: why it is refused; None while it is not.
    """

    __slots__ = ("_began", "_header", "_settings", "ending", "fault", "size")

    def __init__(self, settings: GuardSettings, now: float, ending: Ending | None = None) -> None:
        self._settings = settings
        self._began = now
        self._header: HeaderCount | None = HeaderCount()  # until it is over
        self.ending = ending
        self.fault: Fault | None = None
        self.size = 0

    def take(self, data: bytes, *, odd: bool = True) -> bytes:
        """A piece, never cut between a CR and its LF; what of it goes on (nothing, once there is a fault).

        Of several faults the same one is told however the body was cut: line ends before hops before length.

        Args:
            odd: False where whoever read the message has seen no bare CR, bare LF or NUL in it up to here.
        """
        first = not self.size
        self.size += len(data)
        fault = self.fault
        if fault is not None and fault.ends:
            return b""
        if odd and (why := strange(data)):
            if self._settings.line_endings is LineEndings.REFUSE:
                # What follows may have been meant for another server's idea of where a message ends.
                self.fault = Fault(554, "5.6.0", f"Message refused: {why}", f"the body holds {why}", ends=True)
                return b""
            data = made_right(data)
        if first and data[:1] in (b" ", b"\t"):
            # RFC 5322 §2.2.3: it would go on with our Received line, and put words into it.
            data = b"\r\n" + data
        if self._header is not None:
            self._count(self._header, data)
        return data if self.fault is None else b""

    def latest(self, now: float) -> float:
        """The loop's time at which the client is given up, if nothing comes until then (RFC 5321 §4.5.3.2.5)."""
        settings = self._settings
        at = min(now + settings.body_time, self._began + settings.message_time)
        if settings.least_rate:
            at = min(at, self._began + _START + self.size / settings.least_rate)
        return at

    def _count(self, header: HeaderCount, data: bytes) -> None:
        """Count the header on, until it is over."""
        header.feed(data)
        if header.hops > self._settings.hops:
            # RFC 5321 §6.3 asks for it, RFC 3463 §3.5 names it
            text = "Too many hops: this message goes in circles"
            self.fault = Fault(554, "5.4.6", text, f"more than {self._settings.hops} Received lines")
        elif header.size > self._settings.header_size:
            self.fault = Fault(552, "5.3.4", "Header too big", "header longer than header_size")
        if header.over:
            self._header = None

# SPDX-License-Identifier: Apache-2.0
"""A message's header as it streams by: how long it is and how many hosts have handed the message on.

Nothing is kept but the last few octets, so a field's name may lie in two pieces. Counting ends at the empty line; from
there a body costs nothing.

    RFC 5321 §6.3: a message that has passed too many hosts goes in circles; the count of Received lines tells.

A message whose first line is no field has no header: every host that hands one on puts a field on top.

Limits: a later line of another form ends no header; that is counted on to the empty line. ``Received`` with blanks
before its colon, as nobody has written it for decades, is not counted.
"""

from __future__ import annotations

import re
from typing import Final

_FIELD: Final = b"\nreceived:"
_END: Final = b"\r\n\r\n"
_KEPT: Final = len(_FIELD) - 1
# RFC 5322 §2.2: a field's name is printable ASCII but the colon; §4.5: blanks may come before the colon. §2.1.1: a line
# has at most 998 octets.
_NAME: Final = re.compile(rb"[!-9;-~]+[ \t]*:")
_LONGEST: Final = 998


class HeaderCount:
    """The header of one message.

    Attributes:
        size: octets of it so far.
        hops: Received lines so far.
        over: the empty line has come.
    """

    __slots__ = ("_opening", "_tail", "hops", "over", "size")

    def __init__(self) -> None:
        self._opening: bytes | None = b""  # of the first line, until it is seen whether that is a field
        self._tail = _END[:2]  # the message begins at the beginning of a line
        self.size = 0
        self.hops = 0
        self.over = False

    def feed(self, data: bytes) -> None:
        """Some more of the message, unstuffed, its lines ended by CR LF; nothing after ``over``."""
        if self._opening is not None and not self._begins(self._opening + data[:_LONGEST]):
            self.over, self.hops = True, 0
            return
        window = self._tail + data
        end = window.find(_END)
        self.over = end >= 0
        head = window[: end + 2] if self.over else window
        self.size += max(len(head) - len(self._tail), 0)
        self.hops += head.lower().count(_FIELD)
        self._tail = window[-_KEPT:]

    def _begins(self, opening: bytes) -> bool:
        """Whether the message may begin with a field; asked until that is certain."""
        opening = opening[:_LONGEST]
        if b":" in opening or b"\r\n" in opening or len(opening) == _LONGEST:
            self._opening = None
            return _NAME.match(opening) is not None
        self._opening = opening
        return True

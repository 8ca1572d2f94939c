# SPDX-License-Identifier: Apache-2.0
"""What may not pass in a body: line ends that two servers read differently, and NUL.

Only CR LF ends a line (RFC 5321 §2.3.8). A server behind that takes a bare CR or LF for an end can be made to see two
messages in one, so either the message is refused (``strange``) or its lines are made right (``made_right``).

Limits: the pieces must not be cut between a CR and its LF; ``smtp.data`` never does. Length of lines and bytes above
127 are left alone.
"""

from __future__ import annotations

import re
from typing import Final

_BARE: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_ODD: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")
_NAMES: Final = {b"\r": "CR without LF", b"\n": "LF without CR", b"\0": "NUL"}


def strange(data: bytes) -> str:
    """What is wrong first in a piece of a body; "" for nothing. A few searches at the speed of C.

    It is the first, so that it is the same however the body was cut.
    """
    pairs = data.count(b"\r\n")
    # RFC 5321 §2.3.8: CR and LF only together. §4.5.2 asks for all 128 codes of ASCII, but old servers end the message
    # at a NUL.
    if data.count(b"\n") == pairs and data.count(b"\r") == pairs and b"\0" not in data:
        return ""
    found = _ODD.search(data)
    return _NAMES[found[0]] if found else ""


def made_right(data: bytes) -> bytes:
    """The piece with each bare CR or LF made a CR LF, and NUL left out."""
    # In this order: a NUL between CR and LF keeps them apart, wherever the pieces are cut.
    return _BARE.sub(b"\r\n", data).replace(b"\0", b"")

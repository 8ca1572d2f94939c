# SPDX-License-Identifier: Apache-2.0
"""Invariant: a message ends at the first CR LF "." CR LF only, however it is cut, and no odd end goes unseen.

The first byte of an input is the size of the pieces; the rest is what comes after DATA.
"""

from __future__ import annotations

import sys

from fumidai.smtp.data import DataReader, OddityKind, stuff
from fuzz import campaign


def target(data: bytes) -> None:
    """Hold the invariant for one input."""
    step, stream = (data[0] or 1) if data else 1, data[1:]
    whole = read([stream])
    assert whole == read([stream[start : start + step] for start in range(0, len(stream), step)])
    message, raw, rest, kinds = whole
    head, end, tail = (b"\r\n" + stream).partition(b"\r\n.\r\n")
    if end:
        assert (raw, rest) == ((head + b"\r\n")[2:], tail)
    assert stream.startswith(raw)
    odd = raw.replace(b"\r\n", b"")
    assert (OddityKind.BARE_CR in kinds) == (b"\r" in odd)
    assert (OddityKind.BARE_LF in kinds) == (b"\n" in odd)
    assert (OddityKind.NUL in kinds) == (b"\0" in odd)
    again = read([stuff(message)])
    assert again[0] == (message if not message or message.endswith(b"\r\n") else message + b"\r\n")


def read(pieces: list[bytes]) -> tuple[bytes, bytes, bytes, dict[OddityKind, tuple[int, int]]]:
    """Message, raw data, rest, and the oddities by kind."""
    reader = DataReader()
    fed = [reader.feed(piece) for piece in pieces]
    message, raw, rest = (b"".join(getattr(part, name) for part in fed) for name in ("data", "raw", "rest"))
    return message, raw, rest, {oddity.kind: (oddity.offset, oddity.count) for oddity in reader.oddities}


if __name__ == "__main__":
    sys.exit(campaign.run(target, "data"))

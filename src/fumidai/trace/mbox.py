# SPDX-License-Identifier: Apache-2.0
"""A mailbox in mbox format, cut into messages, part by part, so that it may be larger than memory.

A message begins with a line ``From sender date`` at the file's beginning or behind an empty line (RFC 4155 and the
older forms); bodies quote such lines with ``>``, or they hold no date. A part ends anywhere: a message belongs to the
part in which its ``From`` line begins, and is read on from there.

Limits: of one message 32 MiB are read. A mailbox that ends within a message ends that message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

#: Octets of a part: some hundreds of messages.
PART: Final = 8 * 1024 * 1024
#: A separating line is looked at so far.
_LINE: Final = 400
#: RFC 4155 appendix A: "From ", address, date in asctime's form; zones and remote lines have been added by many.
_SEPARATOR: Final = re.compile(
    rb"From [^\r\n]{0,320}?\b\d{1,2}:\d{2}(?::\d{2})?\b[^\r\n]{0,60}\r?(?:\n|$)|From [^\r\n ]{0,320} ?\r?\n(?=[\w-]+:)"
)
_MARK: Final = b"\nFrom "


class Part(NamedTuple):
    """Octets ``[start, end)`` of a mailbox."""

    start: int
    end: int


def parts(size: int) -> Iterator[Part]:
    """The parts of a mailbox of this size."""
    for start in range(0, size, PART):
        yield Part(start, min(start + PART, size))


def is_mbox(beginning: bytes) -> bool:
    """True if a file begins as a mailbox does."""
    return beginning.startswith(b"From ") and _SEPARATOR.match(beginning) is not None


def messages(file: BinaryIO, part: Part, most: int) -> Iterator[tuple[int, bytes]]:
    """Offset and bytes of the messages that begin in a part, without their ``From`` lines.

    Args:
        most: octets of a message that are read.
    """
    # One octet more before it, for the line end that stands before a "From ".
    base = max(part.start - 1, 0)
    file.seek(base)
    data = file.read(part.end - base + _LINE)
    starts = [at for at in _separators(data, at_file_start=part.start == 0) if base + at < part.end]
    for here, following in zip(starts, [*starts[1:], -1], strict=False):
        begin = data.find(b"\n", here) + 1
        if begin == 0:
            continue
        if following >= 0:
            yield base + begin, data[begin:following]
        else:
            yield base + begin, _to_its_end(file, base + begin, most)


def _separators(data: bytes, *, at_file_start: bool) -> Iterator[int]:
    """Where separating lines begin."""
    if at_file_start and is_mbox(data[:_LINE]):
        yield 0
    at = data.find(_MARK)
    while at >= 0:
        if _SEPARATOR.match(data, at + 1, at + 1 + _LINE):
            yield at + 1
        at = data.find(_MARK, at + 1)


def _to_its_end(file: BinaryIO, offset: int, most: int) -> bytes:
    """The message that begins at ``offset``, up to the next one."""
    file.seek(offset)
    data = bytearray()
    step = 64 * 1024
    searched = 0
    while len(data) < most and (more := file.read(min(step, most - len(data)))):
        data += more
        step *= 2
        for at in _separators(bytes(data[searched:]), at_file_start=False):
            return bytes(data[: searched + at])
        # A separating line may have been cut.
        searched = max(len(data) - _LINE - len(_MARK), 0)
    return bytes(data)

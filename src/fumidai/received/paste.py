# SPDX-License-Identifier: Apache-2.0
"""Heads of messages out of text that was pasted from a report, a mail or a page, and no longer is a message.

What such text has been through: quote marks before each line (``>``, ``|``), lines wrapped anew, also inside words;
indentation gone, so that a continued line looks like a new one; fields run together on one line; empty lines where a
wrap was; blanks of other scripts, ``&lt;`` for ``<``; a stamp of its filing before it, a quoted original behind it.

    pasted = unpaste(text)      # each: a message as it may have been, and where its octets stood in the text

Words are taken as they come. One begins a field if it is ``Name:`` at the beginning of a line, or the name of a field
that is often seen anywhere in a line where the field before it is complete. A Received line is complete with the zone
of its date. Which breaks stood inside a word is for ``wraps`` to say.

Limits: the first 512 KiB; a text without ``Received:`` gives nothing. A subject that holds ``From:`` in a text whose
fields run together is cut there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from fumidai.received.headers import HEAD_AT_MOST
from fumidai.received.rebuilt import Rebuilt
from fumidai.received.wraps import Reader, one_word

_KNOWN: Final = frozenset(
    b"""received from to cc bcc subject date message-id reply-to sender return-path delivered-to errors-to
    x-original-to envelope-to mime-version content-type content-transfer-encoding content-disposition content-length
    in-reply-to references resent-from resent-to resent-date resent-message-id x-priority x-msmail-priority x-mailer
    x-mimeole x-originating-ip x-sender x-uidl status x-status organization importance precedence user-agent comments
    authentication-results received-spf dkim-signature domainkey-signature arc-seal arc-message-signature
    arc-authentication-results apparently-to thread-index thread-topic list-unsubscribe list-id lines""".split()
)
_NAME: Final = re.compile(rb"[A-Za-z][A-Za-z0-9-]{0,60}:")
_WORD: Final = re.compile(rb"\S+")
_QUOTE: Final = re.compile(rb"[ \t]*(?:[>|][ \t]?)+")
#: What may stand between the halves of a word that was broken in two.
_IN_BREAKS: Final = b" \t\r\n\v\f>|"
_ENTITY: Final = re.compile(rb"&(?:lt|gt|amp|quot|nbsp|#0?39|#160);")
_ENTITIES: Final = {b"&lt;": b"<", b"&gt;": b">", b"&amp;": b"&", b"&quot;": b'"', b"&nbsp;": b" ", b"&#160;": b" "}
#: No-break space, ideographic space, byte order mark (UTF-8): blanks of the same length stand in for them.
_BLANKS: Final = (b"\xc2\xa0", b"\xe3\x80\x80", b"\xef\xbb\xbf")
#: Of these a head has one; a second one belongs to what is quoted below.
_ONCE: Final = frozenset((b"from:", b"subject:", b"date:", b"message-id:", b"reply-to:"))
#: A quoted original: "-----Original Message-----", "---- Forwarded message", "-----元のメッセージ".
_MARKER: Final = re.compile(rb"-{4,}[^-\s]")
_ZONE: Final = re.compile(rb"[+-]\d{4}\b|(?:GMT|UTC|UT|JST|[ECMP][SD]T|Z)\b")
_TIME: Final = re.compile(rb"\d{1,2}:\d\d")
_GOES_ON: Final = re.compile(rb"[+-]\d{4}(?:$|[;)])|\(|\d{1,2}:\d\d|(?:19|20)\d\d$|by$|with$|id$|for$|from$")
_FIELDS_AT_MOST: Final = 2000


class Gap(IntEnum):
    """What stands before a word."""

    BLANK = 0
    BREAK = 1
    EMPTY = 2  # an empty line


@dataclass(frozen=True, slots=True)
class _Word:
    text: bytes
    start: int
    gap: Gap


@dataclass(slots=True)
class _Field:
    """A field as it is put together: its name with the colon (perhaps in two pieces), and its words."""

    named: Sequence[_Word]
    words: list[_Word]

    @property
    def name(self) -> bytes:
        return b"".join(word.text for word in self.named)

    @property
    def is_received(self) -> bool:
        return self.name.lower() == b"received:"

    def complete(self) -> bool:
        """A Received line is complete with its date's zone; of others nobody can tell."""
        if not self.is_received:
            return True
        return _complete([word.text for word in self.words[-8:]])


@dataclass(frozen=True, slots=True)
class _Head:
    """A head from word ``at`` to word ``end``; ``quoted``: a quoted original follows."""

    at: int
    end: int
    fields: Sequence[_Field]
    quoted: bool


@dataclass(frozen=True, slots=True)
class Pasted:
    """One message out of a text.

    Attributes:
        message: as it may have been: a field a line, an empty line, what followed.
        before: what stood before it on its line or above, back to the last empty line (a stamp of its filing).
        quoted: a quoted original follows the head.
    """

    message: bytes
    before: bytes
    quoted: bool
    _steps: tuple[Rebuilt, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where octets ``[start, end)`` of ``message`` stand in the text."""
        for step in reversed(self._steps):
            start, end = step.span(start, end)
        return start, end


def unpaste(text: bytes) -> tuple[Pasted, ...]:
    """The messages in a text, in its order; any octets will do."""
    plain = _without_entities(text[:HEAD_AT_MOST])
    source = bytes(plain)
    # Most texts have none, and words are dear.
    if b"received:" not in source.translate(None, _IN_BREAKS).lower():
        return ()
    words = list(_words(source))
    heads = list(_heads(words))
    ends = [*(head.at for head in heads[1:]), len(words)]
    return tuple(_put_together(plain, source, words, head, end) for head, end in zip(heads, ends, strict=False))


def _without_entities(text: bytes) -> Rebuilt:
    """Characters that a page wrote as entities as themselves, and foreign blanks as blanks."""
    for blank in _BLANKS:
        text = text.replace(blank, b" " * len(blank))
    plain, at = Rebuilt(text), 0
    for entity in _ENTITY.finditer(text):
        plain.copy(at, entity.start())
        plain.replace(*entity.span(), _ENTITIES.get(entity[0], b"'"))
        at = entity.end()
    plain.copy(at, len(text))
    return plain


def _words(source: bytes) -> Iterator[_Word]:
    """All words, without the marks of quoting."""
    at, gap = 0, Gap.EMPTY
    quoted = _is_quoted(source)
    while at < len(source):
        end = source.find(b"\n", at)
        end = len(source) if end < 0 else end
        mark = _QUOTE.match(source, at, end) if quoted else None
        begun = False
        for found in _WORD.finditer(source, mark.end() if mark else at, end):
            yield _Word(found[0], found.start(), gap)
            gap, begun = Gap.BLANK, True
        gap = Gap.BREAK if begun else Gap.EMPTY
        at = end + 1


def _is_quoted(source: bytes) -> bool:
    """Do most of the lines around its Received fields begin with a mark?"""
    marked = len(re.findall(rb"(?mi)^[ \t]*(?:[>|][ \t]?)+received:", source))
    return marked > 0 and marked * 2 >= len(re.findall(rb"(?mi)^[ \t]*received:", source))


def _heads(words: Sequence[_Word]) -> Iterator[_Head]:
    """The heads that have a Received line."""
    at = 0
    while (at := _next_head(words, at)) < len(words):
        fields, end, quoted = _fields(words, at)
        if any(field.is_received for field in fields):
            yield _Head(at, end, fields, quoted)
        at = max(end, at + 1)


def _next_head(words: Sequence[_Word], at: int) -> int:
    """The first word from ``at`` on that begins a field of a head."""
    while at < len(words):
        word = words[at]
        if _received(words, at) or (word.gap and word.text[:-1].lower() in _KNOWN and _named(word)):
            return at
        at += 1
    return at


def _named(word: _Word) -> bool:
    return _NAME.fullmatch(word.text) is not None


def _fields(words: Sequence[_Word], at: int) -> tuple[list[_Field], int, bool]:
    """The fields from ``at`` on; where the head ends; whether a quoted original follows."""
    fields: list[_Field] = []
    run_together = False
    while at < len(words):
        word = words[at]
        running = fields[-1] if fields else None
        name = _begins(words, at, running, run_together)
        if name:
            if name.lower() in _ONCE and any(field.name.lower() == name.lower() for field in fields):
                return fields, at, True
            run_together |= word.gap is Gap.BLANK and running is not None
            pieces = 1 if name == word.text else 2
            fields.append(_Field(words[at : at + pieces], []))
            at += pieces
            if len(fields) > _FIELDS_AT_MOST:
                return fields, at, False
            continue
        if running is None or _MARKER.match(word.text):
            return fields, at, running is not None
        if word.gap is Gap.EMPTY and not _goes_on(running, word):
            return fields, at, False
        running.words.append(word)
        at += 1
    return fields, at, False


def _begins(words: Sequence[_Word], at: int, running: _Field | None, run_together: bool) -> bytes:
    """The name (with its colon) of the field that begins here; b"" for none."""
    word = words[at]
    lowered = word.text.lower()
    if name := _received(words, at):
        return name
    known = lowered[:-1] in _KNOWN
    if not _named(word) or (running is not None and not running.complete() and not (known and word.gap)):
        return b""
    if word.gap is not Gap.BLANK:
        return word.text if known or word.gap is Gap.BREAK else b""
    # In the middle of a line: only names that are known, and spelled as names of fields are.
    if not known or not word.text[:1].isupper():
        return b""
    return word.text if running is not None and (running.is_received or run_together) else b""


def _received(words: Sequence[_Word], at: int) -> bytes:
    """``Received:`` as it stands here, perhaps broken in two; b"" where it doesn't."""
    name = words[at].text
    if len(name) < len(b"received:") and at + 1 < len(words) and words[at + 1].gap is not Gap.BLANK:
        name += words[at + 1].text
    return name if name.lower() == b"received:" else b""


def _goes_on(running: _Field, word: _Word) -> bool:
    """Does an empty line stand inside a field? Only where a Received line still lacks what comes behind it."""
    return running.is_received and not running.complete() and _GOES_ON.match(word.text) is not None


def _complete(words: Sequence[bytes]) -> bool:
    """A time and, behind it, a zone."""
    timed = False
    for word in words:
        if timed and _ZONE.match(word):
            return True
        timed = timed or _TIME.match(word) is not None
    return False


def _put_together(plain: Rebuilt, source: bytes, words: Sequence[_Word], head: _Head, end: int) -> Pasted:
    """The message of a head; what is between it and word ``end`` is its body."""
    built = Rebuilt(source)
    for field in head.fields:
        for piece in field.named:
            built.copy(piece.start, piece.start + len(piece.text))
        _lay(built, field)
        built.insert(b"\r\n")
    built.insert(b"\r\n")
    if head.end < end:
        built.copy(words[head.end].start, words[end].start if end < len(words) else len(source))
    return Pasted(bytes(built), _before(source, words, head.at), head.quoted, (plain, built))


def _lay(built: Rebuilt, field: _Field) -> None:
    """Lay the words of a field down, broken ones in one piece."""
    reader, piece = Reader(), b""
    words = field.words
    for number, word in enumerate(words):
        following = words[number + 1].text if number + 1 < len(words) else b""
        joined = piece and word.gap and field.is_received and one_word(reader, piece, word.text, following)
        if not joined:
            if piece:
                reader.take(piece)
            built.insert(b" ")
            piece = b""
        built.copy(word.start, word.start + len(word.text))
        piece += word.text


def _before(source: bytes, words: Sequence[_Word], at: int) -> bytes:
    """What stands before the head, back to an empty line."""
    first = at
    while first > 0 and at - first < 20 and words[first].gap is not Gap.EMPTY:
        first -= 1
    return source[words[first].start : words[at].start].strip() if first < at else b""

# SPDX-License-Identifier: Apache-2.0
"""Fields and bodies of the messages that `letters` makes, of the names, sizes, parts and encodings of real mail.

A body's parts are drawn from ``mail.toml``: ``mixed(alternative(plain:qp html:qp) file:b64)`` is a multipart/mixed of a
multipart/alternative and a file; each part has its type, its transfer encoding and a size out of the sizes that such
parts have. A field is drawn by its name's share, with the size that such fields have.

Limits: the sizes of one message's parts don't depend on each other, nor do its fields, but for the field that parts the
corpus (``marked``). Text is words of no meaning.
"""

from __future__ import annotations

import base64
import math
import random
import re
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

_AT = (0.0, 0.10, 0.25, 0.50, 0.75, 0.90, 0.97, 0.995)
_PART = re.compile(r"[()]|[^()\s]+")
_WORDS = "lorem ipsum dolor sit amet consectetur adipisicing elit sed do eiusmod tempor incididunt labore magna aliqua"
_ENCODINGS = {"qp": "quoted-printable", "b64": "base64", "8bit": "8bit", "7bit": "7bit"}
_TYPES = {"plain": "text/plain", "html": "text/html", "image": "image/png", "file": "application/octet-stream"}
_CHARSETS = {"old": {"8bit": "iso-8859-1", "qp": "iso-8859-1"}, "new": {}}
#: Fields that are read as what they are; all others are taken as text.
_ADDRESSES = {"From", "To", "Cc", "Sender", "Reply-To", "Return-Path", "Delivered-To", "Errors-To"}


def drawn(quantiles: Sequence[float], dice: random.Random, at: Sequence[float] = _AT) -> int:
    """A size, so that many of them have these quantiles."""
    chance = dice.random()
    right = min(bisect(at, chance), len(at) - 1)
    low, high = quantiles[right - 1], quantiles[right]
    part = min((chance - at[right - 1]) / (at[right] - at[right - 1]), 1.0)
    # Between two of them sizes are spread as their logarithms are: small ones are more than great ones.
    return round((low + 1) * math.pow((high + 1) / (low + 1), part) - 1)


class Bodies:
    """Draws the fields and the body of one message after the other."""

    def __init__(self, figures: Mapping[str, Any], kind: str, dice: random.Random) -> None:
        self._figures, self._dice = figures, dice
        self._trees = [tree for tree, _ in figures["bodies"]]
        self._weights = [count for _, count in figures["bodies"]]
        self._charsets = _CHARSETS[kind]
        self._default = "us-ascii" if kind == "old" else "utf-8"
        words = _WORDS.split()
        self._text = " ".join(dice.choices(words, k=20_000))
        self._random = base64.b64encode(dice.randbytes(90_000)).decode()
        self._sources = dict(self._made_sources(kind))

    def fields(self, when: datetime, *, marked: bool) -> str:
        """All fields but Received and those of MIME."""
        found = []
        for name, (if_marked, if_not, encoded, *sizes) in self._figures["fields"].items():
            share = if_marked if marked else if_not
            for _ in range(int(share) + (self._dice.random() < share % 1)):
                size = drawn((sizes[0], *sizes, sizes[-1]), self._dice, (0, 0.1, 0.5, 0.9, 1))
                found.append(f"{name}: {self._field(name, size, self._dice.random() < encoded, when)}\n")
        self._dice.shuffle(found)
        return "".join(found)

    def _field(self, name: str, size: int, encoded: bool, when: datetime) -> str:
        if name == "Date":
            return f"{when:%a, %d %b %Y %H:%M:%S} +0000"
        if name in _ADDRESSES:
            box = f"a{self._dice.randrange(10**6)}@n{self._dice.randrange(1000)}.example"
            phrase = self._words(max(size - len(box) - 3, 3)).replace("\n", " ")
            return f"{self._encoded(phrase) if encoded else phrase} <{box}>" if size > len(box) + 6 else box
        if name in ("Message-ID", "Message-Id"):
            local = self._stuff(max(size - 16, 8)).translate({43: "x", 47: "y"})
            return f"<{local}@n{self._dice.randrange(1000)}.example>"
        if encoded:
            return self._encoded(self._words(max(size * 6 // 10, 1)))
        text = self._words(size) if name in ("Subject", "X-Mailer", "User-Agent", "Organization") else self._stuff(size)
        return "\n\t".join(text[at : at + 76] for at in range(0, len(text), 76))

    def _encoded(self, text: str) -> str:
        """RFC 2047 §2: encoded words of at most 75 octets."""
        if self._dice.random() < self._figures["in_base64"]:
            pieces = (base64.b64encode(text[at : at + 42].encode()).decode() for at in range(0, len(text), 42))
            return "\n ".join(f"=?utf-8?B?{piece}?=" for piece in pieces)
        pieces = (text[at : at + 40].replace(" ", "_") for at in range(0, len(text), 40))
        return "\n ".join(f"=?utf-8?Q?=C3=A9{piece}?=" for piece in pieces)

    def body(self) -> str:
        """Fields of MIME, an empty line, and the body."""
        tokens = _PART.findall(self._dice.choices(self._trees, self._weights)[0])
        whole = tokens[0] if len(tokens) > 1 else "alone"
        return "MIME-Version: 1.0\n" + self._entity(tokens[::-1], whole)

    def _entity(self, left: list[str], whole: str) -> str:
        """The fields and the body of what the next token names; takes it and what is inside of it off the list."""
        kind = left.pop()
        if not left or left[-1] != "(":
            return self._leaf(kind, whole)
        left.pop()
        parts = []
        while left[-1] != ")":
            parts.append(self._entity(left, whole))
        left.pop()
        if "/" in kind:
            return f"Content-Type: {kind}\n\n" + "\n".join(parts)
        boundary = f"=_{self._dice.getrandbits(80):020x}"
        inner = "".join(f"--{boundary}\n{part}\n" for part in parts)
        return f'Content-Type: multipart/{kind};\n\tboundary="{boundary}"\n\n{inner}--{boundary}--\n'

    def _leaf(self, kind: str, whole: str) -> str:
        what, encoding = kind.split(":")
        sizes = self._figures["sizes"]
        size = drawn(sizes.get(f"{whole} {kind}") or sizes.get(kind, (100,) * len(_AT)), self._dice)
        text = self._sources[what, encoding]
        at = self._dice.randrange(100) * 77
        text = (text * (1 + (at + size) // len(text)))[at : at + size]
        text = text[: len(text) - len(text) % 77] if encoding == "b64" and size > 77 else text
        name = f"{self._dice.getrandbits(32):08x}.{'png' if what == 'image' else 'pdf'}"
        charset = self._charsets.get(encoding, self._default)
        head = f"Content-Type: {_TYPES[what]}; " + (
            f'name="{name}"\nContent-Disposition: attachment; filename="{name}"\n'
            if what == "image" or (what == "file" and encoding == "b64")
            else f'charset="{charset}"\n'
        )
        if encoding in _ENCODINGS:
            head += f"Content-Transfer-Encoding: {_ENCODINGS[encoding]}\n"
        return f"{head}\n{text}"

    def _made_sources(self, kind: str) -> Iterator[tuple[tuple[str, str], str]]:
        """Text of each type in each encoding, of lines as they are usual, to cut parts from."""
        accent = "\xe9" if kind == "old" else "\xc3\xa9"
        words = self._text.split()
        plain = _lines(words, 12)
        html = _lines([f"<p class='a'><a href='http://w.example/{word}'>{word}</a></p>" for word in words[:2000]], 2)
        for what, text in (("plain", plain), ("html", html), ("image", ""), ("file", "")):
            octets = text.encode() or self._dice.randbytes(57 * 1200)
            yield (what, "b64"), base64.encodebytes(octets[: len(octets) // 57 * 57]).decode()
            yield (what, "none"), text or self._random
            yield (what, "7bit"), text
            yield (what, "8bit"), text.replace("dolor", f"dol{accent}r")
            yield (what, "qp"), _quoted(text, self._figures["escapes"])

    def _words(self, size: int) -> str:
        at = self._dice.randrange(len(self._text) // 2)
        return self._text[at : at + size]

    def _stuff(self, size: int) -> str:
        at = self._dice.randrange(50_000)
        return self._random[at : at + size]


def _lines(words: Sequence[str], each: int) -> str:
    """Lines of so many words."""
    return "".join(" ".join(words[at : at + each]) + "\n" for at in range(0, len(words), each))


def _quoted(text: str, escapes: float) -> str:
    """RFC 2045 §6.7: lines of at most 76 octets that go on after ``=``, with so many escapes an octet."""
    every = max(round(1 / escapes) - 3, 8)
    flat = text.replace("\n", " ").replace("=", "")
    marked = "".join(flat[at : at + every] + "=3D" for at in range(0, len(flat), every))
    lines = []
    while marked:
        end = 73 - (marked[71:73].find("=") >= 0) * 2
        lines.append(marked[:end] + "=\n")
        marked = marked[end:]
        if len(lines) > 900:
            break
    return "".join(lines)

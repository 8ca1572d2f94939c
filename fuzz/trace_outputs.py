# SPDX-License-Identifier: Apache-2.0
"""What every output of a trace must hold to, by rules that share nothing with the code that writes it.

    terminal   no character that moves a cursor or has no shape (by Unicode's categories), but our own colours
    lines      JSON is ASCII and what its schema says; a cell of a table is no formula and holds no line end
    page       tags, attributes and text as an HTML parser sees them: none that a page of ours doesn't have
    report     three parts; its own fields and no others; the message octet for octet but for its recipients

Limits: a table in Parquet is not written, only its cells are looked at.
"""

from __future__ import annotations

import csv
import email
import io
import json
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from html.parser import HTMLParser
from typing import Final

from jsonschema import Draft202012Validator

from fumidai.report.trace_json import published_trace_schema
from fumidai.report.trace_redact import recipients, redact
from fumidai.report.trace_row import COLUMNS, Row

#: The colours that a terminal may get (ECMA-48 SGR).
COLOUR: Final = re.compile(r"\x1b\[[0-9;]{0,12}m")
#: Unicode's categories of what has no shape: controls, formats (bidi, zero width), surrogates, private, unassigned,
#: separators of lines and paragraphs.
_SHAPELESS: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_VOID: Final = frozenset({"meta"})
_TAGS: Final = frozenset({
    "html", "head", "meta", "title", "style", "body", "main", "article", "section", "h1", "h2", "p", "span", "ul", "ol",
    "li", "strong", "code", "pre", "mark", "b", "figure", "figcaption", "svg", "circle", "path", "text", "rect",
    "table", "thead", "tbody", "tr", "th", "td",
})  # fmt: skip
_ATTRIBUTES: Final = frozenset({
    "lang", "charset", "name", "content", "http-equiv", "class", "scope", "role", "aria-label", "viewbox", "width",
    "height", "cx", "cy", "r", "d", "x", "y", "font-size", "font-weight", "text-anchor",
})  # fmt: skip
_HEAD: Final = (
    "Date",
    "From",
    "To",
    "Subject",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
)
_FEEDBACK: Final = frozenset(
    {"Feedback-Type", "User-Agent", "Version", "Source-IP", "Reported-Domain", "Arrival-Date", "Original-Mail-From"}
)


def hold_text(text: str, *, colour: bool, ascii_only: bool) -> None:
    """What goes to a terminal, or into a file that somebody prints on one."""
    bare = COLOUR.sub("", text) if colour else text
    assert not [one for one in bare if one != "\n" and unicodedata.category(one) in _SHAPELESS]
    assert bare.isascii() or not ascii_only
    assert text.endswith("\n") or not text


def hold_width(text: str, width: int) -> None:
    """Lines fit, but commands to paste and the last line, which are never broken; 40 columns are always taken."""
    for line in text.splitlines()[:-1]:
        wide = sum(
            2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in line if not unicodedata.combining(one)
        )
        assert wide <= max(width, 40) or "  fumidai t" in line, line


def hold_json(text: str) -> None:
    """A document, or lines of them."""
    assert text.isascii()
    assert not [one for one in text if one < " " and one != "\n"]
    for document in [text] if text.startswith("{\n") else text.splitlines():
        _schema().validate(json.loads(document))


def hold_csv(text: str, messages: int) -> None:
    """A table that a spreadsheet may open."""
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == messages + 1
    for cells in rows[1:]:
        assert len(cells) == len(COLUMNS)
        hold_cells(cells)
        assert not [one for one in cells if one[:1] in ("=", "+", "-", "@") and not re.fullmatch(r"-?\d+", one)]


def hold_cells(cells: Sequence[object] | Row) -> None:
    """Cells can be encoded, and neither command a terminal nor break a line."""
    for cell in map(str, cells):
        cell.encode()
        assert not [one for one in cell if unicodedata.category(one) in _SHAPELESS]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _TAGS, tag
        assert {name for name, _ in attrs} <= _ATTRIBUTES, attrs
        assert len({name for name, _ in attrs}) == len(attrs)
        if tag not in _VOID:
            self.open.append(tag)
        if dict(attrs).get("http-equiv") == "Content-Security-Policy":
            self.policy = dict(attrs)["content"] or ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        raise AssertionError("an element that ends itself")

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")

    def handle_pi(self, data: str) -> None:
        raise AssertionError("an instruction")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError("a declaration")


def hold_page(text: str) -> None:
    """A page that loads and runs nothing, whatever a message says."""
    text.encode()
    assert not [one for one in text if one != "\n" and unicodedata.category(one) in _SHAPELESS]
    page = _Page()
    page.feed(text)
    page.close()
    assert not page.open
    assert "default-src 'none'" in page.policy
    # A browser ends a style at its end tag, wherever it stands.
    assert text.count("<style") == text.count("</style") == 1


def hold_report(report: bytes, original: bytes, key: bytes) -> bytes:
    """An abuse report; the message in it."""
    assert b"\n" not in report.replace(b"\r\n", b"")
    head, _, body = report.partition(b"\r\n\r\n")
    names = [line.partition(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] != b" "]
    assert names == [name for name in _HEAD if name in names]
    assert {"Date", "Subject", "MIME-Version", "Content-Type"} <= set(names)
    assert all(32 <= byte < 127 for line in head.split(b"\r\n") for byte in line)
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))
    boundary = head.rpartition(b'boundary="')[2].partition(b'"')[0]
    nothing, people, programs, message, end = re.split(rb"(?:^|\r\n)--" + boundary, body)
    assert (nothing, end) == (b"", b"--\r\n")
    for part in (people, programs):
        assert all(32 <= byte < 127 or byte in b"\r\n" for byte in part)
        assert all(len(line) <= 998 for line in part.split(b"\r\n"))
    fields = programs.partition(b"\r\n\r\n")[2].splitlines()
    assert {line.partition(b":")[0].decode() for line in fields} <= _FEEDBACK
    return _hold_attached(message, original, key, report)


def _hold_attached(message: bytes, original: bytes, key: bytes, report: bytes) -> bytes:
    label, _, attached = message.partition(b"\r\n\r\n")
    lines = original.partition(b"\n")[2] if original.startswith(b"From ") else original
    *ended, last = redact(lines, key).split(b"\n")
    wanted = b"".join(line.removesuffix(b"\r") + b"\r\n" for line in ended) + last
    mail = email.message_from_bytes(report)
    parts = mail.get_payload()
    assert isinstance(parts, list)
    assert len(parts) == 3
    if b"message/rfc822" in label:
        assert attached == wanted
        hidden = recipients(attached.partition(b"\r\n\r\n")[0])
        assert all(b"redacted-" in address for address in hidden), hidden
    else:
        assert wanted.startswith(attached)
    return attached


@cache
def _schema() -> Draft202012Validator:
    return Draft202012Validator(published_trace_schema())

# SPDX-License-Identifier: Apache-2.0
"""A page of a trace: whatever a message says, it stays text; and people can read it, by shape, word and contrast."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fumidai.report.markup import element
from fumidai.report.trace_html import render_trace_html
from fumidai.report.trace_row import row_of
from fumidai.report.trace_style import DARK, LIGHT, STYLE
from fumidai.report.trace_summary import Summary
from fumidai.texts import Language
from tests.report.test_trace_text import PASTED, message_of
from tests.trace.mail import spam

VOID = {"meta"}


class Reader(HTMLParser):
    """Elements with their attributes, and the text; every element is closed in its order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.inside: list[str] = []
        self.feed(page)
        self.close()
        assert self.inside == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.inside.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.inside:
            self.text += data


def page_of(*found: bytes, language: Language = "en", file: str = "f") -> str:
    """The page of these messages."""
    messages = [message_of(one, file) for one in found]
    summary = Summary()
    for message in messages:
        summary.add(row_of(message.trace, file))
    return render_trace_html(messages, summary, language=language)


def test_one_message() -> None:
    page = Reader(page_of(PASTED))
    assert page.found[0] == ("html", {"lang": "en"})
    assert "RELAY ns.a.co.jp, Sendmail 8.7.1, passed this message on." in page.text
    for said in ("758 s fast", "-758 s", "fumidai test ns.a.co.jp", "dab.bellsouth.net", "2 lines are programs' notes"):
        assert said in page.text
    marked = [name for name, _ in page.found if name == "mark"]
    assert len(marked) == 2 + 5 + 7
    drawing = next(attributes for name, attributes in page.found if name == "svg")
    assert drawing["role"] == "img"
    assert "ns.a.co.jp" in (drawing["aria-label"] or "")


def test_in_japanese() -> None:
    page = Reader(page_of(PASTED, language="ja"))
    assert page.found[0] == ("html", {"lang": "ja"})
    assert "踏み台" in page.text
    assert "newest host" not in page.text


def test_many_messages() -> None:
    summary = Summary()
    for number in range(1, 29):
        row = row_of(message_of(spam()).trace, "box")
        summary.add(row._replace(date=f"2026-03-{number:02}T00:00:00Z", source=f"203.0.113.{number}"))
    page = Reader(render_trace_html([], summary, troubles=["x\x1b: gone"]))
    assert "28 messages: 28 passed on by a stepping stone" in page.text
    assert sum(name == "rect" for name, _ in page.found) == 28
    assert "203.0.113.28" in page.text
    assert "x\\x1b: gone" in page.text


HOSTILE = st.text(max_size=60) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "\u202egnp.exe",
        "</pre></style>",
        "\x1b[2J\x9b",
        "&lt;b&gt;",
    ]
)


@given(HOSTILE, HOSTILE)
@settings(max_examples=80, deadline=None)
def test_whatever_a_message_says_stays_text(name: str, file: str) -> None:
    hostile = name.replace("\n", "").encode("utf-8", "surrogatepass")
    data = (
        spam()
        .replace(b"relay.a.test", hostile + b".relay.a.test")
        .replace(b"pc (dial-7", hostile + b" (" + hostile)
        .replace(b"id 4Xk1", b"id " + hostile)
    )
    text = page_of(data, file=file)
    page = Reader(text)
    known = {
        "html", "head", "meta", "title", "style", "body", "main", "article", "section", "h1", "h2", "p", "span", "ul",
        "ol", "li", "strong", "code", "pre", "mark", "b", "figure", "figcaption", "svg", "circle", "path", "text",
    }  # fmt: skip
    assert {name for name, _ in page.found} <= known
    assert not any(
        name.startswith("on") or name in ("src", "href", "style") for _, given in page.found for name in given
    )
    assert not any(character in text for character in "\u202e\x1b\x9b\x00\u2028")
    assert text.isprintable() or set(filter(lambda one: not one.isprintable(), text)) <= {"\n"}


def test_an_attribute_can_not_be_left() -> None:
    assert str(element("p", "a<b", b"\xff&", title='"><x')) == '<p title="&quot;&gt;&lt;x">a&lt;b\\xff&amp;</p>'


def _light(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colours", [LIGHT, DARK])
@pytest.mark.parametrize("ink", ["ink", "quiet", "accent"])
@pytest.mark.parametrize("ground", ["paper", "shade"])
def test_contrast(colours: dict[str, str], ink: str, ground: str) -> None:
    lights = sorted((_light(colours[ink]), _light(colours[ground])))
    assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 4.5


def test_nothing_is_loaded() -> None:
    text = page_of(PASTED)
    assert "default-src 'none'" in text
    assert not any(word in text for word in ("<script", "<link", "<img", "http://", "https://", "url(", "@import"))
    assert all(f"--{name}:" in STYLE for name in LIGHT)

# SPDX-License-Identifier: Apache-2.0
"""HTML and SVG that can't be broken out of: elements are made, never pasted together from text.

    element("p", "a <b> from outside", class_="note")    <p class="note">a &lt;b&gt; from outside</p>

Every text and every value of an attribute is escaped twice: as it is in every report (`escape.show`: no control, no
bidirectional override), then for HTML. Only what an element gave back is taken as it is.

Limits: for pages without scripts; names of elements and attributes come from our own code.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fumidai.report.escape import show

#: Elements that have no content (HTML Living Standard, void elements).
_VOID: Final = frozenset({"meta", "br", "hr"})


@dataclass(frozen=True, slots=True)
class Markup:
    """Text that is HTML already."""

    text: str

    def __str__(self) -> str:
        return self.text


Content = Markup | str | bytes


def element(name: str, /, *content: Content, **attributes: str | int | float | None) -> Markup:
    """An element.

    Args:
        content: texts (escaped) and elements.
        attributes: a final ``_`` is dropped and ``_`` inside becomes ``-``; None leaves it out.
    """
    listed = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escaped(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "" if name in _VOID else f"{joined(content)}</{name}>"
    return Markup(f"<{name}{listed}>{inside}")


def joined(content: Iterable[Content], between: str = "") -> Markup:
    """Several one after the other."""
    return Markup(between.join(part.text if isinstance(part, Markup) else _escaped(part) for part in content))


def page(title: str, language: str, style: str, *content: Content) -> str:
    """A whole document, which loads nothing.

    Args:
        style: CSS of ours.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        # Nothing is loaded or run, even if something slipped through.
        Markup(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        ),
        element("title", title),
        Markup(f"<style>{style}</style>"),
    )
    body = element("body", element("main", *content))
    return f"<!DOCTYPE html>\n{element('html', head, body, lang=language)}\n"


def _escaped(text: str | bytes) -> str:
    return html.escape(show(text))

# SPDX-License-Identifier: Apache-2.0
"""`docs/smtp.md` shows the tables that the code follows."""

from __future__ import annotations

from tools import smtp_tables


def test_the_page_is_up_to_date():
    page = smtp_tables.PAGE.read_text(encoding="utf-8")
    assert smtp_tables.filled(page) == page


def test_every_table_is_on_the_page():
    page = smtp_tables.PAGE.read_text(encoding="utf-8")
    assert [match[2] for match in smtp_tables.MARKED.finditer(page)] == [
        "moves",
        "order",
        "bare",
        "parameters",
        "refusals",
    ]

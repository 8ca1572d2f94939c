# SPDX-License-Identifier: Apache-2.0
"""What an EHLO reply announces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.smtp.extensions import Extensions
from fumidai.smtp.reply import Reply


def parse(*lines: bytes) -> Extensions:
    """Extensions of an EHLO reply with these lines after the first."""
    return Extensions.parse(Reply(250, (b"mail.example PIPELINING", *lines), b""))


def test_keywords_and_arguments():
    told = parse(
        b"pipelining", b"SIZE 1000", b"8bitmime", b"SMTPUTF8", b"STARTTLS", b"AUTH  PLAIN LOGIN", b"AUTH=LOGIN", b""
    )
    assert told.keywords == {
        "PIPELINING": "",
        "SIZE": "1000",
        "8BITMIME": "",
        "SMTPUTF8": "",
        "STARTTLS": "",
        "AUTH": "PLAIN LOGIN LOGIN",
    }
    assert told.pipelining
    assert told.starttls
    assert told.smtputf8
    assert told.eightbitmime
    assert "Auth" in told
    assert "DSN" not in told


def test_nothing_announced():
    told = Extensions.parse(Reply(250, (b"PIPELINING",), b""))
    assert told == Extensions()
    assert [told.pipelining, told.starttls, told.smtputf8, told.eightbitmime] == [False] * 4
    assert told.size is None
    assert told.limits == {}


@pytest.mark.parametrize(
    ("line", "size"),
    [(b"SIZE", 0), (b"SIZE 0", 0), (b"size 10", 10), (b"SIZE x", 0), (b"SIZE " + b"9" * 5000, 0), (b"SIZE \xb2", 0)],
)
def test_size(line, size):
    assert parse(line).size == size


def test_limits():
    told = parse(b"LIMITS rcptmax=100 MAILMAX=x RCPTDOMAINMAX= FOO MAILMAX=5")
    assert told.limits == {"RCPTMAX": 100, "MAILMAX": 5}


@given(st.lists(st.binary(max_size=20)))
def test_reads_anything(lines):
    told = parse(*lines)
    assert told.size is None or told.size >= 0
    assert all(number >= 0 for number in told.limits.values())

# SPDX-License-Identifier: Apache-2.0
"""Patterns of codes, as Postfix writes them."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.dnsbl.codes import read_codes


@pytest.mark.parametrize(
    ("texts", "inside", "outside"),
    [
        (["127.0.0.2"], "127.0.0.2", "127.0.0.3"),
        (["127.0.0.[2..11]"], "127.0.0.2 127.0.0.11", "127.0.0.1 127.0.0.12 127.0.1.2"),
        (["127.0.[0;2].[4;6..8]"], "127.0.0.4 127.0.2.7", "127.0.1.4 127.0.0.5"),
        (["127.0.0.2", "127.0.0.10"], "127.0.0.2 127.0.0.10", "127.0.0.4"),
        (["127.[0..255].[0..255].[0..255]"], "127.9.8.7", "128.0.0.1"),
    ],
)
def test_patterns(texts: list[str], inside: str, outside: str) -> None:
    codes = read_codes(texts)
    assert codes is not None
    assert all(IPv4Address(code) in codes for code in inside.split())
    assert not any(IPv4Address(code) in codes for code in outside.split())


@pytest.mark.parametrize(
    "text",
    [
        "", "127.0.0", "127.0.0.2.", "127.0.0.2.3", "127..0.2", "127.0.0.256", "127.0.0.[2..]", "127.0.0.[]",
        "127.0.0.[9..2]", "127.0.0.[2,3]", "127.0.0.[2", "127.0.0.2]", "10.0.0.1", "127.0.0.*", " 127.0.0.2",
        "127.0.0.-1", "[127.0.0.2]", "127.0.0.[1..2..3]", "127.0.0.２",
    ],
)  # fmt: skip
def test_nonsense(text: str) -> None:
    assert read_codes([text]) is None
    assert read_codes(["127.0.0.2", text]) is None


def test_no_pattern_is_none() -> None:
    assert read_codes([]) is None


@given(st.text(alphabet="0127.[];", max_size=24))
def test_any_text_is_read_or_not(text: str) -> None:
    codes = read_codes([text])
    assert codes is None or all(len(pattern) == 4 for pattern in codes.patterns)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_an_address_is_the_pattern_of_itself(octets: tuple[int, int, int]) -> None:
    code = IPv4Address(bytes((127, *octets)))
    codes = read_codes([str(code)])
    assert codes is not None
    assert code in codes
    assert IPv4Address(int(code) ^ 1) not in codes

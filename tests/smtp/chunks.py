# SPDX-License-Identifier: Apache-2.0
"""Cut bytes into pieces, for Law 1: any chunking of the same bytes gives the same events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import TypeVar

from hypothesis import strategies as st

Item = TypeVar("Item")


def cuts(data: bytes) -> st.SearchStrategy[list[int]]:
    """Places at which to cut."""
    return st.lists(st.integers(0, len(data)), max_size=40)


def pieces(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The data, cut at these places (a place named twice gives an empty piece)."""
    edges = [0, *sorted(places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def in_pieces(feed: Callable[[bytes], list[Item]], data: bytes, places: Iterable[int]) -> list[Item]:
    """Feed the data piece by piece and give everything that came out, in order."""
    return [item for piece in pieces(data, places) for item in feed(piece)]

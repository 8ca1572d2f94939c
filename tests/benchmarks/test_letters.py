# SPDX-License-Identifier: Apache-2.0
"""The mail that the trace benchmark is made of is like the mail that was counted, and none of it is."""

from __future__ import annotations

import io
import random
import re
import tomllib
from itertools import islice

import pytest

from benchmarks import corpus
from benchmarks.bodies import drawn
from benchmarks.letters import FIGURES, NEW, OLD, Kind, drawn_messages, mailbox, messages
from benchmarks.ways import Pool, Ways, fixture_lines
from fumidai.received.read import read_head
from fumidai.trace.mbox import Part
from fumidai.trace.mbox import messages as split

TABLE = tomllib.loads(FIGURES.read_text("utf-8"))
#: How far a figure may be off, where an eighth of it is too little: for made mail has fewer sizes and names.
MORE = {"HELO is the name, %": 12.0, "comment of by not met before, %": 8.0, "fields, p75": 4.0}
KINDS = pytest.mark.parametrize("kind", [OLD, NEW], ids=["old", "new"])


def _near(name: str, made: float, counted: float) -> bool:
    """Within an eighth (bodies: a quarter), or four of a hundred messages or lines, or two fields."""
    least = 4.0 if name.endswith("%") else 2.0 if name.startswith("fields") else 0.1
    part = 0.25 if name.startswith("body") else 0.125
    return abs(made - counted) <= max(MORE.get(name, least), counted * part)


@KINDS
def test_made_mail_has_the_counted_figures(kind: Kind) -> None:
    counted = TABLE[kind.figures]["counted"]
    made = corpus.heads_and_bodies(messages(kind, 1000))
    # Of some hundred great bodies the mean is left to chance.
    made.pop("body, octets, mean")
    far = {name: (value, counted[name]) for name, value in made.items() if not _near(name, value, counted[name])}
    assert not far


@KINDS
def test_made_lines_have_the_counted_figures(kind: Kind) -> None:
    figures = TABLE[kind.figures]
    dice = random.Random(kind.figures)
    ways = Ways(TABLE, kind.figures, dice)
    both = [sum(some) for some in zip(*figures["received"], strict=True)]
    heads = [ways.draw(dice.choices(range(15), both)[0])[0] for _ in range(corpus.SAMPLE)]
    made = corpus.lines([read_head(head.encode("latin-1")).hops for head in heads])
    counted = figures["counted"]
    far = {name: (value, counted[name]) for name, value in made.items() if not _near(name, value, counted[name])}
    assert not far


@KINDS
def test_the_same_messages_every_time(kind: Kind) -> None:
    assert messages(kind, 30) == messages(kind, 30)
    assert len(set(messages(kind, 30))) == 30


@KINDS
def test_every_line_says_where_it_is_from(kind: Kind) -> None:
    column = {"old": 1, "new": 3}[kind.figures]
    assert {row[0] for row in TABLE["lines"]} <= fixture_lines().keys() | TABLE["shapes"].keys()
    assert 950 <= sum(row[column] for row in TABLE["lines"]) <= 1000


@KINDS
def test_no_public_address_but_those_for_tests(kind: Kind) -> None:
    ours = re.compile(r"10\.|127\.0\.0\.1\Z|198\.1[89]\.|169\.254\.|\Z|(?i:fe80:|2001:db8:|2603:10a6:|2002:a|::1\Z)")
    seen = {hop.client.ip for one in messages(kind, 200) for hop in read_head(one).hops}
    assert len(seen) > 50
    assert not {ip for ip in seen if not ours.match(ip)}


def test_a_mailbox_holds_all_messages() -> None:
    found = list(islice(drawn_messages(NEW), 60))
    box = b"".join(map(mailbox, found))
    cut = [message for _, message in split(io.BytesIO(box), Part(0, len(box)), len(box))]
    assert [one.rstrip() for one in cut] == [one.rstrip() for one in found]


def test_a_pool_repeats_as_often_as_it_is_told() -> None:
    pool = Pool(0.3, random.Random(1))
    numbers = [pool.draw() for _ in range(5000)]
    assert 0.27 < len(set(numbers)) / 5000 < 0.33


def test_sizes_have_the_quantiles_they_are_drawn_from() -> None:
    quantiles = (0, 10, 20, 100, 200, 400, 1000, 5000)
    sizes = sorted(drawn(quantiles, random.Random(seed)) for seed in range(4000))
    assert 85 < sizes[2000] < 115
    assert 360 < sizes[3600] < 450
    assert sizes[-1] <= 5000

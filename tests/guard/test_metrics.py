# SPDX-License-Identifier: Apache-2.0
"""The numbers: Prometheus' own reader understands them, they are the log's, and counting costs next to nothing."""

from __future__ import annotations

import asyncio
import math
import signal
import socket
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from fumidai.guard.counts import BOUNDS, Counts, Numbers, summed
from fumidai.guard.metrics import ANSWERS, FAMILIES, LONGEST, PageReader, counters_of, exposition
from fumidai.report.exposition import Family, Spread, family_text, histogram_text
from tests.guard.commanded import commanding, free_port, page
from tests.guard.faulty import behind
from tests.guard.guarded import calling, guarding, session

TEXT = st.text(st.characters(codec="utf-8"))
#: Seconds for what is counted of one message; the bound is 5 µs.
MESSAGE_COST = 5e-6


def read(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """What Prometheus would read."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def one(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


@given(TEXT, TEXT, st.floats(allow_nan=False))
def test_any_text_in_a_label_is_read_back(value: str, what: str, number: float) -> None:
    family = Family("x_total", "counter", what, ("a", "b"))
    text = family_text(family, {(value, "y"): number})
    assert read(text) == {one("x_total", a=value, b="y"): number}
    assert text.count("\n") == 3


@given(st.lists(st.integers(0, 1000), min_size=4, max_size=4))
def test_buckets_are_cumulative(counts: list[int]) -> None:
    family = Family("x_seconds", "histogram", "x", ("step",), (0.5, 1.0, 2.0))
    found = read(histogram_text(family, {("s",): Spread(counts, 1.5)}))
    buckets = [found[one("x_seconds_bucket", step="s", le=le)] for le in ("0.5", "1", "2", "+Inf")]
    assert buckets == [sum(counts[: n + 1]) for n in range(4)]
    assert found[one("x_seconds_count", step="s")] == buckets[-1]
    assert found[one("x_seconds_sum", step="s")] == 1.5


def test_an_answer_falls_into_the_bucket_of_its_time() -> None:
    counts = Counts()
    for seconds in (0.0, 0.001, 0.0011, 299.0, 301.0):
        counts.answered("message", seconds, "answered")
    counts.answered("message", 1.0, "unknown")
    found = read(exposition(counts.numbers()))

    def bucket(le: str) -> float:
        return found[one("fumidai_guard_backend_answer_seconds_bucket", step="message", le=le)]

    assert [bucket("0.001"), bucket("0.0025"), bucket("60"), bucket("300"), bucket("+Inf")] == [2, 3, 3, 4, 5]
    assert found[one("fumidai_guard_backend_failures_total", step="message", fate="unknown")] == 1
    assert math.isclose(found[one("fumidai_guard_backend_answer_seconds_sum", step="message")], 600.0021)
    assert len(BOUNDS) < 20


@pytest.mark.parametrize("page", ["docs/guard-service.md", "docs/guard-service.ja.md"])
def test_every_number_is_on_the_page(page: str) -> None:
    text = (Path(__file__).parents[2] / page).read_text(encoding="utf-8")
    for family in (*FAMILIES.values(), ANSWERS):
        assert f"`{family.name.removeprefix('fumidai_guard_')}`" in text
        for label in family.labels:
            assert f"`{label}`" in text


def test_labels_never_become_too_many() -> None:
    counts = Counts()
    for number in range(100_000):
        counts.decided("refuse", f"rule-{number}")
    numbers = counts.numbers()
    assert len(numbers) < 2100
    assert sum(numbers.values()) == 100_000
    assert numbers[("decisions", "other", "other")] > 97_000


def test_what_grows_outlives_a_worker_and_what_stands_does_not() -> None:
    counts = Counts()
    counts.ended("delivered")
    counts.answered("message", 0.1, "answered")
    counts.show(("open",), lambda: 7)
    kept = counters_of(counts.numbers())
    assert ("open",) not in kept
    healths: list[Numbers] = [{("listing-health", "z"): number} for number in (1, 0, 1)]
    assert summed(healths) == {("listing-health", "z"): 0}, "one process that can't believe it is enough"
    assert summed((kept, counts.numbers()))[("messages", "delivered")] == 2
    assert summed((kept, counts.numbers()))[("answers-sum", "message")] == pytest.approx(0.2)


async def test_the_numbers_are_those_of_the_log(tmp_path: Path) -> None:
    port, metrics = free_port(), free_port()
    policy = (
        f'[policy]\nreceive_for = ["a.test"]\n[guard]\nlisten = "127.0.0.1:{port}"\nerrors = 20\n'
        f'backend = "smtp://127.0.0.1:%d"\nmetrics = "127.0.0.1:{metrics}"\n'
    )
    async with behind() as backend, commanding(tmp_path, policy % backend.port) as command:
        for to in (b"<u@a.test>", b"<u@a.test>", b"<u@b.test>", b"<b.test!u@a.test>"):
            async with calling(port) as client:
                await client.all(session(b"x: y\r\n\r\nz", to=to))
        async with calling(port) as client:
            await client.all(b"NONSENSE\r\n" * 30)
        found = read((await page(metrics)).partition(b"\r\n\r\n")[2].decode())
        command.signal(signal.SIGTERM)
        assert await command.end() == 0
    lines = command.decisions()
    rules = [line["rule"] for line in lines if line["event"] == "rcpt"]
    assert rules == ["own-domain", "own-domain", "foreign-recipient", "ambiguous-recipient"]
    assert found[one("fumidai_guard_decisions_total", action="permit", rule="own-domain")] == 2
    assert found[one("fumidai_guard_decisions_total", action="refuse", rule="ambiguous-recipient")] == 1
    assert found[one("fumidai_guard_messages_total", outcome="delivered")] == 2
    (away,) = (line["rule"] for line in lines if line["event"] == "session")
    assert found[one("fumidai_guard_sent_away_total", rule=away)] == 1
    assert found[one("fumidai_guard_sessions_total")] == 5
    assert found[one("fumidai_guard_backend_answer_seconds_count", step="recipient")] == 2


async def test_a_backend_that_does_not_answer_is_counted() -> None:
    async with behind() as backend:
        port = backend.port
    async with guarding(port) as running, calling(running.port) as client:
        await client.all(session(b"x: y\r\n\r\nz"))
        numbers = running.guard.counts.numbers()
    assert numbers[("backend-failures", "recipient", "failed")] == 1


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\n\r\n", b"200"),
        (b"GET /metrics?x=1 HTTP/1.0\n\n", b"200"),
        (b"HEAD /metrics HTTP/1.1\r\n\r\n", b"200"),
        (b"GET / HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"\x16\x03\x01\r\n\r\n", b"405"),
        (b"GET /" + b"x" * LONGEST, b"431"),
    ],
)
def test_the_page_and_nothing_else(request_: bytes, status: bytes) -> None:
    answer = PageReader(lambda: {("sessions",): 1}).push(request_)
    assert answer.split(b" ", 2)[1] == status
    head, _, body = answer.partition(b"\r\n\r\n")
    assert (b"fumidai_guard_sessions_total 1" in body) is (status == b"200" and not request_.startswith(b"HEAD"))
    assert b"Connection: close" in head


@given(st.binary(), st.lists(st.integers(0, 60)))
def test_the_page_takes_any_bytes_in_any_pieces(data: bytes, cuts: list[int]) -> None:
    reader, answers = PageReader(dict), b""
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
        answers = answers or reader.push(data[start:end])
    assert not answers or answers.startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize("workers", [1, 2])
async def test_who_is_slow_or_many_at_the_page_keeps_nobody_else(tmp_path: Path, workers: int) -> None:
    metrics = free_port()
    policy = (
        '[policy]\nreceive_for = ["a.test"]\n[guard]\nlisten = "127.0.0.1:0"\nbackend = "smtp://127.0.0.1:9"\n'
        f'metrics = "127.0.0.1:{metrics}"\nworkers = {workers}\n'
    )
    async with commanding(tmp_path, policy):
        slow = [socket.create_connection(("127.0.0.1", metrics), 30) for _ in range(10)]
        for visit in slow:
            visit.send(b"GET /metr")
        assert b"fumidai_guard_sessions_total 0" in await page(metrics)
        more = [socket.create_connection(("127.0.0.1", metrics), 30) for _ in range(30)]
        assert [await asyncio.to_thread(ending, visit) for visit in more[10:]] == [b""] * 20
        for visit in (*slow, *more):
            visit.close()


def ending(visit: socket.socket) -> bytes:
    """What comes until the other end closes."""
    try:
        return visit.recv(100)
    except ConnectionResetError:
        return b""


def test_counting_a_message_costs_next_to_nothing() -> None:
    """A decision, an outcome and two answers of the backend; the best of several tries, since the machine is shared."""
    counts = Counts()

    def message() -> None:
        counts.decided("permit", "own-domain")
        counts.answered("recipient", 0.002, "answered")
        counts.ended("delivered")
        counts.answered("message", 0.02, "answered")

    best = math.inf
    for _ in range(20):
        began = time.process_time()
        for _ in range(1000):
            message()
        best = min(best, (time.process_time() - began) / 1000)
    assert best < 2 * MESSAGE_COST, f"{best * 1e6:.1f} µs"

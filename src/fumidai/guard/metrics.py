# SPDX-License-Identifier: Apache-2.0
"""The numbers of a guard as Prometheus reads them, and the page that they are served on.

``GET /metrics`` is answered and the connection closed; nothing else is there. ``PageReader`` is without sockets, so
that a guard of one process (``MetricsClient`` on its loop) and the parent of several (``supervisor``) share it.

Limits: whoever reaches the port reads the numbers; they name no client, sender or recipient.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from fumidai.guard.counts import BOUNDS, Numbers
from fumidai.report.exposition import CONTENT_TYPE, Family, Spread, family_text, histogram_text

#: Octets of a request, and seconds for all of it.
LONGEST: Final = 8192
PATIENCE: Final = 10.0
#: Connections at once.
MOST: Final = 20
_PAGE: Final = b"/metrics"

FAMILIES: Final = {
    "decisions": Family(
        "fumidai_guard_decisions_total", "counter", "Recipients by what was decided and the rule.", ("action", "rule")
    ),
    "messages": Family("fumidai_guard_messages_total", "counter", "Messages by what became of them.", ("outcome",)),
    "sessions": Family("fumidai_guard_sessions_total", "counter", "Clients that were let in."),
    "turned-away": Family(
        "fumidai_guard_turned_away_total", "counter", "Connections above the bounds, told to come again."
    ),
    "sent-away": Family("fumidai_guard_sent_away_total", "counter", "Clients sent away, by the rule.", ("rule",)),
    "held-back": Family("fumidai_guard_held_back_total", "counter", "Told to come again, by the rule.", ("rule",)),
    "lost-clients": Family(
        "fumidai_guard_lost_clients_total", "counter", "Hours in which an address hid all clients.", ("veil",)
    ),
    "logins": Family("fumidai_guard_logins_total", "counter", "Attempts to log in, by what was decided.", ("action",)),
    "open": Family("fumidai_guard_open_connections", "gauge", "Connections of clients that are open now."),
    "policy-open": Family("fumidai_guard_policy_connections", "gauge", "Connections of the policy service now."),
    "backend-failures": Family(
        "fumidai_guard_backend_failures_total",
        "counter",
        "Questions that the server behind did not answer; unknown: the message may have been taken.",
        ("step", "fate"),
    ),
    "lookups": Family(
        "fumidai_guard_lookups_total", "counter", "Look-ups in the DNS, by what for and result.", ("kind", "result")
    ),
    "reloads": Family("fumidai_guard_reloads_total", "counter", "Reloads asked for by SIGHUP.", ("result",)),
    "log-lost": Family("fumidai_guard_log_lines_lost_total", "counter", "Lines of the log that could not be written."),
    "workers": Family("fumidai_guard_workers", "gauge", "Worker processes that run."),
    "worker-deaths": Family("fumidai_guard_worker_deaths_total", "counter", "Workers that died and were replaced."),
    "listing-health": Family(
        "fumidai_guard_blocklist_healthy", "gauge", "1 where its test points are right in every process.", ("zone",)
    ),
}
ANSWERS: Final = Family(
    "fumidai_guard_backend_answer_seconds",
    "histogram",
    "Time until the server behind answered a recipient, or the end of a message.",
    ("step",),
    BOUNDS,
)


def counters_of(numbers: Numbers) -> Numbers:
    """Those that only grow, so that they outlive the worker that counted them."""
    return {
        key: number for key, number in numbers.items() if (f := FAMILIES.get(key[0])) is None or f.kind == "counter"
    }


def exposition(numbers: Numbers) -> str:
    """All numbers in Prometheus' text format."""
    samples: dict[str, dict[tuple[str, ...], float]] = {}
    for (name, *labels), number in numbers.items():
        samples.setdefault(name, {})[tuple(labels)] = number
    counted = [family_text(family, samples[name]) for name, family in FAMILIES.items() if name in samples]
    return "".join((*counted, _answers(numbers)))


def _answers(numbers: Numbers) -> str:
    steps = {key[1] for key in numbers if key[0] == "answers-sum"}
    spreads: dict[tuple[str, ...], Spread] = {
        (step,): Spread(
            [numbers.get(("answers", step, str(bucket)), 0) for bucket in range(len(BOUNDS) + 1)],
            numbers[("answers-sum", step)],
        )
        for step in steps
    }
    return histogram_text(ANSWERS, spreads) if spreads else ""


class PageReader:
    """Reads one HTTP request and answers it.

    Args:
        numbers: asked when the page is.
    """

    def __init__(self, numbers: Callable[[], Numbers]) -> None:
        self._numbers = numbers
        self._request = b""

    def push(self, data: bytes) -> bytes:
        """Take bytes; the whole answer once the request is whole, then close. b"" before."""
        self._request += data
        if len(self._request) > LONGEST:
            return _response("431 Request Header Fields Too Large", "too long\n")
        if b"\r\n\r\n" not in self._request and b"\n\n" not in self._request:
            return b""
        method, _, rest = self._request.partition(b"\n")[0].partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            return _response("405 Method Not Allowed", "GET only\n")
        if path != _PAGE:
            return _response("404 Not Found", "The numbers are at /metrics\n")
        return _response("200 OK", exposition(self._numbers()), body=method == b"GET")


def _response(status: str, text: str, *, body: bool = True) -> bytes:
    data = text.encode("utf-8", "backslashreplace")
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(data)}\r\n"
        "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (data if body else b"")


class MetricsPage:
    """Serves the page on an event loop."""

    def __init__(self, numbers: Callable[[], Numbers]) -> None:
        self.numbers = numbers
        self.open: set[MetricsClient] = set()

    def __call__(self) -> MetricsClient:
        """What a listening socket makes for each connection."""
        return MetricsClient(self)

    def close(self) -> None:
        """Close what is open."""
        for client in list(self.open):
            client.give_up()


class MetricsClient(asyncio.Protocol):
    """One connection to the page."""

    def __init__(self, page: MetricsPage) -> None:
        self._page = page
        self._reader = PageReader(page.numbers)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.BaseProtocol``."""
        self._transport = transport  # type: ignore[assignment]  # TCP transports are always full ones
        if len(self._page.open) >= MOST:
            self.give_up()
            return
        self._page.open.add(self)
        self._timer = asyncio.get_running_loop().call_later(PATIENCE, self.give_up)

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        if self._transport is not None and (answer := self._reader.push(data)):
            self._transport.write(answer)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.BaseProtocol``."""
        self._page.open.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def give_up(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

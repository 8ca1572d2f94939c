# SPDX-License-Identifier: Apache-2.0
"""The page of metrics in a process without an event loop: the parent of several workers.

Limits: as ``metrics``; a connection that is not done after ten seconds is closed.
"""

from __future__ import annotations

import math
import selectors
import socket
import time
from collections.abc import Callable, Iterable
from functools import partial

from fumidai.guard.counts import Numbers
from fumidai.guard.metrics import MOST, PATIENCE, PageReader
from fumidai.guard.places import close_all


class _Visit:
    """One connection: what is read, then what is written."""

    __slots__ = ("due", "plug", "reader", "rest")

    def __init__(self, plug: socket.socket, reader: PageReader) -> None:
        self.plug = plug
        self.reader = reader
        self.rest = b""
        self.due = time.monotonic() + PATIENCE


class MetricsPort:
    """Serves the page on a ``selectors`` loop, whose keys' data are to be called.

    Args:
        plugs: sockets that listen, not blocking.
        numbers: asked when the page is.
    """

    def __init__(
        self, selector: selectors.BaseSelector, plugs: Iterable[socket.socket], numbers: Callable[[], Numbers]
    ) -> None:
        self._selector = selector
        self._plugs = tuple(plugs)
        self._numbers = numbers
        self._visits: set[_Visit] = set()
        for plug in self._plugs:
            selector.register(plug, selectors.EVENT_READ, partial(self._let_in, plug))

    def due(self) -> float:
        """When (``time.monotonic``) the next one is too slow; infinity: nobody is there."""
        return min((visit.due for visit in self._visits), default=math.inf)

    def drop_the_slow(self, now: float) -> None:
        """Close what is overdue."""
        for visit in [visit for visit in self._visits if visit.due <= now]:
            self._end(visit)

    def close(self) -> None:
        """Close everything, the sockets too."""
        for visit in list(self._visits):
            self._end(visit)
        close_all(self._plugs)

    def forget(self) -> None:
        """In a child: close what is open here, and leave the selector alone."""
        close_all(visit.plug for visit in self._visits)

    def _let_in(self, plug: socket.socket) -> None:
        try:
            conn, _ = plug.accept()
        except OSError:
            return  # gone again
        conn.setblocking(False)
        if len(self._visits) >= MOST:
            conn.close()
            return
        visit = _Visit(conn, PageReader(self._numbers))
        self._visits.add(visit)
        self._selector.register(conn, selectors.EVENT_READ, partial(self._read, visit))

    def _read(self, visit: _Visit) -> None:
        try:
            data = visit.plug.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end(visit)
            return
        visit.rest = visit.reader.push(data)
        if visit.rest:
            self._selector.modify(visit.plug, selectors.EVENT_WRITE, partial(self._write, visit))

    def _write(self, visit: _Visit) -> None:
        try:
            visit.rest = visit.rest[visit.plug.send(visit.rest) :]
        except BlockingIOError:
            return
        except OSError:
            visit.rest = b""
        if not visit.rest:
            self._end(visit)

    def _end(self, visit: _Visit) -> None:
        if visit in self._visits:
            self._visits.discard(visit)
            self._selector.unregister(visit.plug)
            visit.plug.close()

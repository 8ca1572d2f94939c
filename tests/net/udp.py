# SPDX-License-Identifier: Apache-2.0
"""A server for tests that takes questions over UDP on loopback, in a thread of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

Send = Callable[[bytes], None]
Answer = Callable[[bytes, Send], None]
"""Answers a question by calling ``Send``: now, later, or never."""


@contextlib.contextmanager
def udp_server(answer: Answer) -> Iterator[int]:
    """Serve; yields the port. The thread is over when the block is left."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        plug.bind(("127.0.0.1", 0))
        plug.settimeout(0.05)
        stop = threading.Event()
        thread = threading.Thread(target=_serve, args=(plug, answer, stop))
        thread.start()
        try:
            yield plug.getsockname()[1]
        finally:
            stop.set()
            thread.join()


def _serve(plug: socket.socket, answer: Answer, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            wire, client = plug.recvfrom(4096)
        except TimeoutError:
            continue

        def send(wire: bytes, client: tuple[str, int] = client) -> None:
            # Who asked may be gone, and so may this server where the answer came late.
            with contextlib.suppress(OSError):
                plug.sendto(wire, client)

        answer(wire, send)

# SPDX-License-Identifier: Apache-2.0
"""A peer for one TLS connection, with plain blocking sockets in a thread: it shares no code with what is tested."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

Wrap = Callable[[], ssl.SSLSocket]
Talk = Callable[[socket.socket, Wrap], None]
"""Gets the plain socket and a function that begins TLS on it."""


@contextlib.contextmanager
def tls_peer(context: ssl.SSLContext, talk: Talk) -> Iterator[int]:
    """Serve one connection; yields the port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1)
        listening.settimeout(10)
        thread = threading.Thread(target=_serve, args=(listening, context, talk))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            thread.join()


def _serve(listening: socket.socket, context: ssl.SSLContext, talk: Talk) -> None:
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        plug = stack.enter_context(listening.accept()[0])
        plug.settimeout(10)

        def wrap() -> ssl.SSLSocket:
            return stack.enter_context(context.wrap_socket(plug, server_side=True))

        talk(plug, wrap)

# SPDX-License-Identifier: Apache-2.0
"""Tell systemd how the service stands: one datagram, as sd_notify(3) describes it.

Without ``NOTIFY_SOCKET`` in the environment, and where nobody takes it, nothing happens.

Limits: no watchdog, no file descriptor store.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress


def notify(*lines: str) -> None:
    """Send ``READY=1``, ``RELOADING=1``, ``STOPPING=1``, ``STATUS=…``."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path or path[0] not in "/@":
        return
    # unix(7): a name in the abstract namespace begins with a NUL.
    address = "\0" + path[1:] if path[0] == "@" else path
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as plug:
        plug.sendto("\n".join(lines).encode(), address)


def reloading() -> None:
    """A reload has begun; sd_notify(3) wants the time with it."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

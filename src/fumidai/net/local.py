# SPDX-License-Identifier: Apache-2.0
"""A connection by call-back to a socket of this machine's file system (AF_UNIX), as ``protocol`` makes them over TCP.

Limits: stream sockets with a name in the file system.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


def connect_local(
    path: str, protocol: asyncio.Protocol, *, timeout: float, failed: Callable[[str], None]
) -> asyncio.Task[None]:
    """Connect, and let the loop call ``protocol`` once the connection stands.

    Args:
        path: the socket's file.
        timeout: seconds until it counts as not answering.
        failed: told why no connection came about.
    """

    async def connect() -> None:
        try:
            async with asyncio.timeout(timeout):
                await loop.create_unix_connection(lambda: protocol, path)
        except TimeoutError:
            failed(f"no connection within {timeout:g} s")
        except OSError as problem:
            failed(problem.strerror or str(problem))

    loop = asyncio.get_running_loop()
    return loop.create_task(connect())

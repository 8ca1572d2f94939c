# SPDX-License-Identifier: Apache-2.0
"""A guard from its beginning to its end: open the ports, serve, and on a signal come to an orderly stop.

    await run_guard(policy, settings, write=…, stop=event)

At the stop no new client is let in; a message that is being sent may be finished within ``settings.grace`` seconds.

Limits: one process, one loop. No code here or below can send a message but to the one backend.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from fumidai.errors import UsageError
from fumidai.guard.backend import Backend
from fumidai.guard.decision_log import DecisionLog, Write
from fumidai.guard.door import Door
from fumidai.guard.post import Post
from fumidai.guard.session import session_factory
from fumidai.guard.settings import GuardSettings, Target
from fumidai.net.protocol import ProtocolListener
from fumidai.net.resolver import Resolver
from fumidai.net.serve import Bounds
from fumidai.policy.model import Policy
from fumidai.texts import N_

_FULL = b"421 4.3.2 Too many connections, come again\r\n"
_MEND = N_('Stop that server, or let it listen elsewhere and name that place as backend = "smtp://127.0.0.1:2525".')


class Guard:
    """See above.

    Attributes:
        addresses: (address, port) of every socket, once started.
    """

    def __init__(
        self,
        policy: Policy,
        settings: GuardSettings,
        write: Write,
        *,
        backend: Backend | None = None,
        resolver: Resolver | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        name = settings.name or socket.gethostname()
        self._settings = settings
        self._door = Door(policy, resolver or Resolver())
        self._backend = backend or make_backend(settings.backend, name, policy)
        self._log = DecisionLog(write, settings.log_format, clock)
        self._post = Post(settings, self._door, self._backend, self._log, name, clock)
        self._listener = ProtocolListener(Bounds(settings.connections, settings.connections_per_client, _FULL))

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens."""
        return self._listener.addresses

    async def start(self, *, shared: bool = False) -> None:
        """Open all ports.

        Raises:
            ListenError: one is taken or not ours; none is open then.
            PermissionRefused: the system does not let us.
        """
        acquaint = getattr(self._backend, "get_acquainted", None)
        if acquaint is not None:
            await acquaint()
        factory = session_factory(self._post)
        try:
            for place in self._settings.listen:
                await self._listener.add(place.address, place.port, factory, mend=_MEND, shared=shared)
        except BaseException:
            await self._listener.close()
            raise

    async def stop(self) -> None:
        """Let nobody in, let what is being sent be finished, close."""
        await self._listener.close(self._settings.grace)
        self._door.close()
        await self._backend.close()
        self._log.flush()


def make_backend(target: Target, name: str, policy: Policy) -> Backend:
    """The backend for a place; only its own file is imported."""
    match target.scheme:
        case "smtp":
            from fumidai.guard.smtp_backend import SmtpBackend

            return SmtpBackend(target.host, target.port, name)
        case "maildir":
            from fumidai.guard.maildir_backend import MaildirBackend

            return MaildirBackend(target.path, name, f"<{policy.postmaster}>".encode() if policy.postmaster else b"")
        case "lmtp":
            from fumidai.guard.lmtp_backend import LmtpBackend

            return LmtpBackend(target.host, target.port, name, socket=target.path)
        case _:
            raise UsageError(N_("{value} is no backend."), value=target.url)


async def run_guard(
    policy: Policy,
    settings: GuardSettings,
    write: Write,
    *,
    stop: asyncio.Event,
    on_ready: Callable[[list[tuple[str, int]]], None] = lambda places: None,
    shared: bool = False,
) -> None:
    """Guard until told to stop.

    Raises:
        ListenError, PermissionRefused: see ``Guard.start``.
    """
    guard = Guard(policy, settings, write)
    await guard.start(shared=shared)
    on_ready(guard.addresses)
    try:
        await stop.wait()
    finally:
        with suppress(asyncio.CancelledError):
            await guard.stop()

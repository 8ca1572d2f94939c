# SPDX-License-Identifier: Apache-2.0
"""A guard from its beginning to its end: open the ports, serve, take over another policy, come to an orderly stop.

    guard = Guard(policy, settings, write)
    await guard.start()
    await guard.take_over(policy, settings)     # a reload: nobody is dropped
    await guard.stop()

At a reload a new ``Post`` is made (door, backend, limits) and put on duty. Sessions go over to it at their next
message; a backend that is no longer named is closed once nobody has a message on its way to it.

At the stop no new client is let in; a message that is being sent may be finished within ``settings.grace`` seconds.

Limits: one process, one loop (``service`` makes several). No code here or below can send a message but to the one
backend. What can't change while it runs is in ``FIXED``.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from fumidai.errors import UsageError
from fumidai.guard.backend import Backend
from fumidai.guard.buffered import Buffered
from fumidai.guard.counts import Counts
from fumidai.guard.crowd import Crowd
from fumidai.guard.decision_log import DecisionLog, Tell, Write, silent
from fumidai.guard.door import Door
from fumidai.guard.gate import Gate
from fumidai.guard.keyring import Keyring, load_keyring
from fumidai.guard.login import Login
from fumidai.guard.lost_client import LostClients
from fumidai.guard.notes import note_pause
from fumidai.guard.password_login import PasswordLogin
from fumidai.guard.places import MEND, Plugs
from fumidai.guard.policy_service import PolicyService
from fumidai.guard.post import Duty, Post
from fumidai.guard.session import Session, session_factory
from fumidai.guard.settings import ASK_BACKEND, GuardSettings, Target
from fumidai.net.descriptors import raise_bound
from fumidai.net.protocol import ProtocolListener
from fumidai.net.resolver import Resolver
from fumidai.net.route import is_own
from fumidai.net.serve import BACKLOG, Bounds
from fumidai.net.surroundings import Surroundings, look_around
from fumidai.policy.model import Policy
from fumidai.texts import N_

_FULL: Final = b"421 4.3.2 Too many connections, come again\r\n"
#: Keys of ``[guard]`` that a reload can't change: ports, processes and the user are taken once.
FIXED: Final = ("listen", "listen_tls", "policy_service", "metrics", "workers", "user")
# From Python 3.13 on a loop that stops takes the socket away from the other workers' feet.
_LEAVE_IT: Final[dict[str, Any]] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
#: Seconds between two looks whether an old backend is still needed.
_LOOK: Final = 1.0


class Guard:
    """See above.

    Attributes:
        addresses: (address, port) of every socket, once started.
        counts: what was counted so far.
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
        counts: Counts | None = None,
        around: Callable[[], Surroundings] = look_around,
        keyring: Keyring | None = None,
        tell: Tell = silent,
    ) -> None:
        self.counts = counts or Counts()
        self._settings = settings
        self._policy = policy
        self._resolver = resolver or Resolver()
        self._clock = clock
        self._crowd = Crowd(settings.clients)
        self._lost = LostClients(around, is_own)
        self._buffered = Buffered(settings.buffer)
        self._log = DecisionLog(write, settings.log_format, clock, self.counts, tell)
        held = keyring or load_keyring(settings, now=clock())
        self._duty = Duty(self._post_for(policy, settings, held, backend))
        self._listener = ProtocolListener(
            _bounds(settings), descriptors=raise_bound(), on_pause=partial(note_pause, self._log)
        )
        self._service = PolicyService(self._duty)
        self._service_servers: list[asyncio.Server] = []
        self._retiring: set[asyncio.Task[None]] = set()
        self._show_gauges()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens."""
        return self._listener.addresses

    async def start(self, plugs: Plugs | None = None) -> None:
        """Serve on these sockets, or open all ports of the settings.

        Raises:
            ListenError: one is taken or not ours; none is open then.
            PermissionRefused: the system does not let us.
        """
        await _acquaint(self._duty.post.backend)
        clear, secure = session_factory(self._duty), session_factory(self._duty, implicit=True)
        settings = self._settings
        try:
            if plugs is None:
                for places, factory in ((settings.listen, clear), (settings.listen_tls, secure)):
                    for place in places:
                        await self._listener.add(place.address, place.port, factory, mend=MEND)
            else:
                for sockets, factory in ((plugs.smtp, clear), (plugs.smtps, secure)):
                    for plug in sockets:
                        await self._listener.serve(plug, factory)
                await self._serve_policy(plugs)
        except BaseException:
            await self._listener.close()
            raise
        self._duty.post.door.start()

    async def take_over(
        self, policy: Policy, settings: GuardSettings, keyring: Keyring | None = None
    ) -> tuple[str, ...]:
        """Go on with another policy and settings, and drop nobody.

        Args:
            keyring: for handshakes and logins from now on; read from the settings' files where it is not given.

        Returns:
            the keys that have changed and can't change now; they stay as they were.
        """
        settings, stuck = keep_fixed(self._settings, settings)
        old = self._duty.post
        same = settings.backend == self._settings.backend and _from_policy(policy) == _from_policy(self._policy)
        same = same and settings.name == self._settings.name
        held = keyring or load_keyring(settings, now=self._clock())
        post = self._post_for(policy, settings, held, old.backend if same else None, old.login)
        if not same:
            await _acquaint(post.backend)
        post.resume_numbers(old)
        self._settings, self._policy = settings, policy
        self._log.format = settings.log_format
        self._listener.bounds = _bounds(settings)
        self._duty.post = post
        old.door.rest()
        post.door.start()
        if not same:
            task = asyncio.get_running_loop().create_task(self._retire(old))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)
        return stuck

    async def stop(self) -> None:
        """Let nobody in, let what is being sent be finished, close."""
        for server in self._service_servers:
            server.close()
        self._service.close()
        await self._listener.close(self._settings.grace)
        for task in self._retiring:
            task.cancel()
        post = self._duty.post
        if post.login is not None:
            post.login.close()
        post.door.close()
        await self._duty.post.backend.close()
        self.flush()

    def flush(self) -> None:
        """Write what is due in the log."""
        self._log.flush()

    def _post_for(
        self,
        policy: Policy,
        settings: GuardSettings,
        keyring: Keyring,
        backend: Backend | None,
        login: Login | None = None,
    ) -> Post:
        host = socket.gethostname()
        name = settings.name or host
        self._lost.declare(policy, settings.proxies, (name, host))
        self._buffered.most = settings.buffer
        return Post(
            settings,
            Door(
                policy,
                self._resolver,
                counts=self.counts,
                blocklists=settings.blocklists,
                note=self._log.note,
            ),
            backend or make_backend(settings.backend, name, policy),
            self._log,
            name,
            self._clock,
            Gate(settings, policy.access, self._crowd),
            self._lost,
            self._buffered,
            self.counts,
            tls=keyring.tls,
            login=login_for(settings, keyring, name, login),
        )

    async def _serve_policy(self, plugs: Plugs) -> None:
        loop = asyncio.get_running_loop()
        for plug in plugs.policy:
            if plug.family == socket.AF_UNIX:
                server = await loop.create_unix_server(self._service, sock=plug, backlog=BACKLOG, **_LEAVE_IT)
            else:
                server = await loop.create_server(self._service, sock=plug, backlog=BACKLOG)
            self._service_servers.append(server)

    async def _retire(self, old: Post) -> None:
        """Close a backend once no session has a message on its way to it."""

        def used() -> bool:
            return any(client.uses(old) for client in self._listener.clients if isinstance(client, Session))

        while used():  # noqa: ASYNC110  # that a session goes over to the new post is no event
            await asyncio.sleep(_LOOK)
        await old.backend.close()

    def _show_gauges(self) -> None:
        listener, service = self._listener, self._service
        self.counts.show(("sessions",), lambda: listener.let_in)
        self.counts.show(("turned-away",), lambda: listener.turned_away + service.turned_away)
        self.counts.show(("open",), lambda: len(listener.clients))
        self.counts.show(("policy-open",), lambda: len(service.clients))


def login_for(settings: GuardSettings, keyring: Keyring, name: str, before: Login | None) -> Login | None:
    """Who checks passwords; None where nobody is to log in. The threads of the one before go on with other users."""
    if keyring.users is not None:
        if isinstance(before, PasswordLogin):
            before.users = keyring.users
            return before
        return PasswordLogin(keyring.users)
    if settings.users == ASK_BACKEND:
        from fumidai.guard.backend_login import BackendLogin

        return BackendLogin(settings.backend.host, settings.backend.port, name)
    return None


def make_backend(target: Target, name: str, policy: Policy) -> Backend:
    """The backend for a place; only its own file is imported."""
    match target.scheme:
        case "smtp":
            from fumidai.guard.smtp_backend import SmtpBackend

            return SmtpBackend(target.host, target.port, name)
        case "maildir":
            from fumidai.guard.maildir_backend import MaildirBackend

            return MaildirBackend(target.path, name, _from_policy(policy))
        case "lmtp":
            from fumidai.guard.lmtp_backend import LmtpBackend

            return LmtpBackend(target.host, target.port, name, socket=target.path)
        case "":
            from fumidai.guard.no_backend import NoBackend

            return NoBackend()
        case _:
            raise UsageError(N_("{value} is no backend."), value=target.url)


def keep_fixed(now: GuardSettings, wanted: GuardSettings) -> tuple[GuardSettings, tuple[str, ...]]:
    """The wanted settings with what can't change while a guard runs; and which keys are other than wanted by that."""
    kept = {key: getattr(now, key) for key in FIXED}
    stuck = tuple(key for key in FIXED if getattr(wanted, key) != kept[key])
    return replace(wanted, **kept), stuck


def _from_policy(policy: Policy) -> bytes:
    """What a backend takes from the policy: the postmaster's mailbox."""
    return f"<{policy.postmaster}>".encode() if policy.postmaster else b""


def _bounds(settings: GuardSettings) -> Bounds:
    """What is borne at once; several workers share it among them."""
    most = -(-settings.connections // settings.workers)
    # How many one client may have is the gate's to say: a proxy's own address counts for nobody.
    return Bounds(most, most, _FULL)


async def _acquaint(backend: Backend) -> None:
    """Learn what the server behind offers before the first client asks."""
    acquaint = getattr(backend, "get_acquainted", None)
    if acquaint is not None:
        await acquaint()

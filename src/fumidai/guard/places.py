# SPDX-License-Identifier: Apache-2.0
"""The sockets of a guard, opened before anything else: while it may still be root, and before it forks.

Each worker has SMTP sockets of its own (SO_REUSEPORT: the kernel shares the clients out); the policy service's
sockets are one set, from which all workers take. The parent keeps them all open, so that a client who comes while a
worker is being replaced waits in the queue of the socket and is not refused.

A Unix socket that an ended guard left behind is removed; one at which somebody answers is not.

Limits: two guards of one user could share a port unseen by SO_REUSEPORT; therefore it is asked for without it first.
A Unix socket is open to everybody who may enter its folder (0666): the folder decides who may ask.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from fumidai.errors import FumidaiError, ListenError, PermissionRefused
from fumidai.guard.settings import GuardSettings, Place_
from fumidai.net.serve import BACKLOG, bound_sockets
from fumidai.texts import N_

MEND: Final = N_(
    'Stop that server, or let it listen elsewhere and name that place as backend = "smtp://127.0.0.1:2525".'
)
_MEND_METRICS: Final = N_("Name another port as metrics, or stop what has it.")
_MEND_SERVICE: Final = N_("Name another place as policy_service, or stop what has it.")


@dataclass(frozen=True, slots=True)
class Plugs:
    """Sockets that listen: ``smtp`` (and ``smtps``, where TLS comes first) of one worker, ``policy`` and ``metrics`` of
    all.
    """

    smtp: tuple[socket.socket, ...] = ()
    smtps: tuple[socket.socket, ...] = ()
    policy: tuple[socket.socket, ...] = ()
    metrics: tuple[socket.socket, ...] = ()

    def all(self) -> tuple[socket.socket, ...]:
        """Every one."""
        return (*self.own, *self.policy, *self.metrics)

    @property
    def own(self) -> tuple[socket.socket, ...]:
        """Those of one worker."""
        return (*self.smtp, *self.smtps)


def open_plugs(settings: GuardSettings) -> list[Plugs]:
    """Open all places of the settings; one set for each worker.

    Raises:
        ListenError: a place is taken or not ours; none is open then.
        PermissionRefused: the system does not let us.
    """
    opened: list[socket.socket] = []
    try:
        shared = settings.workers > 1
        first = [_smtp(places, shared, opened) for places in (settings.listen, settings.listen_tls)]
        own = [first, *([_shares(plugs, opened) for plugs in first] for _ in range(settings.workers - 1))]
        policy = tuple(plug for place in settings.policy_service for plug in _service(place, opened))
        metrics = tuple(plug for place in settings.metrics for plug in _bound(place, _MEND_METRICS, opened))
    except BaseException:
        close_all(opened)
        raise
    return [Plugs(smtp, smtps, policy, metrics) for smtp, smtps in own]


def close_all(plugs: Iterable[socket.socket]) -> None:
    """Close them."""
    for plug in plugs:
        with suppress(OSError):
            plug.close()


def addresses_of(plugs: Plugs) -> list[tuple[str, int]]:
    """Where clients of the guard are awaited."""
    return [plug.getsockname()[:2] for plug in plugs.own]


def remove_sockets(settings: GuardSettings) -> None:
    """Take the Unix sockets away, where we still may; else the next start does."""
    for place in settings.policy_service:
        if place.path:
            with suppress(OSError):
                os.unlink(place.path)


def _smtp(places: Iterable[Place_], shared: bool, opened: list[socket.socket]) -> tuple[socket.socket, ...]:
    """The first worker's sockets. A port 0 is decided here."""
    plugs: list[socket.socket] = []
    for place in places:
        first = bound_sockets(place.address, place.port, MEND)
        if shared:
            # Nobody has the port; now with the option, which would not have told.
            port = first[0].getsockname()[1]
            close_all(first)
            first = bound_sockets(place.address, port, MEND, shared=True)
        opened += first
        plugs += first
    return tuple(plugs)


def _shares(first: Iterable[socket.socket], opened: list[socket.socket]) -> tuple[socket.socket, ...]:
    """One more worker's sockets at the same places."""
    plugs: list[socket.socket] = []
    for other in first:
        plug = socket.socket(other.family, socket.SOCK_STREAM)
        opened.append(plug)
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if other.family == socket.AF_INET6:
            plug.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        plug.bind(other.getsockname())
        plug.listen(BACKLOG)
        plug.setblocking(False)
        plugs.append(plug)
    return tuple(plugs)


def _bound(place: Place_, mend: str, opened: list[socket.socket]) -> list[socket.socket]:
    plugs = bound_sockets(place.address, place.port, mend)
    opened += plugs
    return plugs


def _service(place: Place_, opened: list[socket.socket]) -> list[socket.socket]:
    if not place.path:
        return _bound(place, _MEND_SERVICE, opened)
    plug = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    opened.append(plug)
    try:
        _remove_stale(place.path)
        plug.bind(place.path)
        os.chmod(place.path, 0o666)  # noqa: S103  # the folder decides
        plug.listen(BACKLOG)
    except OSError as problem:
        raise _refusal(place.path, problem) from problem
    plug.setblocking(False)
    return [plug]


def _remove_stale(path: str) -> None:
    """Remove a socket at which nobody answers any more."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise OSError(errno.EEXIST, "something else is there")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
        try:
            knock.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)


def _refusal(path: str, problem: OSError) -> FumidaiError:
    if problem.errno in (errno.EACCES, errno.EPERM):
        return PermissionRefused(
            N_("The socket {path} needs more rights than this user has."),
            mend=N_("Make its folder one that this user may write into."),
            path=path,
        )
    if problem.errno == errno.EADDRINUSE:
        return ListenError(N_("The socket {path} is taken."), mend=_MEND_SERVICE, path=path)
    message = N_("The socket {path} can't be opened: {reason}.")
    return ListenError(message, path=path, reason=problem.strerror or str(problem))

# SPDX-License-Identifier: Apache-2.0
"""The guard as a service of this machine, from what was read to the exit code.

    1  whom to become is looked up, all ports are opened (a mistake in either ends it here)
    2  root is given up, for good
    3  one process serves (``station.Alone``), or a parent forks the workers (``supervisor``)

Limits: POSIX only.
"""

from __future__ import annotations

import signal
import socket
import traceback
from collections.abc import Callable
from contextlib import suppress

from fumidai.errors import FumidaiError
from fumidai.guard.ahead import import_ahead, out_of_reach
from fumidai.guard.places import Plugs, close_all, open_plugs, remove_sockets
from fumidai.guard.privileges import Chosen, become, choose_user, unreadable
from fumidai.guard.station import Alone, Load, Setup, Voice, Worker
from fumidai.guard.supervisor import Supervisor
from fumidai.net.loop import run
from fumidai.texts import N_


def serve(setup: Setup, load: Load, voice: Voice, ready: Callable[[list[tuple[str, int]]], None]) -> int:
    """Guard until told to stop; the exit code.

    Args:
        load: reads everything again, for a reload; raises errors of ours where it is wrong.
        ready: told where it listens.

    Raises:
        ListenError, PermissionRefused, NoSuchUser, UsageError: it can't begin.
    """
    # A reload that is asked for before we are ready would end us: that is what SIGHUP does by itself.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    chosen = choose_user(setup.settings.user)
    sets = open_plugs(setup.settings)
    try:
        if chosen.name:
            import_ahead()
        become(chosen)

        def begun(places: list[tuple[str, int]]) -> None:
            ready(places)
            _warn(setup, chosen, voice)

        if setup.settings.workers == 1:
            run(_alone(setup, load, sets[0], voice, begun))
            return 0

        def work(now: Setup, plugs: Plugs, line: socket.socket) -> int:
            return _work(now, load, plugs, voice, line)

        return Supervisor(setup, load, sets, voice, work, begun).run()
    finally:
        close_all(plug for plugs in sets for plug in plugs.all())
        remove_sockets(setup.settings)


async def _alone(
    setup: Setup, load: Load, plugs: Plugs, voice: Voice, ready: Callable[[list[tuple[str, int]]], None]
) -> None:
    station = Alone(setup, load, plugs, voice)
    try:
        await station.serve(ready)
    finally:
        station.flush()


async def _worker(setup: Setup, load: Load, plugs: Plugs, voice: Voice, line: socket.socket) -> None:
    station = Worker(setup, load, plugs, voice, line)
    try:
        await station.serve()
    finally:
        station.flush()


def _work(setup: Setup, load: Load, plugs: Plugs, voice: Voice, line: socket.socket) -> int:
    """A worker's whole life; its exit code."""
    try:
        with suppress(KeyboardInterrupt):
            run(_worker(setup, load, plugs, voice, line))
    except FumidaiError as error:
        voice.complain(error)
        return error.exit_code
    except Exception:
        traceback.print_exc()
        return 70
    return 0


def _warn(setup: Setup, chosen: Chosen, voice: Voice) -> None:
    """What may be meant, and deserves a second look."""
    if chosen.stays_root:
        voice.say(N_("The guard goes on as root, as [guard] user says. It needs no rights once its ports are open."))
    if chosen.name:
        if where := out_of_reach():
            voice.say(
                N_("{where} can't be read by the user {user}: install Fumidai where everybody may read, such as /opt."),
                where=where,
                user=chosen.name,
            )
        for file in unreadable(setup.files):
            voice.say(
                N_("{file} can't be read by the user {user}: a reload (SIGHUP) will be refused until it can."),
                file=file,
                user=chosen.name,
            )

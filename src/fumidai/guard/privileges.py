# SPDX-License-Identifier: Apache-2.0
"""Become somebody who may do little, once everything that needs root is open.

    chosen = choose_user("fumidai")       # before the ports are opened: a wrong name is told at once
    …                                     # ports, certificates and keys are opened and read
    become(chosen)                        # setgroups, setgid, setuid: no way back

A guard that was started as root and is not told whom to become does not go on: what strangers talk to should not be
root by oversight. ``user = "root"`` says that it is meant.

Limits: Linux and other systems with these calls. What root alone may read can't be read again at a reload.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fumidai.errors import NoSuchUser, PermissionRefused, UsageError
from fumidai.texts import N_


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whom to become.

    Attributes:
        name: of the user; "" where nothing is to be done.
        uid, gid: numbers; ``groups``: all groups of the user.
        stays_root: it was said that root is meant.
    """

    name: str = ""
    uid: int = -1
    gid: int = -1
    groups: tuple[int, ...] = ()
    stays_root: bool = False


def choose_user(name: str) -> Chosen:
    """Whom a guard becomes that was told this name ("": none).

    Raises:
        NoSuchUser: nobody is called so.
        PermissionRefused: we are not root and so can't become another.
        UsageError: we are root, and nobody was named.
    """
    root = os.geteuid() == 0
    if not name:
        if root:
            raise UsageError(
                N_("The guard was started as root and is not told whom to become once its ports are open."),
                mend=N_('Write user = "nobody" (or a user of its own) into [guard], or user = "root" if you mean it.'),
            )
        return Chosen()
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise NoSuchUser(
            N_("There is no user {user} on this machine."),
            mend=N_("Make one (useradd --system {user}), or name another as user in [guard]."),
            user=name,
        ) from None
    if entry.pw_uid == os.geteuid():
        return Chosen(stays_root=root)
    if not root:
        raise PermissionRefused(
            N_("Only root can become the user {user}."),
            mend=N_("Start it as root, or take user out of [guard] and start it as {user}."),
            user=name,
        )
    return Chosen(name, entry.pw_uid, entry.pw_gid, tuple(os.getgrouplist(name, entry.pw_gid)))


def become(chosen: Chosen) -> None:
    """Become the chosen user for good.

    Raises:
        PermissionRefused: the system does not let us, or the way back to root stands open.
    """
    if not chosen.name:
        return
    try:
        os.setgroups(chosen.groups)
        os.setgid(chosen.gid)
        os.setuid(chosen.uid)
    except OSError as problem:
        message = N_("The system does not let us become the user {user}: {why}.")
        raise PermissionRefused(message, user=chosen.name, why=problem.strerror) from problem
    if chosen.uid and _can_go_back():
        raise PermissionRefused(
            N_("After becoming the user {user} the way back to root stands open."), user=chosen.name
        )


def _can_go_back() -> bool:
    try:
        os.setuid(0)
    except OSError:
        return False
    return True


def unreadable(files: Iterable[Path]) -> list[Path]:
    """Those that this process may not read (any more), so that a reload would fail."""
    return [file for file in files if not os.access(file, os.R_OK)]

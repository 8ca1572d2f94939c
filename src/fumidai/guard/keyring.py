# SPDX-License-Identifier: Apache-2.0
"""The files that ``[guard]`` names for TLS and AUTH, read: certificate and key, and who may log in.

Read at the start, before rights are dropped, and again for a reload: what is wrong is an error before anything was
changed, and ``Guard.take_over`` takes the new ones.

Names are seen from the folder of the policy file.

Limits: nothing here watches the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext

from fumidai.errors import PolicyError, UsageError
from fumidai.guard.settings import ASK_BACKEND, SECTION, GuardSettings
from fumidai.guard.users import Users, load_users
from fumidai.net.serving_keys import load_keys
from fumidai.policy.notice import Source
from fumidai.texts import N_


@dataclass(frozen=True, slots=True)
class Keyring:
    """What was read: None where ``[guard]`` names nothing (for users also where the backend is asked)."""

    tls: SSLContext | None = None
    users: Users | None = None


def load_keyring(settings: GuardSettings, source: Source | None = None, *, now: float) -> Keyring:
    """Read what the settings name.

    Args:
        source: the policy file: errors and warnings name its line.
        now: seconds since the epoch.

    Raises:
        PolicyError: something can't be read or used (without a source: UsageError).
    """
    where = source or Source("", {})
    folder = Path(where.file).parent
    tls = _tls(settings, folder, where, now) if settings.certificate else None
    users = None
    if settings.users and settings.users != ASK_BACKEND:
        users = _users(folder / settings.users, where)
    return Keyring(tls, users)


def secret_files(settings: GuardSettings, source: Source) -> tuple[Path, ...]:
    """The files that are read, as they are named here."""
    folder = Path(source.file).parent
    users = "" if settings.users == ASK_BACKEND else settings.users
    return tuple(folder / name for name in (settings.certificate, settings.key, users) if name)


def _tls(settings: GuardSettings, folder: Path, source: Source, now: float) -> SSLContext:
    certificate = folder / settings.certificate
    try:
        keys = load_keys(certificate, folder / (settings.key or settings.certificate), now=now)
    except UsageError as problem:
        raise _at("certificate", problem, source) from problem
    for doubt in keys.doubts:
        source.warn((SECTION, "certificate"), doubt.message, mend=doubt.mend, path=doubt.path)
    return keys.context


def _users(file: Path, source: Source) -> Users:
    try:
        users = load_users(file)
    except PolicyError:
        raise  # it names the line of the password file
    except UsageError as problem:
        raise _at("users", problem, source) from problem
    if users.exposed:
        source.warn(
            (SECTION, "users"),
            N_("Everybody on this machine may read the hashes in {path}."),
            mend=N_("Say: chmod o-rwx {path}"),
            path=str(file),
        )
    return users


def _at(key: str, problem: UsageError, source: Source) -> UsageError:
    """The same, with the place in the policy file, where there is one."""
    if not source.file:
        return problem
    return source.error((SECTION, key), problem.message, mend=problem.mend, **problem.params)

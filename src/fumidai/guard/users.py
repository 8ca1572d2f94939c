# SPDX-License-Identifier: Apache-2.0
"""The password file: who may log in, and the hash of each one's password.

    # one a line; made by: fumidai guard --hash-password taro@a.com
    taro@a.com:$scrypt$ln=14,r=8,p=5$…$…

An unknown name costs as much as a known one: it is compared with the hash of a user that the name leads to by a keyed
sum, and refused whatever comes of it. So the time of an answer tells nobody who has an account here.

Limits: the whole file is kept in memory. A hash or a line of the file is never shown, only its number.
"""

from __future__ import annotations

import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Final

from fumidai.errors import PolicyError, UsageError
from fumidai.guard.password import HashProblem, PasswordHash, new_hash, read_hash
from fumidai.texts import N_

_FORM: Final = N_("One user a line: NAME:HASH. Make the line with: fumidai guard --hash-password NAME")


@dataclass(frozen=True, slots=True)
class Users:
    """Those of one file.

    Attributes:
        hashes: by name.
        exposed: everybody on this machine may read the file.
    """

    hashes: Mapping[str, PasswordHash] = field(repr=False)
    exposed: bool = False
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False)
    _stand_ins: tuple[PasswordHash, ...] = field(default=(), repr=False)

    def fit(self, name: str, password: bytes) -> bool:
        """Whether name and password belong together. Takes its time, on purpose: call it in a thread."""
        known = self.hashes.get(name)
        return (known or self._stand_in(name)).fits(password) and known is not None

    def _stand_in(self, name: str) -> PasswordHash:
        number = int.from_bytes(blake2b(name.encode(), key=self._secret, digest_size=8).digest(), "big")
        return self._stand_ins[number % len(self._stand_ins)]


def users_of(hashes: Mapping[str, PasswordHash], *, exposed: bool = False) -> Users:
    """Users by their hashes, with stand-ins for names that nobody has."""
    stand_ins = tuple(hashes.values()) or (read_hash(new_hash(b"", secrets.token_bytes(16))),)
    return Users(hashes, exposed, _stand_ins=stand_ins)


def load_users(file: Path) -> Users:
    """Read a password file.

    Raises:
        UsageError: it can't be read.
        PolicyError: a line can't be meant; names file and line.
    """
    try:
        data, mode = file.read_bytes(), file.stat().st_mode
    except OSError as problem:
        raise UsageError(
            N_("{path} can't be read: {reason}."), path=file, reason=problem.strerror or str(problem)
        ) from problem
    hashes: dict[str, PasswordHash] = {}
    for count, raw in enumerate(data.splitlines(), 1):
        line = raw.strip()
        if line and not line.startswith(b"#"):
            name, known = _user(line, file, count)
            if name in hashes:
                raise _wrong(file, count, N_("This user stands here twice."))
            hashes[name] = known
    return users_of(hashes, exposed=bool(mode & (stat.S_IROTH | stat.S_IWOTH)))


def _user(line: bytes, file: Path, count: int) -> tuple[str, PasswordHash]:
    head, colon, tail = line.partition(b":")
    try:
        name, hashed = head.decode("utf-8"), tail.decode("ascii")
    except UnicodeDecodeError:
        name = hashed = ""
    if not (colon and name and name.isprintable()):
        raise _wrong(file, count, N_("This is no user."), _FORM)
    try:
        return name, read_hash(hashed)
    except HashProblem as problem:
        raise _wrong(file, count, problem.message, problem.mend) from None


def _wrong(file: Path, count: int, message: str, mend: str = "") -> PolicyError:
    # The line itself stays out: it may hold a hash, or a password that somebody wrote in its place.
    return PolicyError(message, file=str(file), line=count, key="", mend=mend)

# SPDX-License-Identifier: Apache-2.0
"""Hashes of passwords as they stand in a file: read, compared, made.

    $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH      RFC 9106; needs the extra fumidai[argon2]
    $scrypt$ln=14,r=8,p=5$SALT$HASH               RFC 7914; always there, and what ``new_hash`` makes

Salt and hash are base64 without padding. Both forms cost time and memory on purpose; how much stands in each hash and
is bounded here, so that no line of a file can stop the guard.

Limits: no other kind (crypt(3), bcrypt, plain text). ``fits`` takes a tenth of a second of one processor, outside of
Python's lock: call it in a thread.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Final

from fumidai.texts import N_

#: Octets that one comparison may take.
MOST_MEMORY: Final = 256 * 1024 * 1024
#: scrypt's N as a power of two, r and p. OWASP's cheat sheet on password storage (2026) names this among equals;
#: of those it takes the least memory but one: 16 MiB.
_LN, _R, _P = 14, 8, 5
_SALT: Final = 16
_LENGTH: Final = 32

_BASE64: Final = r"[A-Za-z0-9+/]"
_SCRYPT: Final = re.compile(
    rf"\$scrypt\$ln=(\d{{1,2}}),r=(\d{{1,4}}),p=(\d{{1,4}})\$({_BASE64}{{1,200}})\$({_BASE64}{{20,200}})"
)
_ARGON2: Final = re.compile(
    rf"\$argon2id\$v=19\$m=(\d{{1,10}}),t=(\d{{1,4}}),p=(\d{{1,4}})\$({_BASE64}{{11,200}})\$({_BASE64}{{20,200}})"
)


class HashProblem(Exception):
    """A hash that can't be used: why, as a msgid, and what to do; users of this file name file and line."""

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend


@dataclass(frozen=True, slots=True)
class ScryptHash:
    """See above; no part of it is shown."""

    n: int
    r: int
    p: int
    salt: bytes = field(repr=False)
    hash: bytes = field(repr=False)

    def fits(self, password: bytes) -> bool:
        """Whether it is the hash of this password."""
        return hmac.compare_digest(_scrypt(password, self.salt, self.n, self.r, self.p, len(self.hash)), self.hash)


@dataclass(frozen=True, slots=True)
class Argon2Hash:
    """See above; no part of it is shown."""

    text: str = field(repr=False)

    def fits(self, password: bytes) -> bool:
        """Whether it is the hash of this password."""
        from cryptography.exceptions import InvalidKey
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

        try:
            Argon2id.verify_phc_encoded(password, self.text)
        except InvalidKey:
            return False
        return True


PasswordHash = ScryptHash | Argon2Hash


def read_hash(text: str) -> PasswordHash:
    """Read one hash.

    Raises:
        HashProblem: it is none, costs too much, or can't be compared here.
    """
    try:
        if found := _SCRYPT.fullmatch(text):
            return _read_scrypt(*found.groups())
        if found := _ARGON2.fullmatch(text):
            return _read_argon2(text, *found.groups())
    except binascii.Error:
        pass
    raise HashProblem(
        N_("There is no hash of a kind that is known here."),
        N_("Make the line with: fumidai guard --hash-password NAME"),
    )


def _read_scrypt(ln: str, r: str, p: str, salt: str, hashed: str) -> ScryptHash:
    cost, block, parallel = int(ln), int(r), int(p)
    if not (1 <= cost <= 24 and 1 <= block <= 64 and 1 <= parallel <= 64):
        raise _too_dear()
    if 128 * block * (2**cost + parallel) > MOST_MEMORY:
        raise _too_dear()
    return ScryptHash(2**cost, block, parallel, _decoded(salt), _decoded(hashed))


def _read_argon2(text: str, m: str, t: str, p: str, salt: str, hashed: str) -> Argon2Hash:
    memory, times, lanes = int(m), int(t), int(p)
    if not (8 * lanes <= memory and memory * 1024 <= MOST_MEMORY and 1 <= times <= 50 and 1 <= lanes <= 16):
        raise _too_dear()
    _decoded(salt), _decoded(hashed)
    if not argon2_is_there():
        raise HashProblem(
            N_("An argon2id hash can't be compared here: cryptography is missing, or was built without it."),
            N_("Say: pip install 'fumidai[argon2]'; or make a scrypt line with: fumidai guard --hash-password NAME"),
        )
    return Argon2Hash(text)


def argon2_is_there() -> bool:
    """Whether argon2id can be computed here; the library and its OpenSSL (3.2 and later) both have a say."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
    except ImportError:
        return False
    try:
        Argon2id(salt=bytes(8), length=4, iterations=1, lanes=1, memory_cost=8)
    except UnsupportedAlgorithm:
        return False
    return hasattr(Argon2id, "verify_phc_encoded")


def _too_dear() -> HashProblem:
    return HashProblem(
        N_("The numbers of this hash are out of bounds: comparing it would take too much memory or time."),
        N_("Make the line with: fumidai guard --hash-password NAME"),
    )


def new_hash(password: bytes, salt: bytes) -> str:
    """The hash to be written into a file.

    Args:
        salt: 16 random octets.
    """
    hashed = _scrypt(password, salt, 2**_LN, _R, _P, _LENGTH)
    return f"$scrypt$ln={_LN},r={_R},p={_P}${_encoded(salt)}${_encoded(hashed)}"


def _scrypt(password: bytes, salt: bytes, n: int, r: int, p: int, length: int) -> bytes:
    # OpenSSL counts the blocks of all p, too, and a little of its own.
    memory = 128 * r * (n + p + 2) + 65536
    return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=length)


def _decoded(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4), validate=True)


def _encoded(data: bytes) -> str:
    return b64encode(data).decode().rstrip("=")

# SPDX-License-Identifier: Apache-2.0
"""Tokens: words that only we can have written, and that say which attempt carried them.

A token is ``fm`` and 24 letters and digits of base32 (lower case, case means nothing): 40 bits of run, 22 of
attempt, 2 of role, then 56 bits of HMAC-SHA256 over the other 64. It survives what mail does to an address: change
of case, quoting, ``%`` and ``!`` forms, SRS, VERP, an ``=20`` glued to its front. All tokens of a run begin with
the same ten letters (``run_mark``), so a postmaster can look for a run in his queue and log.

Limits: a token cut in two (folded in its middle) or carried inside base64 is not found. A run has room for
4,194,303 attempts. 56 bits of signature hold against guessing by mail, not against an attacker who has the key.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32decode, b32encode
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

PREFIX: Final = "fm"
RUN_BYTES: Final = 5
MAX_ATTEMPT: Final = (1 << 22) - 1
TOKEN_LENGTH: Final = 26

_MAC_BYTES: Final = 7
_PAYLOAD_BYTES: Final = 8
_SECRET_MIN: Final = 16
# A look-ahead, because a false beginning ("fmfm…") may overlap a true one.
_CANDIDATE: Final = re.compile(rb"(?=fm([a-z2-7]{24}))", re.IGNORECASE)
# Whoever fills a message with false tokens must not buy much of our time: one check costs about 2 µs.
_MAX_FALSE: Final = 20_000


class Role(StrEnum):
    """Where a token stands; it tells a delivery from a bounce (DESIGN §3)."""

    RECIPIENT = "recipient"
    SENDER = "sender"
    HEADER = "header"


# Never 0, so that a payload of zeros is no token.
_ROLE_BITS: Final = {Role.RECIPIENT: 1, Role.SENDER: 2, Role.HEADER: 3}
_BITS_ROLE: Final = {bits: role for role, bits in _ROLE_BITS.items()}


@dataclass(frozen=True, slots=True)
class TokenKey:
    """The secret that signs tokens; at least 16 bytes, kept 0600 by ``store.token_key``."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < _SECRET_MIN:
            raise ValueError(f"a token key has at least {_SECRET_MIN} bytes")

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that name the key without telling it; the sink shows them in its greeting."""
        return hmac.digest(self.secret, b"fumidai fingerprint 1", "sha256")[:6].hex()


@dataclass(frozen=True, slots=True)
class KnownTokens:
    """Tokens that a run folder lists as its own: enough to read its proofs again where the key is not at hand.

    Limits: as good as the folder; only the key tells a token that nobody wrote into it.
    """

    texts: frozenset[str]


#: What tells a token of ours from a word of its form.
Signer = TokenKey | KnownTokens


@dataclass(frozen=True, slots=True)
class Token:
    """A token whose signature held.

    Attributes:
        text: the token, lower case.
        run: the five bytes of the run that made it.
        attempt: number of the attempt within that run.
        role: where it stood when it was sent.
    """

    text: str
    run: bytes
    attempt: int
    role: Role


def make_token(key: TokenKey, run: bytes, attempt: int, role: Role) -> str:
    """The token of one attempt and role: 26 letters and digits, lower case, the first a letter.

    Raises:
        ValueError: ``run`` is not five bytes, or ``attempt`` not within 0 and ``MAX_ATTEMPT``.
    """
    if len(run) != RUN_BYTES:
        raise ValueError(f"a run is named by {RUN_BYTES} bytes, not {len(run)}")
    if not 0 <= attempt <= MAX_ATTEMPT:
        raise ValueError(f"attempt {attempt} does not fit into a token")
    payload = run + (attempt << 2 | _ROLE_BITS[role]).to_bytes(3, "big")
    return PREFIX + _base32(payload + _mac(key, payload))


def run_mark(run: bytes) -> str:
    """The ten letters with which every token of this run begins."""
    return PREFIX + _base32(run)


def looks_like_token(text: bytes | str) -> bool:
    """True where something in ``text`` has the form of a token; only ``find_tokens`` tells whether it is one."""
    return _CANDIDATE.search(_raw(text)) is not None


def find_tokens(key: Signer, text: bytes | str) -> tuple[Token, ...]:
    """Every token of this key anywhere in ``text``, each once, in the order of its first place.

    Takes time in proportion to the text and gives up after 20,000 words that look like tokens and are none.
    """
    raw = _raw(text)
    found: dict[str, Token] = {}
    false = 0
    for match in _CANDIDATE.finditer(raw):
        token = _verify(key, match[1])
        if token is not None:
            found.setdefault(token.text, token)
            continue
        false += 1
        if false >= _MAX_FALSE:
            break
    return tuple(found.values())


def _raw(text: bytes | str) -> bytes:
    return text.encode("ascii", "replace") if isinstance(text, str) else text


def _verify(key: Signer, letters: bytes) -> Token | None:
    """Read 24 letters of base32; None where the signature does not hold."""
    raw = b32decode(letters, casefold=True)
    payload, mac = raw[:_PAYLOAD_BYTES], raw[_PAYLOAD_BYTES:]
    text = PREFIX + letters.decode("ascii").lower()
    if isinstance(key, KnownTokens):
        if text not in key.texts:
            return None
    elif not hmac.compare_digest(mac, _mac(key, payload)):
        return None
    number = int.from_bytes(payload[RUN_BYTES:], "big")
    role = _BITS_ROLE.get(number & 3)
    if role is None:
        return None
    return Token(text, payload[:RUN_BYTES], number >> 2, role)


def _mac(key: TokenKey, payload: bytes) -> bytes:
    return hmac.digest(key.secret, b"fumidai token 1\0" + payload, "sha256")[:_MAC_BYTES]


def _base32(data: bytes) -> str:
    """Base32 (RFC 4648 §6) in lower case; lengths here are multiples of five bytes, so nothing is padded."""
    return b32encode(data).decode("ascii").lower()

# SPDX-License-Identifier: Apache-2.0
"""Read an arrival as proof: which token decides, and whether it means a delivery or a bounce (DESIGN §3 "Proof").

1. The token in the envelope recipient decides. A sender token is a bounce, always. A recipient token is a delivery,
   unless a machine wrote a new message to it: an auto-reply, a bounce to a row whose sender is its recipient.
2. No token there: the header's decides. A message that is ours was delivered under another recipient; one that
   only quotes us (a Subject, References) is an answer, which is a bounce.

A message *is ours* when our header token stands in the field that only we write, or in Message-ID. The header that
counts is the top one; a bounce carries ours in its body, which is never looked at.

Limits: a relay that strips both fields from a message without sender is read as a bounce. Whoever receives a test
message can write to its addresses himself; a token proves that the target let it out, not who carried it on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from fumidai.evidence.proof import Arrival, Proof, ProofKind, Where
from fumidai.evidence.token import Role, Signer, Token, find_tokens

#: The field that carries the header token of a test message.
TOKEN_FIELD: Final = b"x-fumidai-test"

_OWN_FIELDS: Final = (TOKEN_FIELD, b"message-id")
_END_OF_HEADER: Final = re.compile(rb"\r?\n\r?\n|\r\r")
_FIELD: Final = re.compile(rb"^([!-9;-~]+)[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)", re.MULTILINE)
# RFC 3834 §5: keyword, then comments or parameters.
_KEYWORD: Final = re.compile(rb"\s*(?:\([^)]*\)\s*)*([A-Za-z-]+)")
#: Octets of a header that are read; what lies behind them was not written by a mail system.
_MOST: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class _Header:
    """What the top header says.

    Attributes:
        tokens: of this run, in any field.
        ours: attempts whose header token stands where only we put it.
        auto: value of Auto-Submitted, lower case, "" where there is none.
    """

    tokens: tuple[Token, ...]
    ours: frozenset[int]
    auto: str


def read_proof(
    key: Signer, run: bytes, arrival: Arrival, *, one_address: Collection[int] = frozenset()
) -> tuple[Proof, ...]:
    """What an arrival proves about attempts of this run; () where it proves nothing.

    Args:
        one_address: attempts whose sender and recipient are one address: for these a null sender or a foreign
            Auto-Submitted means bounce even if the message looks like ours.
    """
    header = _read_header(key, run, arrival.message)
    proofs = [
        _proof(arrival, token, _envelope_kind(arrival, token, header, one_address), Where.ENVELOPE, recipient, header)
        for recipient, token in _envelope_tokens(key, run, arrival)
    ]
    if not proofs:
        proofs = [
            _proof(arrival, token, _header_kind(token, header), Where.HEADER, "", header)
            for token in _one_for_each_attempt(header)
        ]
    return tuple(dict.fromkeys(proofs))


def _envelope_tokens(key: Signer, run: bytes, arrival: Arrival) -> Iterator[tuple[str, Token]]:
    for recipient in arrival.recipients:
        for token in find_tokens(key, recipient):
            if token.run == run and token.role is not Role.HEADER:
                yield recipient, token


def _envelope_kind(arrival: Arrival, token: Token, header: _Header, one_address: Collection[int]) -> ProofKind:
    if token.role is Role.SENDER:
        return ProofKind.BOUNCE
    settled = token.attempt in header.ours and token.attempt not in one_address
    by_machine = _is_automatic(arrival, token, header)
    return ProofKind.BOUNCE if by_machine and not settled else ProofKind.DELIVERY


def _header_kind(token: Token, header: _Header) -> ProofKind:
    return ProofKind.DELIVERY if token.attempt in header.ours else ProofKind.BOUNCE


def _one_for_each_attempt(header: _Header) -> list[Token]:
    """One token for each attempt, the header's own role first."""
    ordered = sorted(header.tokens, key=lambda token: token.role is not Role.HEADER)
    return list({token.attempt: token for token in reversed(ordered)}.values())


def _proof(arrival: Arrival, token: Token, kind: ProofKind, where: Where, recipient: str, header: _Header) -> Proof:
    automatic = _is_automatic(arrival, token, header)
    return Proof(token.attempt, token.text, kind, where, recipient, arrival, automatic)


def _is_automatic(arrival: Arrival, token: Token, header: _Header) -> bool:
    """A null sender, or an Auto-Submitted that is not the one we write ourselves."""
    if arrival.reverse_path == "":
        return True
    own = header.auto == "auto-generated" and token.attempt in header.ours
    return header.auto not in ("", "no") and not own


def _read_header(key: Signer, run: bytes, message: bytes) -> _Header:
    block = message[:_MOST]
    end = _END_OF_HEADER.search(block)
    block = block[: end.start()] if end else block
    tokens = tuple(token for token in find_tokens(key, block) if token.run == run)
    ours: set[int] = set()
    auto = ""
    for match in _FIELD.finditer(block):
        name = match[1].lower()
        if name in _OWN_FIELDS:
            found = find_tokens(key, match[2])
            ours.update(token.attempt for token in found if token.run == run and token.role is Role.HEADER)
        elif name == b"auto-submitted" and not auto:
            keyword = _KEYWORD.match(match[2])
            auto = keyword[1].decode("ascii").lower() if keyword else ""
    return _Header(tokens, frozenset(ours), auto)

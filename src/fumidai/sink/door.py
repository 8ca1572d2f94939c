# SPDX-License-Identifier: Apache-2.0
"""Who is let in: which recipients a sink hears out, and which messages it keeps (DESIGN §8). Pure.

A recipient is heard out if it lies in a domain of ours or at one of our own literals, is the postmaster (RFC 5321
§4.5.1), or holds a token of ours in whatever form a server has twisted it into. The message is judged at its dot: a
token of ours in any envelope or header field, or it is refused.

Limits: a body is never looked at, so a bounce is known by its recipient alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from fumidai.evidence.token import TokenKey, find_tokens
from fumidai.evidence.vantage import plain
from fumidai.smtp.address import NullPath, Path, parse_path
from fumidai.smtp.literal import domain_key

IpAddress = IPv4Address | IPv6Address

_END_OF_HEADER: Final = re.compile(rb"\r?\n\r?\n|\r\r")
#: Octets of a header that are looked through.
_MOST: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Door:
    """What a sink takes.

    Attributes:
        key: knows our tokens.
        domains: as ``domain_key`` gives them; none: only recipients with a token are heard out.
        literals: addresses that are ours, besides the one that was connected to.
    """

    key: TokenKey
    domains: frozenset[str] = frozenset()
    literals: frozenset[IpAddress] = field(default_factory=frozenset)

    @classmethod
    def of(cls, key: TokenKey, domains: Iterable[str], literals: Iterable[IpAddress]) -> Door:
        """A door for domains as people write them."""
        return cls(key, frozenset(map(domain_key, domains)), frozenset(map(plain, literals)))

    def hears(self, forward_path: bytes, here: IpAddress) -> bool:
        """Is this recipient heard out?

        Args:
            forward_path: as given, brackets included.
            here: the address of ours that was connected to.
        """
        path = parse_path(forward_path)
        if isinstance(path, Path) and self._is_ours(path, here):
            return True
        return bool(find_tokens(self.key, forward_path))

    def keeps(self, reverse_path: bytes, forward_paths: Sequence[bytes], message: bytes) -> bool:
        """Is this message kept: is there a token of ours in its envelope or header?"""
        end = _END_OF_HEADER.search(message, 0, _MOST)
        header = message[: end.start() if end else _MOST]
        return any(find_tokens(self.key, text) for text in (*forward_paths, reverse_path, header))

    def _is_ours(self, path: Path, here: IpAddress) -> bool:
        if path.literal is not None:
            literal = plain(path.literal)
            return literal in self.literals or literal == plain(here)
        if not path.domain:
            return path.local_part.lower() == "postmaster"
        return path.domain in self.domains


def envelope_text(path: bytes) -> str:
    """A path as text without brackets; "" for the null sender."""
    if isinstance(parse_path(path), NullPath):
        return ""
    inside = path.strip(b" ")
    if inside.startswith(b"<") and inside.endswith(b">"):
        inside = inside[1:-1]
    try:
        return inside.decode("utf-8")
    except UnicodeDecodeError:
        return inside.decode("latin-1")

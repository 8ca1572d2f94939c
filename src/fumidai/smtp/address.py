# SPDX-License-Identifier: Apache-2.0
"""The address in MAIL and RCPT: by the grammar of RFC 5321 §4.1.2, and by nothing else.

``parse_path`` reads the argument of MAIL FROM or RCPT TO, with or without its angle brackets, and gives

    Path        a mailbox: route, local part and domain
    NullPath    ``<>``
    Malformed   everything else, with the bytes and the first fault

and never raises. What a laxer or later server could read out of the same bytes is in ``readings``, which takes
all three. Non-ASCII letters are taken as RFC 6531 §3.3 has them; whether SMTPUTF8 was announced is not our matter.

Limits: a local part of more than 64 octets and a whole path of more than 256 are taken (SRS makes such ones);
a domain that the DNS can't hold is not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fumidai.smtp.literal import Address, domain_key, is_domain_name, is_tagged_literal, parse_literal

_ATEXT: Final = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\x80-\U0010ffff]"
# RFC 5321 §4.1.2: Dot-string = Atom *("." Atom); RFC 6531 §3.3 adds UTF8-non-ascii.
_DOT_STRING: Final = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
# RFC 5321 §4.1.2: Quoted-string = DQUOTE *(qtextSMTP / quoted-pairSMTP) DQUOTE.
_QUOTED_STRING: Final = re.compile(r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e\x80-\U0010ffff]|\\[\x20-\x7e])*"')
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
# What nearly every path looks like: read at one look, and as all the others would be.
_ORDINARY: Final = re.compile(
    rb"<([A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*)"
    rb"@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)>"
)
_ORDINARY_LENGTH: Final = 200
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Fault(StrEnum):
    """Why something is no path."""

    EMPTY = "empty"
    BRACKET = "bracket"
    CONTROL = "control"
    EIGHT_BIT = "eight-bit"
    ROUTE = "route"
    LOCAL_PART = "local-part"
    DOUBLE_AT = "double-at"
    DOMAIN = "domain"


@dataclass(frozen=True, slots=True)
class Path:
    """A mailbox.

    Attributes:
        raw: the bytes as given.
        local_part: as written, quotes included.
        domain: as ``domain_key`` gives it; "" for an unqualified local part.
        route: hops of a source route, in the same form (RFC 5321 appendix C).
        quoted: the local part is a quoted string.
        literal: the address, where the domain is an address literal.
    """

    raw: bytes
    local_part: str
    domain: str
    route: tuple[str, ...] = ()
    quoted: bool = False
    literal: Address | None = None

    @property
    def content(self) -> str:
        """The local part without its quoting: two spellings of one mailbox have the same."""
        return unquote(self.local_part) if self.quoted else self.local_part


@dataclass(frozen=True, slots=True)
class NullPath:
    """``<>``: the sender of bounces (RFC 5321 §4.5.5), never a recipient."""

    raw: bytes = b"<>"


@dataclass(frozen=True, slots=True)
class Malformed:
    """No path by the grammar: the bytes and the first fault found."""

    raw: bytes
    why: Fault


class _NoPath(Exception):
    def __init__(self, fault: Fault) -> None:
        self.fault = fault


def parse_path(raw: bytes) -> Path | NullPath | Malformed:
    """Read one path. Blanks around it are not part of it; blanks inside its brackets are a fault."""
    found = _ORDINARY.fullmatch(raw)
    if found is not None and len(raw) <= _ORDINARY_LENGTH:
        return Path(raw, found[1].decode("ascii"), found[2].decode("ascii").lower())
    try:
        inside = _inside(raw.strip(b" "))
        return NullPath(raw) if inside is None else _mailbox(raw, _decode(inside))
    except _NoPath as problem:
        return Malformed(raw, problem.fault)


def unquote(local_part: str) -> str:
    """The content of a quoted string, its quotes and backslashes taken off (RFC 5321 §4.1.2)."""
    return _QUOTED_PAIR.sub(r"\1", local_part[1:-1])


def is_quoted(local_part: str) -> bool:
    """True if all of it is one quoted string."""
    return _QUOTED_STRING.fullmatch(local_part) is not None


def _inside(path: bytes) -> bytes | None:
    """What the brackets hold; None for the null path."""
    if path == b"<>":
        return None
    if path.startswith(b"<"):
        if not path.endswith(b">"):
            raise _NoPath(Fault.BRACKET)
        path = path[1:-1]
    if not path:
        raise _NoPath(Fault.EMPTY)
    return path


def _decode(inside: bytes) -> str:
    try:
        text = inside.decode("utf-8")
    except UnicodeDecodeError:
        raise _NoPath(Fault.EIGHT_BIT) from None
    if _CONTROL.search(text):
        raise _NoPath(Fault.CONTROL)
    return text


def _mailbox(raw: bytes, text: str) -> Path:
    route, rest = _cut_route(text)
    local_part, after = _cut_local_part(rest)
    quoted = local_part.startswith('"')
    if not after:
        # RFC 5321 §4.1.1.3 knows one such recipient, <Postmaster>; the others are not the grammar's to refuse.
        if route:
            raise _NoPath(Fault.DOMAIN)
        return Path(raw, local_part, "", quoted=quoted)
    domain = after.removeprefix("@")
    if not _is_domain(domain):
        raise _NoPath(Fault.DOUBLE_AT if "@" in domain else Fault.DOMAIN)
    return Path(raw, local_part, domain_key(domain), route, quoted, parse_literal(domain))


def _cut_route(text: str) -> tuple[tuple[str, ...], str]:
    """RFC 5321 §4.1.2: A-d-l = At-domain *( "," At-domain ), then a colon."""
    if not text.startswith("@"):
        return (), text
    # The colon of an IPv6 literal stands in brackets and ends no route.
    hops = re.match(r"(?:\[[^\]]*\]|[^\[:])*", text)
    end = hops.end() if hops else 0
    names = text[:end].split(",")
    if text[end : end + 1] != ":" or not all(name[:1] == "@" and _is_domain(name[1:]) for name in names):
        raise _NoPath(Fault.ROUTE)
    return tuple(domain_key(name[1:]) for name in names), text[end + 1 :]


def _cut_local_part(text: str) -> tuple[str, str]:
    found = (_QUOTED_STRING if text.startswith('"') else _DOT_STRING).match(text)
    if found is None or text[found.end() :][:1] not in ("", "@"):
        raise _NoPath(Fault.LOCAL_PART)
    return found[0], text[found.end() :]


def _is_domain(domain: str) -> bool:
    return is_domain_name(domain) or parse_literal(domain) is not None or is_tagged_literal(domain)

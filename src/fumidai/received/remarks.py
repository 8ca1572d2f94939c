# SPDX-License-Identifier: Apache-2.0
"""What the comments of one clause say: of the client (HELO, name, address, ident, login), the sender, the software.

The marks inside decide, not the software: ``[192.0.2.7]``, ``HELO x``, ``helo=x``, ``ident=x``, ``x@``,
``Authenticated sender: x``, ``envelope-from <x>``.

Limits: the same remarks come again and again (the same hosts, the same software), so the last few thousand short ones
are kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from fumidai.received.address import is_masked, read_address
from fumidai.received.families import NOBODY, Software, by_comment
from fumidai.received.tokens import places

Place = tuple[int, int]
NONE: Final[Place] = (0, 0)
_KEEP_AT_MOST: Final = 300
# Parts that come with the address, or not at all.
_OF_ADDRESS: Final = frozenset({"ip", "masked", "rdns"})
_ADDRESS_AT_MOST: Final = 90
_UNKNOWN: Final = frozenset({"unknown", "unknown_domain", "softdnserr", "unverified", "nobody", "unresolved"})

# Most remarks are one comment "(ident@name [address])" or "(address)".
_USUAL: Final = re.compile(
    r"\((?:([^\s@()\[\]=:<>]++)@)?+(?:([A-Za-z0-9_-][\w.-]*+)\s)?+\[(?:IPv6:)?([0-9A-Fa-f:.]++)\]"
    r"(?:\s?\(may be forged\))?\)\Z"
    r"|\(([0-9A-Fa-f:.]++)\)\Z",
    re.ASCII,
)
_HELO: Final = re.compile(r"(?<=[\s(\"])(?:helo=|(?:helo|ehlo|lhlo)\s{1,40})([^\s,;()]{0,300})", re.IGNORECASE)
_IDENT: Final = re.compile(r"(?<=[\s(])ident=([^\s,;()]{1,200})", re.IGNORECASE)
_SENDER: Final = re.compile(
    r"(?<=[\s(])(?:envelope-(?:from|sender)|sender:)\s{1,40}<?([^\s<>()]{1,320})", re.IGNORECASE
)
# Postfix "(Authenticated sender: joe)", Courier "(AUTH: LOGIN joe, TLS: …)", sendmail "(authenticated bits=0)" and
# "(authenticated as joe)", Kerio "(authenticated user joe)", CommuniGate "(account joe …)", others "(auth=joe)",
# "(smtp-auth username joe)".
_LOGIN: Final = re.compile(
    r"\((?:authenticated sender:?\s{0,4}|auth:\s{0,4}(?:[a-z0-9-]{1,20}\s{1,4})?|authenticated as\s{1,4}"
    r"|account\s{1,4}|auth=|authid\s{1,4}|authenticated user(?:=|\s{1,4})|squirrelmail authenticated user\s{1,4}"
    r"|smtp-auth username\s{1,4}|user=)([^\s,;()]{1,200})|\((authenticated)\b",
    re.IGNORECASE,
)
_LOGINS: Final = ("(auth", "(account", "(smtp-auth", "(user=", "(squirrelmail")
_WORD: Final = re.compile(r"[^\s()\[\]]{1,300}")


class Remarks(NamedTuple):
    """What the comments say; "" where they don't.

    Attributes:
        address: of the client, in its usual form; bracketed: in brackets (the stronger mark).
        helo: None if there is none; "" if it is there and empty.
        at: the address follows an ``@`` (qmail's way, where the name stands outside of the comment).
        software: who says so.
        places: where each part stands, from the first letter of the remarks; keys as in ``read.spans``.
    """

    address: str = ""
    bracketed: bool = False
    masked: str = ""
    helo: str | None = None
    rdns: str = ""
    ident: str = ""
    auth: str = ""
    envelope_from: str = ""
    at: bool = False
    software: Software = NOBODY
    places: Mapping[str, Place] = {}


NOTHING: Final = Remarks()


def read_remarks(text: str) -> Remarks:
    """What the comments in ``text`` say."""
    return _kept(text) if len(text) <= _KEEP_AT_MOST else _read(text)


def _read(text: str) -> Remarks:
    usual = _USUAL.match(text)
    if usual is not None:
        found = _usual(text, usual)
        if found is not None:
            return found
    if text.find("(", 1) < 0:
        return _comment(text)
    merged = NOTHING
    for start, end in places(text):
        if text[start] == "(" and end - start > 1:
            merged = _merge(merged, _comment(text[start:end]), start)
    return merged


_kept = lru_cache(maxsize=32768)(_read)


def _usual(text: str, found: re.Match[str]) -> Remarks | None:
    number = 3 if found[3] else 4
    address = read_address(found[number])
    if not address:
        return None
    where = {"ip": found.span(number)}
    ident, rdns = found[1] or "", found[2] or ""
    if rdns.lower() in _UNKNOWN or read_address(rdns):
        rdns = ""
    elif rdns:
        rdns = rdns.rstrip(".")
        where["rdns"] = (found.start(2), found.start(2) + len(rdns))
    if ident:
        where["ident"] = found.span(1)
    return Remarks(address, number == 3, "", None, rdns, ident, places=where)


def _merge(one: Remarks, other: Remarks, shift: int) -> Remarks:
    """Both: of two addresses the bracketed one, of other parts the first."""
    if other is NOTHING:
        return one
    newer = bool(other.address or other.masked) and (not (one.address or one.masked) or other.bracketed > one.bracketed)
    where = {name: place for name, place in one.places.items() if not newer or name not in _OF_ADDRESS}
    for name, (start, end) in other.places.items():
        if newer if name in _OF_ADDRESS else name not in where:
            where[name] = (start + shift, end + shift)
    peer = other if newer else one
    return Remarks(
        peer.address,
        peer.bracketed,
        peer.masked,
        other.helo if one.helo is None else one.helo,
        peer.rdns,
        one.ident or other.ident,
        one.auth or other.auth,
        one.envelope_from or other.envelope_from,
        peer.at,
        one.software if one.software.family else other.software,
        where,
    )


def _comment(text: str) -> Remarks:
    """What one comment says, with its parentheses."""
    low = text.lower()
    where: dict[str, Place] = {}
    helo = None
    rest = text
    if "lo" in low and (found := _HELO.search(text)) is not None:
        # ZMailer puts word and name into quotes: "EHLO mail.example".
        quoted = text[found.start() - 1] == '"' == text[found.end() - 1]
        where["helo"] = (found.start(1), found.end(1) - quoted)
        helo = text[slice(*where["helo"])]
        # A claim must not be read as the address.
        rest = text[: found.start()] + " " * (found.end() - found.start()) + text[found.end() :]
    if "ident=" in low and (found := _IDENT.search(rest)) is not None:
        where["ident"] = found.span(1)
    # Smail: (sender: <joe@mail.example>); Postfix's "(Authenticated sender: joe)" is a login.
    if ("envelope-" in low or low.startswith("(sender:")) and (found := _SENDER.search(rest)) is not None:
        where["envelope_from"] = found.span(1)
    elif low.startswith(_LOGINS) and (found := _LOGIN.match(rest)) is not None:
        where["auth"] = found.span(found.lastindex or 1)
    software = by_comment(text)
    address, bracketed, at = "", False, False
    if software.family == "kumomta":
        # (KumoMTA 192.0.2.7): the writer's address in the place of a version.
        _as_address(text, text.rfind(" ") + 1, len(text) - 1, where)
    elif "envelope_from" not in where and not software.family:
        bracketed = _find_address(rest, where)
        at = "auth" not in where and _before(rest, where, bracketed=bracketed)
        if helo is None and low.startswith("(from ") and "rdns" in where:
            # Norton's gateway: (from HELO [192.0.2.7]).
            where["helo"] = where.pop("rdns")
            helo = text[slice(*where["helo"])]
    address = read_address(text[slice(*where["ip"])]) if "ip" in where else ""
    if not where and software is NOBODY:
        return NOTHING

    def said(name: str) -> str:
        return text[slice(*where[name])] if name in where else ""

    return Remarks(
        address, bracketed, said("masked"), helo, said("rdns"), said("ident"), said("auth"), said("envelope_from"), at,
        software, where,
    )  # fmt: skip


def _find_address(text: str, where: dict[str, Place]) -> bool:
    """Note the first address in brackets, else the first word if it is one, or a masked one; whether in brackets."""
    at = text.find("[")
    while at >= 0:
        close = text.find("]", at, at + _ADDRESS_AT_MOST)
        if _as_address(text, at + 1, close if close >= 0 else min(at + _ADDRESS_AT_MOST, len(text) - 1), where):
            return True
        at = text.find("[", at + 1)
    word = _WORD.search(text, 1)
    if word is not None:
        # qmail: (ident@192.0.2.7) or (192.0.2.7); Exchange: (192.0.2.7).
        _as_address(text, max(word.start(), text.rfind("@", word.start(), word.end()) + 1), word.end(), where)
    return False


def _as_address(text: str, start: int, end: int, where: dict[str, Place]) -> bool:
    """Note the place without blanks, if an address stands there or a masked one."""
    written = text[start:end]
    bare = written.strip()
    start += written.find(bare)
    name = "ip" if read_address(bare) else "masked" if is_masked(bare) else ""
    if name:
        where[name] = (start, start + len(bare))
    return bool(name)


def _before(text: str, where: dict[str, Place], *, bracketed: bool) -> bool:
    """Note name and ident before the address; whether an ``@`` comes right before it."""
    peer = where.get("ip") or where.get("masked")
    if peer is None:
        return False
    before = text[1 : peer[0]].rstrip("[ \t")
    if before.endswith("@"):
        _ident(before[:-1], where)
        return not bracketed
    if not bracketed or not before:
        return False
    start = max(before.rfind(" "), before.rfind("\t")) + 1
    at_sign = before.rfind("@", start)
    name = as_name(text, at_sign + 2 if at_sign >= 0 else start + 1, len(before) + 1)
    if name is not NONE:
        where["rdns"] = name
    if at_sign >= 0:
        _ident(before[:at_sign], where)
    return False


def _ident(before: str, where: dict[str, Place]) -> None:
    if before.endswith('"'):
        # PMDF: ("port 1406"@[192.0.2.7]).
        return
    start = max(before.rfind(" "), before.rfind("\t"), before.rfind("(")) + 1
    # Sendmail puts a word before what an ident service said: (IDENT:joe@mail.example [192.0.2.7]).
    if before.startswith("IDENT:", start):
        start += len("IDENT:")
    if start < len(before) and "ident" not in where:
        where["ident"] = (start + 1, len(before) + 1)


def as_name(text: str, start: int, end: int) -> Place:
    """The place as a host's name, without brackets and the last dot; ``NONE`` if there is none."""
    while start < end and text[start] in "[]<>":
        start += 1
    while end > start and text[end - 1] in "[]<>.,:":
        end -= 1
    name = text[start:end]
    return NONE if not name or name.lower() in _UNKNOWN or read_address(name) else (start, end)

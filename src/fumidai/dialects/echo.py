# SPDX-License-Identifier: Apache-2.0
"""What else a reply tells: by which address the server calls us, and when it wants us back.

``echoed_address`` reads the greeting of sendmail, Exim, Exchange, OpenSMTPD, Haraka and Gmail ("Hello x [192.0.2.7]",
"at your service, [192.0.2.7]") and refusals that name the client ("Client host [192.0.2.7] blocked"). It is how a
server shows that it takes a stranger for one of its own (DESIGN §3 "What the server sees").

Limits: a server may show what we claimed and not what it saw; the first word of a reply (its own name) and everything
with an ``@`` are left out, and of several addresses in a HELO reply the last is taken, since servers write the claim
first. Only the first 4,096 characters are read.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from fumidai.evidence.vantage import plain

READ_AT_MOST: Final = 4096

_CODE: Final = re.compile(r"(?m)^[2-5]\d\d[ -]")
# An address in brackets, as RFC 5321 §4.1.3 writes it and as servers vary it; bounded, so linear.
_LITERAL: Final = re.compile(r"[\[(]\s{0,2}(?:ipv6:)?([\w:.%-]{2,70})\s{0,2}[\])]", re.IGNORECASE)
_BARE: Final = re.compile(
    r"(?<![\w.:%])(?:ipv6:)?([0-9a-f:]{2,45}|\d{1,3}(?:\.\d{1,3}){3})(?![\w:%]|\.\d)", re.IGNORECASE
)
# Words after which a bare address is the client's. "8.17.1.9" is a version, "5.7.1" a code: neither follows these.
_LEADS: Final = frozenset({"from", "ip", "address", "addr", "client", "host", "you", "peer", "remote", "ip=", "by"})
_GREETS: Final = ("hello", "at your service", "pleased to meet", "welcome", "greets", "hi ", "helo")

_HINTS: Final = (
    *(
        "again",
        "retry",
        "wait",
        "later",
        "come back",
        "grey",
        "gray",
        "defer",
        "delay",
        "postpone",
        "throttl",
        "expire",
    ),
    *("blocked for", "seconds left", "remaining", "後に", "待", "再送", "再度"),
)
_SPAN: Final = re.compile(
    r"(?:(?<![\w.:-])|(?<=\dm)|(?<=\dh))(\d{1,6})\s?"
    r"(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|秒|分|時間|日)"
    r"(?![a-z]|\d{1,6}(?![\ds]))",
    re.IGNORECASE,
)
_CLOCK: Final = re.compile(r"(?<![\d:.])(?:(\d{1,3}):)?(\d{1,2}):(\d{2})(?![\d:])")
_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "秒": 1.0, "分": 60.0, "時": 3600.0, "日": 86400.0}
_BETWEEN: Final = frozenset({"", "and", ",", ", and"})


def echoed_address(text: str) -> str | None:
    """The client address that a reply shows, in its usual form; None where it shows none.

    Args:
        text: text of one reply (greeting excluded: it names the server), with or without codes.
    """
    shown = _without_ours(_CODE.sub("", text[:READ_AT_MOST]))
    literals = [address for found in _LITERAL.finditer(shown) if (address := _address(found[1])) is not None]
    if literals:
        greeting = any(word in shown.lower() for word in _GREETS)
        return str(literals[-1] if greeting else literals[0])
    bare = _bare_address(shown)
    return None if bare is None else str(bare)


def retry_hint(text: str) -> float | None:
    """Seconds after which the server wants to be asked again; None where it names no time.

    Only where the reply speaks of waiting at all: "timeout after 300 seconds" is no invitation.
    """
    # What we sent is echoed in most refusals, and an address may hold "9m".
    shown = _without_ours(text[:READ_AT_MOST].lower())
    if not any(hint in shown for hint in _HINTS):
        return None
    return _first_span(shown) or _clock(shown)


def _without_ours(text: str) -> str:
    """The text without its first word where that is the server's own name, and without what we sent."""
    words = text.split()
    if words and words[0].startswith("["):
        words = words[1:]
    return " ".join(word for word in words if "@" not in word and not word.startswith("<["))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    bare = text.partition("%")[0]
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]  # with a port
    try:
        return plain(ip_address(bare))
    except ValueError:
        return None


def _bare_address(text: str) -> IPv4Address | IPv6Address | None:
    for found in _BARE.finditer(text):
        lead = text[max(0, found.start() - 20) : found.start()].lower().replace("=", " ").replace(":", " ").split()
        if lead and lead[-1].strip("(,;") in _LEADS:
            address = _address(found[1])
            if address is not None:
                return address
    return None


def _first_span(text: str) -> float | None:
    """The first time written with units, its parts added ("4 minutes and 30 seconds")."""
    total, end = 0.0, -1
    for found in _SPAN.finditer(text):
        if end < 0 and found.start() and text[found.start() - 1].isalnum():
            continue  # inside a word: only what follows a time may stand so close to it ("5m30s")
        if end >= 0 and text[end : found.start()].strip() not in _BETWEEN:
            break
        total += int(found[1]) * _UNITS[found[2][0]]
        end = found.end()
    return total or None


def _clock(text: str) -> float | None:
    """A time written as 00:04:59 or 04:59, as milter-greylist does."""
    found = _CLOCK.search(text)
    if found is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(hours * 3600 + minutes * 60 + seconds) or None

# SPDX-License-Identifier: Apache-2.0
"""Addresses as they stand in Received lines: tagged, bracketed, with a port, or masked.

Limits: results are kept for the last few thousand short texts, for the same hosts come again in every mailbox.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from fumidai.evidence.vantage import is_private, plain

_LONGEST: Final = 90
_MASKS: Final = frozenset("*xX?#")
_LETTERS: Final = frozenset("0123456789abcdefABCDEF:.")
_NEVER_LAST: Final = frozenset("ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ")
_IPV4: Final = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(?:\.(?!\Z)|\Z)){4}\Z")
_GROUPS: Final = re.compile(r"(?:0|[1-9a-f][0-9a-f]{0,3})(?::(?:0|[1-9a-f][0-9a-f]{0,3}))*+\Z")


def read_address(text: str) -> str:
    """An address, in brackets or bare, with or without a tag, port or zone, in its usual form; "" if it is none."""
    return _read_address(text) if len(text) <= _LONGEST else ""


@lru_cache(maxsize=16384)
def _read_address(text: str) -> str:
    # Nearly every text that is asked about is a host's name, and shows it by its end (so may a zone or a port).
    if text[-1:] in _NEVER_LAST and "%" not in text and ":" not in text:
        return ""
    if _usual(text):
        return text
    bare = text.strip().strip("[]<>,;")
    if bare[:5].lower() == "ipv6:":
        bare = bare[5:]
    bare = bare.partition("%")[0]
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    bare = bare.rstrip("]")
    # 192.0.2.7.25: the port behind a dot, as some old servers write it.
    if bare.count(".") == 4 and bare.replace(".", "").isdigit():
        bare = bare.rpartition(".")[0]
    if not bare or not _LETTERS.issuperset(bare):
        return ""
    if _usual(bare):
        return bare
    try:
        return str(plain(ip_address(bare)))
    except ValueError:
        return ""


def _usual(text: str) -> bool:
    """The text is an address in its usual form already (RFC 5952 §4); False may also mean "look closer"."""
    if _IPV4.match(text) is not None:
        return True
    left, gap, right = text.partition("::")
    # "::1" and mapped addresses are looked at closer, and wherever a longer row of zeros might be.
    if not left or ":0:0" in text or "::0" in text or left.endswith(":0"):
        return False
    groups = left.count(":") + right.count(":") + (2 if right else 1)
    return (
        groups <= 6
        if gap and _GROUPS.match(left) and (not right or _GROUPS.match(right))
        else (not gap and groups == 8 and _GROUPS.match(left) is not None)
    )


@lru_cache(maxsize=16384)
def parsed(address: str) -> IPv4Address | IPv6Address | None:
    """An address in its usual form as an object; None for ""."""
    return ip_address(address) if address else None


@lru_cache(maxsize=16384)
def inside(address: str) -> bool:
    """The address (in its usual form) is private or loopback: it can't have come in from elsewhere."""
    if "." in address:
        # RFC 1122 §3.2.1.3: 0.x.x.x is "this network", said of oneself only.
        return address.startswith("0.") or _inside(address[: address.find(".", address.find(".") + 1)] + ".0.1")
    # Of the private IPv6 networks all but ::1/128 show in the first group.
    first = address[: address.find(":") + 1]
    return _inside(f"{first}:1" if len(first) > 1 else address)


@lru_cache(maxsize=16384)
def _inside(address: str) -> bool:
    found = parsed(address)
    return found is not None and (is_private(found) or found.is_unspecified)


def is_masked(text: str) -> bool:
    """Somebody made an address unreadable: ``***.***.***.***``, ``x.x.x.x``, ``192.0.2.***``."""
    bare = text.strip(" []()")
    if len(bare) < 2 or len(bare) > _LONGEST:
        return False
    parts = bare.split(".")
    if len(parts) == 4 and all(part and (part.isdigit() or _MASKS.issuperset(part)) for part in parts):
        return not bare.replace(".", "").isdigit()
    return "*" in bare and frozenset(bare) <= frozenset("*.:")

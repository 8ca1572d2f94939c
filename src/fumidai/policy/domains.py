# SPDX-License-Identifier: Apache-2.0
"""Which domains are ours: the patterns of ``receive_for``.

A pattern is a name that matches itself alone, or a name with a leading dot that matches everything below it (and
not the name itself). An address literal in brackets matches itself. Everything else is foreign: there is no
wildcard in the middle, no regular expression and no suffix match that could end inside a label, because each of
these has opened a relay somewhere.

Limits: names are compared by ``domain_key``; nothing is looked up, so an alias (CNAME) of ours is not ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from fumidai.smtp.literal import domain_key


def pattern_key(pattern: str) -> str:
    """A pattern in the form in which it is kept and compared; its leading dot stays."""
    return f".{domain_key(pattern[1:])}" if pattern.startswith(".") else domain_key(pattern)


def match(patterns: Set[str], domain: str) -> str | None:
    """The pattern that makes a domain ours, the exact one before the nearest dotted one; None if it is foreign.

    Args:
        patterns: as ``pattern_key`` gives them.
        domain: any spelling.
    """
    key = domain_key(domain)
    if not key:
        return None
    if key in patterns:
        return None if key.startswith(".") else key
    if key.startswith("["):
        return None
    return next((f".{parent}" for parent in parents(key) if f".{parent}" in patterns), None)


def parents(key: str) -> list[str]:
    """The names above a name, nearest first: ``b.c`` and ``c`` for ``a.b.c``."""
    above = []
    while "." in key:
        key = key.partition(".")[2]
        above.append(key)
    return above


def above_or_below(domain: str, others: Iterable[str]) -> str | None:
    """The first of some names that is equal to, under or above a domain; None if they are all apart."""
    key = domain_key(domain)
    for other in others:
        name = domain_key(other.removeprefix("."))
        if name and (name == key or key.endswith(f".{name}") or name.endswith(f".{key}")):
            return name
    return None

# SPDX-License-Identifier: Apache-2.0
"""What is said about a policy file: errors that name file, line, key and mend, and warnings that do the same.

``Source`` is a file's name and its index of lines; every check that finds something says it through it.

Limits: one error is raised, the first; warnings are collected all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from fumidai.errors import PolicyError
from fumidai.policy.lines import Place
from fumidai.texts import N_

_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Warning_:
    """Something in a policy file that is allowed and yet deserves a second look.

    Attributes:
        message, mend: msgids with ``{fields}``, filled from ``params`` (text from the file: escape it).
        file, line, key: where; line 0 where no line can be named.
    """

    message: str
    file: str
    line: int
    key: str
    mend: str = ""
    params: Mapping[str, object] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """``file:line: key``, as errors have it."""
        return PolicyError("", file=self.file, line=self.line, key=self.key).place


@dataclass(frozen=True, slots=True)
class Source:
    """A policy file: its name as the user gave it, the lines of its keys, and the warnings so far."""

    file: str
    lines: Mapping[Place, int]
    warnings: list[Warning_] = field(default_factory=list)

    def line(self, place: Place) -> int:
        """The line of a place, or of the nearest one around it that has a line; 0 if none has."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 0)

    def error(self, place: Place, message: str, *, mend: str = "", **params: object) -> PolicyError:
        """The error for a place; the caller raises it."""
        return PolicyError(message, file=self.file, line=self.line(place), key=dotted(place), mend=mend, **params)

    def unknown_key(self, place: Place, known: Sequence[str]) -> PolicyError:
        """The error for a key (the end of its place) that nobody knows; the caller raises it."""
        name = str(place[-1])
        near = nearest(name, known)
        mend = N_('Did you mean "{near}"?') if near else N_("Known here: {known}.")
        message = N_('Nobody knows the key "{name}".')
        return self.error(place, message, mend=mend, name=name, near=near, known=", ".join(known))

    def warn(self, place: Place, message: str, *, mend: str = "", **params: object) -> None:
        """Keep a warning for a place."""
        self.warnings.append(Warning_(message, self.file, self.line(place), dotted(place), mend, params))


def dotted(place: Place) -> str:
    """A place as one writes a key; positions in a list are left out, the line tells them."""
    names = (part for part in place if isinstance(part, str))
    return ".".join(name if _BARE.fullmatch(name) else f'"{name}"' for name in names)


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, "" if none is near."""
    folded = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), list(folded), n=1, cutoff=0.6)
    return folded[found[0]] if found else ""

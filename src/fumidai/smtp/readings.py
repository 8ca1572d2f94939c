# SPDX-License-Identifier: Apache-2.0
"""Every mailbox that some server could read out of an address: the standard one first.

A relay hole is nearly always an address that two servers read differently: the first takes ``v%evil.test@a.com``
for a mailbox of its own, the second turns the percent sign into an ``@``. So a recipient is safe to take only if
all of its readings are (``policy.decide``), and this room makes them all.

How: the text goes into a queue. Each text taken out is split at its last ``@`` into one reading; each rule in
``forms`` may rewrite it into other texts, which go into the queue with the rule's ``Form`` added to the way that
led to them. Texts already seen are dropped. Length, depth and number are bounded; where a bound is hit, the last
reading is ``unresolvable`` ("there is more, and we did not look"), which nothing permits.

Local parts that mailers write themselves (SRS, BATV, VERP: ``rewriting`` names them) hold a foreign address
behind an ``=``. An ``=`` alone is therefore no second reading; an encoded ``=40`` is, save in such a local part.

Limits: a reading is what a server *could* do, known from at least one that did or from a published format; it is
no list of what a given server does. Bits above the seventh are only stripped where the bytes are not UTF-8.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fumidai.smtp import forms as rules
from fumidai.smtp.address import Malformed, NullPath, Path, parse_path
from fumidai.smtp.forms import ALL, Form, Rewriting, rewriting
from fumidai.smtp.literal import domain_key

__all__ = ["ALL", "MAX_READINGS", "Form", "Reading", "Rewriting", "readings", "rewriting"]

#: Longest text (characters) that is read in a second way; RFC 5321 §4.5.3.1.3 ends a path at 256 octets.
MAX_TEXT: Final = 512
#: How many rewritings may follow one another, and how many texts are looked at.
MAX_DEPTH: Final = 8
MAX_TEXTS: Final = 64
#: No more readings than this come back, whatever was asked.
MAX_READINGS: Final = 96

# Nothing in such a local part has a second meaning, so that ordinary mail costs one look. IMCEA… needs a dash,
# which stands here too, and is told apart below.
_PLAIN: Final = re.compile(r"(?!imcea)[a-z0-9_][a-z0-9_+-]*(?:\.[a-z0-9_+-]+)*", re.IGNORECASE)
_PLAIN_DOMAIN: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Reading:
    """One mailbox.

    Attributes:
        local_part: as it would be read; of the standard reading, as written.
        domain: as ``domain_key`` gives it; "" if unqualified.
        forms: what has to be understood to read it so, outermost first; empty for the standard reading.
        scheme: name of another address space that it leads into (``x400``, ``fax`` …), "" for mail. The domain
            then is the one at which it leaves the mail.
        unresolvable: where it leads can't be told (a program, a file, or more readings than we look at).
    """

    local_part: str
    domain: str
    forms: tuple[Form, ...] = ()
    scheme: str = ""
    unresolvable: bool = False

    @property
    def mailbox(self) -> str:
        """``local@domain`` for a sentence (text from outside: escape it)."""
        return f"{self.local_part}@{self.domain}" if self.domain else self.local_part


def readings(path: Path | NullPath | Malformed | bytes, routing: frozenset[Form] = ALL) -> tuple[Reading, ...]:
    """All readings of a path, or of the raw argument of MAIL or RCPT; none for the null path only.

    Args:
        routing: the forms that some server behind us may understand; others are not looked for.
    """
    parsed = parse_path(path) if isinstance(path, bytes) else path
    if isinstance(parsed, NullPath):
        return ()
    if isinstance(parsed, Path) and _is_plain(parsed):
        return (Reading(parsed.local_part, parsed.domain),)
    return tuple(_Search(routing).run(parsed))


def _is_plain(path: Path) -> bool:
    return (
        not path.route
        and _PLAIN.fullmatch(path.local_part) is not None
        and _PLAIN_DOMAIN.fullmatch(path.domain) is not None
        and len(path.raw) <= MAX_TEXT
        and path.raw.isascii()
    )


class _Search:
    """One walk through the texts that a path can be rewritten into."""

    def __init__(self, routing: frozenset[Form]) -> None:
        self._routing = routing
        self._queue: deque[tuple[str, tuple[Form, ...]]] = deque()
        self._texts: set[str] = set()
        self._found: dict[tuple[str, str, str, bool], Reading] = {}
        self._cut = False

    def run(self, parsed: Path | Malformed) -> Iterator[Reading]:
        if isinstance(parsed, Path):
            self._begin(parsed)
        else:
            for text, forms in rules.decodings(parsed.raw):
                self._push(text, forms)
        looked_at = 0
        while self._queue and looked_at < MAX_TEXTS:
            self._look_at(*self._queue.popleft())
            looked_at += 1
        found = list(self._found.values())
        if self._cut or self._queue or len(found) >= MAX_READINGS or not found:
            found = [*found[: MAX_READINGS - 1], Reading("", "", unresolvable=True)]
        yield from found

    def _begin(self, path: Path) -> None:
        """The standard reading first; then the hops of its route, each of which may keep it for itself."""
        text = f"{path.local_part}@{path.domain}" if path.domain else path.local_part
        self._add(Reading(path.local_part, path.domain))
        if Form.ROUTE in self._routing:
            for hop in path.route:
                self._add(Reading(text, hop, (Form.ROUTE,)))
        self._push(text, ())
        if not path.raw.isascii():
            # domain_key has composed and lowered the domain; its other mappings start from what was written.
            for written, forms in rules.decodings(path.raw):
                self._push(rules.without_route(written), forms)

    def _look_at(self, text: str, forms: tuple[Form, ...]) -> None:
        parts = rules.split(text)
        self._add(Reading(parts.local, domain_key(parts.domain), forms))
        for rule_form, rule in rules.RULES.items():
            if rule_form not in self._routing:
                continue
            way = (*forms, rule_form)
            for result in rule(parts):
                if isinstance(result, rules.Away):
                    self._add(Reading(result.local, domain_key(result.domain), way, result.scheme, result.unknown))
                else:
                    self._push(result, way)

    def _push(self, text: str, forms: tuple[Form, ...]) -> None:
        if text in self._texts or not text:
            return
        if len(text) > MAX_TEXT or len(forms) > MAX_DEPTH or len(self._texts) > 2 * MAX_TEXTS:
            self._cut = True
            return
        if not set(forms) <= self._routing:
            return
        self._texts.add(text)
        self._queue.append((text, forms))

    def _add(self, reading: Reading) -> None:
        key = (reading.local_part, reading.domain, reading.scheme, reading.unresolvable)
        self._found.setdefault(key, reading)

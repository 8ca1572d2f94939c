# SPDX-License-Identifier: Apache-2.0
"""What a server announced in its answer to EHLO (RFC 5321 §4.1.1.1).

Limits: an announcement is a claim; only trying tells whether it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fumidai.smtp.reply import Reply


@dataclass(frozen=True, slots=True)
class Extensions:
    """Announced keywords.

    Attributes:
        keywords: upper-case keyword to its arguments (latin-1, one blank between them, not escaped).
    """

    keywords: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, reply: Reply) -> Extensions:
        """Read the lines after the first (which greets). Of a keyword announced twice both arguments are kept."""
        keywords: dict[str, str] = {}
        for line in reply.lines[1:]:
            # "AUTH=LOGIN" is how AUTH was announced before it was a standard, and still is by some.
            words = line.decode("latin-1").replace("AUTH=", "AUTH ", 1).split()
            if words:
                keyword = words[0].upper()
                keywords[keyword] = " ".join(filter(None, (keywords.get(keyword, ""), *words[1:])))
        return cls(keywords)

    def __contains__(self, keyword: str) -> bool:
        """Whether this keyword was announced, in any case."""
        return keyword.upper() in self.keywords

    @property
    def pipelining(self) -> bool:
        """Commands may go out in groups (RFC 2920)."""
        return "PIPELINING" in self.keywords

    @property
    def starttls(self) -> bool:
        """TLS is offered (RFC 3207)."""
        return "STARTTLS" in self.keywords

    @property
    def smtputf8(self) -> bool:
        """Addresses may hold UTF-8 (RFC 6531)."""
        return "SMTPUTF8" in self.keywords

    @property
    def eightbitmime(self) -> bool:
        """Message bodies may have the eighth bit set (RFC 6152)."""
        return "8BITMIME" in self.keywords

    @property
    def size(self) -> int | None:
        """Greatest message in octets; 0: no fixed limit; None: SIZE was not announced (RFC 1870)."""
        return None if "SIZE" not in self.keywords else _number(self.keywords["SIZE"]) or 0

    @property
    def limits(self) -> dict[str, int]:
        """Upper-case name to number: RCPTMAX, MAILMAX, RCPTDOMAINMAX (RFC 9422); what is no number is left out."""
        pairs = (word.partition("=") for word in self.keywords.get("LIMITS", "").split())
        numbers = ((name.upper(), _number(value)) for name, _, value in pairs)
        return {name: number for name, number in numbers if number is not None}


def _number(text: str) -> int | None:
    """A number of at most 20 digits (RFC 1870 §3), else None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None

# SPDX-License-Identifier: Apache-2.0
"""Number the attempts of a run and mint their tokens: each number once, whatever runs side by side."""

from __future__ import annotations

from dataclasses import dataclass

from fumidai.evidence.token import Role, TokenKey, make_token


@dataclass(slots=True)
class Numbers:
    """Numbers and tokens of one run.

    Attributes:
        key, run: sign the tokens.
        last: the highest number given out.
    """

    key: TokenKey
    run: bytes
    last: int = 0

    def reserve(self, count: int) -> int:
        """The first of ``count`` numbers in a row."""
        first = self.last + 1
        self.last += count
        return first

    def mint(self, attempt: int, role: Role) -> str:
        """The token of one attempt and role."""
        return make_token(self.key, self.run, attempt, role)

# SPDX-License-Identifier: Apache-2.0
"""No backend: for a guard that only answers a Postfix and takes no mail itself.

Limits: nothing ever asks it, because such a guard listens for no client; if something does, the mail is put off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn

from fumidai.errors import UsageError
from fumidai.guard.backend import Sender
from fumidai.texts import N_


class NoBackend:
    """See above."""

    keywords: Final[frozenset[str]] = frozenset()
    size: Final = 0

    def open(self, sender: Sender, resume: Callable[[], None]) -> NoReturn:
        """See ``Backend``.

        Raises:
            UsageError: always.
        """
        raise UsageError(N_("Nothing stands behind this guard: it only answers its policy service."))

    async def close(self) -> None:
        """See ``Backend``."""

# SPDX-License-Identifier: Apache-2.0
"""Passwords compared with a file's hashes, in a few threads, so that no client waits for another one's login.

Limits: at most ``at_once`` comparisons run and ``_MOST_WAITING`` wait; whoever comes then is told to come again. So
many times the memory of the dearest hash (16 MiB for our own) is taken while they run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from fumidai.guard.login import Checked, Word
from fumidai.guard.users import Users
from fumidai.smtp.sasl import Credentials, Mechanism

#: Comparisons at once: a guard goes on guarding on the other processors.
AT_ONCE: Final = 2
_MOST_WAITING: Final = 64
_MECHANISMS: Final = tuple(Mechanism)


class PasswordLogin:
    """See above.

    Attributes:
        users: who may log in from now on.
    """

    def __init__(self, users: Users, *, at_once: int = AT_ONCE) -> None:
        self.users = users
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(at_once, "login")
        self._waiting = 0

    def mechanisms(self) -> tuple[str, ...]:
        """See ``Login``."""
        return _MECHANISMS

    def check(self, credentials: Credentials, tell: Callable[[Checked], None]) -> None:
        """See ``Login``."""
        if self._waiting >= _MOST_WAITING:
            self._loop.call_soon(tell, Checked(Word.LATER, "too many log in at once"))
            return
        self._waiting += 1
        comparison = self._loop.run_in_executor(self._threads, self.users.fit, credentials.user, credentials.password)
        comparison.add_done_callback(partial(self._compared, tell))

    def close(self) -> None:
        """See ``Login``."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _compared(self, tell: Callable[[Checked], None], comparison: asyncio.Future[bool]) -> None:
        self._waiting -= 1
        if comparison.cancelled():
            return
        if problem := comparison.exception():
            tell(Checked(Word.LATER, f"the comparison failed ({type(problem).__name__})"))
        elif comparison.result():
            tell(Checked(Word.RIGHT, "name and password belong together"))
        else:
            tell(Checked(Word.WRONG, "name or password is wrong"))

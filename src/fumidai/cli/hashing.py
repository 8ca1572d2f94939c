# SPDX-License-Identifier: Apache-2.0
"""``fumidai guard --hash-password NAME``: make one line of a password file.

The password comes from the terminal, twice and without echo, or from standard input where that is no terminal. It is
nowhere else: no option or variable could take it without showing it to others on the machine.

Limits: it prints the line and writes no file; whose line it is, and that there is only one, is the operator's to see.
"""

from __future__ import annotations

import secrets
import sys
from getpass import getpass

from fumidai.cli.screen import say
from fumidai.errors import UsageError
from fumidai.guard.password import new_hash
from fumidai.texts import N_


def print_hash(name: str) -> int:
    """Print ``NAME:HASH``; 0.

    Raises:
        UsageError: the name can't stand in such a file, or there is no password.
    """
    if not name.isprintable() or not name.strip() or name != name.strip() or ":" in name or name.startswith("#"):
        raise UsageError(
            N_("{name} can't be a user's name."),
            mend=N_('A name has no ":", begins with no "#", and has no blank at either end.'),
            name=name,
        )
    print(f"{name}:{new_hash(_password(name), secrets.token_bytes(16))}")  # noqa: T201  # this is what was asked for
    return 0


def _password(name: str) -> bytes:
    if sys.stdin.isatty():
        password = getpass(say(N_("Password of {name}: "), name=name)).encode("utf-8", "surrogateescape")
        if password != getpass(say(N_("Once more: "))).encode("utf-8", "surrogateescape"):
            raise UsageError(N_("The two are not the same."))
    else:
        password = sys.stdin.buffer.read().removesuffix(b"\n").removesuffix(b"\r")
    if not password or b"\n" in password or b"\0" in password:
        raise UsageError(N_("There is no password."), mend=N_("Type it, or give it as one line on standard input."))
    return password

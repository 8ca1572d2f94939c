# SPDX-License-Identifier: Apache-2.0
"""The exception tree of Fumidai: everything that *we* or our user did wrong, or that this machine can't do.

    FumidaiError                 exit code in .exit_code (sysexits.h)
    ├── UsageError               64  asked for something that can't be asked so
    │   ├── PolicyError          64  a policy file is wrong: file, line, key, and the mend
    │   └── ProofDomainError     64  the proof domain can't prove anything (own domain, leads elsewhere)
    ├── NoSuchUser               67  a user of this machine that does not exist
    ├── TargetError              68  a target name that does not exist
    ├── ListenError              69  a port that we need is taken
    ├── SystemTrouble            71  the system has no process or memory left for us
    ├── PermissionRefused        77  the system does not let us (port below 1024, raw folder)
    ├── StorageError             74  the run folder can't be written or read
    └── FixtureError             70  something of our own (catalogue row, schema) is broken

What a peer does is never an exception: it is evidence (an event or an outcome). Each error carries a
message template with named fields and, where there is one, the mend; the command line translates both and
fills the fields, so that this room needs no language. Text of fields may come from outside: it is escaped
where it is shown, not here.

Limits: there is no error for "the test failed": that is a verdict.
"""

from __future__ import annotations

from typing import ClassVar


class FumidaiError(Exception):
    """Base of all our own errors.

    Args:
        message: gettext msgid with ``{name}`` fields: what happened, and where.
        mend: gettext msgid: what to do; empty if nothing sensible can be said.
        params: values for the fields of both.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, mend: str = "", **params: object) -> None:
        self.message = message
        self.mend = mend
        self.params = params
        super().__init__(message.format(**params) if params else message)


class UsageError(FumidaiError):
    """The command line, environment or configuration asks for something impossible (EX_USAGE)."""

    exit_code = 64


class PolicyError(UsageError):
    """A policy file does not parse or says something unsafe; names file, line and key.

    Args:
        file: the file's name as the user gave it.
        line: 1-based line, or 0 where no line can be named.
        key: dotted key, for example ``policy.relay.networks``.
    """

    def __init__(self, message: str, *, file: str, line: int, key: str, mend: str = "", **params: object) -> None:
        super().__init__(message, mend=mend, **params)
        self.file = file
        self.line = line
        self.key = key

    @property
    def place(self) -> str:
        """``file:line: key``, without the parts that are not known."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.key}" if self.key else where


class ProofDomainError(UsageError):
    """The proof domain would prove nothing: it is the target's own, or leads elsewhere."""


class NoSuchUser(FumidaiError):
    """A user of this machine that does not exist (EX_NOUSER)."""

    exit_code = 67


class TargetError(FumidaiError):
    """A target that can't be found in the DNS (EX_NOHOST)."""

    exit_code = 68


class ListenError(FumidaiError):
    """An address and port that we have to listen on is taken (EX_UNAVAILABLE)."""

    exit_code = 69


class SystemTrouble(FumidaiError):
    """The system has no process or memory left for us (EX_OSERR)."""

    exit_code = 71


class PermissionRefused(FumidaiError):
    """The system refuses us something that needs more rights (EX_NOPERM)."""

    exit_code = 77


class StorageError(FumidaiError):
    """A run folder, Maildir or key can't be read or written (EX_IOERR)."""

    exit_code = 74


class FixtureError(FumidaiError):
    """Data that ships with Fumidai is broken: our own fault (EX_SOFTWARE)."""

    exit_code = 70

# SPDX-License-Identifier: Apache-2.0
"""The state folder, where runs and the token key live, and the key itself.

The folder is ``$FUMIDAI_STATE``, else ``$XDG_STATE_HOME/fumidai``, else ``~/.local/state/fumidai``. The key is made at
its first use: 32 random bytes in hexadecimal, readable by its owner alone. Runs that share a sink share the key.

Limits: a key file that others may read is refused, not mended: whoever read it can forge proofs.
"""

from __future__ import annotations

import os
import pwd
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fumidai.errors import StorageError
from fumidai.evidence.token import TokenKey
from fumidai.store.files import make_folder, sync_folder, unreadable, unwritable, words, write_durably
from fumidai.texts import N_

_KEY_FILE: Final = "token.key"
_KEY_BYTES: Final = 32
_KEY_MOST: Final = 4096
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def state_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The state folder, made if it is not there.

    Raises:
        StorageError: there is no place for it, or it can't be written; says how to name another.
    """
    folder = _state_path(os.environ if environ is None else environ)
    try:
        make_folder(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, os.strerror(13))
    except (StorageError, OSError) as problem:
        cause = problem.__cause__ if isinstance(problem, StorageError) else problem
        reason = words(cause) if isinstance(cause, OSError) else str(cause)
        raise StorageError(
            N_("The folder for runs and keys, {path}, can't be written: {reason}"),
            mend=N_("Name another one: FUMIDAI_STATE=FOLDER."),
            path=str(folder),
            reason=reason,
        ) from problem
    return folder


def runs_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where the run folders lie."""
    return state_folder(environ) / "runs"


def token_key(path: Path | None = None) -> TokenKey:
    """The key that signs tokens, made if it is not there.

    Args:
        path: key file; None for the one in the state folder.

    Raises:
        StorageError: it can't be read or made, is no key, or others may read it.
    """
    file = state_folder() / _KEY_FILE if path is None else path
    text = _read(file)
    if text is None:
        _create(file)
        text = _read(file)
    try:
        return TokenKey(bytes.fromhex((text or b"").decode("ascii")))
    except ValueError as problem:
        raise StorageError(
            N_("{path} is no token key: at least 32 hexadecimal digits are expected."),
            mend=N_("Name another file with --key; a new key does not know the tokens of earlier runs."),
            path=str(file),
        ) from problem


def _state_path(environ: Mapping[str, str]) -> Path:
    if named := environ.get("FUMIDAI_STATE"):
        return Path(named).absolute()
    # XDG Base Directory Specification: a relative path is to be ignored.
    if (base := environ.get("XDG_STATE_HOME")) and Path(base).is_absolute():
        return Path(base) / "fumidai"
    try:
        # An empty HOME is none: the user's entry says where he lives, not the root of the file system.
        home = Path(environ["HOME"]) if environ.get("HOME") else Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError as problem:
        raise StorageError(
            N_("This user has no home folder, so there is no place for runs and keys."),
            mend=N_("Name one: FUMIDAI_STATE=FOLDER."),
        ) from problem
    return home / ".local" / "state" / "fumidai"


def _read(file: Path) -> bytes | None:
    """The file's text; None where there is none.

    Raises:
        StorageError: it can't be read, or others may read it.
    """
    try:
        with file.open("rb") as handle:
            mode = os.fstat(handle.fileno()).st_mode
            text = handle.read(_KEY_MOST)
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise unreadable(file, problem) from problem
    if mode & _OTHERS:
        raise StorageError(
            N_("The token key {path} can be read by others, who could forge proofs with it."),
            mend=N_("chmod 600 {path}; if they may have read it, remove it and begin anew."),
            path=str(file),
        )
    return text


def _create(file: Path) -> None:
    """Make a key; of two that try at once, one wins and both use its key."""
    make_folder(file.parent)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        write_durably(temporary, secrets.token_hex(_KEY_BYTES).encode("ascii") + b"\n")
        try:
            # A link fails where the name is taken; a rename would replace the other's key.
            os.link(temporary, file)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
        sync_folder(file.parent)
    except OSError as problem:
        raise unwritable(file, problem) from problem

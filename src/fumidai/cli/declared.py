# SPDX-License-Identifier: Apache-2.0
"""The policy file on the disk: find it, read it, say what in it deserves a second look.

Without ``--policy`` it is ``./fumidai.toml``, if that stands there; that it is used is said once, because a forgotten
file in the folder one happens to stand in would otherwise decide in silence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fumidai.cli.screen import complaints, say
from fumidai.errors import UsageError
from fumidai.policy.lines import key_lines
from fumidai.policy.model import Policy
from fumidai.policy.notice import Source
from fumidai.policy.read import Warning_, read_policy
from fumidai.report.escape import show
from fumidai.texts import N_

DEFAULT_POLICY = Path("fumidai.toml")


@dataclass(frozen=True, slots=True)
class Declared:
    """A policy as somebody declared it.

    Attributes:
        file, text: the file's name and content, both "" where there is none.
        policy: what it says; an empty one where there is none.
    """

    file: str = ""
    text: str = ""
    policy: Policy = field(default_factory=Policy)

    def __bool__(self) -> bool:
        return bool(self.file)

    @property
    def source(self) -> Source:
        """Names the lines of the file."""
        return Source(self.file, key_lines(self.text.removeprefix("\ufeff").replace("\r\n", "\n")))


def load_policy(name: str | None, *, quiet: bool = False) -> Declared:
    """Read the named policy file, or the one that stands in this folder; what is said of it, unless ``quiet``.

    Raises:
        UsageError: the named file can't be read.
        PolicyError: it is wrong.
    """
    path = Path(name) if name else DEFAULT_POLICY
    if not name and not path.is_file():
        return Declared()
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise UsageError(
            N_("The policy {file} can't be read: {why}."), file=str(path), why=error.strerror or str(error)
        ) from error
    if not name and not quiet:
        complaints().write(say(N_("Using the policy in ./{file}."), file=show(str(path))))
    return read_declared(str(path), text, quiet=quiet)


def read_declared(file: str, text: str, *, quiet: bool = False) -> Declared:
    """Read a policy's text; warnings are printed unless ``quiet``.

    Raises:
        PolicyError: it is wrong.
    """
    policy, warnings = read_policy(text.encode("utf-8", "surrogateescape"), file)
    for warning in () if quiet else warnings:
        complaints().write(warning_text(warning))
    return Declared(file, text, policy)


def warning_text(warning: Warning_) -> str:
    """A warning about a policy file, with what to do about it on a second line."""
    fields = {name: show(str(value)) for name, value in warning.params.items()}
    lines = [f"{show(warning.place)}: {_filled(warning.message, fields)}"]
    if warning.mend:
        lines.append(f"  {_filled(warning.mend, fields)}")
    return "\n".join(lines)


def _filled(text: str, fields: dict[str, str]) -> str:
    return say(text, **fields) if fields else say(text)

# SPDX-License-Identifier: Apache-2.0
"""Where a recipient's Maildir lies: a template with ``{domain}`` and ``{local}``, and what a stranger may put there.

The recipient's own words become parts of a path, so they are held to what can't lead elsewhere: no slash, no ``..``,
no leading dot, no control character, not empty, not longer than a file's name may be. A folder that is not there is
an unknown user; none is ever made.

Where the part of the template before its first field is missing (a disk that is not mounted), that is our trouble
and a 451: a 550 would send every user's mail back for good.

Limits: a local part is looked for as written, then in lower case; ``user+detail`` has a folder of its own or none.
The look-up is a stat on the event loop's thread: a network file system that hangs stops the guard.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path as File
from string import Formatter
from typing import Final

from fumidai.errors import UsageError
from fumidai.guard.backend import Answer, Fate
from fumidai.smtp.address import Path, parse_path
from fumidai.texts import N_

_FIELDS: Final = frozenset({"domain", "local"})
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
#: Octets of one name on every file system that matters (NAME_MAX).
_NAME_MOST: Final = 255

_BAD: Final = Answer(Fate.ANSWERED, 550, "This address can't be a mailbox here", "5.1.1")
_UNKNOWN: Final = Answer(Fate.ANSWERED, 550, "No such user here", "5.1.1")


class MaildirPlace:
    """A template, asked for folders.

    Args:
        template: absolute path with the fields ``{local}`` and, where there are several domains, ``{domain}``.
        postmaster: mailbox (with brackets) of the postmaster, for ``<Postmaster>`` without a domain; empty: unknown.

    Raises:
        UsageError: the template is not of this form.
    """

    def __init__(self, template: str, postmaster: bytes = b"") -> None:
        self._template = template
        self._postmaster = postmaster
        self.root = File(_fixed(template))

    def folder(self, path: bytes) -> File | Answer:
        """The Maildir of a recipient (brackets included), or what to tell the client."""
        words = self._words(path)
        if words is None:
            return _BAD
        domain, local = words
        found = self._look(domain, local)
        if found is _UNKNOWN and local != local.lower():
            found = self._look(domain, local.lower())
        return found

    def pattern(self) -> str:
        """The template for ``glob``: all Maildirs that it can name."""
        parts = Formatter().parse(self._template)
        return "".join(_escaped(text) + ("*" if field else "") for text, field, _, _ in parts)

    def _words(self, path: bytes) -> tuple[str, str] | None:
        """Domain and local part, if both may become names of folders."""
        found = parse_path(path)
        if isinstance(found, Path) and not found.domain and found.content.lower() == "postmaster":
            found = parse_path(self._postmaster)
        if not isinstance(found, Path):
            return None
        words = (found.domain, found.content)
        return words if all(map(_harmless, words)) else None

    def _look(self, domain: str, local: str) -> File | Answer:
        folder = File(self._template.format(domain=domain, local=local))
        try:
            if not stat.S_ISDIR(os.stat(folder).st_mode):
                return _UNKNOWN
        except (FileNotFoundError, NotADirectoryError):
            return _UNKNOWN if self.root.is_dir() else _trouble(f"{self.root} is not there")
        except OSError as problem:
            return _trouble(f"{folder}: {problem.strerror}")
        if not all((folder / part).is_dir() for part in ("tmp", "new")):
            return _trouble(f"{folder} is no Maildir")
        return folder


def _fixed(template: str) -> str:
    """The folder above the first field; raises UsageError where the template is no good."""
    try:
        fields = [field for _, field, form, change in Formatter().parse(template) if field is not None]
        plain = all(not form and not change for _, _, form, change in Formatter().parse(template))
    except ValueError:
        fields, plain = [], False
    if not template.startswith("/") or not plain or "local" not in fields or not set(fields) <= _FIELDS:
        raise UsageError(
            N_('"{template}" does not say where Maildirs lie.'),
            mend=N_("Give an absolute path with the user in it, for example /var/mail/{{domain}}/{{local}}."),
            template=template,
        )
    return template[: template.index("{")].rpartition("/")[0] or "/"


def _harmless(word: str) -> bool:
    size = len(word.encode("utf-8", "surrogateescape"))
    return 0 < size <= _NAME_MOST and not (
        "/" in word or ".." in word or word.startswith(".") or _CONTROL.search(word) is not None
    )


def _escaped(text: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", text)


def _trouble(detail: str) -> Answer:
    return Answer(Fate.FAILED, 451, "The mailbox can't be reached just now", "4.3.0", detail)

# SPDX-License-Identifier: Apache-2.0
"""The files of ``[guard] hosts``, read from the disk and put into the policy.

A file that can't be read is an error, also where it isn't there: tcpwrappers take it for empty, which lets everybody
in. What is wrong inside is told with its file and line.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fumidai.guard.settings import SECTION, GuardSettings
from fumidai.policy.hosts_file import read_hosts
from fumidai.policy.model import Policy
from fumidai.policy.notice import Source
from fumidai.texts import N_


def with_client_rules(policy: Policy, settings: GuardSettings, source: Source) -> Policy:
    """The policy with the client rules that ``[guard]`` names; warnings go to ``source``.

    Raises:
        PolicyError: a file can't be read, or something in it has no certain meaning.
    """
    if not settings.hosts:
        return policy
    allow, deny = settings.hosts
    tables, warnings = read_hosts(
        _read(allow, source),
        _read(deny, source),
        allow_file=allow,
        deny_file=deny,
        include=lambda path: _text(Path(path)),
        services=settings.services,
    )
    source.warnings.extend(warnings)
    if not tables.rules:
        source.warn(
            (SECTION, "hosts"),
            N_("No rule in these files is about {services}: everybody may connect."),
            mend=N_("If the rules use another name for the mail service, add it to services."),
            services=", ".join(settings.services),
        )
    return replace(policy, client_rules=tables)


def _read(path: str, source: Source) -> str:
    try:
        return _text(Path(path))
    except OSError as error:
        raise source.error(
            (SECTION, "hosts"),
            N_("{path} can't be read: {problem}"),
            mend=N_("If it shall be empty, let it be there and empty."),
            path=path,
            problem=error.strerror or str(error),
        ) from error


def _text(path: Path) -> str:
    """The text of a file; bytes that are no UTF-8 stay visible as what they are and match nothing."""
    return path.read_bytes().decode("utf-8", "surrogateescape")

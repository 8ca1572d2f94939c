# SPDX-License-Identifier: Apache-2.0
"""Say the commands of the battery ``maps`` as the service of 2001 did: in lower case, with a space after the colon.

    >>> mail from: <spamtest@mail.a.com>
    >>> rcpt to: <"nobody@probe.example.net">

RFC 5321 §4.1.1.2 has no space there; every server that was tried takes it all the same, and what is shown has to be
what was said.

Limits: only MAIL and RCPT of the usual form; a row with a form of its own keeps it.
"""

from __future__ import annotations

from dataclasses import replace

from fumidai.battery.attempt import Attempt, Step

#: The battery that is asked so.
MAPS = "maps"

_SPOKEN = ((b"MAIL FROM:<", b"mail from: <"), (b"RCPT TO:<", b"rcpt to: <"))


def as_in_2001(attempt: Attempt) -> Attempt:
    """The same attempt, its commands spelled as they were then."""
    return replace(attempt, script=tuple(_spell(step) for step in attempt.script))


def _spell(step: Step) -> Step:
    for modern, old in _SPOKEN:
        if step.data.startswith(modern):
            return replace(step, data=old + step.data.removeprefix(modern))
    return step

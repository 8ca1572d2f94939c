# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the order or the form of one command, by the tables in ``refusals``.

Limits: only what the answering side can tell by itself; whether a name, a sender or a recipient may pass is policy.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from fumidai.smtp.command import Command, Verb
from fumidai.smtp.dsn import bad_parameter
from fumidai.smtp.refusals import BARE, ORDER, PARAMETERS, Refusal
from fumidai.smtp.states import State

_NAMED: Final = frozenset({Verb.EHLO, Verb.HELO})
#: Commands whose extension bears their name, and what is said where it is not offered.
_OFFERED: Final = {Verb.STARTTLS: Refusal.NO_TLS, Verb.XCLIENT: Refusal.NO_XCLIENT}


def objection(command: Command, state: State, keywords: Collection[str]) -> Refusal | None:
    """Why this command can't be taken now; None where it can.

    Args:
        command: as it was read; BDAT is looked at for its order only.
        state: where the dialogue stands.
        keywords: upper-case names of the extensions that are offered at this moment.
    """
    verb = command.verb
    if verb in BARE and command.argument:
        return Refusal.ARGUMENT
    if verb in _NAMED and not command.argument:
        return Refusal.NO_NAME
    if verb in _OFFERED and verb not in keywords:
        return _OFFERED[verb]
    order = ORDER.get(verb)
    if order is not None and state in order:
        return order[state]
    if command.fault:
        return Refusal.SYNTAX
    return _objection_to_parameters(command, keywords) if command.params else None


def _objection_to_parameters(command: Command, keywords: Collection[str]) -> Refusal | None:
    known = PARAMETERS.get(command.verb, {})
    if any(known.get(keyword) not in keywords for keyword in command.params):
        return Refusal.PARAMETER
    size = command.params.get("SIZE")
    # RFC 1870 §3: at most 20 digits
    if size is not None and not (size.isdigit() and len(size) <= 20):
        return Refusal.SIZE_SYNTAX
    return Refusal.DSN_SYNTAX if bad_parameter(command.params) else None

# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the order or the form of one command, by the tables in ``refusals``.

Limits: only what the answering side can tell by itself; whether a name, a sender or a recipient may pass is policy.
"""

from __future__ import annotations

from collections.abc import Collection

from fumidai.smtp.command import Command, Verb
from fumidai.smtp.dsn import bad_parameter
from fumidai.smtp.refusals import BARE, ORDER, PARAMETERS, Refusal
from fumidai.smtp.states import State


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
    if verb in (Verb.EHLO, Verb.HELO) and not command.argument:
        return Refusal.NO_NAME
    if verb is Verb.STARTTLS and "STARTTLS" not in keywords:
        return Refusal.NO_TLS
    if verb is Verb.XCLIENT and "XCLIENT" not in keywords:
        return Refusal.NO_XCLIENT
    if out_of_order := ORDER.get(verb, {}).get(state):
        return out_of_order
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

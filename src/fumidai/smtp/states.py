# SPDX-License-Identifier: Apache-2.0
"""Where an SMTP dialogue stands, and what moves it: one table for both ends.

A dialogue moves by answers, not by commands: asking side and answering side see the same command and the same
answer and follow the same row, so that they can't come apart. What stands in no row moves nothing.
``docs/smtp.md`` shows these tables; it is made from them.

The last chunk of a message (BDAT … LAST) is its end and answered as such: both ends count it as ``MESSAGE``.

Limits: what a command means that came out of order is ``refusals``' to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from fumidai.smtp.command import Verb


class State(StrEnum):
    """Where the dialogue stands, as far as the answers tell."""

    GREETING = "greeting"  # the server has not greeted yet, or it refused to
    READY = "ready"  # greeted; EHLO or HELO not taken yet
    GREETED = "greeted"  # EHLO or HELO taken, no transaction
    MAIL = "mail"  # a sender was taken
    RCPT = "rcpt"  # a recipient was taken
    DATA = "data"  # the message is being sent
    BDAT = "bdat"  # a chunk of the message was taken, the last one was not
    TLS = "tls"  # agreed to begin TLS
    CLOSED = "closed"  # QUIT was answered, or the stream ended


#: (command, first digit of its answer) -> state after it. None: READY or GREETED, whichever it was before.
MOVES: Final[Mapping[tuple[Verb, int], State | None]] = {
    (Verb.EHLO, 2): State.GREETED,
    (Verb.HELO, 2): State.GREETED,
    (Verb.LHLO, 2): State.GREETED,
    (Verb.MAIL, 2): State.MAIL,
    (Verb.RCPT, 2): State.RCPT,
    (Verb.DATA, 3): State.DATA,
    (Verb.BDAT, 2): State.BDAT,
    # RFC 3030 §2: after a chunk that was refused the transaction has failed.
    (Verb.BDAT, 4): None,
    (Verb.BDAT, 5): None,
    # RFC 5321 §4.1.1.4: whatever the answer to the end of the data, the transaction is over.
    (Verb.MESSAGE, 2): None,
    (Verb.MESSAGE, 4): None,
    (Verb.MESSAGE, 5): None,
    (Verb.RSET, 2): None,
    (Verb.STARTTLS, 2): State.TLS,
    # Postfix, XCLIENT_README: the session stands where it stood after the greeting.
    (Verb.XCLIENT, 2): State.READY,
    (Verb.QUIT, 2): State.CLOSED,
}
_GREETED, _READY = State.GREETED, State.READY

#: Commands that begin the session anew when they are taken (RFC 5321 §4.1.4).
HELLOS: Final = frozenset({Verb.EHLO, Verb.HELO, Verb.LHLO})


def follow(state: State, verb: Verb, code: int, greeted: bool) -> State:
    """The state after this answer.

    Args:
        state: before it.
        verb: what was answered.
        code: the answer's reply code.
        greeted: an EHLO or HELO has been taken.
    """
    after = MOVES.get((verb, code // 100), state)
    if after is None:
        return _GREETED if greeted else _READY
    return after

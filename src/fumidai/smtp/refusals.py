# SPDX-License-Identifier: Apache-2.0
"""What the answering side refuses by itself: wrong form and wrong order, never policy.

``ORDER`` says which command is out of place in which state, ``PARAMETERS`` which extension a parameter of MAIL or
RCPT belongs to. Everything that is in no row here is the user's to answer.

Limits: reply texts are English and plain; no software's wording is imitated.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from fumidai.smtp.command import Verb
from fumidai.smtp.states import State


class Refusal(Enum):
    """Reply code, enhanced code and text of each refusal."""

    LINE_TOO_LONG = (500, "5.5.2", "Line too long")
    AUTH_TOO_LONG = (500, "5.5.6", "Authentication line too long")
    CONTROL = (500, "5.5.2", "A command ends with CR LF and holds no other CR, LF or NUL")
    UNKNOWN = (500, "5.5.2", "Command not recognised")
    OTHER_PROTOCOL = (500, "5.5.1", "This is a mail server")
    NO_CHUNKS = (502, "5.5.1", "BDAT is not offered")
    CHUNK_SYNTAX = (501, "5.5.4", "BDAT needs a number of octets, and after it LAST or nothing")
    NO_TLS = (502, "5.5.1", "STARTTLS is not offered")
    NO_XCLIENT = (502, "5.5.1", "XCLIENT is not offered")
    XCLIENT_SYNTAX = (501, "5.5.4", "Bad XCLIENT")
    NO_NAME = (501, "5.5.4", "A name is needed")
    ARGUMENT = (501, "5.5.4", "No argument is allowed")
    SYNTAX = (501, "5.5.4", "Syntax error")
    SIZE_SYNTAX = (501, "5.5.4", "SIZE is not a number")
    DSN_SYNTAX = (501, "5.5.4", "Bad value of a DSN parameter")
    PARAMETER = (555, "5.5.4", "Parameter not recognised")
    HELLO_FIRST = (503, "5.5.1", "Say EHLO or HELO first")
    MAIL_FIRST = (503, "5.5.1", "MAIL first")
    RCPT_FIRST = (554, "5.5.1", "No valid recipients")
    NESTED = (503, "5.5.1", "A sender has been given already")
    MESSAGE_BEGUN = (503, "5.5.1", "The message has begun: BDAT or RSET")
    CHUNK_LEFT = (503, "5.5.1", "A chunk before this one was refused: RSET")
    IN_TRANSACTION = (503, "5.5.1", "Not within a transaction")
    TOO_MANY_RECIPIENTS = (452, "4.5.3", "Too many recipients")
    SIZE_ANNOUNCED = (552, "5.3.4", "Message too big")
    MESSAGE_TOO_BIG = (552, "5.3.4", "Message too big; nothing was kept")
    TOO_MANY_ERRORS = (421, "4.7.0", "Too many errors")
    TOO_EARLY = (421, "4.7.0", "Too much said before the greeting")
    BACKLOG = (421, "4.7.0", "Too much said before an answer")
    ENDLESS_LINE = (421, "4.7.0", "A line without end")

    @property
    def code(self) -> int:
        """Reply code."""
        return self.value[0]

    @property
    def enhanced(self) -> str:
        """Enhanced status code."""
        return self.value[1]

    @property
    def text(self) -> str:
        """What is said."""
        return self.value[2]


#: Refusals of a well-spoken client; they count as no error.
BLAMELESS: Final = frozenset(
    {Refusal.TOO_MANY_RECIPIENTS, Refusal.SIZE_ANNOUNCED, Refusal.MESSAGE_TOO_BIG, Refusal.CHUNK_LEFT}
)

#: Command -> states in which it is out of place (RFC 5321 §4.1.4; for DATA §3.3 leaves 503 and 554 to choose from).
ORDER: Final[Mapping[Verb, Mapping[State, Refusal]]] = {
    Verb.MAIL: {
        State.READY: Refusal.HELLO_FIRST,
        State.MAIL: Refusal.NESTED,
        State.RCPT: Refusal.NESTED,
        State.BDAT: Refusal.NESTED,
    },
    Verb.RCPT: {
        State.READY: Refusal.MAIL_FIRST,
        State.GREETED: Refusal.MAIL_FIRST,
        State.BDAT: Refusal.MESSAGE_BEGUN,
    },
    Verb.DATA: {
        State.READY: Refusal.MAIL_FIRST,
        State.GREETED: Refusal.MAIL_FIRST,
        State.MAIL: Refusal.RCPT_FIRST,
        # RFC 3030 §2: DATA and BDAT can't be used in one transaction.
        State.BDAT: Refusal.MESSAGE_BEGUN,
    },
    Verb.BDAT: {
        State.READY: Refusal.MAIL_FIRST,
        State.GREETED: Refusal.MAIL_FIRST,
        State.MAIL: Refusal.RCPT_FIRST,
    },
    Verb.STARTTLS: {
        State.MAIL: Refusal.IN_TRANSACTION,
        State.RCPT: Refusal.IN_TRANSACTION,
        State.BDAT: Refusal.IN_TRANSACTION,
    },
    Verb.XCLIENT: {
        State.MAIL: Refusal.IN_TRANSACTION,
        State.RCPT: Refusal.IN_TRANSACTION,
        State.BDAT: Refusal.IN_TRANSACTION,
    },
    # RFC 4954 §4: not within a transaction, and only where EHLO has announced it.
    Verb.AUTH: {
        State.READY: Refusal.HELLO_FIRST,
        State.MAIL: Refusal.IN_TRANSACTION,
        State.RCPT: Refusal.IN_TRANSACTION,
        State.BDAT: Refusal.IN_TRANSACTION,
    },
}

#: Commands that take no argument (RFC 5321 §4.1.1; RFC 3207 §4 for STARTTLS).
BARE: Final = frozenset({Verb.DATA, Verb.RSET, Verb.QUIT, Verb.STARTTLS})

#: Parameter -> extension that has to be announced for it; all others are 555 (RFC 5321 §4.1.1.11).
PARAMETERS: Final[Mapping[Verb, Mapping[str, str]]] = {
    Verb.MAIL: {
        "SIZE": "SIZE",  # RFC 1870
        "BODY": "8BITMIME",  # RFC 6152
        "SMTPUTF8": "SMTPUTF8",  # RFC 6531
        "RET": "DSN",  # RFC 3461
        "ENVID": "DSN",
        "AUTH": "AUTH",  # RFC 4954
        "REQUIRETLS": "REQUIRETLS",  # RFC 8689
    },
    Verb.RCPT: {"NOTIFY": "DSN", "ORCPT": "DSN"},
}

#: First words of other protocols: a browser that was led here says the body as commands (cross-protocol attack).
OTHER_PROTOCOLS: Final = frozenset({b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"DELETE", b"PRI"})

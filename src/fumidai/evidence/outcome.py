# SPDX-License-Identifier: Apache-2.0
"""What one attempt met: a closed list of words, with the stage, the reply and the reason behind it.

A reply is a promise, a delivery is a fact (RFC 5321 §4.2.5: who answers 250 to the end of data takes the
responsibility). ``accepted`` is the promise; ``delivered`` is only ever given by the judge, from a proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Word(StrEnum):
    """The six outcomes of an attempt."""

    REFUSED = "refused"
    DEFERRED = "deferred"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    UNTESTED = "untested"
    NOT_APPLICABLE = "not-applicable"


class Stage(StrEnum):
    """Where in the dialogue the deciding answer came."""

    CONNECT = "connect"
    GREETING = "greeting"
    HELO = "helo"
    STARTTLS = "starttls"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    MESSAGE = "message"
    SETUP = "setup"


class Reason(StrEnum):
    """Why a server said no, as its wording, code and stage tell (or why nothing could be asked)."""

    RELAY = "relay"
    SENDER = "sender"
    CLIENT = "client"
    HELO = "helo"
    AUTH = "auth"
    USER = "user"
    UNRESOLVED = "unresolved"  # the recipient's domain does not resolve, takes no mail, or has no route
    SYNTAX = "syntax"
    TLS = "tls"
    TESTER_BLOCKED = "tester-blocked"
    LIMIT = "limit"
    TEMPORARY = "temporary"
    CONTENT = "content"
    PROTOCOL = "protocol"
    CLOSED = "closed-connection"
    TIMEOUT = "timeout"
    TIME_UP = "time-up"
    INTERRUPTED = "interrupted"
    UNCLEAR = "unclear"
    # why a row does not apply
    NO_DOMAIN = "no-domain"
    NO_LOCAL_USER = "no-local-user"
    NO_PROOF = "no-proof"
    NO_NAME = "no-name"
    NO_IPV4 = "no-ipv4"
    NO_IPV6 = "no-ipv6"
    NO_EXTENSION = "no-extension"
    NO_MX_DOMAIN = "no-mx-domain"
    NO_TLS = "no-tls"
    OPT_IN = "opt-in"
    SLOW = "slow"
    LATE_REFUSAL = "late-refusal"
    NOT_RUN_YET = "not-run-yet"
    FIRST_HOLE = "first-hole"
    SAME_QUESTION = "same-question"
    NO_STATE = "no-state"


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply to the deciding step, kept as it came.

    Attributes:
        stage: step that was answered.
        code: three digits of the reply, 0 where there was no reply.
        reply: raw bytes of the reply (CRLF included), empty where there was none.
        session: number of the session in which it was asked (1-based, per endpoint).
        pipelined: the command went out in a group, before earlier replies were read.
    """

    stage: Stage
    code: int
    reply: bytes
    session: int
    pipelined: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt met.

    Attributes:
        attempt: the attempt's number (``battery.Attempt.number``), unique within a run.
        word: outcome before proofs are looked at (never DELIVERED).
        stage, code, reply: of the deciding answer.
        reason: why it was refused, deferred or not asked; None where it was accepted.
        session: session of the deciding answer, 0 where none was opened.
        completed: a whole message was handed over and taken with 2xx.
        earlier: answers given before the deciding one (asked again, or opened again alone).
    """

    attempt: int
    word: Word
    stage: Stage
    code: int = 0
    reply: bytes = b""
    reason: Reason | None = None
    session: int = 0
    completed: bool = False
    earlier: tuple[Answer, ...] = ()

    @property
    def at_large(self) -> bool:
        """A whole message was handed over and no answer came: nobody knows whether it was taken."""
        unheard = self.word is Word.UNTESTED and self.stage is Stage.MESSAGE and not self.code
        return unheard and self.reason in {Reason.TIMEOUT, Reason.TIME_UP}

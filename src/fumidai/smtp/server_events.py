# SPDX-License-Identifier: Apache-2.0
"""What the answering side tells its user. ``server`` gives these out and says how; import them from there.

A *question* has to be answered before anything behind it is read; the other events only tell.

Limits: what came from the client (names, paths, arguments, data) is raw here; whoever shows it escapes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fumidai.smtp.command import Command, Verb
from fumidai.smtp.data import Oddity
from fumidai.smtp.refusals import Refusal
from fumidai.smtp.xclient import Attributes


@dataclass(frozen=True, slots=True)
class Hello:
    """EHLO or HELO; ``name`` is latin-1, not escaped."""

    verb: Verb
    name: str


@dataclass(frozen=True, slots=True)
class StartTls:
    """STARTTLS. After a 220: write it, start TLS, call ``tls_started``."""


@dataclass(frozen=True, slots=True)
class XClient:
    """XCLIENT: what a proxy says of its client. After a 220 the session begins anew; ``hello`` is forgotten."""

    said: Attributes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """MAIL: path as given (brackets included), parameters, whole line."""

    path: bytes
    params: Mapping[str, bytes]
    raw: bytes


@dataclass(frozen=True, slots=True)
class Rcpt:
    """RCPT: path as given (brackets included), parameters, whole line."""

    path: bytes
    params: Mapping[str, bytes]
    raw: bytes


@dataclass(frozen=True, slots=True)
class DataBegin:
    """DATA. After a 354 the message comes."""


@dataclass(frozen=True, slots=True)
class ChunkBegin:
    """The first BDAT of a message. After a 2yz, of which nothing is written, the chunks come.

    After any other answer the chunk is dropped, and then ``Swallowed`` brings the reply (RFC 3030 §2).
    """

    size: int
    last: bool


@dataclass(frozen=True, slots=True)
class ChunkEnd:
    """A chunk of so many octets has come that is not the last. A 2yz acknowledges these octets, not the message."""

    size: int


@dataclass(frozen=True, slots=True)
class Swallowed:
    """A chunk that was refused has been read and dropped: the reply to write now."""

    reply: bytes


@dataclass(frozen=True, slots=True)
class DataChunk:
    """Part of a message, unstuffed. No question."""

    data: bytes


@dataclass(frozen=True, slots=True)
class DataEnd:
    """The message's end; ``size`` is that of the unstuffed data."""

    size: int
    oddities: tuple[Oddity, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message, unstuffed (where the machine collects it)."""

    data: bytes
    oddities: tuple[Oddity, ...]


@dataclass(frozen=True, slots=True)
class Reset:
    """RSET."""


@dataclass(frozen=True, slots=True)
class Quit:
    """QUIT. The machine is closed by the answer, whatever it is."""


@dataclass(frozen=True, slots=True)
class Other:
    """Any other known command: NOOP, VRFY, EXPN, HELP, AUTH, ETRN …"""

    verb: Verb
    argument: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Continuation:
    """A line that is no command, because a 334 asked for it (RFC 4954 §4)."""

    line: bytes


@dataclass(frozen=True, slots=True)
class Refuse:
    """The machine's own no: the reply to write, what it is for (cut where it was too long), and why."""

    reply: bytes
    raw: bytes
    why: Refusal


@dataclass(frozen=True, slots=True)
class Early:
    """Said before the greeting. It is kept and read after it."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Injected:
    """Said in clear after STARTTLS was agreed: a stranger may have put it there. It is dropped (RFC 3207 §6)."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The machine has had enough: write what is due and close. Nothing is read any more."""

    why: Refusal


Question = (
    Hello
    | StartTls
    | XClient
    | Mail
    | Rcpt
    | DataBegin
    | ChunkBegin
    | ChunkEnd
    | DataEnd
    | Message
    | Reset
    | Quit
    | Other
    | Continuation
)
Event = Question | DataChunk | Swallowed | Refuse | Early | Injected | Close

_VERBS: Final[Mapping[type, Verb]] = {
    StartTls: Verb.STARTTLS,
    XClient: Verb.XCLIENT,
    Mail: Verb.MAIL,
    Rcpt: Verb.RCPT,
    DataBegin: Verb.DATA,
    ChunkBegin: Verb.BDAT,
    ChunkEnd: Verb.BDAT,
    DataEnd: Verb.MESSAGE,
    Message: Verb.MESSAGE,
    Reset: Verb.RSET,
    Quit: Verb.QUIT,
    Continuation: Verb.AUTH,
}
_MAIL, _RCPT, _HELLOS = Verb.MAIL, Verb.RCPT, frozenset({Verb.EHLO, Verb.HELO})
DATA_BEGIN: Final = DataBegin()
#: Questions that carry nothing.
_PLAIN: Final[Mapping[Verb, Question]] = {
    Verb.DATA: DATA_BEGIN,
    Verb.RSET: Reset(),
    Verb.QUIT: Quit(),
    Verb.STARTTLS: StartTls(),
}
_USUAL: Final[Mapping[Verb, tuple[int, str, str]]] = {
    Verb.MAIL: (250, "Ok", "2.1.0"),
    Verb.RCPT: (250, "Ok", "2.1.5"),
    Verb.DATA: (354, "Go ahead, end with a dot", ""),
    Verb.MESSAGE: (250, "Ok", "2.0.0"),
    Verb.RSET: (250, "Ok", "2.0.0"),
    Verb.NOOP: (250, "Ok", "2.0.0"),
    Verb.QUIT: (221, "Bye", "2.0.0"),
    Verb.STARTTLS: (220, "Go ahead", "2.0.0"),
    Verb.HELP: (214, "See RFC 5321", "2.0.0"),
    # RFC 5321 §3.5.3: neither yes nor no
    Verb.VRFY: (252, "Send it and see", "2.1.5"),
}


def question(command: Command, line: bytes) -> Question:
    """The question that a command without fault asks."""
    verb = command.verb
    if verb is _MAIL:
        return Mail(command.path, command.params, line)
    if verb is _RCPT:
        return Rcpt(command.path, command.params, line)
    if verb in _HELLOS:
        return Hello(verb, command.argument.decode("latin-1"))
    return _PLAIN.get(verb) or Other(verb, command.argument, line)


def verb_of(asked: Question) -> Verb:
    """The command that asks this."""
    kind = type(asked)
    return asked.verb if kind not in _VERBS and isinstance(asked, Hello | Other) else _VERBS[kind]


def usual(asked: Question, name: str = "") -> tuple[int, str, str]:
    """The answer of a server that has nothing against it: code, text, enhanced code.

    For users that care about some questions only. It takes senders, recipients and messages: ask a policy first.

    Args:
        asked: what is asked.
        name: our own name, for EHLO and HELO.
    """
    if isinstance(asked, Hello):
        return 250, name, ""
    if isinstance(asked, ChunkBegin | ChunkEnd):
        return 250, f"{asked.size} octets received", "2.0.0"
    return _USUAL.get(verb_of(asked), (502, "Not offered", "5.5.1"))

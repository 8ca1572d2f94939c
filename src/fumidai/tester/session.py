# SPDX-License-Identifier: Apache-2.0
"""One session with the target: connect, read the whole greeting, introduce ourselves, ask, take leave.

A failed opening is a value that says how far it came. Nothing is pipelined past the greeting or past EHLO
(RFC 2920 §3.1); EHLO unknown falls back to HELO (RFC 5321 §3.2); inside STARTTLS everything known before is
forgotten and EHLO said again (RFC 3207 §4.2).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from fumidai.evidence.endpoint import Endpoint, TlsState
from fumidai.evidence.transcript import Direction, Transcript
from fumidai.judge.record import Failure
from fumidai.net.connection import ConnectFailure, ConnectKind, open_connection
from fumidai.smtp import command
from fumidai.smtp.reply import Reply
from fumidai.tester.budget import Spent
from fumidai.tester.dialogue import Dialogue, LossKind, Lost

#: Seconds for the TCP handshake, and for a TLS handshake.
CONNECT_TIMEOUT: Final = 15.0
#: Seconds for the answer to the end of a message (RFC 5321 §4.5.3.2.6): whoever gives up earlier and comes again has
#: it delivered twice.
DOT_PATIENCE: Final = 600.0
#: Bytes that are kept of what was no greeting, for the report; the transcript has all.
_HEARD: Final = 300


@dataclass(frozen=True, slots=True)
class Manners:
    """How we introduce ourselves and how long we wait.

    Attributes:
        ehlo: our name.
        source: local address to connect from, None for the system's choice.
        patience: seconds without a byte.
        dot_patience: the same for the answer to a message.
        grace: the least that an answer which need not come is waited for, in seconds.
        only_helo: never EHLO, and wait for the answer to QUIT: the dialogue of the 2001 service.
    """

    ehlo: str
    source: IPv4Address | IPv6Address | None = None
    patience: float = 45.0
    dot_patience: float = DOT_PATIENCE
    grace: float = 0.0
    only_helo: bool = False


@dataclass(frozen=True, slots=True)
class OpenFailure:
    """A session that did not come to its first question.

    Attributes:
        failure: how far it came.
        reply: what the server said last; ``text``: what the system said.
        loss: why no greeting (or no answer to HELO) came; ``heard``: the beginning of what came instead.
        transcript: what was said, where there was a connection.
    """

    failure: Failure
    reply: Reply | None = None
    text: str = ""
    transcript: Transcript | None = None
    loss: LossKind | None = None
    heard: bytes = b""


@dataclass(slots=True, eq=False)
class Session:
    """An open session.

    Attributes:
        number: 1-based within the endpoint.
        transaction: MAIL was taken and not ended, so RSET is needed before the next one.
        spent: what it has cost so far.
        hello: the lines of the reply to EHLO or HELO.
        dot_unanswered: a whole message was handed over, and the server said nothing to it.
        limited: the refusal that spoke of our connections, not of what was said; None where there was none.
    """

    number: int
    endpoint: Endpoint
    dialogue: Dialogue
    transcript: Transcript
    manners: Manners
    spent: Spent = field(default_factory=Spent)
    transaction: bool = False
    hello: tuple[str, ...] = ()
    hello_reply: Reply | None = None
    greeting: Reply | None = None
    dot_unanswered: bool = False
    limited: Reply | None = None

    @property
    def pipelining(self) -> bool:
        """True where the server announced PIPELINING in this session."""
        return self.dialogue.machine.extensions.pipelining

    def counted_out(self) -> bool:
        """Was it refused for how often, or how many at once, we come?"""
        return self.limited is not None

    async def leave(self) -> None:
        """QUIT and close."""
        await self.dialogue.leave(wait=self.manners.only_helo)


async def open_session(
    endpoint: Endpoint,
    number: int,
    manners: Manners,
    deadline: float,
    *,
    introduce: bool = True,
    early: bytes = b"",
    entered: Callable[[Session], None] = lambda session: None,
) -> Session | OpenFailure:
    """Open a session at ``endpoint``.

    Args:
        deadline: monotonic time at which everything ends.
        introduce: say EHLO; False where the row brings its own introduction.
        early: bytes said before the greeting is read.
        entered: told of the session once the connection stands, so that somebody can hang up.
    """
    timeout = max(0.1, min(CONNECT_TIMEOUT, deadline - time.monotonic()))
    transcript = Transcript(number)
    connection = await open_connection(
        endpoint.address, endpoint.port, source=manners.source, timeout=timeout, on_bytes=transcript.add
    )
    if isinstance(connection, ConnectFailure):
        return OpenFailure(_connect_failure(connection), text=connection.text)
    dialogue = Dialogue(connection, transcript, deadline, manners.patience)
    dialogue.least_grace = max(dialogue.least_grace, manners.grace)
    session = Session(number, endpoint, dialogue, transcript, manners)
    entered(session)
    failed = await _begin(session, early, introduce=introduce)
    if failed is None:
        return session
    await session.leave()
    return replace(failed, transcript=transcript)


async def _begin(session: Session, early: bytes, *, introduce: bool) -> OpenFailure | None:
    """From the bare connection to the state in which questions are asked."""
    failed = await _start_tls(session) if session.endpoint.tls is TlsState.IMPLICIT else None
    failed = failed or await _greet(session, early)
    if failed is None and early and session.endpoint.tls is TlsState.STARTTLS:
        # What was said to the early bytes must not be taken for the answer to EHLO.
        await session.dialogue.early_answer()
    if failed is None and (introduce or session.endpoint.tls is TlsState.STARTTLS):
        failed = await _introduce(session)
    if failed is None and session.endpoint.tls is TlsState.STARTTLS:
        failed = await _upgrade(session, introduce=introduce)
    return failed


def _connect_failure(failure: ConnectFailure) -> Failure:
    match failure.kind:
        case ConnectKind.REFUSED | ConnectKind.RESET:
            return Failure.REFUSED
        case ConnectKind.NO_ROUTE | ConnectKind.FORBIDDEN | ConnectKind.SOURCE:
            return Failure.NO_ROUTE
        case _:
            return Failure.TIMEOUT


async def _greet(session: Session, early: bytes) -> OpenFailure | None:
    if early:
        session.dialogue.expect(early)
    greeting = await session.dialogue.greeting()
    if isinstance(greeting, Lost):
        return OpenFailure(Failure.NO_GREETING, loss=greeting.kind, heard=_heard(session.transcript))
    session.greeting = greeting
    # RFC 5321 §3.1: 220 opens, 554 means no service here, 421 not now.
    if not greeting.positive:
        return OpenFailure(Failure.TURNED_AWAY, greeting)
    return None


def _heard(transcript: Transcript) -> bytes:
    """The beginning of what the other side said."""
    heard = b""
    for piece in transcript.pieces():
        heard += piece.data if piece.direction is Direction.PEER else b""
        if len(heard) >= _HEARD:
            break
    return heard[:_HEARD]


async def _introduce(session: Session) -> OpenFailure | None:
    manners = session.manners
    hello = command.helo if manners.only_helo else command.ehlo
    reply = await session.dialogue.ask(hello(manners.ehlo))
    # RFC 5321 §3.2: a server that does not know EHLO answers 500 or 502; then HELO.
    if isinstance(reply, Reply) and reply.permanent and session.dialogue.alive:
        reply = await session.dialogue.ask(command.helo(manners.ehlo))
    if isinstance(reply, Lost):
        return OpenFailure(Failure.NO_HELLO, loss=reply.kind)
    if not reply.positive:
        return OpenFailure(Failure.TURNED_AWAY, reply)
    session.hello_reply = reply
    session.hello = tuple(line.decode("latin-1") for line in reply.lines)
    return None


async def _upgrade(session: Session, *, introduce: bool) -> OpenFailure | None:
    if not session.dialogue.machine.extensions.starttls:
        return OpenFailure(Failure.NOT_OFFERED, text="STARTTLS is not offered any more")
    reply = await session.dialogue.ask(command.STARTTLS)
    if isinstance(reply, Lost) or not reply.positive:
        return OpenFailure(Failure.TLS_FAILED, reply if isinstance(reply, Reply) else None)
    failed = await _start_tls(session)
    if failed is None and introduce:
        failed = await _introduce(session)
    return failed


async def _start_tls(session: Session) -> OpenFailure | None:
    error = await shake_hands(session)
    return OpenFailure(Failure.TLS_FAILED, text=error) if error else None


async def shake_hands(session: Session) -> str:
    """Begin TLS on the open connection; "" where it stands, else what the library said."""
    dialogue = session.dialogue
    name = session.endpoint.name if session.endpoint.name != str(session.endpoint.address) else ""
    result = await dialogue.connection.start_tls(name, CONNECT_TIMEOUT)
    dialogue.round_trips += 2
    if not result.encrypted:
        return result.text or "TLS failed"
    dialogue.note(f"TLS {result.version} {result.cipher}")
    if dialogue.machine.greeting is not None and dialogue.machine.tls_started():
        # Said in clear between the 220 and the handshake: it must not count (RFC 3207 §6); the bytes stand above.
        dialogue.note("plain text came before the handshake")
    return ""

# SPDX-License-Identifier: Apache-2.0
"""What a session puts on record: each decision, what became of each message, each client that was sent away.

Everything passes by here and goes to ``post.log.note``, the one place for whoever counts it.

    note_recipient → "rcpt"      Ending.note → "message"      note_session → "session"      note_login → "auth"
    note_lost_client → "lost-client-address"

Limits: a client that leaves by itself is not noted; ``Line.lost`` is where every session ends.
"""

from __future__ import annotations

from typing import Protocol

from fumidai.guard.decision_log import DecisionLog
from fumidai.guard.identity import Client
from fumidai.guard.lost_client import WHY, Veil
from fumidai.guard.paths import readable
from fumidai.guard.post import Post
from fumidai.policy.request import Action, Decision
from fumidai.smtp.server import ServerMachine


class Noted(Protocol):
    """Of whom something is put on record: ``line.Line`` and what is made of it."""

    id: str
    shown: str
    who: Client
    machine: ServerMachine
    post: Post


def note_recipient(session: Noted, path: bytes, decision: Decision, reply: str) -> None:
    """A recipient was decided, by the policy or by the backend."""
    mail, who = session.machine.sender, session.who
    fields: dict[str, object] = {
        "session": session.id,
        "client": session.shown,
        "helo": who.helo or "",
        "from": readable(mail.path) if mail else "",
        "to": readable(path),
        "action": decision.action,
        "rule": decision.rule,
        "why": decision.why,
        "reply": reply,
    }
    if who.tls:
        fields["tls"] = True
    if who.user is not None:
        fields["user"] = who.user
    session.post.log.note("rcpt", fields)


def note_login(session: Noted, user: str, mechanism: str, action: Action, why: str, reply: str) -> None:
    """Somebody said to be a user."""
    session.post.log.note(
        "auth",
        {
            "session": session.id,
            "client": session.shown,
            "user": user,
            "mechanism": mechanism,
            "action": action.value,
            "rule": "password",
            "why": why,
            "reply": reply,
        },
    )


def note_session(session: Noted, rule: str, why: str, *, action: str = "sent away") -> None:
    """A client is sent away, or told to come again."""
    fields = {"session": session.id, "client": session.shown, "action": action, "rule": rule, "why": why}
    session.post.log.note("session", fields)


def note_pause(log: DecisionLog) -> None:
    """Nobody is let in for a while."""
    why = "too few file descriptors are left: raise the limit (LimitNOFILE=, ulimit -n) or lower connections"
    log.note("pause", {"client": "everybody", "action": "held back", "rule": "file-descriptors", "why": why})


def note_lost_client(session: Noted, veil: Veil) -> None:
    """The other end of the connection is not the client (see ``lost_client``)."""
    fields = {
        "session": session.id,
        "client": session.shown,
        "action": "granted nothing",
        "rule": "lost-client-address",
        "veil": veil.value,
        "why": WHY[veil],
    }
    session.post.log.note("lost-client-address", fields)


class Ending:
    """What the log says of a message; kept, because its transaction may be over when there is something to say."""

    __slots__ = ("_from", "_recipients")

    def __init__(self, session: Noted) -> None:
        machine = session.machine
        self._from = readable(machine.sender.path) if machine.sender else ""
        self._recipients = len(machine.recipients)

    def note(self, session: Noted, size: int, outcome: str, reply: str, why: str) -> None:
        """Write the line; ``size``: octets of the body."""
        session.post.log.note(
            "message",
            {
                "session": session.id,
                "client": session.shown,
                "from": self._from,
                "recipients": self._recipients,
                "size": size,
                "outcome": outcome,
                "reply": reply,
                "why": why,
            },
        )

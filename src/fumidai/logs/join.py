# SPDX-License-Identifier: Apache-2.0
"""Put together what the lines of a log tell of one message: who handed it in, from where, to whom it went.

    join = Join({"SAA13665"})
    for number, line in enumerate(file, 1):
        join.add(number, line)
    join.found["SAA13665"].user

What a connection's lines tell (an address, a login) holds for the messages that came over it afterwards. A log that is
longer than memory may go through: kept are the messages that are wanted, and the latest 20,000 connections.

Limits: of a message 1,000 recipients and 100 lines are kept. Ids are used again after months: a log that long may mix
two messages, and both stand in ``lines``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from fumidai.logs import exim, opensmtpd, postfix, qmail, sendmail
from fumidai.logs.line import Line, read_line
from fumidai.logs.noted import Delivery, Noted
from fumidai.policy.request import UNKNOWN, Request, Unknown

_SESSIONS: Final = 20_000
_DELIVERIES: Final = 1_000
_LINES: Final = 100
_READERS: Final[tuple[Callable[[Line], Noted | None], ...]] = (
    postfix.note,
    sendmail.note,
    exim.note,
    opensmtpd.note,
    qmail.note,
)


@dataclass(slots=True)
class Logged:
    """One message as a log tells of it; "" (or None) where it doesn't. The attributes are those of ``Noted``.

    Attributes:
        id, family: of the queue.
        lines: (number, text) of the lines that it rests on.
    """

    id: str
    family: str
    ip: str = ""
    name: str = ""
    helo: str = ""
    user: str = ""
    local: str = ""
    protocol: str = ""
    tls: bool | None = None
    sender: str | None = None
    message_id: str = ""
    deliveries: list[Delivery] = field(default_factory=list)
    lines: list[tuple[int, str]] = field(default_factory=list)

    def requests(self) -> tuple[Request, ...]:
        """One question to a policy for each recipient; what the log doesn't tell is unknown."""
        return tuple(
            Request(
                client=_address(self.ip),
                client_name=self.name or UNKNOWN,
                helo=self.helo or UNKNOWN,
                tls=UNKNOWN if self.tls is None else self.tls,
                user=self.user or None,
                reverse_path=UNKNOWN if self.sender is None else _path(self.sender),
                forward_path=_path(delivery.to),
            )
            for delivery in self.deliveries
        )


@dataclass(slots=True)
class _Session:
    """What a connection's lines tell, and the message that came last."""

    noted: Noted
    id: str = ""


class Join:
    """See above.

    Args:
        wanted: queue ids; None: every message (bounded by the caller's log).

    Attributes:
        found: messages by their id.
    """

    def __init__(self, wanted: Collection[str] | None = None) -> None:
        self._wanted = wanted
        self.found: dict[str, Logged] = {}
        self._sessions: OrderedDict[tuple[str, str], _Session] = OrderedDict()
        self._attempts: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def add(self, number: int, data: bytes) -> None:
        """Read one line; ``number`` is its number in the log."""
        line = read_line(data)
        for reader in _READERS:
            noted = reader(line)
            if noted is not None:
                self._take(noted, number, line)
                return

    def _take(self, noted: Noted, number: int, line: Line) -> None:
        session = self._session(noted)
        queue = noted.id or (session.id if session is not None and noted.deliveries else "")
        if session is not None and noted.id:
            session.id = noted.id
        if not queue and noted.attempt:
            self._result(noted, number, line)
        if not queue or (self._wanted is not None and queue not in self._wanted):
            return
        logged = self.found.setdefault(queue, Logged(queue, noted.family))
        if session is not None and noted.id:
            _fill(logged, _of_connection(session.noted, noted))
        if noted.family == qmail.FAMILY and noted.id:
            self._only_connection(logged)
        _fill(logged, noted)
        self._deliver(logged, noted)
        _keep_line(logged, number, line)

    def _session(self, noted: Noted) -> _Session | None:
        """The connection that the line belongs to, with what the line adds to it."""
        if not noted.session:
            return None
        key = (noted.family, noted.session)
        known = self._sessions.get(key)
        if known is not None and noted.ip and known.noted.ip and noted.ip != known.noted.ip:
            known = None  # the number of a process, used again
        if known is None:
            known = self._sessions[key] = _Session(noted)
            if len(self._sessions) > _SESSIONS:
                self._sessions.popitem(last=False)
        elif not noted.id:
            known.noted = _merged(known.noted, noted)
        self._sessions.move_to_end(key)
        if noted.ends:
            del self._sessions[key]
        return known

    def _only_connection(self, logged: Logged) -> None:
        """qmail: the client is known where just one connection was open."""
        of_clients = [
            session.noted
            for (family, name), session in self._sessions.items()
            if family == qmail.FAMILY and name.startswith(qmail.CONNECTIONS)
        ]
        if len(of_clients) == 1:
            logged.ip, logged.name = of_clients[0].ip, of_clients[0].name

    def _deliver(self, logged: Logged, noted: Noted) -> None:
        for delivery in noted.deliveries:
            at = next((at for at, one in enumerate(logged.deliveries) if one.to == delivery.to), -1)
            if at >= 0:
                logged.deliveries[at] = delivery
            elif len(logged.deliveries) < _DELIVERIES:
                logged.deliveries.append(delivery)
                at = len(logged.deliveries) - 1
            if noted.attempt:
                self._attempts[noted.attempt] = (logged.id, at)
                if len(self._attempts) > _SESSIONS:
                    self._attempts.popitem(last=False)

    def _result(self, noted: Noted, number: int, line: Line) -> None:
        """The result of an attempt that an earlier line began."""
        queue, at = self._attempts.pop(noted.attempt, ("", -1))
        logged = self.found.get(queue)
        if logged is not None and 0 <= at < len(logged.deliveries):
            told = noted.deliveries[0]
            logged.deliveries[at] = replace(logged.deliveries[at], status=told.status, text=told.text)
            _keep_line(logged, number, line)


def _fill(logged: Logged, noted: Noted) -> None:
    """Take over what is told and was not known."""
    for name in ("ip", "name", "helo", "user", "local", "protocol", "message_id"):
        if not getattr(logged, name):
            setattr(logged, name, getattr(noted, name))
    if logged.tls is None:
        logged.tls = noted.tls
    if logged.sender is None:
        logged.sender = noted.sender


def _of_connection(known: Noted, noted: Noted) -> Noted:
    """What holds for a message out of what is known of its connection: not the first message's own parts."""
    same = not noted.ip or known.ip == noted.ip
    return replace(known, id="", sender=None, message_id="", local=known.local if same else "", deliveries=())


def _merged(old: Noted, new: Noted) -> Noted:
    return replace(
        old,
        ip=old.ip or new.ip,
        name=old.name or new.name,
        user=new.user or old.user,
        tls=old.tls if new.tls is None else new.tls,
    )


def _keep_line(logged: Logged, number: int, line: Line) -> None:
    if len(logged.lines) < _LINES:
        logged.lines.append((number, f"{line.time} {line.text}".strip()))


def _path(text: str) -> bytes:
    return f"<{text}>".encode("utf-8", "surrogateescape")


def _address(text: str) -> IPv4Address | IPv6Address | Unknown:
    try:
        return ip_address(text)
    except ValueError:
        return UNKNOWN

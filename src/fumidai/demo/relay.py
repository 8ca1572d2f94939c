# SPDX-License-Identifier: Apache-2.0
"""An embedded mail server that behaves as an old sendmail did: it relays, and it understands ``%``, ``!`` and routes.

A fixture of the demo and of the tests, and nothing else: it must never face a network. As long as nobody gives it
a policy it takes mail from anybody for anybody, finds the mailbox behind a percent sign, a bang path or a source
route (RFC 1123 §5.2.16, RFC 976, RFC 821 §3.6), writes a Received line as sendmail 8.8 did and hands the message
on. With a policy in front, ``decide`` is asked at every RCPT, and a recipient that is not permitted is refused.

This file is the dialogue and the routing, without sockets; ``demo.server`` runs it.

Limits: no queue (a next hop that is down loses the message), no bounces, no TLS, one message at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from ipaddress import IPv4Address, IPv6Address

from fumidai.policy.decide import decide
from fumidai.policy.model import Policy
from fumidai.policy.request import Action, Request
from fumidai.smtp.forms import Form
from fumidai.smtp.readings import Reading, readings
from fumidai.smtp.server import (
    Close,
    Event,
    Hello,
    Limits,
    Mail,
    Message,
    Question,
    Quit,
    Rcpt,
    Refuse,
    ServerMachine,
    Swallowed,
    usual,
)

#: What a sendmail 8.8 without relay control reads out of an address.
UNDERSTOOD = frozenset({Form.PERCENT, Form.BANG, Form.ROUTE})

_ANNOUNCED = ("EXPN", "8BITMIME", "SIZE 1000000", "HELP")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message to be handed on.

    Attributes:
        sender: reverse-path without brackets.
        recipients: mailboxes as the relay read them.
        message: with the relay's own Received line on top.
    """

    sender: str
    recipients: tuple[Reading, ...]
    message: bytes


@dataclass(slots=True)
class OldRelay:
    """The server: its names, its users, and whether a policy stands in front of it.

    Attributes:
        name: host name it announces; ``domains``: mail for these stays here; ``users``: local parts that exist.
        outbox: takes what is to be handed on.
        policy: None relays for everybody.
        clock: seconds since the epoch.
    """

    name: str
    domains: frozenset[str]
    users: frozenset[str]
    outbox: Callable[[Envelope], None]
    clock: Callable[[], float]
    policy: Policy | None = None
    version: str = "8.8.8/8.8.8"
    taken: int = 0

    def route(self, path: bytes) -> Reading:
        """The mailbox it reads out of a recipient: the first that is not its own, else the standard one."""
        found = readings(path, UNDERSTOOD)
        standard = found[0] if found else Reading("", "")
        if not self.is_local(standard):
            return standard
        return next((reading for reading in found if not self.is_local(reading) and not reading.unresolvable), standard)

    def is_local(self, reading: Reading) -> bool:
        """Does mail for it stay here?"""
        return reading.domain in self.domains or not reading.domain


@dataclass(slots=True)
class RelaySession:
    """One client's dialogue: ``receive`` takes bytes and gives the bytes to answer."""

    relay: OldRelay
    peer: IPv4Address | IPv6Address
    machine: ServerMachine = field(default_factory=lambda: ServerMachine(_ANNOUNCED, Limits(message=1_000_000)))

    def greet(self) -> bytes:
        """The greeting."""
        date = formatdate(self.relay.clock())
        return self.machine.greet(f"{self.relay.name} ESMTP Sendmail {self.relay.version}; {date}")

    @property
    def closed(self) -> bool:
        """Nothing more is read."""
        return self.machine.closed

    def receive(self, data: bytes) -> bytes:
        """Answer what came."""
        out = bytearray()
        events = self.machine.receive(data)
        while events:
            for event in events:
                out += self._react(event)
            events = self.machine.receive(b"")
        return bytes(out)

    def _react(self, event: Event) -> bytes:
        match event:
            case Refuse(reply=reply) | Swallowed(reply=reply):
                return reply
            case Hello(name=name):
                return self.machine.answer(250, f"{self.relay.name} Hello {name} [{self.peer}], pleased to meet you")
            case Mail(path=path):
                return self.machine.answer(250, f"{path.decode('latin-1')}... Sender ok")
            case Rcpt(path=path):
                return self._recipient(path)
            case Message(data=message):
                return self._message(message)
            case Quit():
                return self.machine.answer(221, f"{self.relay.name} closing connection")
            case Close():
                return b""
            case _ if isinstance(event, Question):
                return self.machine.answer(*usual(event))
            case _:
                return b""

    def _recipient(self, path: bytes) -> bytes:
        text = path.decode("latin-1")
        if self.relay.policy is not None:
            decision = decide(self.relay.policy, self._request(path))
            if decision.action is not Action.PERMIT:
                return self.machine.answer(550, f"{text}... Relaying denied ({decision.rule})", "5.7.1")
        mailbox = self.relay.route(path)
        if self.relay.is_local(mailbox) and mailbox.local_part.lower() not in self.relay.users:
            return self.machine.answer(550, f"{text}... User unknown")
        return self.machine.answer(250, f"{text}... Recipient ok")

    def _request(self, path: bytes) -> Request:
        hello, sender = self.machine.hello, self.machine.sender
        return Request(
            client=self.peer,
            client_name=None,
            helo=hello.name if hello else None,
            tls=False,
            user=None,
            reverse_path=sender.path if sender else b"<>",
            forward_path=path,
        )

    def _message(self, message: bytes) -> bytes:
        self.relay.taken += 1
        queue_id = f"SAA{self.relay.taken:05d}"
        leaving = tuple(
            mailbox
            for mailbox in (self.relay.route(recipient.path) for recipient in self.machine.recipients)
            if not self.relay.is_local(mailbox)
        )
        if leaving:
            sender = self.machine.sender.path.decode("latin-1").strip("<>") if self.machine.sender else ""
            self.relay.outbox(Envelope(sender, leaving, self._received(queue_id) + message))
        return self.machine.answer(250, f"{queue_id} Message accepted for delivery")

    def _received(self, queue_id: str) -> bytes:
        hello = self.machine.hello.name if self.machine.hello else "unknown"
        date = formatdate(self.relay.clock(), localtime=True)
        by = f"{self.relay.name} ({self.relay.version}) with SMTP id {queue_id}"
        line = f"Received: from {hello} ([{self.peer}]) by {by}; {date}"
        return line.encode("latin-1", "replace") + b"\r\n"

# SPDX-License-Identifier: Apache-2.0
"""Each end against an implementation that is not ours, over loopback; and both ends against each other."""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope, Session

from fumidai.smtp import command
from fumidai.smtp.client import Answered, ClientMachine, ClientState, Dropped, Event
from fumidai.smtp.data import stuff
from fumidai.smtp.reply import Reply
from fumidai.smtp.server import Limits, Message, Question, Rcpt, Refuse, ServerMachine, StartTls, usual

BODY = b"Subject: dots\r\n\r\n.one\r\n..two\r\n.\r\nend\r\n"
SECONDS = 10


class Kept:
    """An aiosmtpd handler that keeps what it was given."""

    def __init__(self) -> None:
        self.messages: list[tuple[str | None, list[str], bytes | str | None]] = []

    async def handle_RCPT(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("no"):
            return "550-5.7.1 not\r\n550 5.7.1 here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        self.messages.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 2.0.0 kept"


@pytest.fixture
def aiosmtpd() -> Iterator[tuple[Kept, int]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = Controller(Kept(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield controller.handler, port
    finally:
        controller.stop()


class Caller:
    """A blocking client around the machine."""

    def __init__(self, port: int) -> None:
        self.machine = ClientMachine()
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self.events: list[Event] = []
        while self.machine.greeting is None:
            self._hear()

    def ask(self, *lines: bytes) -> list[Reply]:
        """Say all in one write; give the answers."""
        return self._exchange(b"".join(map(self.machine.say, lines)))

    def send(self, message: bytes) -> list[Reply]:
        return self._exchange(self.machine.message(stuff(message)))

    def _exchange(self, data: bytes) -> list[Reply]:
        before = len(self.events)
        self.socket.sendall(data)
        while self.machine.waiting:
            self._hear()
        return [event.reply for event in self.events[before:] if isinstance(event, Answered)]

    def _hear(self) -> None:
        data = self.socket.recv(7)  # short on purpose: replies come in pieces
        self.events += self.machine.receive(data) if data else self.machine.eof()
        assert data, self.events

    def close(self) -> list[Event]:
        rest = self.socket.recv(100)
        self.socket.close()
        assert rest == b""
        return self.machine.eof()


def test_our_client_delivers_to_aiosmtpd(aiosmtpd):
    kept, port = aiosmtpd
    caller = Caller(port)
    (hello,) = caller.ask(command.ehlo("tester.example"))
    assert hello.code == 250
    assert caller.machine.extensions.size
    assert caller.machine.extensions.eightbitmime
    replies = caller.ask(command.mail(b"<a@b>"), command.rcpt(b"<no@c>"), command.rcpt(b"<yes@c>"), command.DATA)
    assert [reply.code for reply in replies] == [250, 550, 250, 354]
    assert replies[1].enhanced == "5.7.1"
    assert len(replies[1].lines) == 2
    assert [reply.code for reply in caller.send(BODY)] == [250]
    assert kept.messages == [("a@b", ["yes@c"], BODY)]
    assert caller.machine.state is ClientState.GREETED
    assert [reply.code for reply in caller.ask(b"\xff\x00\r\n", command.QUIT)] == [500, 221]
    assert caller.close() == [Dropped((), b"")]


class Answerer:
    """A blocking server around the machine, for one connection."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.machine = ServerMachine(["PIPELINING", "SIZE 1000", "8BITMIME", "STARTTLS"], Limits(message=1000))
        self.messages: list[tuple[list[bytes], bytes]] = []
        self.tls = tls

    def serve(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.settimeout(SECONDS)
        connection.sendall(self.machine.greet("server.example ESMTP"))
        while not self.machine.closed and (data := connection.recv(7)):
            while events := self.machine.receive(data):
                data = b""
                for event in events:
                    if isinstance(event, Refuse):
                        connection.sendall(event.reply)
                    elif event is self.machine.asked:
                        connection.sendall(self.machine.answer(*self.answer(event)))
                    if event == StartTls() and self.tls:
                        connection = self.tls.wrap_socket(connection, server_side=True)
                        assert self.machine.tls_started() == []
        connection.close()

    def answer(self, question: Question) -> tuple[int, str, str]:
        if isinstance(question, Message):
            self.messages.append(([rcpt.path for rcpt in self.machine.recipients], question.data))
        if isinstance(question, Rcpt) and b"no" in question.path:
            return 550, "Relaying denied\nhere", "5.7.1"
        return usual(question, "server.example")


@contextmanager
def serving(answerer: Answerer) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SECONDS)
        thread = threading.Thread(target=answerer.serve, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join(SECONDS)
            assert not thread.is_alive()


def test_smtplib_delivers_to_our_server():
    answerer = Answerer()
    with serving(answerer) as port, smtplib.SMTP("127.0.0.1", port, "me.example", SECONDS) as client:
        refused = client.sendmail("a@b", ["c@d", "no@d"], BODY, ["body=8bitmime"])
        assert refused == {"no@d": (550, b"5.7.1 Relaying denied\n5.7.1 here")}
        assert client.esmtp_features == {"pipelining": "", "size": "1000", "8bitmime": "", "starttls": ""}
        assert client.docmd("RCPT", "TO:<x@y>") == (503, b"5.5.1 MAIL first")
        assert client.verify("root")[0] == 252
        with pytest.raises(smtplib.SMTPSenderRefused, match="552"):
            client.sendmail("a@b", ["c@d"], b"x" * 2000)
        assert [client.mail("a@b")[0], client.rcpt("c@d")[0], client.data(b"x" * 2000)[0]] == [250, 250, 552]
        client.sendmail("a@b", ["c@d"], b"second")
    assert answerer.messages == [([b"<c@d>"], BODY), ([b"<c@d>"], b"second\r\n")]


def test_smtplib_starts_tls_on_our_server():
    authority = trustme.CA()
    server, client_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client_side)
    answerer = Answerer(server)
    with serving(answerer) as port, smtplib.SMTP("127.0.0.1", port, "me.example", SECONDS) as client:
        assert client.starttls(context=client_side)[0] == 220
        client.sendmail("a@b", ["c@d"], BODY)
        assert not client.has_extn("starttls")
    assert answerer.messages == [([b"<c@d>"], BODY)]
    assert answerer.machine.tls


@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_both_ends_agree_on_every_state(size):
    client, server = ClientMachine(), ServerMachine(["PIPELINING"])
    script = [b"EHLO x", b"MAIL FROM:<a>", b"RCPT TO:<no>", b"RCPT TO:<b>", b"DATA", b"", b"MAIL FROM:<a>", b"RSET"]
    client.receive(server.greet("hi"))
    for line in [*script, b"QUIT"]:
        said = client.say(line + b"\r\n") if line else client.message(stuff(BODY))
        for start in range(0, len(said), size):
            for event in server.receive(said[start : start + size]):
                refused = isinstance(event, Rcpt) and b"no" in event.path
                assert not isinstance(event, Refuse)
                assert event is server.asked
                reply = server.answer(*((550, "no", "") if refused else usual(event)))
                assert all(isinstance(heard, Answered) for byte in reply for heard in client.receive(bytes([byte])))
        assert client.waiting == 0
        assert client.state is server.state
    assert client.state is ClientState.CLOSED

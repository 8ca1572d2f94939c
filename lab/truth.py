# SPDX-License-Identifier: Apache-2.0
"""Find out by delivery, and by nothing else, what a mail server relays for a stranger.

Runs by itself inside the stranger's network, on port 25 of it:

    truth.py --name SERVER --address V4 --address V6 --me TESTER-V4 --proof proof.test --victim victim.test

For each form in FORMS and each address it makes one connection, goes as far as the server lets it, through DATA, and
waits at its own sink for the token in that message. What was deferred, or met a session cut short, is tried again later
with the same sender and recipient. The answer is JSON on stdout: for each address what was delivered, what bounced, and
what each form met.

This is the measure that `fumidai test` is held against, so it shares no code with it: plain blocking sockets, one
thread for each form in flight, no cleverness, and a verdict never taken from a reply.

Limits: some forms only, a few for each kind of hole; no pipelining; a delivery later than --patience is missed.
"""

from __future__ import annotations

import argparse
import json
import re
import secrets
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import BinaryIO

TOKEN = re.compile(rb"tok[0-9a-f]{12}([rs])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Form:
    """One way of asking for relaying. Braces are filled by Attempt; see its names there."""

    id: str
    mail: str = "<{sender}>"
    rcpt: str = "<{recipient}>"
    helo: str = "EHLO {me}"
    first_rcpt: str = ""
    tls: bool = False


FORMS = (
    Form("plain-foreign"),
    Form("plain-self", mail="<{recipient}>"),
    Form("sender-null", mail="<>"),
    Form("sender-localhost", mail="<spamtest@localhost>"),
    Form("sender-unqualified", mail="<spamtest>"),
    Form("sender-hostname", mail="<spamtest@{host}>"),
    Form("sender-ip-literal", mail="<spamtest@{literal}>"),
    Form("sender-domain-random", mail="<n{nonce}@{domain}>"),
    Form("sender-postmaster", mail="<postmaster@{host}>"),
    Form("sender-subdomain", mail="<x@n{nonce}.{domain}>"),
    Form("pct-host", rcpt="<{local}%{proof}@{host}>"),
    Form("pct-ip", rcpt="<{local}%{proof}@{literal}>"),
    Form("pct-domain", rcpt="<{local}%{proof}@{domain}>"),
    Form("pct-unqualified", rcpt="<{local}%{proof}>"),
    Form("pct-quoted-domain", rcpt='<"{local}%{proof}"@{domain}>'),
    Form("pct-null-sender", mail="<>", rcpt="<{local}%{proof}@{domain}>"),
    Form("atat-domain", rcpt="<{recipient}@{domain}>"),
    Form("q-host", rcpt='<"{recipient}"@{host}>'),
    Form("q-domain", rcpt='<"{recipient}"@{domain}>'),
    Form("q-bare", rcpt='<"{recipient}">'),
    Form("sr-host", rcpt="<@{host}:{recipient}>"),
    Form("sr-domain", rcpt="<@{domain}:{recipient}>"),
    Form("bang-plain", rcpt="<{proof}!{local}>"),
    Form("bang-domain", rcpt="<{proof}!{local}@{domain}>"),
    Form("imcea-smtp", rcpt="<IMCEASMTP-{local}+40{proof}@{domain}>"),
    Form("lit-proof-ip", rcpt="<{local}@[{me4}]>"),
    Form("helo-localhost", helo="HELO localhost"),
    Form("helo-own-name", helo="EHLO {host}"),
    Form("helo-own-domain", helo="HELO {domain}"),
    Form("helo-own-ip", helo="HELO {literal}"),
    Form("state-local-then-foreign", first_rcpt="<info@{domain}>"),
    Form("state-starttls-only", tls=True),
    Form("scope-mx-anyone", rcpt="<{local}@{mx}>"),
    Form("unknown-user", rcpt="<n{nonce}@{domain}>"),
    Form("unknown-user-victim", mail="<{sender_local}@{victim}>", rcpt="<n{nonce}@{domain}>"),
)


@dataclass(slots=True)
class Attempt:
    """One form at one address, and what it met."""

    form: Form
    address: str
    names: dict[str, str]
    met: str = "nothing"
    again: bool = True
    accepted: bool = False

    def fill(self, text: str) -> str:
        """A command's text with this attempt's names put in."""
        return text.format_map(self.names)


@dataclass(slots=True)
class Found:
    """What came back, by token."""

    delivered: set[str] = field(default_factory=set)
    bounced: set[str] = field(default_factory=set)


class Talk:
    """One SMTP conversation over a blocking socket."""

    def __init__(self, address: str, seconds: float) -> None:
        self.socket: socket.socket = socket.create_connection((address, 25), timeout=seconds)
        self.stream: BinaryIO = self.socket.makefile("rb")

    def reply(self) -> str:
        """One whole reply as text; OSError where the server hangs up or says nothing."""
        lines = []
        while True:
            line = self.stream.readline(4096).decode("latin-1").rstrip()
            if not line:
                raise ConnectionError("closed")
            lines.append(line)
            if line[3:4] != "-":
                return " ".join(lines)

    def say(self, line: str) -> str:
        """Send a line and return the reply to it."""
        self.socket.sendall(line.encode("ascii") + b"\r\n")
        return self.reply()

    def encrypt(self) -> None:
        """Go on under TLS; whose certificate it is does not matter here."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)
        self.stream = self.socket.makefile("rb")

    def close(self) -> None:
        """Hang up."""
        self.stream.close()
        self.socket.close()


def steps(attempt: Attempt) -> Iterator[tuple[str, str]]:
    """The commands of an attempt up to DATA, each with the first digit of the reply that lets it go on."""
    form = attempt.form
    yield attempt.fill(form.helo), "2"
    if form.tls:
        yield "STARTTLS", "2"
        yield attempt.fill(form.helo), "2"
    yield "MAIL FROM:" + attempt.fill(form.mail), "2"
    if form.first_rcpt:
        yield "RCPT TO:" + attempt.fill(form.first_rcpt), "2"
    yield "RCPT TO:" + attempt.fill(form.rcpt), "2"
    yield "DATA", "3"


def message(attempt: Attempt) -> str:
    """The message of an attempt: who asks and why, and the token once more."""
    return attempt.fill(
        "From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: Relay check {local}\r\n"
        "Message-ID: <{local}@{proof}>\r\nX-Lab-Token: {local}\r\nAuto-Submitted: auto-generated\r\n"
        "\r\nA check of a mail server in a closed test network.\r\n."
    )


def try_once(attempt: Attempt, seconds: float) -> None:
    """Make one try, and settle an attempt that was put off twice in the same words."""
    before, attempt.met = attempt.met, "nothing"
    converse(attempt, seconds)
    attempt.again = attempt.again and attempt.met != before


def converse(attempt: Attempt, seconds: float) -> None:
    """Make one try, and note in the attempt what it met and whether to ask again."""
    attempt.again = True
    try:
        talk = Talk(attempt.address, seconds)
        try:
            attempt.met = "greeting: " + talk.reply()
            if not attempt.met.startswith("greeting: 2"):
                attempt.again = attempt.met.startswith("greeting: 4")
                return
            go(attempt, talk)
            talk.socket.sendall(b"QUIT\r\n")
        finally:
            talk.close()
    except OSError as error:
        attempt.met += f" … {error!r}"
        # A connection lost after a refusal is a refusal; in the midst of things it has to be asked again.
        attempt.again = not attempt.accepted


def go(attempt: Attempt, talk: Talk) -> None:
    """Say the attempt's commands until one is refused, and the message if none was."""
    for command, good in steps(attempt):
        reply = talk.say(command)
        attempt.met = f"{command.split(':')[0]}: {reply}"
        if not reply.startswith(good):
            attempt.again = reply.startswith("4")
            return
        if command == "STARTTLS":
            talk.encrypt()
    attempt.met = "dot: " + talk.say(message(attempt))
    attempt.accepted = attempt.met.startswith("dot: 2")
    attempt.again = attempt.met.startswith("dot: 4")


class Sink:
    """Takes every message on port 25 and remembers which tokens it brought, as what."""

    def __init__(self, found: Found) -> None:
        self.found = found
        self.listener = socket.create_server(("::", 25), family=socket.AF_INET6, backlog=200, dualstack_ipv6=True)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        """One thread for each connection."""
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.session, args=(connection,), daemon=True).start()

    def session(self, connection: socket.socket) -> None:
        """One session: enough SMTP for any server to deliver."""
        sender, recipients = b"", b""
        with connection, connection.makefile("rwb", buffering=0) as stream:
            stream.write(b"220 sink ESMTP\r\n")
            while line := stream.readline(4096):
                verb = line[:4].upper()
                if verb == b"MAIL":
                    sender, recipients = line, b""
                elif verb == b"RCPT":
                    recipients += line
                elif verb == b"DATA":
                    stream.write(b"354 go on\r\n")
                    text = b""
                    while (part := stream.readline(4096)) not in (b".\r\n", b""):
                        text += part
                    self.take(sender, recipients, text)
                stream.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                if verb == b"QUIT":
                    return

    def take(self, sender: bytes, recipients: bytes, text: bytes) -> None:
        """Say of one message what it proves.

        The token in the envelope's recipient decides; a message from nobody (RFC 5321 §4.5.5), or to a sender's
        token, is a bounce. Where the envelope has none, the header's token counts, unless nobody sent it.
        """
        envelope = TOKEN.search(recipients)
        token = envelope or TOKEN.search(text)
        if not token:
            return
        name = token.group(0).decode("ascii").lower()
        nobody = re.search(rb"<\s*>", sender) is not None
        reported = re.search(rb"(?im)^Content-Type:\s*multipart/report", text) is not None
        if token.group(1).lower() == b"s" or reported or (nobody and not envelope):
            self.found.bounced.add(name[:-1])
        else:
            self.found.delivered.add(name[:-1])


def names_for(options: argparse.Namespace, address: str) -> dict[str, str]:
    """The names that a form's braces stand for, with tokens of its own."""
    token = "tok" + secrets.token_hex(6)
    domain = f"{options.name}.test"
    suffix = re.sub(r"\D", "", options.proof)
    return {
        "token": token, "local": token + "r", "sender_local": token + "s", "nonce": secrets.token_hex(4),
        "recipient": f"{token}r@{options.proof}", "sender": f"{token}s@{options.proof}", "proof": options.proof,
        "me": f"sink.{options.proof}", "me4": options.me, "host": f"{options.name}.lab.test", "domain": domain,
        "literal": f"[IPv6:{address}]" if ":" in address else f"[{address}]", "mx": f"mx{suffix}-{domain}",
        "victim": options.victim,
    }  # fmt: skip


def ask(attempts: list[Attempt], options: argparse.Namespace) -> None:
    """Try them all, then again, with a pause, those that were put off."""
    for number in range(options.rounds):
        waiting = [attempt for attempt in attempts if attempt.again]
        if not waiting:
            return
        if number:
            time.sleep(options.pause)
        with ThreadPoolExecutor(options.at_once) as pool:
            list(pool.map(lambda attempt: try_once(attempt, options.seconds), waiting))


def wait_for(attempts: list[Attempt], found: Found, patience: float) -> None:
    """Wait until everything that was accepted has come back, or the patience ends."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        back = found.delivered | found.bounced
        if all(attempt.names["token"] in back for attempt in attempts if attempt.accepted):
            break
        time.sleep(0.2)
    # A second message of the same token (a bounce behind a delivery) may be on its way.
    time.sleep(0.5)


def tell(attempts: list[Attempt], found: Found) -> dict[str, object]:
    """The result for one address."""
    return {
        "delivered": [a.form.id for a in attempts if a.names["token"] in found.delivered],
        "bounced": [a.form.id for a in attempts if a.names["token"] in found.bounced],
        "accepted": [a.form.id for a in attempts if a.accepted],
        "victim_token": next((a.names["sender_local"] for a in attempts if a.form.id == "unknown-user-victim"), ""),
        "met": {a.form.id: a.met for a in attempts},
    }


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="What does this mail server relay? Delivery tells.")
    parser.add_argument("--name", required=True)
    parser.add_argument("--address", action="append", required=True)
    parser.add_argument("--me", required=True, help="our own IPv4 address")
    parser.add_argument("--proof", required=True, help="the domain whose mail comes to us")
    parser.add_argument("--victim", required=True)
    parser.add_argument("--form", action="append", default=[], help="only these forms")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pause", type=float, default=6.0, help="seconds before asking again")
    parser.add_argument("--patience", type=float, default=5.0, help="seconds to wait for deliveries")
    parser.add_argument("--seconds", type=float, default=30.0, help="seconds to wait for one reply")
    parser.add_argument("--at-once", type=int, default=4, help="connections at a time")
    return parser.parse_args()


def main() -> None:
    """Ask, wait, tell."""
    options = read_options()
    found = Found()
    Sink(found)
    forms = [form for form in FORMS if not options.form or form.id in options.form]
    attempts = [Attempt(form, address, names_for(options, address)) for address in options.address for form in forms]
    ask(attempts, options)
    wait_for(attempts, found, options.patience)
    json.dump(
        {address: tell([a for a in attempts if a.address == address], found) for address in options.address}, sys.stdout
    )


if __name__ == "__main__":
    main()

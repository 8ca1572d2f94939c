# SPDX-License-Identifier: Apache-2.0
"""The victim's mail server: takes every message and writes it to a Maildir. `sink.py MAILDIR [PORT]`.

It stands for the people whose addresses are forged as senders: what arrives here is backscatter, or relayed spam. The
envelope is kept in header fields above the message: Return-Path, and one Delivered-To for each recipient.

Limits: no extensions, no TLS, a thread for each connection; for the lab's own small traffic only.
"""

from __future__ import annotations

import itertools
import os
import re
import socket
import socketserver
import sys
import time
from io import BufferedIOBase
from pathlib import Path

COUNTER = itertools.count(1)
LONGEST = 65536


class Session(socketserver.StreamRequestHandler):
    """One SMTP session (RFC 5321 §4.1), served in order and without judgement."""

    timeout = 300
    maildir = Path()

    def handle(self) -> None:
        """Greet, then answer command after command until QUIT or the end."""
        self.say("220 sink ESMTP")
        sender, recipients = b"", list[bytes]()
        while line := self.rfile.readline(LONGEST):
            verb = line[:4].upper()
            if verb in (b"EHLO", b"HELO"):
                self.say("250 sink")
            elif verb == b"MAIL":
                sender, recipients = path_of(line), []
                self.say("250 ok")
            elif verb == b"RCPT":
                recipients.append(path_of(line))
                self.say("250 ok")
            elif verb == b"DATA" and recipients:
                self.say("354 go on")
                self.keep(sender, recipients, read_message(self.rfile))
                recipients = []
                self.say("250 kept")
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok" if verb in (b"RSET", b"NOOP") else "502 no")

    def say(self, text: str) -> None:
        """Send one reply line."""
        self.wfile.write(text.encode("ascii") + b"\r\n")

    def keep(self, sender: bytes, recipients: list[bytes], message: bytes) -> None:
        """Write a message into the Maildir, whole or not at all."""
        name = f"{time.time():.6f}.{os.getpid()}_{next(COUNTER)}.sink"
        head = b"Return-Path: <" + sender + b">\n" + b"".join(b"Delivered-To: " + r + b"\n" for r in recipients)
        new = self.maildir / "tmp" / name
        new.write_bytes(head + message)
        new.rename(self.maildir / "new" / name)


def path_of(line: bytes) -> bytes:
    """What stands between the angle brackets of a MAIL or RCPT command, else the last word."""
    found = re.search(rb"<(.*)>", line)
    return found.group(1) if found else line.split(b":", 1)[-1].strip()


def read_message(stream: BufferedIOBase) -> bytes:
    """The message up to the dot, the dots doubled for the way made single, lines ended by LF."""
    lines = []
    while (line := stream.readline(LONGEST)) not in (b".\r\n", b""):
        lines.append(line.removeprefix(b".").replace(b"\r\n", b"\n"))
    return b"".join(lines)


class Server(socketserver.ThreadingTCPServer):
    """Listens on both families with one socket."""

    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


def main(maildir: Path, port: int) -> None:
    """Serve for ever."""
    for part in ("tmp", "new", "cur"):
        (maildir / part).mkdir(parents=True, exist_ok=True)
    Session.maildir = maildir
    with Server(("::", port), Session) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 25)

# SPDX-License-Identifier: Apache-2.0
"""Clients that a load generator can't play: thousands that only wait, and one whose every message is timed.

    {"do": "open", "port": 2525, "count": 1000, "tls": false}   open so many connections more, EHLO answered
    {"do": "close"}                                             close all of them
    {"do": "time", "ports": [2526, 2525], "messages": 300}      seconds of each message, a kept session on each port

`python3 -m benchmarks.callers` does it for whoever asks on stdin, one JSON request and one JSON answer a line.

Limits: what is timed contains this program's own time, which is the same on each port.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import time
from typing import Any

_HELLO = b"EHLO client.example\r\n"
_BODY = (b"Subject: benchmark\r\n\r\n" + (b"X" * 72 + b"\r\n") * 14)[:1022] + b"\r\n.\r\n"
_LINES = (b"MAIL FROM:<someone@elsewhere.example>\r\n", b"RCPT TO:<info@a.example>\r\n", b"DATA\r\n", _BODY)


class Caller:
    """One kept connection, greeted and introduced."""

    def __init__(self, port: int, *, tls: bool = False) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._introduce(tls)
        except OSError:
            self.close()
            raise

    def _introduce(self, tls: bool) -> None:
        self._hear()
        self.say(_HELLO)
        if tls:
            self.say(b"STARTTLS\r\n")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._socket = context.wrap_socket(self._socket)
            self.say(_HELLO)

    def say(self, line: bytes) -> None:
        """Say something and hear its answer.

        Raises:
            OSError: it is none of 2yz and 3yz.
        """
        self._socket.sendall(line)
        self._hear()

    def message(self) -> None:
        """Send one message."""
        for line in _LINES:
            self.say(line)

    def close(self) -> None:
        """Leave without a word."""
        self._socket.close()

    def _hear(self) -> None:
        heard = b""
        while not heard.endswith(b"\n") or heard[heard.rfind(b"\n", 0, -1) + 4 :][:1] == b"-":
            more = self._socket.recv(4096)
            if not more:
                raise OSError("closed")
            heard += more
        if heard[:1] not in (b"2", b"3"):
            raise OSError(heard.decode("ascii", "replace"))


def timed(ports: list[int], messages: int) -> list[list[float]]:
    """Seconds of each message on each port, the ports taking turns; the first tenth warms up."""
    callers = [Caller(port) for port in ports]
    taken: list[list[float]] = [[] for _ in ports]
    for turn in range(messages + messages // 10):
        for caller, times in zip(callers, taken, strict=True):
            begun = time.perf_counter()
            caller.message()
            if turn >= messages // 10:
                times.append(time.perf_counter() - begun)
    for caller in callers:
        caller.close()
    return taken


def main() -> None:
    """Answer requests until stdin ends."""
    print(json.dumps({"ready": True}), flush=True)
    opened: list[Caller] = []
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        answer: Any = None
        if request["do"] == "open":
            opened += [Caller(request["port"], tls=request["tls"]) for _ in range(request["count"])]
            answer = len(opened)
        elif request["do"] == "close":
            while opened:
                opened.pop().close()
        else:
            answer = timed(request["ports"], request["messages"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""A user-space port proxy as container software uses it: `proxy.py [LISTEN]:PORT TO:PORT SOURCE`.

It takes a connection and makes a new one from SOURCE, so that the server behind sees the proxy's address and never
the client's. That loss is what it is here for.

Limits: one thread for each direction of each connection; no limit on their number.
"""

from __future__ import annotations

import socket
import sys
import threading


def split(place: str) -> tuple[str, int]:
    """The address and the port of `address:port`, brackets around an IPv6 address."""
    address, _, port = place.rpartition(":")
    return address.strip("[]"), int(port)


def pump(source: socket.socket, target: socket.socket) -> None:
    """Carry bytes one way until their end, and pass the end on."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, target):
            end.close()


def carry(client: socket.socket, to: tuple[str, int], source: str) -> None:
    """Join a client with a connection of our own to the server."""
    try:
        server = socket.create_connection(to, timeout=30, source_address=(source, 0))
    except OSError:
        client.close()
        return
    server.settimeout(None)
    back = threading.Thread(target=pump, args=(server, client), daemon=True)
    back.start()
    pump(client, server)
    back.join()
    client.close()
    server.close()


def main(listen: str, to: str, source: str) -> None:
    """Serve for ever."""
    address, port = split(listen)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family, backlog=128) as listener:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=carry, args=(client, split(to), source), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:4])

# SPDX-License-Identifier: Apache-2.0
"""A container, its host and a userland proxy, made of network namespaces; strangers come from outside.

    unshare --net --mount --map-root-user python -m tests.guard.userland_proxy host POLICY

    stranger 198.51.100.N ── 203.0.113.5:25 proxy 172.17.0.1 ── docker0 ── eth0 172.17.0.2:25 guard
                             (this namespace: the host)                    (a namespace of its own: the container)

Prints what strangers were answered (JSON), what the guard logged, and what it said on standard error.
"""

from __future__ import annotations

import json
import os
import select
import smtplib
import socket
import subprocess
import sys
import threading
import time

PUBLIC, BRIDGE, INSIDE = "203.0.113.5", "172.17.0.1", "172.17.0.2"
STRANGERS = [f"198.51.100.{number}" for number in range(1, 5)]


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def container(policy: str) -> None:
    """Wait for the cable, then be the guard."""
    sys.stdin.readline()
    ip("link", "set", "lo", "up")
    ip("addr", "add", f"{INSIDE}/16", "dev", "eth0")
    ip("link", "set", "eth0", "up")
    ip("route", "add", "default", "via", BRIDGE)
    os.execv(sys.executable, [sys.executable, "-m", "fumidai", "guard", "--policy", policy])


def forward(one: socket.socket) -> None:
    """Carry both directions, as a userland proxy does: to the guard, it is the client."""
    with one, socket.create_connection((INSIDE, 25)) as other:
        ends = {one: other, other: one}
        while ends:
            for ready in select.select(list(ends), [], [])[0]:
                data = ready.recv(65536)
                if not data:
                    return
                ends[ready].sendall(data)


def proxy() -> None:
    listening = socket.create_server((PUBLIC, 25))
    while True:
        threading.Thread(target=forward, args=(listening.accept()[0],), daemon=True).start()


def stranger(address: str) -> list[int]:
    """What one is answered for a foreign recipient, and for one of ours."""
    with smtplib.SMTP(
        PUBLIC, 25, local_hostname=f"h{address[-1]}.test", source_address=(address, 0), timeout=20
    ) as client:
        client.ehlo()
        return [client.mail("s@b.test")[0], client.rcpt("v@evil.test")[0], client.rcpt("u@a.test")[0]]


def host(policy: str) -> None:
    guard = subprocess.Popen(
        ["unshare", "--net", sys.executable, "-m", "tests.guard.userland_proxy", "container", policy],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert guard.stdin is not None
    assert guard.stderr is not None
    try:
        ip("link", "set", "lo", "up")
        for address in (PUBLIC, *STRANGERS):
            ip("addr", "add", f"{address}/32", "dev", "lo")
        wait_for_namespace(guard.pid)
        ip("link", "add", "docker0", "type", "veth", "peer", "name", "eth0", "netns", str(guard.pid))
        ip("addr", "add", f"{BRIDGE}/16", "dev", "docker0")
        ip("link", "set", "docker0", "up")
        guard.stdin.write("go\n")
        guard.stdin.flush()
        told = ""
        while "Guarding" not in told:
            line = guard.stderr.readline()
            assert line, told
            told += line
        threading.Thread(target=proxy, daemon=True).start()
        time.sleep(0.2)
        answers = [stranger(address) for address in STRANGERS]
    finally:
        guard.terminate()
    log, rest = guard.communicate(timeout=30)
    lines = [json.loads(line) for line in log.splitlines()]
    print(json.dumps({"answers": answers, "log": lines, "told": told + rest}))


def wait_for_namespace(pid: int) -> None:
    """Until the other process is in a namespace of its own."""
    ours = os.readlink("/proc/self/ns/net")
    for _ in range(500):
        if os.readlink(f"/proc/{pid}/ns/net") != ours:
            return
        time.sleep(0.01)
    raise TimeoutError


if __name__ == "__main__":
    {"host": host, "container": container}[sys.argv[1]](sys.argv[2])

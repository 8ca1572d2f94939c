# SPDX-License-Identifier: Apache-2.0
"""The real command in a network where every address leads to this machine, and every packet is captured.

    unshare --net --mount --map-root-user python -m tests.guard.captured FOLDER KIND

KIND is ``smtp`` or ``maildir``. In the namespace nothing fails for want of a route: whoever is connected to, or asked
in UDP, is seen. Clients bring the whole battery, mail from strangers to whom a bounce would go, and mail that the
server behind refuses, loses or breaks off. Prints each place that a connection or a question went to.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread

from tests.guard.commanded import commanding
from tests.guard.faulty import Faulty, Kind, Step, behind
from tests.guard.guarded import calling

GUARD = 2525
#: ETH_P_ALL, and what stands in a packet of IPv4, IPv6, TCP and UDP.
_ALL, _V4, _V6, _TCP, _UDP, _SYN, _ACK = 3, 0x0800, 0x86DD, 6, 17, 0x02, 0x10
NETWORK = (
    "ip link set lo up",
    "ip route add local 0.0.0.0/0 dev lo",
    "ip -6 route add local ::/0 dev lo",
)


#: A silent server would only take the guard's whole patience.
QUICK = [kind for kind in Kind if kind is not Kind.HANG]


class Capture:
    """All that is opened while it runs: (protocol, address, port)."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
        self._socket.settimeout(0.5)
        self._over = False
        self._thread = Thread(target=self._listen, daemon=True)
        self._thread.start()
        self.seen: set[tuple[str, str, int]] = set()
        self.packets = 0

    def end(self) -> None:
        self._over = True
        self._thread.join()
        _, lost = struct.unpack("II", self._socket.getsockopt(263, 6, 8))  # SOL_PACKET, PACKET_STATISTICS
        assert not lost, "packets were not captured"

    def _listen(self) -> None:
        while not self._over:
            try:
                packet, (_, kind, *_) = self._socket.recvfrom(256)
            except TimeoutError:
                continue
            self.packets += 1
            self.seen.update(opened(packet[14:], kind))


def opened(packet: bytes, kind: int) -> Iterator[tuple[str, str, int]]:
    """What a packet opens: a TCP connection, or a question in UDP (its answers go to ports above)."""
    if kind == _V4:
        size, protocol, to = (packet[0] & 15) * 4, packet[9], socket.inet_ntop(socket.AF_INET, packet[16:20])
    elif kind == _V6:
        size, protocol, to = 40, packet[6], socket.inet_ntop(socket.AF_INET6, packet[24:40])
    else:
        return
    source, port = struct.unpack("!HH", packet[size : size + 4])
    if protocol == _TCP and packet[size + 13] & (_SYN | _ACK) == _SYN:
        yield "TCP", to, port
    elif protocol == _UDP and source != 53:
        yield "UDP", to, port


class Names(asyncio.DatagramProtocol):
    """A name server that knows no name."""

    def __init__(self) -> None:
        self.asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        end = data.index(b"\0", 12) + 5
        head = data[:2] + b"\x81\x83\0\1" + b"\0" * 6  # a reply: NXDOMAIN, one question
        self._transport.sendto(head + data[12:end], addr)  # type: ignore[attr-defined]


@contextmanager
def own_resolver(folder: Path) -> Iterator[None]:
    """Programs ask 127.0.0.1 for names."""
    file = folder / "resolv.conf"
    file.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    subprocess.run(["mount", "--bind", str(file), "/etc/resolv.conf"], check=True)
    yield


async def mail_that_bounces(backend: Faulty | None) -> int:
    """Mail of strangers that can't be delivered, in each way; how many answers were no 250."""
    refused = 0
    ways = [(None, None), *((step, kind) for step in (Step.RCPT, Step.DATA, Step.DOT) for kind in QUICK)]
    for step, kind in ways:
        if backend is not None:
            backend.step, backend.kind = step, kind
        elif step is Step.DOT:
            continue
        for sender in (b"<victim@victim.test>", b"<>", b"<x@[192.0.2.77]>", b"<postmaster@a.test>"):
            async with calling(GUARD) as client:
                await client.say(b"EHLO relay.victim.test")
                await client.say(b"MAIL FROM:" + sender + (b" RET=FULL" if step is None else b""))
                for to in (b"<u@a.test>", b"<nobody@a.test>", b"<v@victim.test>"):
                    refused += await client.say(b"RCPT TO:" + to) != 250
                if await client.say(b"DATA") == 354:
                    code = await client.say(b"Subject: x\r\nReturn-Receipt-To: <r@receipt.test>\r\n\r\nhello\r\n.")
                    refused += code != 250
                else:
                    refused += 1
    return refused


async def main(folder: Path, kind: str) -> None:
    capture = Capture()
    names = Names()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: names, local_addr=("127.0.0.1", 53))
    (folder / "u").mkdir()
    for part in ("tmp", "new"):
        (folder / "u" / part).mkdir()
    async with behind() as server:
        backend = f"smtp://127.0.0.1:{server.port}" if kind == "smtp" else f"maildir://{folder}/{{local}}"
        policy = (
            '[policy]\nreceive_for = ["a.test"]\nsender_must_resolve = false\nrefuse_helo = ["malformed"]\n'
            '[blocklists]\nrefuse = ["list.test"]\n'
            f'[guard]\nlisten = "127.0.0.1:{GUARD}"\nbackend = "{backend}"\nname = "gate.a.test"\n'
        )
        async with commanding(folder, policy, LANG="C.UTF-8") as command:
            refused = await mail_that_bounces(server if kind == "smtp" else None)
            server.step = None
            said = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "fumidai", "test", f"127.0.0.1:{GUARD}", "--domain", "a.test", "--yes", "-q"),
                stdout=asyncio.subprocess.PIPE,
                cwd=folder,
            )
            assert said.stdout is not None
            await said.stdout.read()
            command.process.terminate()
            assert await command.end() == 0
            events = command.decisions()
    transport.close()
    capture.end()
    ports = {GUARD: "the guard", server.port: "the backend", 53: "the resolver"}
    places = (
        f"{protocol} {address if port in ports else f'{address}:{port}'} {ports.get(port, 'somebody else')}"
        for protocol, address, port in capture.seen
    )
    print(*sorted(places), sep="\n")
    print("enough:", refused > 4, len(events) > 200, capture.packets > 1000, names.asked > 0)


if __name__ == "__main__":
    os.environ["FUMIDAI_USER"] = pwd.getpwuid(os.geteuid()).pw_name
    for command in NETWORK:
        subprocess.run(command.split(), check=True)
    with ExitStack() as stack:
        stack.enter_context(own_resolver(Path(sys.argv[1])))
        asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))

# SPDX-License-Identifier: Apache-2.0
"""The same questions to rbldnsd, the server that most lists are served with."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import dns.message
import dns.query
import pytest

from fumidai.dnsbl.health import Health
from fumidai.dnsbl.names import Takes, query_name
from fumidai.net.dnsbl import Blocklist
from fumidai.net.resolver import Resolver

V4 = """\
$SOA 300 ns.bl.test hostmaster.bl.test 1 600 300 86400 300
$TTL 300
:127.0.0.2:Open relay, see https://bl.test/?$
127.0.0.2
203.0.113.9
198.51.100.0/24 :127.0.0.3:a whole "network"
!198.51.100.7
"""
V6 = """\
:127.0.0.2:Open relay
::ffff:7f00:2
2001:db8::/64
"""


@contextmanager
def rbldnsd(folder: Path) -> Iterator[int]:
    """Serve the lists over UDP; yields the port."""
    program = shutil.which("rbldnsd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("rbldnsd is not installed; dev.py test brings it along")
    folder.chmod(0o755)
    (folder / "v4").write_text(V4)
    (folder / "v6").write_text(V6)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        plug.bind(("127.0.0.1", 0))
        port = plug.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    zones = ["bl.test:ip4trie:v4", "bl.test:ip6trie:v6"]
    command = [program, "-n", *user, "-b", f"127.0.0.1/{port}", "-w", str(folder), *zones]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        _wait(server, port)
        yield port
    finally:
        server.terminate()
        server.communicate(timeout=10)


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    question = dns.message.make_query("2.0.0.127.bl.test", "A")
    for _ in range(100):
        assert server.poll() is None, server.stdout and server.stdout.read()
        try:
            dns.query.udp(question, "127.0.0.1", timeout=0.2, port=port)
        except (dns.exception.Timeout, OSError):
            continue
        return
    raise AssertionError("rbldnsd does not answer")


async def test_a_list_served_by_rbldnsd(tmp_path: Path) -> None:
    with rbldnsd(tmp_path) as port:
        resolver = Resolver(["127.0.0.1"], port=port, keep=False)
        blocklist = Blocklist("bl.test", resolver)
        asked = ["203.0.113.9", "203.0.113.10", "198.51.100.6", "198.51.100.7", "2001:db8::5", "2001:db8:0:1::5"]
        answers = await asyncio.gather(*map(blocklist.ask, asked))
        assert [answer.kind.value for answer in answers] == ["listed", "clean"] * 3
        assert answers[0].reason == "Open relay, see https://bl.test/?203.0.113.9"
        assert (list(map(str, answers[2].codes)), answers[2].reason) == (["127.0.0.3"], 'a whole "network"')
        assert blocklist.health(Takes.IPV4) is blocklist.health(Takes.IPV6) is Health.SOUND
        none = await resolver.records(query_name(ip_address("203.0.113.10"), "bl.test"), "A")
        assert (none.found, none.failed, none.ttl) == ((), False, 300)
        other = Blocklist("other.test", resolver)
        assert (await other.ask("203.0.113.9")).reason == "silent", "rbldnsd refuses what it does not serve"

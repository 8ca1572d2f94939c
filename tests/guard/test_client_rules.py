# SPDX-License-Identifier: Apache-2.0
"""The client rules at the door: what hangs on a name waits for it, and a name that lies is found out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fumidai.net.resolver import Resolver
from fumidai.policy.hosts_file import read_hosts
from tests.guard.faulty import behind
from tests.guard.guarded import OWN, calling, guarding, session
from tests.net.nameserver import Table, name_server

HONEST: Table = {("1.0.0.127.in-addr.arpa", "PTR"): ["mx.b.test."], ("mx.b.test", "A"): ["127.0.0.1"]}
LYING: Table = {("1.0.0.127.in-addr.arpa", "PTR"): ["mx.b.test."], ("mx.b.test", "A"): ["192.0.2.1"]}
NAMELESS: Table = {("other.in-addr.arpa", "PTR"): ["x."]}
BROKEN: Table = {("1.0.0.127.in-addr.arpa", "PTR"): ["SERVFAIL"]}


@pytest.mark.parametrize(
    ("names", "deny", "code", "rule"),
    [
        (HONEST, "smtp: .b.test", 550, "hosts-denied"),
        (HONEST, "smtp: PARANOID UNKNOWN", 250, "own-domain"),
        (LYING, "smtp: .b.test", 250, "own-domain"),
        (LYING, "smtp: PARANOID", 550, "hosts-denied"),
        (NAMELESS, "smtp: UNKNOWN", 550, "hosts-denied"),
        (NAMELESS, "smtp: PARANOID", 250, "own-domain"),
        (BROKEN, "smtp: .b.test", 451, "hosts-name-missing"),
        (BROKEN, "smtp: 127. : twist /bin/echo 550 5.7.9 go", 550, "hosts-denied"),
    ],
)
async def test_who_may_connect(tmp_path: Path, names: Table, deny: str, code: int, rule: str) -> None:
    (tmp_path / "hosts").write_text("")
    policy = replace(OWN, client_rules=read_hosts("", f"{deny}\n")[0])
    with name_server(names) as port:
        resolver = Resolver(["127.0.0.1"], port=port, hosts=tmp_path / "hosts", deadline=5)
        async with (
            behind() as backend,
            guarding(backend.port, policy=policy, resolver=resolver) as running,
            calling(running.port) as client,
        ):
            codes = await client.all(session(b"x: y\r\n"))
    assert codes[2] == code
    assert running.rules()[0] == rule
    assert len(backend.taken) == (code == 250)

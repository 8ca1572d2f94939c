# SPDX-License-Identifier: Apache-2.0
"""The story of a stepping stone on one machine: an old relay is tested, put behind a policy, and tested again.

Everything is real but the relay, which is a fixture (``demo.relay``): the tester speaks SMTP over loopback, the
sink takes what comes out, the judge decides. No name server is asked; the story's names lie in a file of its own.

    host = await raise_the_curtain(folder)
    first = await host.test(folder / "before")      # OPEN, proven
    host.put_behind_policy()
    second = await host.test(folder / "after")      # CLOSED

Limits: what happens on loopback says nothing about any other host.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path

from fumidai.demo.relay import OldRelay
from fumidai.demo.server import RelayServer
from fumidai.evidence.proof import Proof, ProofKind
from fumidai.evidence.result import RunResult
from fumidai.evidence.token import TokenKey
from fumidai.net.resolver import Resolver
from fumidai.net.serve import listen
from fumidai.policy.model import Policy
from fumidai.policy.read import read_policy
from fumidai.received.headers import header_fields
from fumidai.store.run import RunFolder
from fumidai.trial.hosts import parse_target
from fumidai.trial.listener import RunListener
from fumidai.trial.order import Listen, Order, ProofPlan
from fumidai.trial.run import new_run_name
from fumidai.trial.whole import carry_out

#: Loopback addresses of the three who take part, each in a network of its own; Linux has all of 127/8.
RELAY, TESTER, SINK = (IPv4Address(text) for text in ("127.0.0.25", "127.51.100.7", "127.113.0.9"))
HOST, DOMAIN, PROOF = "ns.a.test", "a.test", "proof.test"

#: The policy of the third act, as it would stand in ``fumidai.toml``.
POLICY = f"""\
[policy]
receive_for = ["{DOMAIN}"]
postmaster  = "postmaster@{DOMAIN}"
"""

#: Seconds to wait for promises of messages that have nowhere to go.
WAIT = 2.0


@dataclass(slots=True)
class OldHost:
    """The forgotten host, running.

    Attributes:
        server, port: the relay and where it listens.
        sink_port: where what it relays comes out.
        resolver: knows the story's names.
    """

    server: RelayServer
    port: int
    sink_port: int
    resolver: Resolver
    key: TokenKey

    @property
    def banner(self) -> str:
        """What it says of itself."""
        return f"220 {self.server.relay.name} ESMTP Sendmail {self.server.relay.version}"

    def put_behind_policy(self) -> Policy:
        """Let ``decide`` stand in front of it."""
        policy, _ = read_policy(POLICY, "fumidai.toml")
        self.server.relay.policy = policy
        return policy

    async def test(self, base: Path, listeners: Sequence[RunListener] = ()) -> RunResult:
        """Test it as a stranger would be met; the run folder is made below ``base``."""
        order = Order(
            targets=(parse_target(f"{HOST}:{self.port}"),),
            policy=read_policy(POLICY, "fumidai.toml")[0],
            key=self.key,
            declared=True,
            domains=(DOMAIN,),
            proof=ProofPlan(PROOF, (Listen(SINK, self.sink_port),)),
            source=TESTER,
            wait=WAIT,
            ehlo="tester.example",
            policy_text=POLICY,
            policy_file="fumidai.toml",
        )
        name = new_run_name(time.time())
        with RunFolder.create(name.id, base) as folder:
            result = await carry_out(order, name, folder, listeners, asyncio.Event(), resolver=self.resolver)
        return replace(result, folder="")


@asynccontextmanager
async def raise_the_curtain(folder: Path, key: TokenKey) -> AsyncIterator[OldHost]:
    """Start the old host on a free port of loopback; it ends with the block.

    Args:
        folder: for the story's hosts file.
    """
    names = folder / "hosts"
    names.write_text(f"{RELAY} {HOST}\n{SINK} {PROOF}\n", encoding="ascii")
    relay = OldRelay(HOST, frozenset({DOMAIN, HOST, f"[{RELAY}]"}), frozenset({"postmaster"}), print, time.time)
    sink_port = await _free_port()
    server = RelayServer(relay, {PROOF: (SINK, sink_port)})
    relay.outbox = server.send_on
    port = await server.start(RELAY)
    try:
        yield OldHost(server, port, sink_port, Resolver([], hosts=names), key)
    finally:
        await server.stop()


async def _free_port() -> int:
    """A port that is free just now."""
    listener = await listen(SINK, 0, _nobody)
    port = listener.addresses[0][1]
    await listener.close()
    return port


async def _nobody(connection: object) -> None:
    """Nobody is served."""


def first_delivery(result: RunResult) -> Proof | None:
    """The first message that came out, of the plainest test."""
    found = [p for entry in result.entries for row in entry.tests for p in row.proofs if p.kind is ProofKind.DELIVERY]
    return found[0] if found else None


def shown_header(proof: Proof) -> list[str]:
    """The lines of a delivered message that tell its way: Received and what the test wrote (raw text: escape it)."""
    wanted = {"received", "from", "subject", "message-id"}
    fields = header_fields(proof.arrival.message)
    return [f"{name}: {' '.join(value.decode('latin-1').split())}" for name, value in fields if name.lower() in wanted]

# SPDX-License-Identifier: Apache-2.0
"""The story of a stepping stone on one machine: an old relay is tested, a guard is put before it, it is tested again.

Everything is real but the relay, which is a fixture (``demo.relay``): the tester speaks SMTP over loopback, the
sink takes what comes out, the judge decides, and the guard of the second half is ``fumidai guard``. The relay stays
as it is and moves to another port; the guard takes its place. No name server is asked; the story's names lie in a
file of its own.

    async with raise_the_curtain(folder, key) as host:
        before = await host.test(folder / "before")      # OPEN, proven
        await host.put_guard_in_front()
        after = await host.test(folder / "after")        # CLOSED

Limits: what happens on loopback says nothing about any other host.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path

from fumidai.demo.relay import OldRelay
from fumidai.demo.server import RelayServer
from fumidai.evidence.proof import Proof, ProofKind
from fumidai.evidence.result import RunResult
from fumidai.evidence.token import TokenKey
from fumidai.guard.decision_log import LogFormat
from fumidai.guard.run import Guard
from fumidai.guard.settings import read_settings
from fumidai.net.resolver import Resolver
from fumidai.net.serve import listen
from fumidai.policy.lines import key_lines
from fumidai.policy.notice import Source
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

#: The policy of the story, as it would stand in ``fumidai.toml``.
POLICY = f"""\
[policy]
receive_for = ["{DOMAIN}"]
postmaster  = "postmaster@{DOMAIN}"
"""
#: What the third act adds to it.
GUARD = """
[guard]
listen  = ["{front}"]
backend = "smtp://{behind}"
"""

#: Seconds to wait for promises of messages that have nowhere to go.
WAIT = 2.0


@dataclass(slots=True)
class OldHost:
    """The forgotten host, running.

    Attributes:
        server: the relay; ``port``: where the world reaches it.
        sink_port: where what it relays comes out.
        resolver: knows the story's names.
        guard: what stands in front of it, once it does; ``decisions``: the lines of its log, for people.
    """

    server: RelayServer
    port: int
    sink_port: int
    resolver: Resolver
    key: TokenKey
    guard: Guard | None = None
    decisions: list[str] = field(default_factory=list)

    @property
    def banner(self) -> str:
        """What it says of itself."""
        return f"220 {self.server.relay.name} ESMTP Sendmail {self.server.relay.version}"

    async def put_guard_in_front(self) -> str:
        """Move the relay to another port and let a guard take its place; the policy file that says so."""
        await self.server.stop()
        behind = await self.server.start(RELAY)
        text = POLICY + GUARD.format(front=f"{RELAY}:{self.port}", behind=f"{RELAY}:{behind}")
        policy, _ = read_policy(text, "fumidai.toml")
        settings = read_settings(policy, Source("fumidai.toml", key_lines(text)))
        settings = replace(settings, name=HOST, log_format=LogFormat.TEXT)
        self.guard = Guard(policy, settings, self._keep_lines, resolver=self.resolver)
        await self.guard.start()
        return text

    async def stop(self) -> None:
        """End the guard, then the relay."""
        if self.guard is not None:
            await self.guard.stop()
        await self.server.stop()

    def _keep_lines(self, text: str) -> None:
        self.decisions += text.splitlines()

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
    host = OldHost(server, port, sink_port, Resolver([], hosts=names), key)
    try:
        yield host
    finally:
        await host.stop()


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

# SPDX-License-Identifier: Apache-2.0
"""One whole test: find the targets, open the sink, ask, gather proofs, wait, judge.

    order -> hosts -> for each address: interviews -> outcomes
             sink or Maildir -> arrivals -> proofs          } judge -> RunResult

Addresses of one host are asked one after the other, hosts a few at a time (DESIGN §8). Every outcome and every
arrival goes to the listener as it comes, so that an interrupted run has lost nothing.

Limits: all hosts are held in memory; the fleet comes later.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from ipaddress import IPv4Address, IPv6Address

from fumidai.battery.attempt import Attempt
from fumidai.battery.batteries import select
from fumidai.battery.expand import controls, decoy_for, expand
from fumidai.battery.row import Entry
from fumidai.errors import TargetError
from fumidai.evidence.endpoint import Endpoint, TlsState
from fumidai.evidence.proof import Arrival, Proof
from fumidai.evidence.result import RunResult
from fumidai.evidence.token import RUN_BYTES, run_mark
from fumidai.judge.record import Failure, Record
from fumidai.net.clock import Clock
from fumidai.net.resolver import Resolver
from fumidai.net.route import source_towards
from fumidai.policy.decide import decide
from fumidai.tester.budget import FIRST_SESSIONS, Budget
from fumidai.tester.interview import Interview
from fumidai.tester.message import Letterhead
from fumidai.tester.pace import Pace
from fumidai.tester.questions import Learned, Questions
from fumidai.tester.session import Manners
from fumidai.trial.address import AddressRun, Asked
from fumidai.trial.ground import Site, lay_ground
from fumidai.trial.historic import MAPS, as_in_2001
from fumidai.trial.hosts import Host, find_hosts
from fumidai.trial.identity import identify_ourselves, sink_addresses
from fumidai.trial.listener import RunListener
from fumidai.trial.numbers import Numbers
from fumidai.trial.order import Order
from fumidai.trial.scene import Place, Scene, conclude, policy_at
from fumidai.trial.window import Proofs, wait_for_proofs

Address = IPv4Address | IPv6Address

#: Batteries of other services are asked as they were: not again inside TLS.
_HISTORIC = frozenset({"maps", "abuse.net", "nmap"})


@dataclass(frozen=True, slots=True)
class RunName:
    """How a run is named: the five bytes in its tokens, and the id that people see."""

    raw: bytes
    id: str


def new_run_name(now: float) -> RunName:
    """A fresh name; the id ends in letters that stand in every token of the run."""
    raw = secrets.token_bytes(RUN_BYTES)
    day = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
    return RunName(raw, f"{day}-{run_mark(raw)[2:]}")


@dataclass(slots=True)
class Trial:
    """A run in progress.

    Attributes:
        order: what is wanted; ``listener``: who hears of it.
        stop: set it to end the run with what is there.
        sink_places: (address, port) of our own sink's sockets.
        clock: which nobody sets while we run.
        addresses: all that was asked, one for each address of each host.
        places: what the DNS says of each address.
        unknown: targets that can't be found, while others can.
        known: records of an earlier part of this run, to be completed.
    """

    order: Order
    name: RunName
    listener: RunListener
    stop: asyncio.Event
    resolver: Resolver = field(default_factory=Resolver)
    sink_places: tuple[tuple[str, int], ...] = ()
    proofs: Proofs = field(init=False)
    numbers: Numbers = field(init=False)
    hosts: list[Host] = field(default_factory=list)
    unknown: list[TargetError] = field(default_factory=list)
    addresses: list[AddressRun] = field(default_factory=list)
    unroutable: list[Record] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    started: float = field(init=False)
    waited: float = 0.0
    places: dict[Address, Place] = field(default_factory=dict)
    known: dict[tuple[Endpoint, str], Record] = field(default_factory=dict)
    _by_number: dict[int, Attempt] = field(default_factory=dict)
    # An earlier part of the run adds its own seconds.
    _before: float = 0.0

    def __post_init__(self) -> None:
        self.started = self.clock.now()
        self.numbers = Numbers(self.order.key, self.name.raw)
        self.proofs = Proofs(self.order.key, self.name.raw, self._proven, self.listener.arrived)

    async def find(self) -> None:
        """Find the hosts behind the targets; of several, those that can't be found are kept in ``unknown``.

        Raises:
            TargetError: the DNS knows none of them, or could not answer.
        """
        for spec in self.order.targets:
            try:
                self.hosts += await find_hosts(spec, self.resolver, self.order.only)
            except TargetError as error:
                self.unknown.append(error)
        if self.unknown and not self.hosts:
            raise self.unknown[0]

    def take_up(self, scene: Scene, records: Sequence[Record], arrivals: Sequence[Arrival]) -> None:
        """Go on where an earlier part of the run ended."""
        self.started, self.waited, self._before = scene.started, scene.waited, scene.seconds
        for record in records:
            self.known[record.endpoint, record.domain] = record
            attempts = record.all_attempts()
            self._by_number.update(attempts)
            self.proofs.one_address |= {n for n, a in attempts.items() if a.mail_from == a.rcpt_to}
            numbers = [*attempts, *(item.number for item in record.inapplicable)]
            self.numbers.last = max(self.numbers.last, *numbers, 0)
        for arrival in arrivals:
            self.proofs.take(arrival)

    def own_domains(self) -> tuple[str, ...]:
        """Domains whose mail the sink hears out."""
        named = (self.order.proof.domain if self.order.proof else "", self.order.mx_domain)
        return tuple(name for name in named if name)

    async def ask(self) -> None:
        """Ask all hosts."""
        gate = asyncio.Semaphore(self.order.targets_at_once)
        tasks = [asyncio.create_task(self._ask_host(host, gate)) for host in self.hosts]
        try:
            # Not a task group: an error of ours must come out as itself.
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def wait(self, look: Callable[[], None]) -> None:
        """Wait for open promises."""
        if self.order.sending:
            self.waited += await wait_for_proofs(
                self.records,
                self.proofs,
                self.order.wait,
                self.stop,
                # A queue tries again for days: who goes on with a run waits for it anew.
                since=time.monotonic() if self.known else 0.0,
                look=look,
                tell=self._tell_waiting,
            )

    def scene(self) -> Scene:
        """What the run has to remember besides its records."""
        order = self.order
        return Scene(
            id=self.name.id,
            raw=self.name.raw,
            started=self.started,
            battery=",".join(order.tests) or order.battery,
            proof_domain=order.proof.domain if order.proof and order.sending else "",
            targets=tuple(dict.fromkeys(spec.text for spec in order.targets)),
            policy_text=order.policy_text,
            policy_file=order.policy_file,
            domains=order.extra_domains,
            settings=order.settings,
            places=self.places,
            seconds=self._before + self.clock.seconds(),
            waited=self.waited,
            window_closed=self.clock.now() if self.waited else 0.0,
            interrupted=self.stop.is_set(),
            left_out={host.target: tuple(map(str, host.skipped)) for host in self.hosts if host.skipped},
        )

    def result(self, folder: str) -> RunResult:
        """Judge everything as it stands now."""
        return self.judged(self.scene(), folder)

    def judged(self, scene: Scene, folder: str) -> RunResult:
        """Judge everything as ``scene`` has it, which learns the verdict."""
        result = conclude(scene, self.records, self.proofs.found, folder)
        scene.verdict = result.verdict.value
        return result

    @property
    def records(self) -> list[Record]:
        """All records, those of addresses without a route and of an earlier part of the run included."""
        asked = [record for run in self.addresses for record in run.records] + self.unroutable
        # What an earlier part of the run learned is not lost where this part did not come to it, or where the DNS
        # names other addresses now.
        ids = {id(record) for record in asked}
        return asked + [record for record in self.known.values() if id(record) not in ids]

    # -- asking -------------------------------------------------------------------------------------------------

    async def _ask_host(self, host: Host, gate: asyncio.Semaphore) -> None:
        async with gate:
            pace = Pace(self.order.rate, asyncio.Semaphore(self.order.concurrency))
            for address in host.addresses:
                if not self.stop.is_set():
                    await self._ask_address(host, address, pace)

    async def _ask_address(self, host: Host, address: Address, pace: Pace) -> None:
        ports = host.ports or self.order.ports
        endpoint = Endpoint(host.target, host.name, address, ports[0], TlsState.CLEAR)
        source = source_towards(address, self.order.source)
        if source is None:
            record = Record(endpoint, self._domains()[0], self.order.battery, failure=Failure.NO_ROUTE)
            self.unroutable.append(record)
            return
        site = await self._site(host, address, source)
        deadline = time.monotonic() + self.order.max_time
        run = AddressRun(
            endpoint,
            self._asked(ports),
            partial(self._interview, site, pace, deadline),
            deadline,
            self.stop,
            self.known,
        )
        self.addresses.append(run)
        await run.ask()

    async def _site(self, host: Host, address: Address, source: Address) -> Site:
        reverse = await self.resolver.confirmed_name(source)
        proof = self.order.proof.domain if self.order.proof and self.order.sending else ""
        identity = identify_ourselves(
            source, address, reverse, self.order.policy, proof_domain=proof, ehlo=self.order.ehlo
        )
        self.places[address] = await self._place(host, address)
        sinks = sink_addresses(self.sink_places, host.addresses, self.order.source)
        sink4 = next((known for known in sinks if isinstance(known, IPv4Address)), None)
        sink6 = next((known for known in sinks if isinstance(known, IPv6Address)), None)
        return Site(host, address, identity, sink4, sink6)

    async def _place(self, host: Host, address: Address) -> Place:
        """Names of the target that resolve to its address: only these are its own (DESIGN §3 "Rows")."""
        names = {host.name.lower(), host.ptrs.get(address, "").lower()} - {"", str(address)}
        confirmed, addresses = [], dict.fromkeys(host.addresses)
        for name in sorted(names):
            there = (await self.resolver.addresses(name)).addresses
            if address in there:
                confirmed.append(name)
                addresses.update(dict.fromkeys(there))
        return Place(tuple(confirmed), tuple(addresses))

    def _domains(self) -> tuple[str, ...]:
        return self.order.domains or ("",)

    def _asked(self, ports: tuple[int, ...]) -> Asked:
        order = self.order
        chosen = select(order.battery, order.tests or None, order.families or None)
        quick = select("quick")
        inside: tuple[str, Sequence[Entry]] = ("quick", quick)
        if order.battery in _HISTORIC:
            inside = ("", ())
        elif order.tests or order.families:
            inside = (order.battery, chosen)
        first = [entry for entry in chosen if entry.test.id in {known.test.id for known in quick}]
        rest = [entry for entry in chosen if entry not in first]
        rows = chosen if order.battery in _HISTORIC or order.tests else (*first, *rest)
        return Asked(ports, self._domains(), (order.battery, rows), ("quick", quick), inside)

    def _interview(
        self, site: Site, pace: Pace, deadline: float, record: Record, entries: Sequence[Entry]
    ) -> Interview:
        head = Letterhead(site.identity.ehlo, "", self.name.id, str(record.endpoint))
        lockstep = record.battery == MAPS
        order = self.order
        manners = Manners(
            site.identity.ehlo, order.source, order.patience, dot_patience=order.dot_patience, only_helo=lockstep
        )
        return Interview(
            record=record,
            prepare=partial(self._prepare, site, entries),
            decoy=self._decoy,
            head=head,
            manners=manners,
            pace=pace,
            listener=self.listener,
            deadline=deadline,
            stop=self.stop,
            lockstep=lockstep,
            skip=self._skip,
            budget=Budget(sessions=min(FIRST_SESSIONS, self.order.concurrency), most=self.order.concurrency),
        )

    def _prepare(self, site: Site, entries: Sequence[Entry], record: Record, learned: Learned) -> Questions:
        names = self.places[site.address].names
        ground = lay_ground(self.order, site, record, learned, self.name.id, frozenset(names))
        record.ground = ground
        ask = partial(decide, policy_at(self.order.policy, site.address, names))
        first = self.numbers.reserve(3 + len(entries))
        asked = controls(ground, ask, self.numbers.mint, first, rcpt_only=not self.order.sending)
        attempts, inapplicable = expand(
            entries, ground, ask, self.numbers.mint, first + 3, rcpt_only=not self.order.sending
        )
        if record.battery == MAPS:
            attempts = tuple(as_in_2001(attempt) for attempt in attempts)
        self._by_number.update({attempt.number: attempt for attempt in (*asked, *attempts)})
        self.proofs.one_address |= {a.number for a in attempts if a.mail_from == a.rcpt_to}
        return Questions(asked, attempts, inapplicable)

    def _decoy(self, record: Record, attempt: Attempt) -> Attempt | None:
        return decoy_for(attempt, record.ground, self.numbers.reserve(1)) if record.ground else None

    def _skip(self, attempt: Attempt) -> bool:
        """With ``--first`` a family stops at its first delivered hole."""
        if not self.order.first_hole or attempt.control is not None:
            return False
        delivered = {
            self._by_number[number].test.family for number in self.proofs.delivered() if number in self._by_number
        }
        return attempt.test.family in delivered

    # -- proofs and judging -------------------------------------------------------------------------------------

    def _proven(self, proof: Proof) -> None:
        self.listener.proven(proof, self._by_number.get(proof.attempt))

    def _tell_waiting(self, promises: int, left: float) -> None:
        self.listener.waiting(promises, self.clock.now() + left)

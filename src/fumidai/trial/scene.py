# SPDX-License-Identifier: Apache-2.0
"""What a run has to remember so that it can be judged again later, by anybody who has its folder.

Records and arrivals say what was asked and what came; the scene says under which policy, from which order and at
whose addresses. It is the header of the run folder (``run.json``), in plain JSON.

Limits: the key that signs tokens is no part of it: whoever has only the folder sees the proofs that were kept,
and needs the key to collect more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from fumidai.errors import StorageError
from fumidai.evidence.proof import Proof
from fumidai.evidence.result import Entry, RunResult
from fumidai.evidence.verdict import worst
from fumidai.judge.entry import judge
from fumidai.judge.record import Record
from fumidai.judge.vantage import Vantage
from fumidai.policy.decide import decide
from fumidai.policy.model import Policy, policy_for_domains, with_domains
from fumidai.policy.read import read_policy
from fumidai.texts import N_
from fumidai.trial.address import silent_ports
from fumidai.trial.identity import literal

Address = IPv4Address | IPv6Address

SCHEMA = "fumidai/run/1"


@dataclass(frozen=True, slots=True)
class Place:
    """One address that was asked: names that resolve to it, and all addresses those names have."""

    names: tuple[str, ...] = ()
    addresses: tuple[Address, ...] = ()


@dataclass(slots=True)
class Scene:
    """What surrounds the records of a run.

    Attributes:
        id, raw: the run's id, and the five bytes in its tokens.
        started: seconds since the epoch; ``seconds``, ``waited``, ``window_closed``: see ``RunResult``.
        targets: as named, in order.
        policy_text, policy_file: the declared policy as it was read ("" where there was none).
        domains: from ``--domain``.
        settings: the options of the command, for going on later.
        places: by address.
        left_out: see ``RunResult``.
        verdict: what it came to when it was last judged, for lists; "" where it was not.
    """

    id: str
    raw: bytes
    started: float
    battery: str
    proof_domain: str
    targets: tuple[str, ...]
    policy_text: str = ""
    policy_file: str = ""
    domains: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    places: dict[Address, Place] = field(default_factory=dict)
    seconds: float = 0.0
    waited: float = 0.0
    window_closed: float = 0.0
    interrupted: bool = False
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    verdict: str = ""

    @property
    def declared(self) -> bool:
        """A policy file says who may relay."""
        return bool(self.policy_text)

    def policy(self) -> Policy:
        """The policy of the run."""
        if not self.declared:
            return policy_for_domains(self.domains)
        return with_domains(read_policy(self.policy_text, self.policy_file)[0], self.domains)

    def header(self) -> dict[str, Any]:
        """The scene as JSON."""
        places = {
            str(address): {"names": list(place.names), "addresses": [str(one) for one in place.addresses]}
            for address, place in self.places.items()
        }
        return {
            "schema": SCHEMA,
            "id": self.id,
            "run": self.raw.hex(),
            "started": self.started,
            "seconds": self.seconds,
            "waited": self.waited,
            "window_closed": self.window_closed,
            "interrupted": self.interrupted,
            "battery": self.battery,
            "proof_domain": self.proof_domain,
            "targets": list(self.targets),
            "policy": {"file": self.policy_file, "text": self.policy_text, "domains": list(self.domains)},
            "settings": dict(self.settings),
            "places": places,
            "left_out": {target: list(addresses) for target, addresses in self.left_out.items()},
            "verdict": self.verdict,
        }


def read_scene(header: Mapping[str, Any], folder: str) -> Scene:
    """The scene out of a run folder's header.

    Raises:
        StorageError: it is none of ours, or damaged.
    """
    try:
        if header["schema"] != SCHEMA:
            raise ValueError(header["schema"])
        places = {
            ip_address(address): Place(tuple(kept["names"]), tuple(ip_address(one) for one in kept["addresses"]))
            for address, kept in header["places"].items()
        }
        return Scene(
            id=str(header["id"]),
            raw=bytes.fromhex(header["run"]),
            started=float(header["started"]),
            battery=str(header["battery"]),
            proof_domain=str(header["proof_domain"]),
            targets=tuple(header["targets"]),
            policy_text=str(header["policy"]["text"]),
            policy_file=str(header["policy"]["file"]),
            domains=tuple(header["policy"]["domains"]),
            settings=dict(header["settings"]),
            places=places,
            seconds=float(header["seconds"]),
            waited=float(header["waited"]),
            window_closed=float(header["window_closed"]),
            interrupted=bool(header["interrupted"]),
            left_out={str(target): tuple(map(str, out)) for target, out in header.get("left_out", {}).items()},
            verdict=str(header.get("verdict", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(
            N_("{folder} holds no run that this version can read: {why}"), folder=folder, why=repr(error)
        ) from error


def policy_at(policy: Policy, address: Address, names: Iterable[str]) -> Policy:
    """The declared policy, receiving also for what is the target's own anyway: its literal and its names."""
    return with_domains(policy, [literal(address), *sorted(names)])


def conclude(scene: Scene, records: Sequence[Record], proofs: Sequence[Proof], folder: str) -> RunResult:
    """Judge everything as it stands."""
    policy = scene.policy()
    chosen = judged(records)
    entries = tuple(_judge(scene, policy, record, proofs) for record in chosen)
    verdicts = {
        target: worst(entry.verdict for entry in entries if entry.endpoint.target == target)
        for target in dict.fromkeys(scene.targets)
    }
    return RunResult(
        id=scene.id,
        started=scene.started,
        seconds=scene.seconds,
        waited=scene.waited,
        battery=scene.battery,
        vantage=", ".join(dict.fromkeys(entry.source for entry in entries if entry.source)),
        proof_domain=scene.proof_domain,
        verdict=worst(verdicts.values()),
        verdicts=verdicts,
        entries=entries,
        folder=folder,
        interrupted=scene.interrupted,
        window_closed=scene.window_closed,
        left_out=scene.left_out,
        silent=_silent(records, chosen),
    )


def _silent(records: Sequence[Record], chosen: Sequence[Record]) -> dict[str, tuple[str, ...]]:
    """Where connections were refused and that is no verdict, by target."""
    known = {id(record) for record in chosen}
    found: dict[str, list[str]] = {}
    for record in records:
        if id(record) not in known:
            place = str(record.endpoint).partition("/")[0]
            found.setdefault(record.endpoint.target, []).append(place)
    return {target: tuple(dict.fromkeys(places)) for target, places in found.items()}


def judged(records: Sequence[Record]) -> list[Record]:
    """Records that get a verdict: a port that refuses while another of its address answers is not applicable."""
    by_address: dict[tuple[str, Address], list[Record]] = {}
    for record in records:
        by_address.setdefault((record.endpoint.target, record.endpoint.address), []).append(record)
    silent = {id(record) for group in by_address.values() for record in silent_ports(group)}
    return [record for record in records if id(record) not in silent]


def _judge(scene: Scene, policy: Policy, record: Record, proofs: Sequence[Proof]) -> Entry:
    address = record.endpoint.address
    place = scene.places.get(address, Place())
    source = ip_address(record.sources[0]) if record.sources else None
    vantage = Vantage(source, address, place.addresses, policy.relay_networks, scene.declared)
    ask = partial(decide, policy_at(policy, address, place.names))
    return judge(record, proofs, ask, vantage, interrupted=scene.interrupted)

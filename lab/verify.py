# SPDX-License-Identifier: Apache-2.0
"""Hold what server.toml says of a server against what lab.truth finds by delivery."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from lab.command import run
from lab.errors import LabError
from lab.network import STRANGERS, VICTIM, Host
from lab.place import NETNS, SOURCE, Place
from lab.servers import Server
from lab.zone import stranger_suffix

BOUNCE_FORMS = ("unknown-user", "unknown-user-victim")


@dataclass(frozen=True, slots=True)
class Truth:
    """What one server did with one family's messages."""

    address: str
    delivered: frozenset[str]
    bounced: frozenset[str]
    accepted: frozenset[str]
    at_victim: bool
    met: dict[str, str]


def find_truth(place: Place, server: Server, stranger: Host = STRANGERS[1], *more: str) -> list[Truth]:
    """Ask the server from a stranger's network; one Truth for each of its two addresses."""
    namespace = place.namespace(stranger.name)
    if not (NETNS / namespace).exists():
        raise LabError("the lab is not up")
    proof = f"proof{stranger_suffix(STRANGERS.index(stranger))}.test"
    printed = run("ip", "netns", "exec", namespace, sys.executable, "-I", str(SOURCE / "truth.py"),
                  "--name", server.name, "--address", server.v4, "--address", server.v6, "--me", stranger.v4,
                  "--proof", proof, "--victim", f"{VICTIM.name}.test", *more)  # fmt: skip
    return [read_truth(place, address, found) for address, found in json.loads(printed).items()]


def read_truth(place: Place, address: str, found: dict[str, object]) -> Truth:
    """One address's part of what lab.truth printed, with the victim's mail looked through."""
    token = str(found["victim_token"])
    mail = (path.read_bytes() for path in (place.maildir / "new").glob("*"))
    return Truth(
        address, names(found["delivered"]), names(found["bounced"]), names(found["accepted"]),
        bool(token) and any(token.encode() in message for message in mail),
        {str(key): str(value) for key, value in dict(found["met"]).items()},  # type: ignore[call-overload]
    )  # fmt: skip


def names(value: object) -> frozenset[str]:
    """A JSON array of names as a set."""
    return frozenset(str(item) for item in value) if isinstance(value, Iterable) else frozenset()


def compare(server: Server, truths: list[Truth]) -> list[str]:
    """Each way in which the truth is another than server.toml says, as a sentence; none when it is right."""
    faults = []
    for truth in truths:
        if all(met.startswith("nothing") for met in truth.met.values()):
            faults.append(f"{truth.address}: it never spoke to us")
        family = "6" if ":" in truth.address else "4"
        if server.truth == "open" and family in server.families:
            faults += [f"{truth.address}: {i} was not delivered ({truth.met.get(i)})" for i in server.delivers
                       if i in truth.met and i not in truth.delivered]  # fmt: skip
            faults += [f"{truth.address}: {i} was delivered" for i in server.refuses if i in truth.delivered]
        else:
            faults += [f"{truth.address}: {i} was delivered" for i in sorted(truth.delivered)]
        # Open ones may bounce besides; that a sound one doesn't, and a reflecting one does, is what makes them so.
        if server.truth != "open" and (server.truth == "reflects") != truth.at_victim:
            faults.append(f"{truth.address}: the victim {'got a' if truth.at_victim else 'got no'} bounce")
    return faults


def verify(place: Place, servers: list[Server]) -> int:
    """Print the truth about servers; 0 when it is what their server.toml says."""
    wrong = 0
    for server in servers:
        truths = find_truth(place, server)
        faults = compare(server, truths)
        wrong += bool(faults)
        print(f"{server.name}: {server.truth}{' — NOT SO' if faults else ', confirmed'}")
        for truth in truths:
            print(f"  {truth.address}: delivered {' '.join(sorted(truth.delivered)) or 'nothing'}"
                  f"; only promised {' '.join(sorted(truth.accepted - truth.delivered - truth.bounced)) or 'nothing'}"
                  f"; bounced {' '.join(sorted(truth.bounced)) or 'nothing'}")  # fmt: skip
        for fault in faults:
            print(f"  {fault}")
        sys.stdout.flush()
    return 1 if wrong else 0

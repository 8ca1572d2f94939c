# SPDX-License-Identifier: Apache-2.0
"""The servers of the lab as their folders under lab/servers describe them.

A folder holds the server's real configuration and a `server.toml` that says what is true about it:

    mta       which image it runs on (a folder under lab/mta)
    host      the last part of its addresses, 10 to 250, unique
    truth     open | sound | reflects
    why       one sentence: what makes it so
    ways      the ways of being open, named (open ones only)
    delivers  ids of the tests whose message really arrives at the stranger (open ones only)
    proves    ids of the tests that `fumidai test` must show delivered, where they are other than `delivers`
    refuses   ids of tests whose message does not arrive, so that the hole is known to be no wider
    verdicts  what `fumidai test` may say of it, best first
    families  4, 6 or 46: over which address family the truth holds (46 when absent)
    arguments further options for `fumidai test`
    slow      whether a full test takes more than a minute
    wait      how long the proofs are waited for, in seconds

Limits: the file is ours, so a mistake in it is an error that names the file, not something to be lenient about.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.place import SOURCE

FOLDER = SOURCE / "servers"
TRUTHS = ("open", "sound", "reflects")
VERDICTS = ("open", "reflects", "accepts", "inconclusive", "unreachable", "closed")


@dataclass(frozen=True, slots=True)
class Server:
    """One mail server of the lab."""

    name: str
    mta: str
    host: int
    truth: str
    why: str
    verdicts: tuple[str, ...]
    ways: tuple[str, ...] = ()
    delivers: tuple[str, ...] = ()
    proves: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()
    families: str = "46"
    arguments: tuple[str, ...] = ()
    slow: bool = False
    wait: int = 8

    @property
    def folder(self) -> Path:
        """Where its configuration lies."""
        return FOLDER / self.name

    @property
    def hostname(self) -> str:
        """Its own name, the one its addresses have."""
        return f"{self.name}.lab.test"

    @property
    def domain(self) -> str:
        """The domain it receives mail for."""
        return f"{self.name}.test"

    @property
    def v4(self) -> str:
        """Its IPv4 address."""
        return f"203.0.113.{self.host}"

    @property
    def v6(self) -> str:
        """Its IPv6 address, written as the IPv4 one ends."""
        return f"2001:db8:1::{self.host}"


def read_server(folder: Path) -> Server:
    """The server that a folder describes; LabError when its server.toml is not right."""
    path = folder / "server.toml"
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise LabError(f"{path}: {error}") from None
    if unknown := set(raw) - {field.name for field in fields(Server) if field.name != "name"}:
        raise LabError(f"{path}: unknown key {', '.join(sorted(unknown))}")
    try:
        raw.setdefault("proves", raw.get("delivers", []))
        values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in raw.items()}
        server = Server(folder.name, **values)
    except TypeError as error:
        raise LabError(f"{path}: {error}") from None
    check_server(path, server)
    return server


def check_server(path: Path, server: Server) -> None:
    """Raise LabError where what a server.toml says can't be."""
    if server.truth not in TRUTHS:
        raise LabError(f"{path}: truth is one of {', '.join(TRUTHS)}")
    if not server.verdicts or set(server.verdicts) - set(VERDICTS):
        raise LabError(f"{path}: verdicts are out of {', '.join(VERDICTS)}")
    if (server.truth == "open") != bool(server.delivers):
        raise LabError(f"{path}: open servers, and only they, name the tests that deliver")
    if not 10 <= server.host <= 250:
        raise LabError(f"{path}: host lies between 10 and 250")
    if not (SOURCE / "mta" / server.mta / "image.sh").is_file():
        raise LabError(f"{path}: no recipe lab/mta/{server.mta}")


@cache
def all_servers() -> dict[str, Server]:
    """Every server by its name, in the order of the names."""
    servers: dict[str, Server] = {}
    hosts: dict[int, str] = {}
    for folder in sorted(path.parent for path in FOLDER.glob("*/server.toml")):
        server = read_server(folder)
        if other := hosts.get(server.host):
            raise LabError(f"{server.name} and {other} have the same host number {server.host}")
        hosts[server.host] = server.name
        servers[server.name] = server
    return servers


def choose(names: list[str]) -> list[Server]:
    """The servers of these names, all without any; a name may be an MTA's and then means all of its kind."""
    servers = all_servers()
    if not names:
        return list(servers.values())
    chosen: dict[str, Server] = {}
    for name in names:
        found = [server for server in servers.values() if name in (server.name, server.mta)]
        if not found:
            raise LabError(f"no server {name}; `lab list` names them")
        chosen.update((server.name, server) for server in found)
    return list(chosen.values())

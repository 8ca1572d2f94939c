# SPDX-License-Identifier: Apache-2.0
"""Start and stop the rooms in which the mail servers run.

A room is a process tree with its own mounts, host name, IPC and process numbers inside the server's network namespace.
Its root is an overlay on a tmpfs that only it sees, so ending its process 1 removes all of it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from lab.command import run, start
from lab.errors import LabError
from lab.images import image_layer
from lab.network import DNS_V4, Host, join, pids, remove_namespace
from lab.place import NETNS, SOURCE, Place
from lab.servers import Server


def host_of(server: Server) -> Host:
    """A server's place on the network."""
    return Host(server.name, "br-near", server.v4, server.v6)


def open_room(place: Place, server: Server) -> None:
    """Start a server in a fresh room; one that runs already is left alone."""
    namespace = place.namespace(server.name)
    if (NETNS / namespace).exists():
        if process_one(place, server.name):
            return
        remove_namespace(namespace)
    join(place, host_of(server))
    enter(place, server)


def enter(place: Place, server: Server) -> None:
    """Put the server's files together and start its process 1 in its namespace."""
    folder = place.room(server.name)
    shutil.rmtree(folder, ignore_errors=True)
    files = folder / "files"
    (folder / "room").mkdir(parents=True)
    files.mkdir()
    fill(files, server)
    lower = f"{image_layer(place, server.mta)}:/"
    start(
        ("ip", "netns", "exec", place.namespace(server.name), "unshare", "-m", "-u", "-i", "-p", "-f", "--kill-child",
         "sh", str(SOURCE / "room.sh"), str(folder / "room"), lower, "memory", str(files),
         "/usr/bin/python3", "/lab/inside.py", server.hostname),
        folder / "console",
    )  # fmt: skip


def fill(files: Path, server: Server) -> None:
    """Gather what the room finds in /lab: its configuration, how its program starts, and the facts of its place."""
    shutil.copytree(server.folder, files / "config")
    for source in (SOURCE / "mta" / server.mta).iterdir():
        shutil.copy(source, files)
    for name in ("inside.py", "proxy.py", "begin.sh"):
        shutil.copy(SOURCE / name, files)
    (files / "facts.sh").write_text(
        f"name={server.name}\nhostname={server.hostname}\ndomain={server.domain}\nv4={server.v4}\nv6={server.v6}\n"
        f"dns={DNS_V4}\n", encoding="ascii",
    )  # fmt: skip


def process_one(place: Place, name: str) -> int | None:
    """The pid, as this machine counts, of a room's process 1; None when the room is not there."""
    try:
        inside = pids(place.namespace(name))
    except LabError:
        return None
    for pid in inside:
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        numbers = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
        if len(numbers) > 1 and numbers[-1] == "1":
            return pid
    return None


def renew_room(place: Place, server: Server) -> None:
    """Give a server a fresh room, so that nothing it remembers of its clients is left."""
    namespace = place.namespace(server.name)
    if not (NETNS / namespace).exists():
        raise LabError(f"{server.name} is not up")
    remove_namespace(namespace)
    join(place, host_of(server))
    enter(place, server)


def wait_until_they_listen(place: Place, servers: list[Server], seconds: float = 40) -> None:
    """Return when every server takes connections on both its addresses; LabError names those that don't.

    It asks from the router's side, in one process, and closes each connection as soon as it stands.
    """
    addresses = " ".join(f"{server.v4},{server.name} {server.v6},{server.name}" for server in servers)
    late = run("ip", "netns", "exec", place.namespace("router"), "/usr/bin/env", "python3", str(SOURCE / "knock.py"),
               str(seconds), *addresses.split()).split()  # fmt: skip
    if late:
        raise LabError(f"not listening after {seconds:.0f} s: {', '.join(late)} (`lab log NAME` shows why)")

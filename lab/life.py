# SPDX-License-Identifier: Apache-2.0
"""Bring the lab up, take it down, and say what stands.

Everything found is found by its name (lab.place), not by a record, so taking down works after any kind of crash.
"""

from __future__ import annotations

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

from lab.command import run, start
from lab.images import build_images, drop_layers, unpack_images
from lab.network import DNS_V4, VICTIM, end_processes, make_network, pids, remove_namespace
from lab.place import NETNS, NETNS_ETC, SOURCE, Place, hold
from lab.rooms import open_room, process_one, renew_room, wait_until_they_listen
from lab.servers import Server


def bring_up(place: Place, servers: list[Server]) -> None:
    """Make the network and start these servers; returns when they take connections."""
    build_images(place, {server.mta for server in servers})
    with hold(place.state):
        make_network(place)
        start_services(place)
        unpack_images(place, {server.mta for server in servers})
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda server: open_room(place, server), servers))
    wait_until_they_listen(place, servers)


def start_services(place: Place) -> None:
    """Start the DNS server in the router, afresh, since a server may be new, and the victim's sink, unless it runs."""
    python = sys.executable
    end_processes(place.namespace("router"))
    start(("ip", "netns", "exec", place.namespace("router"), "env", f"PYTHONPATH={SOURCE.parent}",
           python, "-m", "lab.dns", DNS_V4), place.state / "dns.log")  # fmt: skip
    if not pids(place.namespace(VICTIM.name)):
        start(("ip", "netns", "exec", place.namespace(VICTIM.name), python, str(SOURCE / "sink.py"),
               str(place.maildir)), place.state / "victim.log")  # fmt: skip


def renew(place: Place, servers: list[Server]) -> None:
    """Start these servers afresh, their memory of clients and queues gone."""
    for server in servers:
        renew_room(place, server)
    wait_until_they_listen(place, servers)


def take_down(place: Place) -> None:
    """Remove every namespace, process, mount and file of the lab; the images stay."""
    made = any(place.namespaces()) or place.state.exists()
    if not made:
        return
    with hold(place.state):
        for namespace in place.namespaces():
            remove_namespace(namespace)
        drop_layers(place)
        shutil.rmtree(place.state)
    if NETNS_ETC.is_dir() and not any(NETNS_ETC.iterdir()):
        NETNS_ETC.rmdir()


def take_down_servers(place: Place, servers: list[Server]) -> None:
    """Remove only these servers."""
    with hold(place.state):
        for server in servers:
            remove_namespace(place.namespace(server.name))
            shutil.rmtree(place.room(server.name), ignore_errors=True)


def is_up(place: Place, name: str) -> bool:
    """Whether a server's room lives."""
    return (NETNS / place.namespace(name)).exists() and process_one(place, name) is not None


def log_of(place: Place, name: str) -> str:
    """What a server said since it was started, whatever its program calls its log."""
    if not (pid := process_one(place, name)):
        console = place.room(name) / "console"
        return console.read_text(encoding="utf-8", errors="replace") if console.exists() else ""
    return run("nsenter", "-t", str(pid), "-m", "--root", "sh", "-c",
               "cat /var/log/lab.log /var/log/exim4/mainlog 2> /dev/null || true")  # fmt: skip

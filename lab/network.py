# SPDX-License-Identifier: Apache-2.0
"""The network of the lab: a router namespace, and one namespace for each host, none joined to the machine's own.

    stranger   tester, tester2 …   198.51.100.0/24   2001:db8:7::/64     a veth each, bridged in the router (br-far)
    servers    NAME                203.0.113.0/24    2001:db8:1::/64     bridged in the router (br-near)
    victim     victim              192.0.2.0/24      2001:db8:25::/64    a veth to the router

A stranger must come from another subnet: an address on the server's own interface or in its /24 counts as local for
many a server. The addresses are documentation ranges (RFC 5737, RFC 3849), which nothing treats as private.
The router holds the addresses ending in 1 and, on the servers' side, the DNS server's, 203.0.113.53.

Limits: there is no delay and no loss (the kernel may lack netem; lab.delay is the way to a round trip time).
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab.command import run
from lab.errors import LabError
from lab.place import NETNS, NETNS_ETC, Place

DNS_V4 = "203.0.113.53"
TESTERS = ("tester", *(f"tester{number}" for number in range(2, 9)))
# Written once in the router: no duplicate address detection (an address would be unusable for a second), forwarding on.
SYSCTLS = (
    "net/ipv6/conf/all/accept_dad=0", "net/ipv6/conf/default/accept_dad=0", "net/ipv6/conf/all/disable_ipv6=0",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Host:
    """One host on the lab's network: its namespace's name, its bridge in the router, addresses and gateways."""

    name: str
    bridge: str
    v4: str
    v6: str

    @property
    def gateways(self) -> tuple[str, str]:
        """The router's addresses on this host's side."""
        return self.v4.rpartition(".")[0] + ".1", self.v6.rpartition("::")[0] + "::1"


VICTIM = Host("victim", "br-victim", "192.0.2.25", "2001:db8:25::25")
STRANGERS = tuple(
    Host(name, "br-far", f"198.51.100.{7 + number}", f"2001:db8:7::{7 + number}") for number, name in enumerate(TESTERS)
)
BRIDGES = {"br-near": ("203.0.113.1", "2001:db8:1::1"), "br-far": ("198.51.100.1", "2001:db8:7::1"),
           "br-victim": ("192.0.2.1", "2001:db8:25::1")}  # fmt: skip


def make_network(place: Place) -> None:
    """Make the router, the strangers and the victim, those of them that are missing."""
    router = place.namespace("router")
    if not (NETNS / router).exists():
        make_namespace(router)
        run("ip", "-n", router, "-batch", "-", text=router_commands())
        set_sysctls(router, *SYSCTLS, "net/ipv4/ip_forward=1", "net/ipv6/conf/all/forwarding=1")
    for host in (VICTIM, *STRANGERS):
        if not (NETNS / place.namespace(host.name)).exists():
            join(place, host)


def router_commands() -> str:
    """What `ip -batch` is told to make the router's bridges."""
    lines = ["link set lo up"]
    for bridge, (v4, v6) in BRIDGES.items():
        lines += [f"link add {bridge} address {hardware_address(v4)} type bridge", f"link set {bridge} up",
                  f"addr add {v4}/24 dev {bridge}", f"addr add {v6}/64 dev {bridge} nodad"]  # fmt: skip
    lines.append(f"addr add {DNS_V4}/24 dev br-near")
    return "\n".join(lines) + "\n"


def hardware_address(v4: str) -> str:
    """A fixed one for each host: its neighbours would look for a new one's owner for half a minute."""
    return "02:fd:" + ":".join(f"{int(part):02x}" for part in v4.split("."))


def join(place: Place, host: Host) -> None:
    """Make a host's namespace and connect it to the router."""
    router, own = place.namespace("router"), place.namespace(host.name)
    make_namespace(own)
    set_sysctls(own, *SYSCTLS)
    port = "p" + host.v4.replace("203.0.113.", "n").replace("198.51.100.", "f").replace("192.0.2.", "v")
    # A namespace removed a moment ago may still hold the other end: the kernel takes its time.
    with suppress(LabError):
        run("ip", "-n", router, "link", "del", port)
    via4, via6 = host.gateways
    run("ip", "-n", router, "-batch", "-", text=(
        f"link add {port} type veth peer name eth0 address {hardware_address(host.v4)} netns {own}\n"
        f"link set {port} master {host.bridge}\nlink set {port} up\n"
    ))  # fmt: skip
    run("ip", "-n", own, "-batch", "-", text=(
        "link set lo up\nlink set eth0 up\n"
        f"addr add {host.v4}/24 dev eth0\naddr add {host.v6}/64 dev eth0 nodad\n"
        f"route add default via {via4}\nroute add default via {via6}\n"
    ))  # fmt: skip


def make_namespace(name: str) -> None:
    """Make one network namespace with its resolv.conf, which `ip netns exec` puts in place of the machine's."""
    folder = NETNS_ETC / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "resolv.conf").write_text(f"nameserver {DNS_V4}\noptions timeout:2 attempts:2\n", encoding="ascii")
    run("ip", "netns", "add", name)


def set_sysctls(namespace: str, *settings: str) -> None:
    """Write kernel settings inside a namespace."""
    script = "".join(f"echo {value} > /proc/sys/{key}\n" for key, _, value in (s.partition("=") for s in settings))
    run("ip", "netns", "exec", namespace, "sh", "-ec", script)


def pids(namespace: str) -> list[int]:
    """The processes inside a network namespace."""
    return [int(pid) for pid in run("ip", "netns", "pids", namespace).split()]


def remove_namespace(name: str) -> None:
    """End every process in a namespace and remove it and its folder; without complaint where they are gone."""
    if (NETNS / name).exists():
        end_processes(name)
        run("ip", "netns", "del", name)
    shutil.rmtree(NETNS_ETC / name, ignore_errors=True)


def end_processes(namespace: str) -> None:
    """Kill what runs in a namespace until nothing does: killing pid 1 of a room ends all of it."""
    try:
        own = Path(f"/run/netns/{namespace}").stat().st_ino
    except OSError:
        return
    for _ in range(100):
        try:
            living = pids(namespace)
        except LabError:
            # No namespace is mounted there any more: a killed `ip netns add` leaves an empty file.
            return
        if not living:
            return
        for pid in living:
            kill(pid, own)
        time.sleep(0.05)
    raise LabError(f"processes in {namespace} don't end: {living}")


def kill(pid: int, namespace: int) -> None:
    """Kill one process, having made sure that the number still stands for one in this network namespace."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if Path(f"/proc/{pid}/ns/net").stat().st_ino == namespace:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except (ProcessLookupError, FileNotFoundError):
        pass
    finally:
        os.close(handle)

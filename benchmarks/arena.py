# SPDX-License-Identifier: Apache-2.0
"""The guard and its peers in front of one smtp-sink, all on the loopback of one network namespace of the lab.

    127.0.0.1:2526   smtp-sink: what stands behind each of them, and is measured alone
              2525   fumidai guard, as `fumidai guard --policy FILE` starts it, its log going to a file
              2528   the same on asyncio's own loop
              2529   the same with two workers
              2600   Haraka: in_host_list and queue/smtp_forward
              2700   Postfix: smtpd_proxy_filter, with the same access table
                53   a blocklist that the guard asks (``lists``)

Client (smtp-source), smtp-sink and Postfix are the lab's Postfix, Haraka is the lab's too; nothing is installed on the
machine. The guard has all of its policy on: domains, networks, an access table of 50 keys, a blocklist (whose answer is
remembered after the first message), a JSON line for each recipient and each message.

Limits: needs root and Linux, as the lab does. Loopback has no latency and no loss.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchError
from benchmarks.ground import SERVER, clean_environment, lab
from benchmarks.processes import named
from benchmarks.relay import fumidai
from benchmarks.remote import ROOT, Remote
from lab.command import run
from lab.network import pids
from lab.place import NETNS, Place
from lab.rooms import process_one

HARAKA = "haraka-sound"
OURS, SENDER = "a.example", "someone@elsewhere.example"
SINK_PORT = 2526
#: Open files: the guard at 5,000 connections, and whoever opens them.
FILES = 20_000


@dataclass(frozen=True, slots=True)
class Player:
    """One server that is measured.

    Attributes:
        name: in the tables; ``port``: where it listens; ``pid``: its process, what is below it counts too.
        messages: how many a run sends on kept connections, about two seconds' worth; one a connection: a third of it.
    """

    name: str
    port: int
    pid: int
    messages: int


class Arena:
    """The lab while it stands, with all servers started."""

    def __init__(self, place: Place, home: Path, running: ExitStack) -> None:
        self._place = place
        self._home = home
        self._running = running
        self._programs: list[subprocess.Popen[bytes]] = []

    @property
    def namespace(self) -> str:
        """The network namespace that everything is in."""
        return self._place.namespace(SERVER)

    def caller(self) -> Remote:
        """Whoever opens connections by hand; see ``callers``."""
        return self._running.enter_context(Remote(self.namespace, "benchmarks.callers"))

    def source(self, *options: str) -> tuple[str, ...]:
        """The command line of smtp-source."""
        return (*self._inside(SERVER), "smtp-source", *options)

    def versions(self) -> dict[str, str]:
        """Names and versions of the peers."""
        haraka = run(*self._inside(HARAKA), "node", "-p", "require('/opt/haraka/node_modules/Haraka/package').version")
        return {
            "Postfix": run(*self._inside(SERVER), "postconf", "-h", "mail_version").strip(),
            "Haraka": haraka.strip(),
            "Node.js": run(*self._inside(HARAKA), "node", "--version").strip(),
        }

    def start_sink(self) -> Player:
        """Postfix's test server: takes everything at once and keeps nothing."""
        words = ("smtp-sink", "-u", "postfix", "-m", "1000", f"inet:127.0.0.1:{SINK_PORT}", "500")
        return Player(
            "smtp-sink alone", SINK_PORT, self._start("smtp-sink", SINK_PORT, *self._inside(SERVER), *words), 20_000
        )

    def start_lists(self) -> None:
        """The blocklist; before a guard."""
        words = ("ip", "netns", "exec", self.namespace, sys.executable, "-m", "benchmarks.lists", "127.0.0.1:53")
        self._start("lists", 53, *words, environment={**clean_environment(self._home), "PYTHONPATH": str(ROOT)})

    def start_guard(
        self, name: str, port: int, messages: int, more: Mapping[str, str] | None = None, *, workers: int = 1
    ) -> Player:
        """A guard, with more in its environment."""
        policy = self._home / f"guard-{port}.toml"
        policy.write_text(policy_file(port, workers), encoding="utf-8")
        snakeoil = ("/etc/ssl/certs/ssl-cert-snakeoil.pem", "/etc/ssl/private/ssl-cert-snakeoil.key")
        (self._home / "guard.pem").write_text(run(*self._inside(SERVER), "cat", *snakeoil), encoding="ascii")
        environment = {**clean_environment(self._home), **(more or {})}
        words = ("ip", "netns", "exec", self.namespace, *fumidai(), "guard", "--policy", str(policy))
        return Player(name, port, self._start("guard", port, *words, environment=environment), messages)

    def start_haraka(self, port: int = 2600) -> Player:
        """Haraka with no plugin but the two that it needs."""
        files = {
            "plugins": "rcpt_to.in_host_list\nqueue/smtp_forward\n",
            "host_list": f"{OURS}\n",
            "smtp.ini": f"listen=127.0.0.1:{port}\nnodes=0\n",
            "smtp_forward.ini": f"host=127.0.0.1\nport={SINK_PORT}\n",
            "loglevel": "NOTICE\n",
        }
        write = "".join(f"printf '%s' '{text}' > config/{name}\n" for name, text in files.items())
        haraka = "/opt/haraka/node_modules/.bin/haraka"
        script = f"{haraka} -i /srv/bench > /dev/null; cd /srv/bench; {write} exec {haraka} -c /srv/bench"
        return Player(
            "Haraka smtp_forward", port, self._start("haraka", port, *self._inside(HARAKA), "sh", "-c", script), 800
        )

    def start_postfix(self, port: int = 2700) -> Player:
        """A second smtpd of the lab's Postfix: passes on before it queues."""
        for kind in ("Connect", "From"):
            keys = {key.partition(":")[2]: side for key, side in access_table().items() if key.startswith(kind)}
            lines = "".join(f"{key}\t{side}\n" for key, side in keys.items())
            run(*self._inside(SERVER), "tee", f"/etc/postfix/bench-{kind}", text=lines)
        options = {
            "smtpd_proxy_filter": f"127.0.0.1:{SINK_PORT}",
            "relay_domains": OURS,
            "smtpd_client_restrictions": "check_client_access,texthash:/etc/postfix/bench-Connect",
            "smtpd_sender_restrictions": "check_sender_access,texthash:/etc/postfix/bench-From",
            "smtpd_client_connection_count_limit": "0",
            "smtpd_tls_security_level": "none",
        }
        words = [f"127.0.0.1:{port}", "inet", "n", "-", "n", "-", "200", "smtpd"]
        service = " ".join([*words, *(f"-o {name}={value}" for name, value in options.items())])
        run(*self._inside(SERVER), "postconf", "-M", f"127.0.0.1:{port}/inet={service}")
        run("nsenter", "-p", "-t", self._room(SERVER), *self._inside(SERVER), "postfix", "reload")
        self._wait("postfix", port, None)
        master = named(pids(self.namespace), "master")
        if master is None:
            raise BenchError("no Postfix in the lab's room")
        return Player("Postfix proxy filter", port, master, 4000)

    def stop(self) -> None:
        """End what was started here."""
        for program in self._programs:
            program.terminate()
        for program in self._programs:
            try:
                program.wait(10)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()

    def _inside(self, server: str) -> tuple[str, ...]:
        """Into the files of a server's room and the network of the one; a process stays the one that was started."""
        return ("nsenter", "-t", self._room(server), "-m", "--root", "--wd", f"--net={NETNS / self.namespace}")

    def _room(self, server: str) -> str:
        if not (pid := process_one(self._place, server)):
            raise BenchError(f"{server} is not up")
        return str(pid)

    def _start(self, name: str, port: int, *words: str, environment: Mapping[str, str] | None = None) -> int:
        with (
            (self._home / f"{name}-{port}.log").open("ab") as output,
            (self._home / f"{name}-{port}.err").open("ab") as errors,
        ):
            program = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment, cwd=self._home
            )
        self._programs.append(program)
        self._wait(name, port, program)
        return program.pid

    def _wait(self, name: str, port: int, program: subprocess.Popen[bytes] | None, seconds: float = 20) -> None:
        """Until it listens."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if f":{port} " in run("ip", "netns", "exec", self.namespace, "ss", "-Hltun"):
                return
            if program is not None and program.poll() is not None:
                break
            time.sleep(0.05)
        said = (self._home / f"{name}-{port}.err").read_text(errors="replace") if program else ""
        raise BenchError(f"{name} does not listen: {said[-500:]}")


def access_table() -> dict[str, str]:
    """Some 50 keys, of which a message meets none: the longest way through the table."""
    table = {f"Connect:198.51.{number}": "REJECT" for number in range(20)}
    table |= {f"From:spammer{number}.example": "550 5.7.1 not wanted" for number in range(20)}
    return table | {f"To:user{number}@{OURS}": "REJECT" for number in range(10)}


def policy_file(port: int, workers: int = 1) -> str:
    """A guard's policy with everything on."""
    access = "\n".join(f'"{key}" = "{side}"' for key, side in access_table().items())
    return f"""[policy]
receive_for = ["{OURS}", ".lab.{OURS}", "b.example"]
postmaster = "postmaster@{OURS}"
[policy.relay]
networks = ["192.0.2.0/24", "2001:db8:1::/48"]
[guard]
listen = ["127.0.0.1:{port}"]
backend = "smtp://127.0.0.1:{SINK_PORT}"
name = "guard.{OURS}"
connections = 10000
connections_per_client = 10000
connections_per_net = 10000
user = "root"
workers = {workers}
certificate = "guard.pem"
[blocklists]
refuse = ["bl.example"]
resolver = "127.0.0.1"
[access]
{access}
"""


@contextmanager
def arena() -> Iterator[Arena]:
    """Bring the lab up, and take it and all that was started down again.

    Raises:
        BenchError: it can't stand here.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, max(most, FILES)))
    with (
        lab(SERVER, HARAKA) as place,
        tempfile.TemporaryDirectory(prefix="fumidai-bench-") as home,
        ExitStack() as running,
    ):
        one = Arena(place, Path(home), running)
        running.callback(one.stop)
        yield one

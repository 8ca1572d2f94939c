# SPDX-License-Identifier: Apache-2.0
"""Where relay tests are measured: an instance of the lab of our own, with one Postfix, a client and a way between.

    tester   198.51.100.7   runs the programs that are measured
    tester3  198.51.100.9   the way: the delaying proxy, on port 25
    server   203.0.113.11   lab/servers/postfix-default; on port 2526 Postfix's smtp-sink, which costs little

The same Postfix serves twice: as Debian ships it, and with its limits lifted, so that nothing throttles.

Limits: needs root and Linux, as the lab does. The servers see the way's address, and no policy file names it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchError
from benchmarks.measure import Sample
from benchmarks.remote import Remote
from lab import life
from lab.command import check_machine, environment, run, start
from lab.errors import LabError
from lab.network import STRANGERS
from lab.place import Place, find_place
from lab.rooms import process_one
from lab.servers import Server, all_servers

CLIENT, WAY = STRANGERS[0], STRANGERS[2]
SERVER = "postfix-default"
SINK_PORT = 2526
PROOF_DOMAIN = "proof.test"
#: What makes a Postfix slow down, hang up or count: raised out of reach.
LIFTED = (
    "smtpd_soft_error_limit=100000",
    "smtpd_hard_error_limit=100000",
    "smtpd_junk_command_limit=100000",
    "smtpd_client_connection_count_limit=0",
)


@dataclass(frozen=True, slots=True)
class Ground:
    """The lab while it stands."""

    place: Place
    server: Server
    client: Remote
    home: Path

    def way(self, port: int, rtt: float) -> Remote:
        """Open the way to a port of the server, `rtt` seconds long."""
        return Remote(
            self.place.namespace(WAY.name),
            "benchmarks.wire",
            f"{WAY.v4}:25",
            f"{self.server.v4}:{port}",
            str(rtt * 1000),
        )

    def measure(self, command: tuple[str, ...], timeout: float) -> Sample:
        """Run a program in the client's network.

        Raises:
            BenchError: it took longer than `timeout` seconds.
        """
        request = {"command": command, "env": self.environment(), "cwd": str(self.home), "timeout": timeout}
        sample = Sample(**self.client.ask(request, timeout + 10))
        if sample.code < 0:
            raise BenchError(f"{' '.join(command)}: ended by signal {-sample.code} after {sample.seconds:.0f} s")
        return sample

    def environment(self) -> Mapping[str, str]:
        """A user's environment with an empty home; nothing of whoever runs the benchmark."""
        return clean_environment(self.home)

    def in_room(self, *words: str) -> str:
        """Run a command in the server's room and return what it printed."""
        return run(*self._enter(), *words)

    def lift_limits(self) -> None:
        """Take the server's limits away; its version is asked as proof that the command reached it."""
        self.in_room("postconf", "-e", *LIFTED)
        self.in_room("postfix", "reload")

    def start_smtp_sink(self) -> None:
        """Start smtp-sink in the server's room: every RCPT is refused, nothing is slow."""
        words = ("smtp-sink", "-u", "postfix", "-f", "rcpt", f"inet:{self.server.v4}:{SINK_PORT}", "128")
        start((*self._enter(), *words), self.place.state / "smtp-sink.log")

    def _enter(self) -> tuple[str, ...]:
        if not (pid := process_one(self.place, self.server.name)):
            raise BenchError(f"{self.server.name} is not up")
        return ("nsenter", "-t", str(pid), "-m", "-u", "-i", "-p", "-n", "--root")


def clean_environment(home: Path) -> dict[str, str]:
    """An environment with nothing in it but the path, an English locale and an empty home."""
    return {"PATH": environment()["PATH"], "LANG": "C.UTF-8", "HOME": str(home), "XDG_STATE_HOME": str(home / "state")}


@contextmanager
def lab(*names: str) -> Iterator[Place]:
    """Bring up these servers in a lab of our own, and take it down again.

    Raises:
        BenchError: it can't stand here; the text says why.
    """
    state = Path(f"/var/tmp/fumidai-bench-{os.getpid()}")
    place = Place(state, find_place().images)
    try:
        check_machine()
        try:
            life.bring_up(place, [all_servers()[name] for name in names])
            yield place
        finally:
            life.take_down(place)
            shutil.rmtree(state, ignore_errors=True)
    except LabError as error:
        raise BenchError(f"the lab {error}") from None


@contextmanager
def ground() -> Iterator[Ground]:
    """The lab with its one Postfix and a client.

    Raises:
        BenchError: it can't stand here; the text says why.
    """
    with (
        lab(SERVER) as place,
        tempfile.TemporaryDirectory(prefix="fumidai-bench-") as home,
        Remote(place.namespace(CLIENT.name), "benchmarks.measure") as client,
    ):
        yield Ground(place, all_servers()[SERVER], client, Path(home))

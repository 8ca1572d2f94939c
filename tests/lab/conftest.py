# SPDX-License-Identifier: Apache-2.0
"""The lab for the tests: one of its own beside any that runs, brought up once and taken down at the end.

For each server two things are found out: the truth, by lab.truth, from one stranger; and what `fumidai test` says, from
another, after the server was started afresh. Some servers are dealt with at a time, the slow ones first (they make one
wait, and cost little else); a test waits for its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from lab import life
from lab.command import check_machine, environment
from lab.errors import LabError
from lab.network import STRANGERS, Host
from lab.place import Place, find_place
from lab.servers import Server, all_servers
from lab.verify import Truth, find_truth
from lab.zone import stranger_suffix

# Read before the tests' own environment hides it (tests/conftest.py).
IMAGES = find_place().images
STATE = Path(f"/var/tmp/fumidai-lab-tests-{os.getpid()}")
LONGEST = 300


def need_machine() -> None:
    """Skip, with the reason, where the lab can't be; under CI that is a failure (tests/conftest.py)."""
    try:
        check_machine()
    except LabError as reason:
        pytest.skip(f"the lab {reason}")


@dataclass(frozen=True, slots=True)
class Run:
    """What `fumidai test` said of one server."""

    exit: int
    report: dict[str, Any]
    stderr: str
    seconds: float

    def verdicts(self, address: str = "") -> set[str]:
        """The verdicts of the entries at an address, or of all."""
        return {entry["verdict"] for entry in self.report["targets"] if address in ("", entry["address"])}

    def outcomes(self, address: str, states: tuple[str, ...] = ("clear", "starttls")) -> dict[str, set[str]]:
        """For each test, what it met at an address in these TLS states."""
        met: dict[str, set[str]] = {}
        for entry in self.report["targets"]:
            if entry["address"] == address and entry["tls"] in states:
                for row in entry["tests"]:
                    met.setdefault(row["id"], set()).add(row["outcome"])
        return met


@dataclass(slots=True)
class Bench:
    """The lab, and the answers about each server as they come."""

    place: Place
    folder: Path
    truths: dict[str, Future[list[Truth]]] = field(default_factory=dict)
    runs: dict[str, Future[Run]] = field(default_factory=dict)
    # Pairs of strangers: one for the truth, the other for fumidai. Each pair works on one server at a time.
    pairs: SimpleQueue[tuple[Host, Host]] = field(default_factory=SimpleQueue)

    def examine(self, server: Server) -> None:
        """Find out the truth about a server, then what fumidai says of it."""
        pair = self.pairs.get()
        try:
            settle(self.truths[server.name], lambda: find_truth(self.place, server, pair[0]))
            settle(self.runs[server.name], lambda: self.ask_fumidai(server, pair[1]))
        finally:
            self.pairs.put(pair)

    def ask_fumidai(self, server: Server, stranger: Host) -> Run:
        """Run `fumidai test` in a stranger's network against a fresh server."""
        life.renew(self.place, [server])
        return run_fumidai(self.place, self.folder / server.name, server, stranger)


def run_fumidai(
    place: Place, home: Path, server: Server, stranger: Host, port: int = 25, *, mailbox: bool = True
) -> Run:
    """Run the full battery of `fumidai test` in a stranger's network; `home` is a folder that it makes.

    With a `mailbox`, the tests that need one of the server's own are made too.
    """
    suffix = stranger_suffix(STRANGERS.index(stranger))
    policy = server.folder / "policy.toml"
    command = [
        "ip", "netns", "exec", place.namespace(stranger.name), sys.executable, "-m", "fumidai", "test",
        f"{server.hostname}:{port}", "--domain", server.domain, "--proof-domain", f"proof{suffix}.test",
        "--sink", ":25",
        "--mx-domain", f"mx{suffix}-{server.domain}",
        *(["--local-user", f"info@{server.domain}"] if mailbox else []),
        "--wait", str(server.wait), "--yes", "--format", "json",
        *(["--policy", str(policy)] if policy.exists() else []), *server.arguments,
    ]  # fmt: skip
    home.mkdir()
    begun = time.monotonic()
    done = subprocess.run(
        command, cwd=home, env={**environment(), "HOME": str(home), "XDG_STATE_HOME": str(home)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONGEST, check=False,
    )  # fmt: skip
    (home / "report.json").write_text(done.stdout, encoding="utf-8")
    try:
        report = json.loads(done.stdout)
    except ValueError as error:
        told = f"{done.stdout[:200]} … {done.stdout[-300:]}\n{done.stderr[-2000:]}"
        raise AssertionError(f"exit {done.returncode}, no JSON ({error}): {told}") from None
    return Run(done.returncode, report, done.stderr, time.monotonic() - begun)


def asked_for(session: pytest.Session) -> set[str]:
    """The names of the servers that the chosen tests are about."""
    specs = (getattr(item, "callspec", None) for item in session.items)
    return {spec.params["name"] for spec in specs if spec is not None and "name" in spec.params}


def settle(future: Future[Any], work: Any) -> None:
    """Put what the work returns or raises into a future."""
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Every server that the chosen tests ask about, up; examined in the background."""
    need_machine()
    servers = [server for name, server in all_servers().items() if name in asked_for(request.session)]
    bench = Bench(Place(STATE, IMAGES), tmp_path_factory.mktemp("lab"))
    bench.truths = {server.name: Future() for server in servers}
    bench.runs = {server.name: Future() for server in servers}
    for pair in zip(STRANGERS[::2], STRANGERS[1::2], strict=True):
        bench.pairs.put(pair)
    try:
        life.bring_up(bench.place, servers)
        pool = ThreadPoolExecutor(len(STRANGERS) // 2)
        for server in sorted(servers, key=lambda server: not server.slow):
            pool.submit(bench.examine, server)
        try:
            yield bench
        finally:
            pool.shutdown(cancel_futures=True)
    finally:
        life.take_down(bench.place)
        shutil.rmtree(STATE, ignore_errors=True)

# SPDX-License-Identifier: Apache-2.0
"""Law 3 on real servers: those that relay for anybody are closed once a guard stands in front, and nothing gets out.

The guard runs on the server's own address, so the server takes it for itself, which is the worst case: whatever a
server permits to its own host it permits to the guard. The same battery finds these servers open without a guard
(``test_matrix``), but for the one that only takes whatever stands before the @.

A gateway that takes any user of its domain and bounces later does so behind a guard too, until the guard is told the
users; relay it does not.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

import pytest

from lab import life
from lab.network import STRANGERS, Host
from lab.place import Place
from lab.servers import Server, choose
from tests.lab.conftest import IMAGES, Run, need_machine, run_fumidai
from tests.lab.test_matrix import explain

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
STATE = Path(f"/var/tmp/fumidai-lab-guarded-{os.getpid()}")
#: Where the guards listen; the server itself has port 25.
PORT, SECOND_PORT = 2500, 2501
SERVERS = choose(
    [
        "sendmail-promiscuous",
        "sendmail-loose-relay-check",
        "postfix-regexp-percent",
        "postfix-mynetworks-any",
        "exim-percent-hack",
        "exim-quoted-local",
        "haraka-relay-all",
        "haraka-catchall",
        "opensmtpd-mail-from",
    ]
)
BOUNCER = SERVERS[1]
#: What tells a guard the users of the gateway.
USERS = f"""
[access]
"To:info@{BOUNCER.domain}" = "OK"
"To:postmaster@{BOUNCER.domain}" = "OK"
"To:{BOUNCER.domain}" = "ERROR:5.1.1:550 No such user here"
"""
#: Batteries at once.
ABREAST = 4


@dataclass(slots=True)
class Guarded:
    """A lab with a guard on each of its servers, and what the battery met there."""

    place: Place
    folder: Path
    runs: dict[str, Future[Run]] = field(default_factory=dict)
    strangers: SimpleQueue[Host] = field(default_factory=SimpleQueue)

    def examine(self, server: Server, port: int = PORT, more: str = "") -> Run:
        """Start a guard, run the battery against it, end it."""
        stranger = self.strangers.get()
        try:
            with self.guard(server, port, more):
                return run_fumidai(self.place, self.folder / f"{server.name}-{port}", server, stranger, port)
        finally:
            self.strangers.put(stranger)

    @contextmanager
    def guard(self, server: Server, port: int, more: str) -> Iterator[None]:
        policy, said = (self.folder / f"{server.name}-{port}.{kind}" for kind in ("toml", "err"))
        policy.write_text(
            f'[policy]\nreceive_for = ["{server.domain}"]\npostmaster = "postmaster@{server.domain}"\n'
            f'[guard]\nlisten = ["{server.v4}:{port}", "[{server.v6}]:{port}"]\nbackend = "smtp://{server.v4}:25"\n'
            f'name = "{server.hostname}"\nuser = "root"\n{more}',
            encoding="ascii",
        )
        command = [*("ip", "netns", "exec", self.place.namespace(server.name)),
                   *(sys.executable, "-m", "fumidai", "guard", "--policy", str(policy))]  # fmt: skip
        with self.log(server, port).open("wb") as out, said.open("wb") as err:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=self.folder)
        try:
            end = time.monotonic() + 40
            while b"Guarding " not in said.read_bytes():
                assert time.monotonic() < end, said.read_text()
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(60)

    def log(self, server: Server, port: int) -> Path:
        """The guard's decisions."""
        return self.folder / f"{server.name}-{port}.out"

    def rules(self, server: Server, port: int) -> Counter[str]:
        """For how many recipients each rule was the reason to refuse."""
        lines = map(json.loads, self.log(server, port).read_text(encoding="ascii").splitlines())
        return Counter(line["rule"] for line in lines if line["event"] == "rcpt" and line["action"] == "refuse")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """The servers up, and the batteries under way."""
    need_machine()
    guarded = Guarded(Place(STATE, IMAGES), tmp_path_factory.mktemp("guarded"))
    for stranger in STRANGERS[:ABREAST]:
        guarded.strangers.put(stranger)
    pool = ThreadPoolExecutor(ABREAST)
    try:
        life.bring_up(guarded.place, SERVERS)
        guarded.runs = {server.name: pool.submit(guarded.examine, server) for server in SERVERS}
        guarded.runs["told"] = pool.submit(guarded.examine, BOUNCER, SECOND_PORT, USERS)
        yield guarded
    finally:
        pool.shutdown(cancel_futures=True)
        life.take_down(guarded.place)
        shutil.rmtree(STATE, ignore_errors=True)


def proofs(run: Run) -> set[tuple[str, str]]:
    """(test, kind) of everything that came out."""
    rows = [row for entry in run.report["targets"] for row in (*entry["controls"], *entry["tests"])]
    return {(row["id"], proof["kind"]) for row in rows for proof in row["proofs"]}


def is_closed(guarded: Guarded, server: Server, port: int, run: Run) -> None:
    """Nothing came out, and it was really asked."""
    assert not proofs(run)
    assert run.report["verdict"] == "closed", explain(run.report)
    assert run.exit == 0
    assert {entry["address"] for entry in run.report["targets"]} == {server.v4, server.v6}
    rules = guarded.rules(server, port)
    assert rules["ambiguous-recipient"] + rules["access-to"] > 30, rules
    assert rules.total() > 100, rules


@pytest.mark.parametrize("server", [server for server in SERVERS if server is not BOUNCER], ids=lambda one: one.name)
def test_a_guard_closes_it(guarded: Guarded, server: Server) -> None:
    is_closed(guarded, server, PORT, guarded.runs[server.name].result())


def test_a_gateway_that_bounces_relays_nothing_and_is_closed_once_the_guard_knows_its_users(guarded: Guarded) -> None:
    run = guarded.runs[BOUNCER.name].result()
    assert run.report["verdict"] == "reflects", explain(run.report)
    assert {kind for _, kind in proofs(run)} == {"bounce"}
    is_closed(guarded, BOUNCER, SECOND_PORT, guarded.runs["told"].result())

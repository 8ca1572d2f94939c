# SPDX-License-Identifier: Apache-2.0
"""A real Postfix that asks `fumidai guard --policy-service`, and does nothing else against relaying.

Its list of restrictions is `check_policy_service`, then OK for everybody. Without the first it relays for everybody;
with it the whole battery finds it closed, and while nobody answers it puts mail off.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import life
from lab.command import environment, run
from lab.network import STRANGERS
from lab.place import Place
from lab.rooms import process_one
from lab.servers import Server, all_servers
from tests.lab.conftest import IMAGES, need_machine, run_fumidai

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

STATE = Path(f"/var/tmp/fumidai-lab-policy-{os.getpid()}")
PORT = 9998
ASK = f"check_policy_service inet:127.0.0.1:{PORT}, "
SETTINGS = (
    # Postfix wants to see a reject and knows a permit before it; an access table's OK it does not see through.
    "smtpd_relay_restrictions = {ask}check_client_access static:OK, reject",
    "smtpd_recipient_restrictions =",
    "mynetworks = 127.0.0.0/8 [::1]/128",
    # A Postfix that has lost its service asks again after this time instead of a second's hundredfold.
    "smtpd_policy_service_retry_delay = 1s",
)
KNOCK = """
import smtplib, sys
with smtplib.SMTP(sys.argv[1], 25, "c.proof.test", timeout=60) as client:
    client.mail("s@proof.test")
    print(*client.rcpt("u@proof.test"))
"""


@pytest.fixture(scope="module")
def postfix() -> Iterator[tuple[Place, Server]]:
    """A Postfix of the lab, in a lab of its own."""
    need_machine()
    place, server = Place(STATE, IMAGES), all_servers()["postfix-mynetworks-any"]
    try:
        life.bring_up(place, [server])
        yield place, server
    finally:
        life.take_down(place)
        shutil.rmtree(STATE, ignore_errors=True)


def configure(place: Place, server: Server, ask: str) -> None:
    """Give the running Postfix these restrictions."""
    pid = process_one(place, server.name)
    inside = ("nsenter", "-t", str(pid), "-m", "-u", "-i", "-p", "-n", "--root")
    run(*inside, "postconf", "-e", *(line.format(ask=ask) for line in SETTINGS))
    run(*inside, "postfix", "reload")


@contextmanager
def answering(place: Place, server: Server, folder: Path) -> Iterator[Path]:
    """The policy service, in the server's network; gives the file with its decisions."""
    policy, log = folder / "fumidai.toml", folder / "decisions"
    policy.write_text(f'[policy]\nreceive_for = ["{server.domain}"]\n', encoding="utf-8")
    command = ("ip", "netns", "exec", place.namespace(server.name), sys.executable, "-m", "fumidai", "guard",
               "--policy", str(policy), "--policy-service", f"127.0.0.1:{PORT}")  # fmt: skip
    with log.open("wb") as out:
        service = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True, env=environment())
    assert service.stderr is not None
    try:
        assert "Answering Postfix" in service.stderr.readline()
        yield log
    finally:
        service.send_signal(signal.SIGTERM)
        assert service.wait(60) == 0
        service.stderr.close()


def knock(place: Place, server: Server) -> str:
    """What a stranger hears who wants to send to strangers."""
    namespace = place.namespace(STRANGERS[0].name)
    return run("ip", "netns", "exec", namespace, sys.executable, "-c", KNOCK, server.v4)


def test_closed_with_the_policy_service_open_without(postfix: tuple[Place, Server], tmp_path: Path) -> None:
    place, server = postfix
    configure(place, server, "")
    bare = run_fumidai(place, tmp_path / "without", server, STRANGERS[0])
    assert bare.report["verdict"] == "open"
    assert "delivered" in bare.outcomes(server.v4)["plain-foreign"]
    configure(place, server, ASK)
    assert knock(place, server).startswith("451"), "nobody answers: mail is put off, nothing is let through"
    with answering(place, server, tmp_path) as log:
        asked = run_fumidai(place, tmp_path / "with", server, STRANGERS[1])
        assert asked.verdicts() == {"closed"}, [
            (entry["verdict"], entry["verdict_reason"]) for entry in asked.report["targets"]
        ]
        assert asked.exit == 0
        assert not any("delivered" in words for words in asked.outcomes(server.v4).values())
        assert knock(place, server).startswith(
            "550 b'5.7.1 <u@proof.test>: Recipient address rejected: Relaying denied"
        )
    lines = log.read_text(encoding="utf-8")
    for rule in ("foreign-recipient", "ambiguous-recipient", "own-domain"):
        assert f'"rule":"{rule}"' in lines
    assert '"rule":"gibberish"' not in lines

# SPDX-License-Identifier: Apache-2.0
"""The guard between real servers: Postfix and Exim send through it, sendmail and Postfix stand behind.

That nothing comes out of servers that relay for everybody, whatever is asked, is ``test_guarded``'s.

Exim sends in chunks where they are offered (its log has a K then), Postfix never does; sendmail knows DATA only. What
arrives is compared octet by octet.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from lab import life
from lab.network import STRANGERS, Host
from lab.place import SOURCE, Place
from lab.servers import Server, choose
from tests.lab.conftest import IMAGES, need_machine

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]
STATE = Path(f"/var/tmp/fumidai-lab-guard-{os.getpid()}")
POSTFIX, EXIM, OLD, CATCHALL = choose(["postfix-default", "exim-default-sound", "sendmail-default", "postfix-catchall"])
#: Where the guards stand, and before whom.
OLD_GATE, NEW_GATE = STRANGERS[1:3]
#: What takes the mail from sendmail: one file a message, as it comes.
DELIVER = '#!/bin/sh\nexec cat > "$(mktemp /var/mail/info.XXXXXX)"\n'
#: Exim sends everything on to the guard.
ROUTE = (
    "guard:\\n driver = manualroute\\n domains = ! +local_domains\\n transport = remote_smtp\\n"
    f" route_list = * {OLD_GATE.v4}\\n no_more"
)
NUMBERS = count(1)
HEAD = """\
From: sender@lab.test
To: info@sendmail-default.test
Subject: number {number}
Date: Tue, 24 Nov 2026 10:00:00 +0000
Message-ID: <{number}@lab.test>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

"""
SMALL = (
    b".\n.dot\n..two\n.\n" + "grüße 漢字\n".encode() + bytes(range(128, 256)) + b"\n" + b"x" * 990 + b"\nRSET\nlast\n"
)
BIG = (b".line\n" + bytes(range(160, 255)) + b"\n") * 50_000


@dataclass(frozen=True, slots=True)
class House:
    """The lab that runs, and where its guards log."""

    place: Place
    folder: Path

    def inside(self, server: Server, *words: str, given: bytes = b"") -> bytes:
        """Run a command in a server's room; what it printed."""
        setting = {**os.environ, "FUMIDAI_LAB_STATE": str(self.place.state), "FUMIDAI_LAB_IMAGES": str(IMAGES)}
        command = [sys.executable, "-m", "lab", "exec", server.name, "--", *words]
        done = subprocess.run(
            command, input=given, cwd=SOURCE.parent, env=setting, capture_output=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def log(self, server: Server) -> str:
        return life.log_of(self.place, server.name)

    def guard_log(self, gate: Host) -> str:
        return (self.folder / f"{gate.name}.out").read_text(encoding="ascii")

    def arrived(self, number: int) -> bytes:
        """The message of this number as sendmail has delivered it."""
        subject = f"Subject: number {number}$"
        script = f"cat $(grep -l '{subject}' /var/mail/info.* 2> /dev/null) < /dev/null"
        return waited(lambda: self.inside(OLD, "sh", "-c", script))


def waited(look: Callable[[], bytes], seconds: float = 60) -> bytes:
    """What is found, once there is something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.2)
    return found


def start_guard(house: House, gate: Host, before: Server) -> subprocess.Popen[bytes]:
    """A guard in a network of its own, as an operator would start it."""
    policy = house.folder / f"{gate.name}.toml"
    policy.write_text(
        f'[policy]\nreceive_for = ["{before.domain}"]\n[guard]\nlisten = ["{gate.v4}:25"]\n'
        f'backend = "smtp://{before.v4}:25"\nname = "gate.lab.test"\nuser = "root"\n',
        encoding="ascii",
    )
    with (house.folder / f"{gate.name}.out").open("wb") as out, (house.folder / f"{gate.name}.err").open("wb") as err:
        return subprocess.Popen(
            [*("ip", "netns", "exec", house.place.namespace(gate.name), sys.executable, "-m", "fumidai", "guard"),
             *("--policy", str(policy))], stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=house.folder,
        )  # fmt: skip


def ready(house: House, gate: Host) -> bytes:
    """Says that it guards, on standard error."""
    return waited(lambda: (house.folder / f"{gate.name}.err").read_bytes())


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Four servers and two guards."""
    need_machine()
    house = House(Place(STATE, IMAGES), tmp_path_factory.mktemp("guards"))
    guards: list[subprocess.Popen[bytes]] = []
    try:
        life.bring_up(house.place, [POSTFIX, EXIM, OLD, CATCHALL])
        house.inside(OLD, "sh", "-c", "cat > /usr/sbin/sensible-mda", given=DELIVER.encode())
        house.inside(OLD, "chmod", "755", "/usr/sbin/sensible-mda")
        house.inside(EXIM, "sed", "-i", f"/^dnslookup:/,/no_more/c\\{ROUTE}", "/etc/exim4/exim4.conf")
        guards += [start_guard(house, OLD_GATE, OLD), start_guard(house, NEW_GATE, CATCHALL)]
        ready(house, OLD_GATE)
        ready(house, NEW_GATE)
        yield house
    finally:
        for guard in guards:
            guard.terminate()
            guard.wait(30)
        life.take_down(house.place)
        shutil.rmtree(STATE, ignore_errors=True)


def by_postfix(house: House, gate: Host, sender: str, to: str, message: bytes, *options: str) -> None:
    """Hand a message to Postfix, which sends everything to this guard."""
    house.inside(POSTFIX, "postconf", "-e", f"relayhost=[{gate.v4}]:25", "smtp_tls_security_level=none")
    house.inside(POSTFIX, "postfix", "reload")
    house.inside(POSTFIX, "sendmail", "-i", *options, "-f", sender, to, given=message)


def by_exim(house: House, gate: Host, sender: str, to: str, message: bytes) -> None:
    """Hand a message to Exim, which has sent it when it returns."""
    house.inside(EXIM, "exim4", "-odf", "-i", "-f", sender, to, given=message)


@pytest.mark.parametrize("body", [SMALL, BIG], ids=["small", "big"])
@pytest.mark.parametrize("client", [POSTFIX, EXIM], ids=["postfix", "exim"])
def test_a_message_arrives_as_it_was_sent(house: House, client: Server, body: bytes) -> None:
    number = next(NUMBERS)
    message = HEAD.format(number=number).encode() + body
    send = by_postfix if client is POSTFIX else by_exim
    send(house, OLD_GATE, f"info@{client.domain}", f"info@{OLD.domain}", message)
    arrived = house.arrived(number)
    trace = arrived.removesuffix(message)
    assert trace != arrived, arrived[:2000]
    fields = [line for line in trace.decode("ascii").splitlines() if not line.startswith("\t")]
    assert [field.split(":")[0] for field in fields] == ["Return-Path", *["Received"] * 3]
    assert f"from {client.hostname} ([{client.v4}])" in fields[2], "the true client stands in the guard's line"
    told = house.log(client)
    assert "Message accepted for delivery" in told, "the word that the client has is sendmail's"
    if client is EXIM:
        assert ' K C="250 2.0.0 ' in told.splitlines()[-2], "sent in chunks"
    assert house.guard_log(OLD_GATE).count('"outcome":"delivered"') >= number


def test_a_report_is_asked_for_through_the_guard(house: House) -> None:
    """RFC 3461: NOTIFY, ENVID and ORCPT reach sendmail, and its report reaches the sender."""
    number = next(NUMBERS)
    message = HEAD.format(number=number).encode() + b"hi\n"
    to = f"info@{OLD.domain}"
    by_postfix(house, OLD_GATE, f"info@{POSTFIX.domain}", to, message, "-N", "success", "-V", f"lab{number}")
    wanted = f"Original-Envelope-Id: lab{number}\n".encode()
    script = "cat /var/mail/info 2> /dev/null || true"
    report = waited(
        lambda: house.inside(POSTFIX, "sh", "-c", f"{script} | grep -A 20 '{wanted.decode().strip()}' || true")
    )
    assert b"Original-Recipient: rfc822;" + to.encode() in report
    assert b"Action: delivered" in report


def test_utf8_in_addresses_goes_where_it_is_known_and_nowhere_else(house: House) -> None:
    message = "From: jörg@lab.test\nTo: jörg@lab.test\nSubject: über\nMessage-ID: <utf8@lab.test>\n\nhi\n".encode()
    by_postfix(house, NEW_GATE, "jörg@postfix-default.test", f"jörg@{CATCHALL.domain}", message)
    mailbox = waited(lambda: house.inside(CATCHALL, "sh", "-c", "cat /var/mail/info 2> /dev/null || true"))
    assert mailbox.count(b" with UTF8SMTP id ") == 2
    assert f"\tfor <jörg@{CATCHALL.domain}>;".encode() in mailbox
    assert message.partition(b"\n\n")[2] in mailbox
    # sendmail has no SMTPUTF8: the guard does not offer it, and Postfix tells its sender.
    by_postfix(house, OLD_GATE, "jörg@postfix-default.test", f"jörg@{OLD.domain}", message)
    refused = b"SMTPUTF8 is required, but was not offered by host"
    waited(lambda: b"x" * (refused in house.log(POSTFIX).encode()))


def test_a_stranger_relays_nothing(house: House) -> None:
    number = next(NUMBERS)
    message = HEAD.format(number=number).encode() + b"spam\n"
    by_exim(house, OLD_GATE, "info@exim-default-sound.test", "someone@victim.test", message)
    told = next(line for line in house.log(EXIM).splitlines() if "** someone@victim.test" in line)
    assert "550 5.7.1" in told
    assert '"rule":"foreign-recipient"' in house.guard_log(OLD_GATE)
    assert not list(house.place.maildir.glob("new/*"))

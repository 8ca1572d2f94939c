# SPDX-License-Identifier: Apache-2.0
"""A real userland proxy: strangers look like the bridge, the policy lets the bridge relay, and still nobody does."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from tests.guard.faulty import behind
from tests.guard.guarded import OWN, calling, guarding

_SPACE = ("--net", "--mount", "--map-root-user")


def spaces() -> str | None:
    """The command that makes namespaces, where we may."""
    unshare = shutil.which("unshare")
    if unshare is None or shutil.which("ip") is None:
        return None
    probe = [unshare, *_SPACE, "ip", "link", "add", "x0", "type", "veth", "peer", "name", "x1"]
    return None if subprocess.run(probe, capture_output=True).returncode else unshare


def seen_through_a_proxy(policy: Path) -> dict[str, Any]:
    """Four strangers come to a guard in a container."""
    unshare = spaces()
    if unshare is None:
        pytest.skip("needs network namespaces")
    command = [unshare, *_SPACE, sys.executable, "-m", "tests.guard.userland_proxy", "host", str(policy)]
    env = {**os.environ, "LANG": "C.UTF-8", "NO_COLOR": "1", "COLUMNS": "1000"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, env=env)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("network", ["172.17.0.0/16", "172.17.0.1"])
def test_the_bridge_may_relay_and_nobody_does(network: str, tmp_path: Path) -> None:
    policy = tmp_path / "fumidai.toml"
    policy.write_text(
        f'[policy]\nreceive_for = ["a.test"]\n[policy.relay]\nnetworks = ["{network}"]\n'
        '[guard]\nlisten = "0.0.0.0:25"\nbackend = "smtp://127.0.0.1:2525"\n'
    )
    seen = seen_through_a_proxy(policy)
    # Mail for us is taken as ever: that the server behind is not there puts it off.
    assert seen["answers"] == [[250, 550, 451]] * 4
    assert {line["client"] for line in seen["log"]} == {"172.17.0.1"}
    lost = [line for line in seen["log"] if line["event"] == "lost-client-address"]
    assert [(line["veil"], line["action"]) for line in lost] == [("gateway", "granted nothing")]
    refused = [line["rule"] for line in seen["log"] if line["event"] == "rcpt" and line["to"] == "<v@evil.test>"]
    assert refused == ["unknown-client"] * 4
    assert "172.17.0.1, the gateway of this machine" in seen["told"]
    assert "userland proxy" in seen["told"]
    assert f"{policy}:4: policy.relay.networks" in seen["told"]


def test_a_guard_in_a_container_without_such_a_network_takes_mail_for_us(tmp_path: Path) -> None:
    policy = tmp_path / "fumidai.toml"
    policy.write_text(
        '[policy]\nreceive_for = ["a.test"]\n[guard]\nlisten = "0.0.0.0:25"\nbackend = "smtp://127.0.0.1:2525"\n'
    )
    seen = seen_through_a_proxy(policy)
    assert seen["answers"] == [[250, 550, 451]] * 4
    assert "lost-client-address" in [line["event"] for line in seen["log"]]
    assert "gateway" not in seen["told"]


async def test_a_forwarder_on_this_machine_is_found_out_and_its_right_ends() -> None:
    """``ssh -L``, stunnel, socat: strangers look like this machine, which the operator lets relay."""
    policy = replace(OWN, relay_networks=(ip_network("127.0.0.1/32"),))
    async with behind() as backend, guarding(backend.port, policy=policy) as running:

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            theirs, ours = await asyncio.open_connection("127.0.0.1", running.port)

            async def pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
                try:
                    while data := await source.read(4096):
                        sink.write(data)
                finally:
                    sink.close()

            await asyncio.gather(pour(reader, ours), pour(theirs, writer))

        async with await asyncio.start_server(carry, "127.0.0.1", 0) as forwarder:
            port = forwarder.sockets[0].getsockname()[1]
            codes = []
            for name in (b"localhost", b"one.test", b"two.test", b"three.test", b"localhost"):
                async with calling(port) as stranger:
                    await stranger.say(b"EHLO " + name)
                    await stranger.say(b"MAIL FROM:<>")
                    codes.append(await stranger.say(b"RCPT TO:<v@evil.test>"))
            assert codes == [250, 250, 550, 550, 550]
        await running.empty()
    assert [line["veil"] for line in running.lines if line["event"] == "lost-client-address"] == ["self"]

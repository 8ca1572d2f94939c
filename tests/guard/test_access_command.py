# SPDX-License-Identifier: Apache-2.0
"""The access table and the client rules through the command: warned of when it starts, served as it was said."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.guard.commanded import commanding, free_port, launch
from tests.guard.faulty import behind
from tests.guard.guarded import calling, session

TABLE = """[access]
"From:gone.test" = "DISCARD"
"From:odd.test" = "QUARANTINE:look at it"
"""


def text(port: int, backend: int, more: str = "") -> str:
    return (
        f'[policy]\nreceive_for = ["a.test"]\n{TABLE}'
        f'[guard]\nlisten = "127.0.0.1:{port}"\nbackend = "smtp://127.0.0.1:{backend}"\n{more}'
    )


async def test_what_is_not_delivered_is_not_acknowledged_and_the_operator_hears_of_it(tmp_path: Path) -> None:
    port = free_port()
    async with behind() as backend, commanding(tmp_path, text(port, backend.port)) as command:
        for sender, code in ((b"<s@gone.test>", 550), (b"<s@odd.test>", 451), (b"<s@b.test>", 250)):
            async with calling(port) as client:
                assert (await client.all(session(b"x: y\r\n\r\nz", sender=sender)))[2] == code
    told = "\n".join(command.said)
    assert ':4: access."From:gone.test": This is answered 550' in told
    assert ':5: access."From:odd.test": This is answered 451' in told
    assert len(backend.taken) == 1


async def test_client_rules_are_asked_and_a_wrong_line_stops_the_start(tmp_path: Path) -> None:
    port, files = free_port(), [tmp_path / "allow", tmp_path / "deny"]
    files[0].write_text("")
    files[1].write_text("smtp: 127.0.0.0/8: twist /bin/echo 550 5.7.9 not from there\n")
    more = f"hosts = {list(map(str, files))!r}\n"
    async with behind() as backend, commanding(tmp_path, text(port, backend.port, more)) as command:
        async with calling(port) as client:
            assert (await client.all(session(b"x: y\r\n\r\nz")))[2] == 550
        command.signal(signal.SIGTERM)
        assert await command.end() == 0
    assert [line["rule"] for line in command.decisions() if line["event"] == "rcpt"] == ["hosts-denied"]
    files[1].write_text("\nsmtp: 127.0.0.1/8\n")
    wrong = await launch(tmp_path, text(port, 9, more))
    assert await wrong.end() == 64
    assert f"{files[1]}:2" in "\n".join(wrong.said)

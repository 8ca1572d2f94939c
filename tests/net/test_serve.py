# SPDX-License-Identifier: Apache-2.0
"""Listening: connections are handled side by side within bounds, and a port we can't have is an error that helps."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from fumidai.errors import ListenError, PermissionRefused
from fumidai.net.connection import ConnectFailure, Connection, open_connection
from fumidai.net.holder import holder_of
from fumidai.net.route import has_route
from fumidai.net.serve import Bounds, listen

LOOPBACK = ip_address("127.0.0.1")


async def connect(port: int, source: str = "127.0.0.1") -> Connection:
    made = await open_connection(LOOPBACK, port, source=ip_address(source), timeout=5)
    assert isinstance(made, Connection), made
    return made


async def echo(conn: Connection) -> None:
    while data := await conn.read(5):
        conn.write(data.upper())


def own_program() -> str:
    return Path("/proc/self/comm").read_text().strip()


async def test_each_connection_has_its_handler():
    listener = await listen(LOOPBACK, 0, echo)
    port = listener.addresses[0][1]
    conns = await asyncio.gather(*(connect(port) for _ in range(50)))
    for number, conn in enumerate(conns):
        conn.write(b"hello %d" % number)
    assert [await conn.read(5) for conn in conns] == [b"HELLO %d" % number for number in range(50)]
    assert listener.open_connections == 50
    for conn in conns:
        await conn.close()
    await asyncio.sleep(0.1)
    assert listener.open_connections == 0
    await listener.close()


async def test_what_is_above_the_bounds_is_told_so_and_closed():
    listener = await listen(LOOPBACK, 0, echo, bounds=Bounds(all=3, peer=2, full=b"421 full\r\n"))
    port = listener.addresses[0][1]
    taken = [await connect(port), await connect(port)]
    third = await connect(port)
    assert await third.read(5) == b"421 full\r\n"
    assert await third.read(5) == b""
    taken.append(await connect(port, "127.0.0.2"))
    fourth = await connect(port, "127.0.0.3")
    assert await fourth.read(5) == b"421 full\r\n"
    assert listener.turned_away == 2
    await taken[0].close()
    await asyncio.sleep(0.1)
    again = await connect(port)
    again.write(b"x")
    assert await again.read(5) == b"X"
    for conn in (*taken, third, fourth, again):
        await conn.close()
    await listener.close()


async def test_closing_ends_what_is_open():
    listener = await listen(LOOPBACK, 0, echo)
    port = listener.addresses[0][1]
    conn = await connect(port)
    conn.write(b"x")
    assert await conn.read(5) == b"X"
    await asyncio.wait_for(listener.close(), 5)
    assert await conn.read(5) == b""
    assert isinstance(await open_connection(LOOPBACK, port, timeout=5), ConnectFailure)
    await conn.close()


async def test_a_handler_that_fails_ends_its_connection_only():
    async def fail(conn: Connection) -> None:
        if await conn.read(5) == b"bug":
            raise RuntimeError("bug")
        conn.write(b"fine")

    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(str(context["exception"])))
    listener = await listen(LOOPBACK, 0, fail)
    bad, good = [await connect(listener.addresses[0][1]) for _ in range(2)]
    bad.write(b"bug")
    assert await bad.read(5) == b""
    good.write(b"x")
    assert await good.read(5) == b"fine"
    assert told == ["bug"]
    for conn in (bad, good):
        await conn.close()
    await listener.close()


async def test_no_address_is_all_addresses():
    listener = await listen(None, 0, echo)
    families = {ip_address(address).version for address, _ in listener.addresses}
    assert 4 in families
    if has_route(ip_address("::1")):
        assert families == {4, 6}
    assert len({port for _, port in listener.addresses}) == 1
    conn = await connect(listener.addresses[0][1])
    await conn.close()
    await listener.close()


async def test_a_taken_port_names_who_holds_it():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ListenError) as caught:
            await listen(LOOPBACK, port, echo, mend="Take another.")
        assert str(port) in str(caught.value)
        assert f"pid {os.getpid()}" in str(caught.value)
        assert caught.value.mend == "Take another."
        holder = holder_of(port)
        assert holder is not None
        assert holder.program == own_program()
        with pytest.raises(ListenError):
            await listen(None, port, echo)
    assert holder_of(port) is None


async def test_an_address_that_is_not_ours():
    with pytest.raises(ListenError) as caught:
        await listen(ip_address("192.0.2.77"), 0, echo)
    assert "192.0.2.77" in str(caught.value)
    assert caught.value.mend


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody who is not")
def test_a_port_that_needs_root():
    script = (
        "import asyncio, os, sys; from ipaddress import ip_address; from fumidai.net.serve import listen\n"
        "os.setuid(65534)\n"
        "async def main():\n"
        "    try: await listen(ip_address('127.0.0.1'), 77, None)\n"
        "    except Exception as e: print(type(e).__name__, str(e), e.mend)\n"
        "asyncio.run(main())"
    )
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as setting:
        if int(setting.read()) <= 77:
            pytest.skip("this system lets everybody use low ports")
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True).stdout
    assert said.startswith(PermissionRefused.__name__)
    assert "Port 77" in said
    assert "setcap" in said

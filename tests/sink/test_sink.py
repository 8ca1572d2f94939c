# SPDX-License-Identifier: Apache-2.0
"""The sink, spoken to by Python's own SMTP client and by clients that behave badly."""

from __future__ import annotations

import asyncio
import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

import pytest

from fumidai.errors import ListenError, StorageError
from fumidai.evidence.proof import Arrival, ProofKind
from fumidai.evidence.token import Role, TokenKey, make_token
from fumidai.judge.proofs import read_proof
from fumidai.net.connection import Connection, open_connection
from fumidai.sink.conversation import MOST, NOT_KEPT
from fumidai.sink.sink import Sink, run_sink
from fumidai.store.maildir import new_messages
from fumidai.store.run import RunFolder, read_run

T = TypeVar("T")
KEY = TokenKey(b"k" * 32)
RUN = b"run-1"
RCPT = f"{make_token(KEY, RUN, 7, Role.RECIPIENT)}@proof.test"
SENDER = f"{make_token(KEY, RUN, 7, Role.SENDER)}@proof.test"
LOOPBACK = ip_address("127.0.0.1")
MESSAGE = "Subject: x\r\n\r\n.dot\r\n"


class Kept:
    """Everything that a sink handed on; ``keep`` writes nothing."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.order: list[str] = []

    def keep(self, arrival: Arrival) -> str:
        assert arrival.file == ""
        self.order.append("kept")
        return f"m{len(self.order)}"

    def arrived(self, arrival: Arrival) -> None:
        self.order.append("told")
        self.arrivals.append(arrival)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
async def start(kept) -> AsyncIterator[Callable[..., Awaitable[tuple[Sink, int]]]]:
    """Starts sinks and closes them, however the test ends (uvloop waits for ever for a listener left open)."""
    sinks: list[Sink] = []

    async def start(**more) -> tuple[Sink, int]:
        sinks.append(Sink(KEY, ["proof.test"], [], kept.arrived, more.pop("keep", kept.keep), **more))
        ((_, port),) = await sinks[-1].start([(LOOPBACK, 0)])
        return sinks[-1], port

    yield start
    for sink in sinks:
        await sink.close()


async def client(port: int, use: Callable[[smtplib.SMTP], T]) -> T:
    """Speak to the sink from a thread."""

    def speak() -> T:
        with smtplib.SMTP("127.0.0.1", port, "client.test", timeout=10) as smtp:
            return use(smtp)

    return await asyncio.to_thread(speak)


async def raw(port: int) -> Connection:
    made = await open_connection(LOOPBACK, port, timeout=5)
    assert isinstance(made, Connection)
    return made


async def until(conn: Connection, word: bytes) -> bytes:
    """Read until a word has come, or the end."""
    got = b""
    while word not in got and (data := await conn.read(10)):
        got += data
    return got


async def test_a_message_with_our_token_is_kept_and_handed_on(start, kept):
    _, port = await start()
    refused = await client(port, lambda smtp: smtp.sendmail(SENDER, [RCPT], MESSAGE))
    assert refused == {}
    (arrival,) = kept.arrivals
    assert arrival.recipients == (RCPT,)
    assert (arrival.reverse_path, arrival.peer, arrival.helo) == (SENDER, "127.0.0.1", "client.test")
    assert arrival.message == MESSAGE.encode()
    assert arrival.received == pytest.approx(time.time(), abs=5)
    assert arrival.file == "m1"
    assert kept.order == ["kept", "told"]
    (proof,) = read_proof(KEY, RUN, arrival)
    assert proof.kind is ProofKind.DELIVERY


async def test_the_greeting_carries_the_fingerprint_and_no_secret(start):
    _, port = await start()
    conn = await raw(port)
    greeting = await until(conn, b"\r\n")
    assert greeting == f"220 [127.0.0.1] ESMTP Fumidai sink {KEY.fingerprint}\r\n".encode()
    conn.write(b"QUIT\r\n")
    assert (await until(conn, b"\r\n")).startswith(b"221")
    await conn.close()


async def test_a_null_sender_a_bounce_and_bytes_beyond_ascii(start, kept):
    _, port = await start()

    def bounce(smtp: smtplib.SMTP) -> None:
        smtp.ehlo()
        assert smtp.docmd("MAIL FROM:<> BODY=8BITMIME SMTPUTF8")[0] == 250
        assert smtp.rcpt(SENDER)[0] == 250
        assert smtp.data(b"Subject: \xff\r\n\r\nx")[0] == 250

    await client(port, bounce)
    (arrival,) = kept.arrivals
    assert arrival.reverse_path == ""
    assert read_proof(KEY, RUN, arrival)[0].kind is ProofKind.BOUNCE


async def test_what_has_no_token_is_refused_at_the_dot_and_not_kept(start, kept):
    _, port = await start()

    def spam(smtp: smtplib.SMTP) -> None:
        with pytest.raises(smtplib.SMTPDataError) as caught:
            smtp.sendmail("a@b.test", ["any@proof.test"], MESSAGE)
        assert caught.value.smtp_code == 550
        # and the connection goes on
        smtp.sendmail("a@b.test", ["any@proof.test"], f"Subject: {RCPT[:26]}\r\n\r\n")

    await client(port, spam)
    assert len(kept.arrivals) == 1


async def test_it_relays_nothing(start, kept):
    _, port = await start()

    def relay(smtp: smtplib.SMTP) -> None:
        smtp.ehlo()
        smtp.mail("a@b.test")
        for path in ("x@elsewhere.test", "x%elsewhere.test@elsewhere.test", "<@proof.test:x@elsewhere.test>", "x"):
            assert smtp.rcpt(path)[0] == 550, path
        assert smtp.docmd("DATA")[0] == 554

    await client(port, relay)
    assert kept.arrivals == []


async def test_a_callout_proves_nothing(start, kept):
    _, port = await start()
    await client(port, lambda smtp: (smtp.ehlo(), smtp.mail(""), smtp.rcpt(RCPT)))
    assert kept.order == []


async def test_several_messages_and_recipients_in_one_pipelined_burst(start, kept):
    _, port = await start()
    conn = await raw(port)
    one = b"MAIL FROM:<>\r\nRCPT TO:<%b>\r\nRCPT TO:<no@elsewhere.test>\r\nDATA\r\n" % RCPT.encode()
    conn.write(b"EHLO c\r\n" + (one + MESSAGE.encode() + b".\r\n") * 5 + b"QUIT\r\n")
    answers = await until(conn, b"221 ")
    assert answers.count(b"\r\n250 2.0.0 Kept") == 5
    assert answers.count(b"550 5.7.1") == 5
    assert len(kept.arrivals) == 5
    await conn.close()


@pytest.mark.parametrize("size", [MOST - 100, MOST + 1, 10 * MOST])
async def test_what_is_too_big_is_refused(start, kept, size):
    _, port = await start()
    message = b"Subject: x\r\n\r\n" + b"y" * 998
    body = message + b"\r\n" + (b"z" * 998 + b"\r\n") * (size // 1000)

    def send(smtp: smtplib.SMTP) -> int:
        smtp.ehlo()
        smtp.mail("")
        smtp.rcpt(RCPT)
        code = smtp.data(body)[0]
        assert smtp.noop()[0] == 250
        # one that says so beforehand
        assert smtp.docmd(f"MAIL FROM:<> SIZE={MOST + 1}")[0] == 552
        return code

    code = await client(port, send)
    assert code == (250 if len(body) <= MOST else 552)
    assert len(kept.arrivals) == (1 if code == 250 else 0)


async def test_a_keeper_that_fails_gets_a_451_and_nothing_seen_is_lost(start, kept):
    troubles: list[StorageError] = []

    def fail(arrival: Arrival) -> str:
        raise StorageError("disk full")

    _, port = await start(keep=fail, on_trouble=troubles.append)

    def send(smtp: smtplib.SMTP) -> None:
        for _ in range(2):
            with pytest.raises(smtplib.SMTPDataError) as caught:
                smtp.sendmail("a@b.test", [RCPT], MESSAGE)
            assert caught.value.smtp_code == 451

    await client(port, send)
    assert len(troubles) == 2
    assert all(arrival.file.startswith(NOT_KEPT) for arrival in kept.arrivals)
    assert len({arrival.file for arrival in kept.arrivals}) == 2


# --- bad clients ---


async def test_silence_and_slowness_have_an_end(start, kept):
    _, port = await start(idle=0.3, session=1.0)
    silent, slow = await raw(port), await raw(port)
    began = time.monotonic()
    assert b"421" in await until(silent, b"421")
    assert time.monotonic() - began < 2

    async def dribble() -> None:
        for letter in b"EHLO very slow client that never gets to its end":
            slow.write(bytes([letter]))
            await asyncio.sleep(0.1)

    dribbling = asyncio.create_task(dribble())
    assert b"421" in await until(slow, b"421")
    assert time.monotonic() - began < 3
    dribbling.cancel()
    for conn in (silent, slow):
        await conn.close()


async def flood(plug: socket.socket) -> None:
    """Ask and ask, and never read an answer."""
    while True:
        await asyncio.get_running_loop().sock_sendall(plug, b"HELP\r\n" * 2000)


async def test_a_client_that_takes_no_answers_is_dropped(start, kept):
    sink, port = await start(idle=0.3, session=5.0)
    with socket.socket() as plug:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.to_thread(plug.connect, ("127.0.0.1", port))
        plug.setblocking(False)
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(flood(plug), 20)
    async with asyncio.timeout(10):
        while sink.listeners[0].open_connections:  # noqa: ASYNC110 (a listener tells nobody when one goes)
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "noise",
    [
        b"\x00" * 100_000,
        b"x" * 10_000_000,
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00" + bytes(range(256)),
        b"\r\n" * 1000,
        b"EHLO x\r\n" * 3 + b"FOO\r\n" * 100,
        b"DATA\r\nMAIL FROM:<>\r\nRCPT TO:<>\r\nRCPT TO:<x@proof.test\r\nDATA\r\n.\r\n" * 30,
    ],
)
async def test_noise_is_answered_or_dropped_and_the_sink_goes_on(start, kept, noise):
    _, port = await start(idle=0.5, session=2.0)
    conn = await raw(port)
    conn.write(noise)
    while await conn.read(10):
        pass
    await conn.close()
    await client(port, lambda smtp: smtp.sendmail("", [RCPT], MESSAGE))
    assert len(kept.arrivals) == 1


async def test_five_hundred_clients_are_served_and_the_next_is_told_to_come_again(start, kept):
    _, port = await start()

    async def come(number: int) -> Connection:
        made = await open_connection(LOOPBACK, port, source=ip_address(f"127.0.0.{1 + number % 9}"), timeout=20)
        assert isinstance(made, Connection), made
        return made

    conns = await asyncio.gather(*(come(number) for number in range(500)))
    greetings = [await until(conn, b"\r\n") for conn in conns]
    assert all(greeting.startswith(b"220 ") for greeting in greetings)
    above = await raw(port)
    assert (await until(above, b"\r\n")).startswith(b"421 4.3.2")
    message = b"HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<%b>\r\nDATA\r\nX: y\r\n\r\n.\r\nQUIT\r\n" % RCPT.encode()
    for conn in conns:
        conn.write(message)
    for conn in conns:
        assert b"250 2.0.0 Kept" in await until(conn, b"221 ")
        await conn.close()
    assert len(kept.arrivals) == 500
    await above.close()
    await client(port, lambda smtp: smtp.noop())


async def test_one_address_can_not_take_all_places(start, kept):
    _, port = await start()
    conns = await asyncio.gather(*(raw(port) for _ in range(200)))
    for conn in conns:
        assert (await until(conn, b"\r\n")).startswith(b"220 ")
    above = await raw(port)
    assert (await until(above, b"\r\n")).startswith(b"421 ")
    for conn in (*conns, above):
        await conn.close()


async def test_a_taken_port_is_said_with_the_mend(kept):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        sink = Sink(KEY, [], [], kept.arrived, kept.keep)
        with pytest.raises(ListenError) as caught:
            await sink.start([(LOOPBACK, 0), (LOOPBACK, taken.getsockname()[1])])
        assert "--proof-maildir" in caught.value.mend
        assert sink.listeners == []


# --- what was acknowledged exists ---


async def test_into_a_run_folder(start, kept, tmp_path):
    with RunFolder.create("r", tmp_path) as folder:
        _, port = await start(keep=folder.keep_proof)
        await client(port, lambda smtp: smtp.sendmail(SENDER, [RCPT], MESSAGE))
        (arrival,) = kept.arrivals
        assert (folder.path / arrival.file).read_bytes() == MESSAGE.encode()
        assert read_run("r", tmp_path)[1].arrivals[0].recipients == (RCPT,)


async def test_alone_into_a_maildir(tmp_path):
    stop = asyncio.Event()
    ready = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(
        run_sink([(LOOPBACK, 0)], tmp_path / "box", KEY, name="sink.test", stop=stop, on_ready=ready.set_result)
    )
    ((_, port),) = await ready

    def send(smtp: smtplib.SMTP) -> None:
        smtp.sendmail(SENDER, [RCPT], MESSAGE)
        # without domains only what holds a token is heard out
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            smtp.sendmail(SENDER, ["any@proof.test"], MESSAGE)

    await client(port, send)
    stop.set()
    await running
    (arrival,) = new_messages(tmp_path / "box", set())
    assert (arrival.recipients, arrival.peer, arrival.helo) == ((RCPT,), "127.0.0.1", "client.test")
    assert read_proof(KEY, RUN, arrival)[0].kind is ProofKind.DELIVERY


ALONE = """
import asyncio, sys
from ipaddress import ip_address
from pathlib import Path
from fumidai.evidence.token import TokenKey
from fumidai.net.loop import run
from fumidai.sink.sink import run_sink
async def main():
    await run_sink([(ip_address("127.0.0.1"), 0)], Path(sys.argv[1]), TokenKey(b"k" * 32), domains=["proof.test"],
                   stop=asyncio.Event(), on_ready=lambda places: print(places[0][1], flush=True))
run(main())
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_sink_that_is_killed_has_kept_all_that_it_acknowledged(tmp_path, loop):
    environ = {**os.environ, "FUMIDAI_LOOP": loop}
    with subprocess.Popen(
        [sys.executable, "-c", ALONE, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environ
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        acknowledged = 0
        with smtplib.SMTP("127.0.0.1", port, "c", timeout=10) as smtp:
            for number in range(40):
                smtp.sendmail(SENDER, [RCPT], f"Subject: {number}\r\n\r\n")
                acknowledged += 1
                if number == 30:
                    process.send_signal(signal.SIGKILL)
                    break
            smtp.close()
        assert process.wait() == -signal.SIGKILL
    arrivals = new_messages(tmp_path, set())
    subjects = {arrival.message.partition(b"Subject: ")[2].partition(b"\r\n")[0] for arrival in arrivals}
    assert subjects == {str(number).encode() for number in range(acknowledged)}
    assert [path.name for path in Path(tmp_path / "tmp").iterdir()] == []

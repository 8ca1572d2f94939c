# SPDX-License-Identifier: Apache-2.0
"""The LMTP backend against a real LMTP server, and against one that fails at each step in each way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiosmtpd.lmtp import LMTP

from fumidai.guard.backend import Answer, Fate
from fumidai.guard.lmtp_backend import LmtpBackend, make_backend
from fumidai.guard.settings import Target
from fumidai.guard.smtp_link import Times
from tests.guard.handing import CLIENT, MESSAGE, Handing, hand

U, V, W = b"<u@a.com>", b"<v@a.com>", b"<w@a.com>"
QUICK = Times(connect=2.0, answer=0.15, body=0.15, end=0.15, idle=5.0)


class Store:
    """What a real LMTP server (aiosmtpd's) took."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], bytes]] = []
        self.sessions: set[int] = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        self.sessions.add(id(session))
        self.taken.append((list(envelope.rcpt_tos), envelope.original_content))
        return "250 2.0.0 kept"


@asynccontextmanager
async def real_server(store: Store, socket: str = "") -> AsyncIterator[LmtpBackend]:
    loop = asyncio.get_running_loop()

    def factory() -> LMTP:
        return LMTP(store, hostname="store.example", loop=loop)

    if socket:
        server = await loop.create_unix_server(factory, socket)
        backend = make_backend(Target("lmtp", path=socket), "mx")
    else:
        server = await loop.create_server(factory, "127.0.0.1", 0)
        backend = make_backend(Target("lmtp", "127.0.0.1", server.sockets[0].getsockname()[1]), "mx")
    try:
        yield backend
    finally:
        await backend.close()
        server.close()
        await asyncio.sleep(0.05)


async def test_a_message_comes_through_byte_for_byte() -> None:
    store = Store()
    async with real_server(store) as backend:
        pieces = [MESSAGE[:30], MESSAGE[30:31], MESSAGE[31:], b".\r\n..\r\n"]
        told = await hand(backend, U, pieces=pieces)
    assert (told.fate, told.code) == (Fate.ANSWERED, 250)
    assert store.taken == [(["u@a.com"], MESSAGE + b".\r\n..\r\n")]


async def test_a_link_is_used_again() -> None:
    store = Store()
    async with real_server(store) as backend:
        for _ in range(3):
            assert (await hand(backend, U)).taken
    assert len(store.taken) == 3
    assert len(store.sessions) == 1


async def test_a_local_socket(tmp_path: Path) -> None:
    store = Store()
    async with real_server(store, str(tmp_path / "lmtp")) as backend:
        assert (await hand(backend, U)).taken
    told = await Handing(make_backend(Target("lmtp", path=str(tmp_path / "none")), "mx")).recipient(U)
    assert (told.fate, told.code) == (Fate.FAILED, 451)


async def test_one_recipient_and_the_others_come_again() -> None:
    store = Store()
    async with real_server(store) as backend:
        handing = Handing(backend)
        asked = [handing.recipient(path) for path in (b"<nobody@a.com>", U, V, W)]
        told = await asyncio.gather(*asked)
        assert [(answer.code, answer.enhanced) for answer in told] == [
            *((550, "5.1.1"), (250, "2.1.5"), (452, "4.5.3"), (452, "4.5.3"))
        ]
        assert (await handing.begin()).code == 354
        await handing.body([MESSAGE])
        assert (await handing.end()).taken
    assert [recipients for recipients, _ in store.taken] == [["u@a.com"]]


async def test_abort_before_and_inside_the_body_delivers_nothing() -> None:
    store = Store()
    async with real_server(store) as backend:
        for far in range(3):
            handing = Handing(backend)
            await handing.recipient(U)
            if far:
                await handing.begin()
                await handing.body([MESSAGE] * (far - 1))
            handing.transaction.abort()
        assert (await hand(backend, V)).taken
    assert [recipients for recipients, _ in store.taken] == [["v@a.com"]]


# --- one that fails ---

STEPS = ["greeting", "LHLO", "MAIL", "RCPT", "DATA", "dot"]
FAULTS: dict[str, bytes] = {
    "close": b"",
    "reset": b"",
    "silence": b"",
    "half": b"250",
    "garbage": b"hello there\r\n",
    "nonsense": b"999 what\r\n",
    "go-on": b"354 go on\r\n",
    "later": b"450 4.2.1 mailbox busy\r\n",
    "never": b"550 5.7.1 not you\x1b[31m\r\n",
    "closing": b"421 4.3.2 going down\r\n",
}
USUAL = {
    "greeting": b"220 store\r\n",
    "LHLO": b"250-store\r\n250 PIPELINING\r\n",
    "MAIL": b"250 2.1.0 ok\r\n",
    "RCPT": b"250 2.1.5 ok\r\n",
    "DATA": b"354 go\r\n",
    "dot": b"250 2.0.0 kept\r\n",
}


class Faulty:
    """An LMTP server that answers one step wrongly; ``messages`` are the bodies whose dot it saw."""

    def __init__(self, step: str, fault: str, *, usual: dict[str, bytes] = USUAL, bytewise: bool = False) -> None:
        self.step, self.fault, self.usual, self.bytewise = step, fault, usual, bytewise
        self.messages: list[bytes] = []
        self.lines: list[bytes] = []
        self._over = asyncio.Event()

    @asynccontextmanager
    async def running(self, times: Times = QUICK) -> AsyncIterator[LmtpBackend]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        backend = LmtpBackend("127.0.0.1", server.sockets[0].getsockname()[1], "mx", times)
        try:
            yield backend
        finally:
            await backend.close()
            self._over.set()
            server.close()
            await asyncio.sleep(0.02)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer("greeting", writer)
            while line := await reader.readline():
                word = line[:4].decode()
                self.lines.append(line)
                await self._answer(word if word in STEPS else "MAIL", writer)
                if word == "DATA" and self.usual["DATA"].startswith(b"354") and self.step != "DATA":
                    self.messages.append(await reader.readuntil(b"\r\n.\r\n"))
                    await self._answer("dot", writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, step: str, writer: asyncio.StreamWriter) -> None:
        if step != self.step:
            reply = self.usual[step]
        elif self.fault == "reset":
            writer.transport.abort()
            raise ConnectionResetError
        elif self.fault == "close":
            raise ConnectionResetError
        else:
            reply = FAULTS[self.fault]
        for piece in [reply[at : at + 1] for at in range(len(reply))] if self.bytewise else [reply]:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if step == self.step and self.fault in ("silence", "half"):
            await self._over.wait()


async def go_as_far_as_it_goes(backend: LmtpBackend) -> Answer:
    """Hand a message on and give the first answer that is no yes, or the last."""
    handing = Handing(backend)
    told = await handing.recipient(U)
    if not told.taken:
        return told
    told = await handing.begin()
    if told.code != 354:
        return told
    await handing.body([MESSAGE])
    return await handing.end()


def expected(step: str, fault: str) -> tuple[Fate, int]:
    """What the client has to be told."""
    if step in ("greeting", "LHLO"):
        return Fate.FAILED, 451  # about our connection, not about his mail
    if fault == "later":
        return Fate.ANSWERED, 450
    if fault == "never":
        return Fate.ANSWERED, 550
    if fault == "closing":
        return Fate.ANSWERED, 451
    return (Fate.UNKNOWN if step == "dot" else Fate.FAILED), 451


@pytest.mark.parametrize(
    ("step", "fault"),
    [(step, fault) for step in STEPS for fault in FAULTS if (step, fault) != ("DATA", "go-on")],  # that is right
)
async def test_each_fault_at_each_step(step: str, fault: str) -> None:
    server = Faulty(step, fault)
    async with server.running() as backend:
        told = await go_as_far_as_it_goes(backend)
    assert (told.fate, told.code) == expected(step, fault), told
    assert told.text.isprintable()
    assert len(server.messages) == (step == "dot")
    assert any(line.startswith(b"LHLO mx") for line in server.lines) == (step != "greeting")
    assert not any(line.startswith((b"EHLO", b"HELO")) for line in server.lines)


async def test_answers_that_come_byte_by_byte() -> None:
    server = Faulty("none", "none", bytewise=True)
    async with server.running(Times()) as backend:
        assert (await hand(backend, U)).taken
    assert server.messages == [MESSAGE.replace(b"\r\n.", b"\r\n..") + b".\r\n"]


async def test_a_second_answer_after_the_dot_spoils_the_link_and_not_the_message() -> None:
    server = Faulty("none", "none", usual=USUAL | {"dot": b"250 2.0.0 kept\r\n550 5.1.1 not kept\r\n"})
    async with server.running() as backend:
        for _ in range(2):
            told = await hand(backend, U)
            assert (told.fate, told.code) == (Fate.ANSWERED, 250)
            await asyncio.sleep(0.01)
    assert len([line for line in server.lines if line.startswith(b"LHLO")]) == 2


async def test_an_answer_before_the_dot_is_no_answer_to_it() -> None:
    server = Faulty("none", "none", usual=USUAL | {"DATA": b"354 go\r\n250 2.0.0 kept\r\n"})
    async with server.running() as backend:
        told = await go_as_far_as_it_goes(backend)
    assert (told.fate, told.code) == (Fate.FAILED, 451)
    assert server.messages == []


@pytest.mark.parametrize(("params", "code"), [({"SMTPUTF8": b""}, 550), ({"BODY": b"8BITMIME"}, 554)])
async def test_what_the_store_does_not_take_is_not_sent_to_it(params: dict[str, bytes], code: int) -> None:
    server = Faulty("none", "none")
    async with server.running() as backend:
        told = await Handing(backend, replace(CLIENT, params=params)).recipient(U)
        assert told.code == code
    assert not any(line.startswith(b"MAIL") for line in server.lines)


async def test_nobody_there() -> None:
    told = await Handing(LmtpBackend("127.0.0.1", 1, "mx", QUICK)).recipient(U)
    assert (told.fate, told.code) == (Fate.FAILED, 451)
    assert told.detail

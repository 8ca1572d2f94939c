# SPDX-License-Identifier: Apache-2.0
"""A backend that fails at each step in each way: what the client hears is in one table, and nothing is ever lost.

Every case is asked with and without PIPELINING at the backend, of a client that sends DATA, chunks, or a single chunk,
and of a user who has logged in inside TLS and sends out. Whatever happens, the client's session lives on, what was
acknowledged exists, and what was refused before its dot does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import pytest

from fumidai.smtp.command import bdat
from tests.guard.faulty import Kind, Step, behind
from tests.guard.guarded import OWN, Client, calling, guarding
from tests.guard.secured import calling_tls, keyring, plain


class Form(StrEnum):
    """How the client sends its message; at the backend all are DATA and a dot."""

    DATA = "data"
    CHUNKS = "chunks"
    CHUNK = "one chunk"


#: What the client hears to RCPT, DATA and the dot (0: not said any more, because of a refusal before).
DELIVERED = (250, 354, 250)
AT_RCPT, AT_DATA, AT_DOT = (451, 0, 0), (250, 451, 0), (250, 354, 451)
WORD = {Kind.TEMPORARY: 450, Kind.PERMANENT: 554}
HARMLESS = (Kind.BYTEWISE, Kind.MANY_LINES)


def heard(step: Step, kind: Kind, pipelining: bool) -> tuple[int, int, int]:
    """The table."""
    if kind in HARMLESS:
        return DELIVERED
    match step:
        case Step.GREETING:
            # Nothing can come before the greeting.
            return DELIVERED if kind is Kind.EARLY else AT_RCPT
        case Step.EHLO:
            # RFC 5321 §3.2: HELO after a 5yz.
            return DELIVERED if kind is Kind.PERMANENT else AT_RCPT
        case Step.HELO:
            return AT_RCPT
        case Step.RSET:
            # Said of a message that was given up: nobody waits for the answer, and the next takes a link that is well.
            # (Said too early, it comes behind every RCPT.)
            return AT_DATA if kind is Kind.EARLY else DELIVERED
        case Step.MAIL | Step.RCPT:
            # Where both were sent together, an answer to RCPT is never early.
            if kind is Kind.EARLY and step is Step.RCPT and pipelining:
                return DELIVERED
            return (WORD.get(kind, 451), 0, 0)
        case Step.DATA:
            return (250, WORD.get(kind, 451), 0)
        case Step.BODY:
            return AT_DOT
        case Step.DOT:
            return (250, 354, WORD.get(kind, 451))


def in_doubt(step: Step, kind: Kind, form: Form) -> bool:
    """The backend has the message, or may have it, and nobody said so (RFC 1047)."""
    # A single chunk goes out with its dot as soon as DATA is answered, before an answer that is too early is seen.
    harmless = () if form is Form.CHUNK else (Kind.EARLY,)
    return step is Step.DOT and kind not in (*WORD, *HARMLESS, Kind.CLOSING, *harmless)


#: Greater than all buffers between client and backend together, so that a stuck backend is felt.
BIG = (b"x" * 998 + b"\r\n") * 8000
SMALL = b"Subject: x\r\n\r\nhello\r\n"


async def transact(
    client: Client, form: Form = Form.DATA, message: bytes = SMALL, to: bytes = b"<u@a.test>"
) -> tuple[int, int, int]:
    """One message, each command after the answer to the one before; a first chunk that is taken is told as 354."""
    assert await client.say(b"MAIL FROM:<s@b.test>") == 250
    rcpt = await client.say(b"RCPT TO:" + to)
    if rcpt != 250:
        return rcpt, 0, 0
    if form is Form.DATA:
        data = await client.say(b"DATA")
        return rcpt, data, await client.say(message + b".") if data == 354 else 0
    if form is Form.CHUNKS:
        first = await client.say_all(bdat(9) + message[:9])
        if first != 250:
            assert await client.say_all(bdat(3, last=True) + b"x\r\n") == 503, "the transaction is over"
            return rcpt, first, 0
        message = message[9:]
    last = await client.say_all(bdat(len(message), last=True) + message)
    return rcpt, 354, last


def told(step: Step, kind: Kind, pipelining: bool, form: Form) -> tuple[int, int, int]:
    """The table, as this client hears it: to a single chunk there is one answer, whoever says no."""
    rcpt, data, dot = heard(step, kind, pipelining)
    if form is Form.CHUNK and rcpt == 250 and not dot:
        return rcpt, 354, data
    return rcpt, data, dot


QUICK = [kind for kind in Kind if kind is not Kind.HANG]
CASES = [(step, kind) for step in Step for kind in QUICK if not (step is Step.BODY and kind in (*HARMLESS, Kind.ODD))]


class Come(StrEnum):
    """As whom the client comes."""

    CLEAR = "clear"
    USER = "user"


#: (PIPELINING at the backend, how the client sends, as whom it comes).
WAYS = {
    "pipelining": (True, Form.DATA, Come.CLEAR),
    "plain": (False, Form.DATA, Come.CLEAR),
    "chunks": (True, Form.CHUNKS, Come.CLEAR),
    "one-chunk": (True, Form.CHUNK, Come.CLEAR),
    "user": (True, Form.CHUNKS, Come.USER),
}
SENDS_OUT = replace(OWN, authenticated=("taro",))


@asynccontextmanager
async def come(port: int, how: Come) -> AsyncIterator[Client]:
    """A client that has introduced itself, and logged in where it is a user."""
    if how is Come.USER:
        async with calling_tls(port) as client:
            assert await client.say(b"AUTH PLAIN " + plain()) == 235
            yield client
    else:
        async with calling(port) as client:
            assert await client.say(b"EHLO c.test") == 250
            yield client


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("step", "kind"), CASES, ids=lambda value: value.value.replace(" ", "-"))
async def test_what_the_client_hears(step: Step, kind: Kind, way: str, tmp_path: Path) -> None:
    await hears(step, kind, tmp_path, *WAYS[way])


@pytest.mark.parametrize("step", Step, ids=lambda step: step.value)
async def test_what_the_client_hears_of_a_silent_server(step: Step, tmp_path: Path) -> None:
    """All ways at once, because each takes its time."""
    await asyncio.gather(*(hears(step, Kind.HANG, tmp_path, *way) for way in WAYS.values()))


async def hears(step: Step, kind: Kind, folder: Path, pipelining: bool, form: Form, how: Come) -> None:
    """One case of the table."""
    async with (
        behind(step, kind, pipelining=pipelining) as backend,
        guarding(backend.port, policy=SENDS_OUT, keyring=keyring(folder)) as running,
    ):
        async with come(running.port, how) as client:
            if step is Step.RSET:
                for line in (b"MAIL FROM:<s@b.test>", b"RCPT TO:<v@a.test>", b"RSET"):
                    assert await client.say(line) == 250
            to = b"<v@foreign.test>" if how is Come.USER else b"<u@a.test>"
            codes = await transact(client, form, BIG if step is Step.BODY else SMALL, to)
            assert codes == told(step, kind, pipelining, form)
            assert await client.say(b"RSET") == 250, "the session lives on"
        await running.empty()
    acknowledged = codes[2] == 250
    doubtful = in_doubt(step, kind, form)
    if kind is not Kind.EARLY or not doubtful:
        assert len(backend.taken) == (acknowledged or (step is Step.DOT and kind is not Kind.EARLY))
    if step is Step.DOT:
        assert (running.outcomes()[-1] == "unknown") is doubtful, running.outcomes()


#: What a server may say to EHLO besides, and what it must not bring the guard to say.
BOASTS = [
    b"STARTTLS",
    b"AUTH PLAIN LOGIN",
    b"CHUNKING",
    b"BINARYMIME",
    b"ETRN",
    b"SIZE x",
    b"8bitmime",
    b"X-\xff\x01 y",
]


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelining", "plain"])
@pytest.mark.parametrize("form", Form)
async def test_what_the_backend_boasts_of_changes_nothing(form: Form, pipelining: bool) -> None:
    for extensions in ((), tuple(BOASTS), *((boast,) for boast in BOASTS)):
        async with (
            behind(pipelining=pipelining, extensions=extensions) as backend,
            guarding(backend.port) as running,
            calling(running.port) as client,
        ):
            assert await client.say(b"EHLO c.test") == 250
            assert await transact(client, form) == DELIVERED
        said = b"".join(backend.heard)
        assert not any(word in said for word in (b"STARTTLS", b"AUTH", b"BDAT", b"BINARYMIME")), extensions


#: A rested link of which the server thinks otherwise at the next MAIL; if it says nothing sensible, a fresh one helps.
RESTED = [kind for kind in Kind if kind is not Kind.EARLY]
AFTER_REST = {
    Kind.TEMPORARY: (450, 0, 0),
    Kind.PERMANENT: (554, 0, 0),
    Kind.CLOSING: (451, 0, 0),
    Kind.ODD: (451, 0, 0),
}


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("kind", RESTED)
async def test_a_kept_connection_that_died_costs_nothing(kind: Kind, form: Form) -> None:
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        assert await client.say(b"EHLO c.test") == 250
        assert await transact(client, form) == DELIVERED
        backend.step, backend.kind, backend.times = Step.MAIL, kind, 1
        expected = AFTER_REST.get(kind, DELIVERED)
        assert await transact(client, form) == expected
        assert await client.say(b"RSET") == 250
        assert await transact(client, form) == DELIVERED
    assert len(backend.taken) == 2 + (expected == DELIVERED)


async def test_nobody_there() -> None:
    async with behind() as backend:
        port = backend.port
    async with guarding(port) as running, calling(running.port) as client:
        assert await client.say(b"EHLO c.test") == 250
        assert await transact(client) == AT_RCPT
        assert await transact(client) == AT_RCPT if await client.say(b"RSET") == 250 else False

# SPDX-License-Identifier: Apache-2.0
"""A backend that fails at each step in each way: what the client hears is in one table, and nothing is ever lost.

Every case is asked with and without PIPELINING at the backend. Whatever happens, the client's session lives on, what
was acknowledged exists, and what was refused before its dot does not.
"""

from __future__ import annotations

import pytest

from tests.guard.faulty import Kind, Step, behind
from tests.guard.guarded import Client, calling, guarding

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


def in_doubt(step: Step, kind: Kind) -> bool:
    """The backend has the message, and nobody said so (RFC 1047)."""
    return step is Step.DOT and kind not in (*WORD, *HARMLESS, Kind.CLOSING, Kind.EARLY)


async def transact(client: Client) -> tuple[int, int, int]:
    """One message, each command after the answer to the one before."""
    assert await client.say(b"MAIL FROM:<s@b.test>") == 250
    rcpt = await client.say(b"RCPT TO:<u@a.test>")
    data = await client.say(b"DATA") if rcpt == 250 else 0
    # Greater than all buffers between client and backend together, so that a stuck backend is felt.
    body = b"x" * 998 + b"\r\n"
    dot = await client.say(body * 8000 + b".") if data == 354 else 0
    return rcpt, data, dot


async def small(client: Client) -> tuple[int, int, int]:
    """The same with a small message."""
    assert await client.say(b"MAIL FROM:<s@b.test>") == 250
    rcpt = await client.say(b"RCPT TO:<u@a.test>")
    data = await client.say(b"DATA") if rcpt == 250 else 0
    dot = await client.say(b"Subject: x\r\n\r\nhello\r\n.") if data == 354 else 0
    return rcpt, data, dot


CASES = [(step, kind) for step in Step for kind in Kind if not (step is Step.BODY and kind in (*HARMLESS, Kind.ODD))]


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelining", "plain"])
@pytest.mark.parametrize(("step", "kind"), CASES, ids=lambda value: value.value.replace(" ", "-"))
async def test_what_the_client_hears(step: Step, kind: Kind, pipelining: bool) -> None:
    async with behind(step, kind, pipelining=pipelining) as backend, guarding(backend.port) as running:
        async with calling(running.port) as client:
            assert await client.say(b"EHLO c.test") == 250
            codes = await (transact(client) if step is Step.BODY else small(client))
            assert codes == heard(step, kind, pipelining)
            assert await client.say(b"RSET") == 250, "the session lives on"
        await running.empty()
    acknowledged = codes[2] == 250
    assert len(backend.taken) == (acknowledged or (step is Step.DOT and kind is not Kind.EARLY))
    if step is Step.DOT:
        assert (running.outcomes()[-1] == "unknown") is in_doubt(step, kind), running.outcomes()


@pytest.mark.parametrize("kind", [Kind.CLOSE, Kind.RESET, Kind.CLOSING])
async def test_a_kept_connection_that_died_costs_nothing(kind: Kind) -> None:
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        assert await client.say(b"EHLO c.test") == 250
        assert await small(client) == DELIVERED
        backend.step, backend.kind, backend.times = Step.MAIL, kind, 1
        expected = (451, 0, 0) if kind is Kind.CLOSING else DELIVERED
        assert await small(client) == expected
        assert await client.say(b"RSET") == 250
        assert await small(client) == DELIVERED
    assert len(backend.taken) == 2 + (expected == DELIVERED)


async def test_nobody_there() -> None:
    async with behind() as backend:
        port = backend.port
    async with guarding(port) as running, calling(running.port) as client:
        assert await client.say(b"EHLO c.test") == 250
        assert await small(client) == AT_RCPT
        assert await small(client) == AT_RCPT if await client.say(b"RSET") == 250 else False

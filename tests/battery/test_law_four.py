# SPDX-License-Identifier: Apache-2.0
"""Law 4: for every row that runs, a server on which it succeeds and a sound one that refuses it.

Both are really spoken to, over sockets of loopback. Rows that may hand a message over have to be *delivered*: the
faulty server passes the message on and the sink finds the attempt's token in it. Where a row names nothing foreign
there is nothing to deliver, and being taken is its success. The faulty server must not relay plain mail besides.
"""

from __future__ import annotations

import ssl
from dataclasses import replace

import pytest
import trustme

from fumidai.battery.attempt import Attempt
from fumidai.battery.expand import expand
from fumidai.battery.load import catalogue, used_words
from fumidai.battery.row import Entry, RelayTest, StepKind
from tests.battery.grounds import V4, decide, mint
from tests.battery.gullible import RELAYS_ALL, TAKEN_BY_THE_SOUND, fault_for
from tests.battery.lockstep import End, Lockstep
from tests.battery.scripted import DOMAIN, SOUND, Fault, Server, Sink, running

GROUND = replace(
    V4,
    host="gate.corp.target.example",
    ptr="host25.corp.target.example",
    domain=DOMAIN.decode(),
    domains=(DOMAIN.decode(),),
    local_user="user@corp.target.example",
    own_names=frozenset(("gate.corp.target.example", "host25.corp.target.example")),
)
INTERNATIONAL = replace(GROUND, domain="xn--bcher-kva.example")
FOREIGN = frozenset(["proof", "pl", "pl-upper", "sink4", "sink4-decimal", "sink4-hex", "sink6"])
# Odd spellings of the server's own domain: a mailbox of its own, whoever reads them.
NOT_DELIVERED = ("at-only", "lex-leading-dot", "lex-trailing-dot-local")
# The control of the same name asks it; it has no attempt of its own.
ASKED_AS_CONTROL = {"scope-unknown-local"}
ROWS = [test for test in catalogue().values() if test.runs and test.id not in ASKED_AS_CONTROL]


@pytest.fixture(scope="session")
def certificate() -> ssl.SSLContext:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def attempt_for(test: RelayTest) -> Attempt:
    ground = INTERNATIONAL if test.id == "u-normalization" else GROUND
    attempts, void = expand([Entry(test, named=True)], ground, decide, mint, 1)
    assert not void, void
    return attempts[0]


async def ask(fault: Fault, attempt: Attempt, certificate: ssl.SSLContext) -> tuple[End, Server, Sink]:
    async with running(fault, certificate) as (port, server, sink):
        return await Lockstep(port, attempt).run(), server, sink


@pytest.mark.parametrize("test", ROWS, ids=lambda test: test.id)
async def test_it_succeeds_where_it_should(test: RelayTest, certificate: ssl.SSLContext):
    fault = fault_for(test) or (SOUND if test.id in TAKEN_BY_THE_SOUND else None)
    assert fault is not None, "nobody has written a server on which this row succeeds"
    attempt = attempt_for(test)
    end, _, sink = await ask(fault, attempt, certificate)
    assert end.taken, end
    if attempt.script[-1].kind is StepKind.MESSAGE:
        assert end.kind is StepKind.MESSAGE
        if used_words(test) & FOREIGN and test.id not in NOT_DELIVERED:
            assert sink.has(*attempt.tokens.values()), sink.arrived
    else:
        assert end.kind is StepKind.RCPT


@pytest.mark.parametrize("test", ROWS, ids=lambda test: test.id)
async def test_a_sound_server_refuses_it(test: RelayTest, certificate: ssl.SSLContext):
    end, _, sink = await ask(SOUND, attempt_for(test), certificate)
    assert end.taken == (test.id in TAKEN_BY_THE_SOUND), end
    assert not sink.arrived


# A server that relays for a whole top-level domain relays plain mail into it: the proof domain lies there too.
FAULTS = {
    id(fault): (test.id, fault)
    for test in ROWS
    if (fault := fault_for(test)) and fault is not RELAYS_ALL and test.id != "scope-tld"
}


@pytest.mark.parametrize("fault", [fault for _, fault in FAULTS.values()], ids=[name for name, _ in FAULTS.values()])
async def test_a_fault_shows_in_its_own_rows_only(fault: Fault, certificate: ssl.SSLContext):
    """Plain mail is refused by every faulty server, so a row that succeeds found the fault and not an open relay."""
    end, _, sink = await ask(fault, attempt_for(catalogue()["plain-foreign"]), certificate)
    assert not end.taken
    assert not sink.arrived

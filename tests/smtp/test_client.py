# SPDX-License-Identifier: Apache-2.0
"""The asking side: every reply finds what it answers, however the bytes are cut and whatever they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.smtp import command
from fumidai.smtp.client import Answered, ClientMachine, ClientState, Dropped, Greeting, Noise, Said, Surplus
from fumidai.smtp.command import Verb
from fumidai.smtp.extensions import Extensions
from fumidai.smtp.reply import MAX_LINE, Garbled, Reply, Why
from tests.smtp.chunks import cuts, in_pieces


def reply(code: int, text: bytes = b"ok") -> Reply:
    return Reply(code, (text,), b"%d %b\r\n" % (code, text))


def at(machine: ClientMachine, state: ClientState) -> bool:
    return machine.state is state


def greeted(ehlo: bytes = b"250-hi\r\n250-PIPELINING\r\n250 STARTTLS\r\n") -> ClientMachine:
    machine = ClientMachine()
    machine.receive(b"220 hi\r\n")
    machine.say(command.ehlo("me"))
    machine.receive(ehlo)
    return machine


def test_greeting_then_ready():
    machine = ClientMachine()
    assert at(machine, ClientState.GREETING)
    assert machine.receive(b"220 ") == []
    assert machine.receive(b"ok\r\n") == [Greeting(reply(220))]
    assert machine.greeting == reply(220)
    assert at(machine, ClientState.READY)
    assert machine.waiting == 0


@pytest.mark.parametrize("code", [421, 554])
def test_a_greeting_that_refuses(code):
    machine = ClientMachine()
    assert machine.receive(b"%d no\r\n" % code) == [Greeting(reply(code, b"no"))]
    assert at(machine, ClientState.GREETING)
    assert machine.closing == (code == 421)
    machine.say(command.QUIT)
    assert isinstance(machine.receive(b"221 bye\r\n")[0], Answered)


def test_noise_before_the_greeting():
    machine = ClientMachine()
    assert machine.receive(b"hello\r\n220 ok\r\n") == [Noise(Garbled(b"hello\r\n", Why.NO_CODE)), Greeting(reply(220))]


def test_a_whole_delivery():
    machine = greeted()
    assert at(machine, ClientState.GREETED)
    assert machine.extensions.pipelining
    assert machine.hello == Said(b"EHLO me\r\n", Verb.EHLO)
    for line, code, state in [
        (command.mail(b"<>"), 250, ClientState.MAIL),
        (command.rcpt(b"<a>"), 250, ClientState.RCPT),
        (command.DATA, 354, ClientState.DATA),
    ]:
        assert machine.say(line) == line
        assert machine.waiting == 1
        machine.receive(b"%d ok\r\n" % code)
        assert at(machine, state)
    assert machine.message(b"x\r\n.\r\n") == b"x\r\n.\r\n"
    assert machine.receive(b"250 ok\r\n") == [Answered(Said(b"", Verb.MESSAGE), reply(250))]
    assert at(machine, ClientState.GREETED)
    machine.say(command.QUIT)
    machine.receive(b"221 ok\r\n")
    assert at(machine, ClientState.CLOSED)
    assert machine.eof() == [Dropped((), b"")]


@pytest.mark.parametrize(
    ("line", "what", "code", "state"),
    [
        (command.mail(b"<>"), None, 550, ClientState.GREETED),
        (command.rcpt(b"<a>"), None, 450, ClientState.GREETED),
        (command.DATA, None, 250, ClientState.GREETED),
        (b"\0raw", Verb.MAIL, 250, ClientState.MAIL),
        (b"HELO x\r\n", Verb.UNKNOWN, 250, ClientState.GREETED),
        (command.STARTTLS, None, 454, ClientState.GREETED),
        (command.QUIT, None, 500, ClientState.GREETED),
        (command.RSET, None, 250, ClientState.GREETED),
    ],
)
def test_state_follows_the_answers(line, what, code, state):
    machine = greeted()
    machine.say(line, what)
    machine.receive(b"%d ok\r\n" % code)
    assert at(machine, state)


def test_reset_without_hello_goes_back_to_ready():
    machine = ClientMachine()
    machine.receive(b"220 ok\r\n")
    for line in (command.mail(b"<>"), command.RSET):
        machine.say(line)
        machine.receive(b"250 ok\r\n")
    assert at(machine, ClientState.READY)


def test_helo_announces_nothing():
    machine = greeted()
    machine.say(command.helo("me"))
    machine.receive(b"250-hi\r\n250 PIPELINING\r\n")
    assert machine.extensions == Extensions()


def test_a_refused_ehlo_forgets_nothing():
    machine = greeted()
    machine.say(command.ehlo("me"))
    machine.receive(b"550-no\r\n550 SIZE\r\n")
    assert machine.extensions.pipelining


def test_pipelined_answers_in_order():
    machine = greeted()
    lines = [command.RSET, command.mail(b"<>"), command.rcpt(b"<a>"), command.rcpt(b"<b>")]
    for line in lines:
        machine.say(line)
    assert machine.waiting == 4
    events = machine.receive(b"250 r\r\n250 m\r\n550 a\r\n250 b\r\n")
    replies = [reply(250, b"r"), reply(250, b"m"), reply(550, b"a"), reply(250, b"b")]
    verbs = [Verb.RSET, Verb.MAIL, Verb.RCPT, Verb.RCPT]
    assert events == [Answered(Said(line, verb), each) for line, verb, each in zip(lines, verbs, replies, strict=True)]
    assert machine.waiting == 0


def test_421_in_place_of_an_answer_and_out_of_turn():
    machine = greeted()
    machine.say(command.RSET)
    machine.say(command.NOOP)
    assert machine.receive(b"421 bye\r\n") == [Answered(Said(command.RSET, Verb.RSET), reply(421, b"bye"))]
    assert machine.closing
    assert machine.eof() == [Dropped((Said(command.NOOP, Verb.NOOP),), b"")]
    machine = greeted()
    assert machine.receive(b"421 bye\r\n") == [Surplus(reply(421, b"bye"), machine.hello)]
    assert machine.closing


def test_one_answer_or_two():
    machine = greeted()
    said = Said(b"NOOP\nNOOP\r\n", Verb.NOOP, (1, 2))
    machine.say(said.line, answers=(1, 2))
    assert machine.waiting == 1
    assert machine.receive(b"250 a\r\n250 b\r\n") == [Answered(said, reply(250, b"a")), Surplus(reply(250, b"b"), said)]


def test_two_answers():
    machine = greeted()
    said = Said(b"NOOP\r\nNOOP\r\n", Verb.NOOP, (2, 2))
    machine.say(said.line, answers=(2, 2))
    assert machine.waiting == 2
    assert machine.receive(b"250 a\r\n") == [Answered(said, reply(250, b"a"))]
    assert machine.waiting == 1
    assert machine.receive(b"250 b\r\n") == [Answered(said, reply(250, b"b"))]


def test_an_answer_that_need_not_come():
    machine = greeted()
    said = Said(b"\r\n", Verb.UNKNOWN, (0, 1))
    machine.say(b"\r\n", answers=(0, 1))
    assert machine.waiting == 0
    assert machine.receive(b"500 a\r\n") == [Answered(said, reply(500, b"a"))]
    machine.say(b"\r\n", answers=(0, 1))
    machine.say(command.NOOP)
    assert machine.receive(b"250 b\r\n") == [Answered(Said(command.NOOP, Verb.NOOP), reply(250, b"b"))]
    machine.say(b"\r\n", answers=(0, 1))
    assert machine.eof() == [Dropped((), b"")]


def test_what_is_said_before_the_greeting_is_answered_after_it():
    machine = ClientMachine()
    machine.say(command.NOOP)
    events = machine.receive(b"220 hi\r\n250 ok\r\n")
    assert events == [Greeting(reply(220, b"hi")), Answered(Said(command.NOOP, Verb.NOOP), reply(250))]


def test_tls_forgets_and_reports_what_was_said_in_clear():
    machine = greeted()
    machine.say(command.STARTTLS)
    machine.say(command.NOOP)  # as a test of injection would
    events = machine.receive(b"220 go\r\n250 injected\r\n250 ")
    assert events == [Answered(Said(command.STARTTLS, Verb.STARTTLS), reply(220, b"go"))]
    assert at(machine, ClientState.TLS)
    assert machine.receive(b"more\r\n" + b"x" * MAX_LINE) == []
    noise = machine.tls_started()
    assert noise == [Noise(Garbled((b"250 injected\r\n250 more\r\n" + b"x" * MAX_LINE)[:MAX_LINE], Why.INJECTED))]
    assert at(machine, ClientState.READY)
    assert machine.extensions == Extensions()
    assert machine.hello is None
    assert machine.receive(b"250 inside\r\n") == [Answered(Said(command.NOOP, Verb.NOOP), reply(250, b"inside"))]


def test_clean_tls():
    machine = greeted()
    machine.say(command.STARTTLS)
    machine.receive(b"220 go\r\n")
    assert machine.tls_started() == []


def test_eof_in_the_middle():
    machine = greeted()
    machine.say(command.RSET)
    machine.receive(b"250-par\r\n250")
    assert machine.eof() == [Dropped((Said(command.RSET, Verb.RSET),), b"250-par\r\n250")]
    assert at(machine, ClientState.CLOSED)
    assert machine.eof() == []


def test_what_is_said_in_clear_is_bounded():
    machine = greeted()
    machine.say(command.STARTTLS)
    machine.receive(b"220 go\r\n" + b"x" * MAX_LINE)
    machine.receive(b"x" * MAX_LINE)
    assert machine.eof() == [Dropped((), b"x" * MAX_LINE)]


def test_eof_between_agreement_and_tls():
    machine = greeted()
    machine.say(command.STARTTLS)
    machine.receive(b"220 go\r\ncut")
    assert machine.eof() == [Dropped((), b"cut")]


SAY = [command.ehlo("a"), command.helo("a"), command.mail(b"<>"), command.rcpt(b"<a>"), command.DATA, command.RSET]
LINES = st.sampled_from([*SAY, command.STARTTLS, command.QUIT, command.NOOP, b"\0\xff"])
SAYINGS = st.lists(st.tuples(LINES, st.sampled_from([(1, 1), (1, 2), (0, 1), (2, 2)])), max_size=8)
HEARD = st.lists(
    st.sampled_from([b"220 a\r\n", b"250-b\r\n", b"250 SIZE 1\r\n", b"354 c\n", b"421 d\r\n", b"550", b"\r\n", b"junk"])
    | st.binary(max_size=4),
    max_size=24,
).map(b"".join)


@given(SAYINGS, HEARD, st.data())
def test_cutting_changes_nothing(sayings, heard, draw):
    machines = ClientMachine(), ClientMachine()
    for machine in machines:
        for line, answers in sayings:
            machine.say(line, answers=answers)
    whole = machines[0].receive(heard)
    assert in_pieces(machines[1].receive, heard, draw.draw(cuts(heard))) == whole
    assert machines[0].state is machines[1].state
    assert machines[0].waiting == machines[1].waiting
    if machines[0].state is ClientState.TLS:
        assert machines[0].tls_started() == machines[1].tls_started()
    assert machines[0].eof() == machines[1].eof()


@given(SAYINGS, HEARD)
def test_every_saying_is_answered_or_reported(sayings, heard):
    machine = ClientMachine()
    said = [machine.say(line) for line, _ in sayings]
    events = machine.receive(heard) + machine.eof()
    answered = [event.command.line for event in events if isinstance(event, Answered)]
    assert isinstance(events[-1], Dropped)
    assert answered + [unanswered.line for unanswered in events[-1].unanswered] == said


def test_chunks():
    machine = ClientMachine()
    machine.receive(b"220 hi\r\n")
    for line in (command.ehlo("x"), command.mail(b"<a>"), command.rcpt(b"<b>")):
        machine.say(line)
    machine.receive(b"250 x\r\n250 ok\r\n250 ok\r\n")
    assert machine.chunk(b"a\r\n") == b"BDAT 3\r\na\r\n"
    machine.receive(b"250 3 octets received\r\n")
    assert at(machine, ClientState.BDAT)
    assert machine.chunk(b"", last=True) == b"BDAT 0 LAST\r\n"
    (answered,) = machine.receive(b"250 taken\r\n")
    assert isinstance(answered, Answered)
    assert answered.command == Said(b"BDAT 0 LAST\r\n", Verb.MESSAGE)
    assert at(machine, ClientState.GREETED)
    machine.say(command.mail(b"<a>"))
    machine.say(command.rcpt(b"<b>"))
    machine.chunk(b"x")
    machine.receive(b"250 ok\r\n250 ok\r\n451 no\r\n")
    assert at(machine, ClientState.GREETED)

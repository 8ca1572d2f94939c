# SPDX-License-Identifier: Apache-2.0
"""The answering side: questions in order, form and order kept, bounds held, however the bytes are cut."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.errors import FumidaiError
from fumidai.smtp.command import Verb
from fumidai.smtp.data import Oddity, OddityKind
from fumidai.smtp.refusals import Refusal
from fumidai.smtp.reply import Reply, ReplyReader
from fumidai.smtp.server import (
    Close,
    Continuation,
    DataBegin,
    DataChunk,
    DataEnd,
    Early,
    Event,
    Hello,
    Injected,
    Limits,
    Mail,
    Message,
    Other,
    Question,
    Quit,
    Rcpt,
    Refuse,
    Reset,
    ServerMachine,
    ServerState,
    StartTls,
    Swallowed,
    usual,
)
from tests.smtp.chunks import cuts, pieces

ANNOUNCED = ("PIPELINING", "SIZE 100", "8BITMIME", "STARTTLS", "DSN")
Answering = Callable[[Question], tuple[int, str, str]]


def taking(question: Question) -> tuple[int, str, str]:
    return usual(question, "mail.example")


class Talk:
    """A machine and somebody who answers at once: all events, and all that was written."""

    def __init__(self, machine: ServerMachine | None = None, answering: Answering = taking) -> None:
        self.machine = machine or ServerMachine(ANNOUNCED)
        self.answering = answering
        self.written = self.machine.greet("hi")
        self.events: list[Event] = []

    def hear(self, *data: bytes) -> list[Event]:
        """Take bytes until nothing more can be asked; give the events."""
        before = len(self.events)
        for piece in data:
            events = self.machine.receive(piece)
            while events:
                self.events += events
                self._react(events)
                events = self.machine.receive(b"")
        return self.events[before:]

    def _react(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, Refuse):
                self.written += event.reply
            elif event is self.machine.asked:
                self.written += self.machine.answer(*self.answering(event))

    @property
    def replies(self) -> list[Reply]:
        """What was written, as a client reads it."""
        items = ReplyReader().feed(self.written)
        assert all(isinstance(item, Reply) for item in items)
        return [item for item in items if isinstance(item, Reply)]

    @property
    def codes(self) -> list[int]:
        return [reply.code for reply in self.replies]

    def at(self, state: ServerState) -> bool:
        return self.machine.state is state


def refusals(events: Iterable[Event]) -> list[Refusal]:
    return [event.why for event in events if isinstance(event, Refuse)]


def test_a_whole_session():
    talk = Talk()
    envelope = b"MAIL FROM:<a@b> SIZE=9\r\nRCPT TO:<c@d>\r\nDATA\r\n"
    events = talk.hear(b"EHLO me\r\n" + envelope + b"hi\r\n..\r\n.\r\nNOOP x\r\nRSET\r\nQUIT\r\nNOOP\r\n")
    assert events == [
        Hello(Verb.EHLO, "me"),
        Mail(b"<a@b>", {"SIZE": b"9"}, b"MAIL FROM:<a@b> SIZE=9\r\n"),
        Rcpt(b"<c@d>", {}, b"RCPT TO:<c@d>\r\n"),
        DataBegin(),
        Message(b"hi\r\n.\r\n", ()),
        Other(Verb.NOOP, b"x", b"NOOP x\r\n"),
        Reset(),
        Quit(),
    ]
    assert talk.codes == [220, 250, 250, 250, 354, 250, 250, 250, 221]
    assert talk.replies[1].lines == (b"mail.example", *(line.encode() for line in ANNOUNCED))
    assert talk.machine.closed
    assert talk.hear(b"more\r\n") == []


def test_helo_announces_nothing():
    talk = Talk()
    assert talk.hear(b"HELO me\r\n") == [Hello(Verb.HELO, "me")]
    assert talk.replies[1].lines == (b"mail.example",)


def test_the_envelope_is_what_was_taken():
    def picky(question: Question) -> tuple[int, str, str]:
        return (550, "no", "5.7.1") if isinstance(question, Rcpt) and b"x" in question.path else taking(question)

    talk = Talk(answering=picky)
    talk.hear(b"EHLO me\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<x>\r\nRCPT TO:<c>\r\n")
    assert talk.machine.hello == Hello(Verb.EHLO, "me")
    assert talk.machine.sender == Mail(b"<a>", {}, b"MAIL FROM:<a>\r\n")
    assert [rcpt.path for rcpt in talk.machine.recipients] == [b"<b>", b"<c>"]
    talk.hear(b"EHLO again\r\n")
    assert [talk.machine.sender, *talk.machine.recipients] == [None]
    assert talk.at(ServerState.GREETED)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"MAIL FROM:<a>\r\n", Refusal.HELLO_FIRST),
        (b"RCPT TO:<a>\r\n", Refusal.MAIL_FIRST),
        (b"DATA\r\n", Refusal.MAIL_FIRST),
        (b"EHLO x\r\nRCPT TO:<a>\r\n", Refusal.MAIL_FIRST),
        (b"EHLO x\r\nDATA\r\n", Refusal.MAIL_FIRST),
        (b"EHLO x\r\nMAIL FROM:<a>\r\nDATA\r\n", Refusal.RCPT_FIRST),
        (b"EHLO x\r\nMAIL FROM:<a>\r\nMAIL FROM:<a>\r\n", Refusal.NESTED),
        (b"EHLO x\r\nMAIL FROM:<a>\r\nRCPT TO:<a>\r\nMAIL FROM:<a>\r\n", Refusal.NESTED),
        (b"EHLO x\r\nMAIL FROM:<a>\r\nSTARTTLS\r\n", Refusal.IN_TRANSACTION),
        (b"EHLO\r\n", Refusal.NO_NAME),
        (b"HELO \r\n", Refusal.NO_NAME),
        (b"RSET x\r\n", Refusal.ARGUMENT),
        (b"QUIT x\r\n", Refusal.ARGUMENT),
        (b"XYZZY\r\n", Refusal.UNKNOWN),
        (b"\r\n", Refusal.UNKNOWN),
        (b"NO\nOP\r\n", Refusal.CONTROL),
        (b"NO\rOP\r\n", Refusal.CONTROL),
        (b"NOOP\0\r\n", Refusal.CONTROL),
        (b"EHLO x\r\nMAIL FROM:\r\n", Refusal.SYNTAX),
        (b"EHLO x\r\nMAIL FROM:<a> FOO=1\r\n", Refusal.PARAMETER),
        (b"EHLO x\r\nMAIL FROM:<a> SMTPUTF8\r\n", Refusal.PARAMETER),
        (b"EHLO x\r\nMAIL FROM:<a> SIZE=-1\r\n", Refusal.SIZE_SYNTAX),
        (b"EHLO x\r\nMAIL FROM:<a> SIZE\r\n", Refusal.SIZE_SYNTAX),
        (b"EHLO x\r\nMAIL FROM:<a> SIZE=999999999999999999999\r\n", Refusal.SIZE_SYNTAX),
        (b"EHLO x\r\nMAIL FROM:<a>\r\nRCPT TO:<a> SIZE=1\r\n", Refusal.PARAMETER),
    ],
)
def test_form_and_order(said, why):
    talk = Talk()
    events = talk.hear(said)
    assert refusals(events) == [why]
    reply = talk.replies[-1]
    assert (reply.code, reply.enhanced) == (why.code, why.enhanced)
    assert events[-1] == Refuse(reply.raw, said.splitlines(keepends=True)[-1] if b"O" not in said[:2] else said, why)
    assert not talk.machine.closed


def test_a_syntax_error_says_which():
    talk = Talk()
    talk.hear(b"EHLO x\r\nMAIL FROM:<a\r\n")
    assert talk.replies[-1].text == "5.5.4 Syntax error: a path that is never closed"


def test_a_fault_out_of_order_is_out_of_order():
    talk = Talk()
    talk.hear(b"MAIL FROM:<a\r\n")
    assert talk.replies[-1].text == "5.5.1 Say EHLO or HELO first"


def test_after_a_refused_sender_every_recipient_is_out_of_order():
    talk = Talk(answering=lambda question: (550, "no", "") if isinstance(question, Mail) else taking(question))
    assert refusals(talk.hear(b"EHLO x\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n")) == [Refusal.MAIL_FIRST] * 2


def test_refused_data_keeps_the_transaction():
    talk = Talk(answering=lambda question: (451, "no", "") if isinstance(question, DataBegin) else taking(question))
    talk.hear(b"EHLO x\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n")
    assert talk.at(ServerState.RCPT)
    assert talk.hear(b"DATA\r\n") == [DataBegin()]


def test_a_refused_message_ends_the_transaction():
    talk = Talk(answering=lambda question: (550, "no", "") if isinstance(question, Message) else taking(question))
    talk.hear(b"EHLO x\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\nx\n.\r\n\r\n.\r\n")
    assert talk.events[-1] == Message(b"x\n.\r\n\r\n", (Oddity(OddityKind.BARE_LF, 1), Oddity(OddityKind.LF_CRLF, 2)))
    assert talk.at(ServerState.GREETED)
    assert talk.machine.recipients == []


def streamed(limit: int = 0) -> Talk:
    talk = Talk(ServerMachine(ANNOUNCED, Limits(message=limit), collect=False))
    talk.hear(b"EHLO x\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n")
    return talk


def test_a_streamed_message():
    talk = streamed()
    assert talk.hear(b"ab\r\n", b"c\n", b"\r\n.\r", b"\nNOOP\r\n") == [
        DataChunk(b"ab"),
        DataChunk(b"\r\nc\n"),
        DataChunk(b"\r\n"),
        DataEnd(8, (Oddity(OddityKind.BARE_LF, 5),)),
        Other(Verb.NOOP, b"", b"NOOP\r\n"),
    ]


def test_a_streamed_message_too_big_stops_at_the_bound():
    talk = streamed(limit=5)
    events = talk.hear(b"abc", b"defg\r\n" * 9, b".\r\n")
    assert events[:2] == [DataChunk(b"abc"), DataChunk(b"de")]
    assert refusals(events) == [Refusal.MESSAGE_TOO_BIG]
    assert talk.at(ServerState.GREETED)


@pytest.mark.parametrize("step", [1, 2, 3, 100])
def test_at_the_bound_no_line_end_is_cut_in_two(step):
    talk = streamed(limit=4)
    said = b"abc\r\ndef\r\n.\r\n"
    events = joined(talk.hear(*pieces(said, range(step, len(said), step))))
    assert events[0] == DataChunk(b"abc")
    assert refusals(events) == [Refusal.MESSAGE_TOO_BIG]


def test_a_collected_message_too_big():
    talk = Talk(ServerMachine(ANNOUNCED, Limits(message=4)))
    envelope = b"MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n"
    events = talk.hear(b"EHLO x\r\n", envelope + b"abc\r\n.\r\n", envelope + b"ab\r\n.\r\n")
    assert refusals(events) == [Refusal.MESSAGE_TOO_BIG]
    assert events[-1] == Message(b"ab\r\n", ())
    assert talk.codes[-5:] == [552, 250, 250, 354, 250]


def test_a_size_announced_too_big():
    talk = Talk(ServerMachine(ANNOUNCED, Limits(message=100)))
    assert refusals(talk.hear(b"EHLO x\r\nMAIL FROM:<a> SIZE=101\r\n")) == [Refusal.SIZE_ANNOUNCED]
    assert talk.hear(b"MAIL FROM:<a> SIZE=100\r\n") == [Mail(b"<a>", {"SIZE": b"100"}, b"MAIL FROM:<a> SIZE=100\r\n")]


def test_too_many_recipients_is_no_error():
    talk = Talk(ServerMachine(ANNOUNCED, Limits(recipients=2, errors=1)))
    talk.hear(b"EHLO x\r\nMAIL FROM:<a>\r\n" + b"RCPT TO:<b>\r\n" * 4)
    assert refusals(talk.events) == [Refusal.TOO_MANY_RECIPIENTS] * 2
    assert not talk.machine.closed


def test_too_many_errors():
    talk = Talk(ServerMachine(limits=Limits(errors=2)))
    events = talk.hear(b"X\r\nX\r\nNOOP\r\n")
    assert refusals(events) == [Refusal.UNKNOWN, Refusal.UNKNOWN, Refusal.TOO_MANY_ERRORS]
    assert events[-1] == Close(Refusal.TOO_MANY_ERRORS)
    assert talk.codes == [220, 500, 500, 421]
    assert talk.machine.closed


@pytest.mark.parametrize(
    ("said", "why"), [(b"GET / HTTP/1.1\r\n", Refusal.OTHER_PROTOCOL), (b"BDAT 9\r\n", Refusal.NO_CHUNKS)]
)
def test_what_makes_no_sense_to_go_on_after(said, why):
    talk = Talk()
    assert talk.hear(said + b"NOOP\r\n") == [Refuse(talk.replies[-1].raw, said, why), Close(why)]
    assert talk.codes == [220, why.code]


def test_the_last_error_allowed_closes_once():
    talk = Talk(ServerMachine(limits=Limits(errors=1)))
    events = talk.hear(b"BDAT 9\r\n")
    assert [event for event in events if isinstance(event, Close)] == [Close(Refusal.TOO_MANY_ERRORS)]


def bounded() -> Talk:
    return Talk(ServerMachine(limits=Limits(line=20, endless=30)))


@pytest.mark.parametrize("filling", [b"x", b"\r", b"\n"])
def test_a_line_too_long(filling):
    for length in range(15, 45):
        line = b"NOOP" + filling * (length - 6) + b"\r\n"
        events = bounded().hear(line + b"NOOP\r\n")
        assert (Refusal.LINE_TOO_LONG in refusals(events)) == (length > 20)
        assert events[-1] == Other(Verb.NOOP, b"", b"NOOP\r\n")
        if length > 20:
            assert isinstance(events[0], Refuse)
            assert events[0].raw == line[:20]


def test_a_line_without_end():
    talk = bounded()
    assert talk.hear(b"x" * 49) == [Refuse(talk.replies[-1].raw, b"x" * 20, Refusal.LINE_TOO_LONG)]
    assert not talk.machine.closed
    assert talk.hear(b"x")[-1] == Close(Refusal.ENDLESS_LINE)
    assert talk.codes == [220, 500, 421]


def test_what_is_said_before_the_greeting_is_told_and_kept():
    machine = ServerMachine()
    assert machine.receive(b"HELO ") == [Early(b"HELO ")]
    assert machine.receive(b"x\r\n") == [Early(b"x\r\n")]
    assert machine.receive(b"") == []
    machine.greet("hi")
    assert machine.receive(b"") == [Hello(Verb.HELO, "x")]


def test_too_much_before_the_greeting():
    machine = ServerMachine(limits=Limits(line=4))
    events = machine.receive(b"HELO x\r\n")
    assert events[0] == Early(b"HELO")
    assert events[-1] == Close(Refusal.TOO_EARLY)
    assert machine.closed


def test_a_greeting_that_refuses():
    machine = ServerMachine()
    assert machine.greet("no", 554) == b"554 no\r\n"
    assert machine.closed
    assert machine.receive(b"EHLO x\r\n") == []


def test_goodbye_answers_whatever_is_asked():
    machine = ServerMachine()
    machine.greet("hi")
    machine.receive(b"NOOP\r\n")
    assert machine.goodbye("Time is up", "4.4.2") == b"421 4.4.2 Time is up\r\n"
    assert machine.closed
    assert machine.receive(b"NOOP\r\n") == []


def test_an_answer_of_421_closes():
    talk = Talk(answering=lambda question: (421, "busy", "4.3.2"))
    talk.hear(b"EHLO x\r\nNOOP\r\n")
    assert talk.codes == [220, 421]
    assert talk.machine.closed


def test_quit_closes_whatever_the_answer():
    talk = Talk(answering=lambda question: (500, "stay", ""))
    talk.hear(b"QUIT\r\nNOOP\r\n")
    assert talk.codes == [220, 500]
    assert talk.machine.closed


def test_a_refused_hello_announces_and_changes_nothing():
    talk = Talk(answering=lambda question: (550, "no", ""))
    talk.hear(b"EHLO x\r\n")
    assert talk.replies[1].lines == (b"no",)
    assert talk.machine.hello is None
    assert talk.at(ServerState.READY)


def test_an_answer_needs_a_question():
    machine = ServerMachine()
    machine.greet("hi")
    with pytest.raises(FumidaiError):
        machine.answer(250, "Ok")


def test_what_waits_behind_a_question_is_bounded():
    machine = ServerMachine(limits=Limits(backlog=10))
    machine.greet("hi")
    assert machine.receive(b"NOOP\r\n" * 9) == [Other(Verb.NOOP, b"", b"NOOP\r\n")]
    assert machine.answer(250, "Ok") == b"250 Ok\r\n"
    assert machine.receive(b"") == [Other(Verb.NOOP, b"", b"NOOP\r\n")]
    events = machine.receive(b"x")
    assert refusals(events) == [Refusal.BACKLOG]
    assert events[-1] == Close(Refusal.BACKLOG)
    assert machine.receive(b"x") == []


def test_waiting_within_the_bound():
    machine = ServerMachine()
    machine.greet("hi")
    machine.receive(b"NOOP\r\n")
    assert machine.receive(b"NOOP y\r\n") == []
    machine.answer(250, "Ok")
    assert machine.receive(b"") == [Other(Verb.NOOP, b"y", b"NOOP y\r\n")]


def test_starttls():
    talk = Talk()
    talk.hear(b"EHLO x\r\nSTARTTLS\r\nMAIL FROM:<evil>\r\n", b"DATA\r\n")
    assert talk.events[1:] == [StartTls(), Injected(b"MAIL FROM:<evil>\r\n"), Injected(b"DATA\r\n")]
    assert talk.machine.tls_started() == []
    assert talk.at(ServerState.READY)
    assert (talk.machine.hello, talk.machine.tls) == (None, True)
    assert refusals(talk.hear(b"MAIL FROM:<a>\r\nEHLO x\r\nSTARTTLS\r\n")) == [Refusal.HELLO_FIRST, Refusal.NO_TLS]
    assert b"STARTTLS" not in talk.replies[-2].lines


def test_starttls_tells_what_nobody_asked_for_in_between():
    machine = ServerMachine(ANNOUNCED)
    machine.greet("hi")
    machine.receive(b"STARTTLS\r\nNOOP\r\n")
    machine.answer(220, "go")
    assert machine.tls_started() == [Injected(b"NOOP\r\n")]
    assert machine.receive(b"") == []


def test_starttls_refused_or_not_offered():
    talk = Talk(answering=lambda question: (454, "not now", "4.7.0") if question == StartTls() else taking(question))
    talk.hear(b"EHLO x\r\nSTARTTLS\r\nNOOP\r\n")
    assert talk.codes == [220, 250, 454, 250]
    assert refusals(Talk(ServerMachine()).hear(b"STARTTLS\r\n")) == [Refusal.NO_TLS]
    assert refusals(Talk(ServerMachine(ANNOUNCED, tls=True)).hear(b"STARTTLS\r\n")) == [Refusal.NO_TLS]


def test_a_dialogue_of_auth():
    def asking(question: Question) -> tuple[int, str, str]:
        if isinstance(question, Continuation):
            return 235, "welcome", "2.7.0"
        return (334, "", "") if isinstance(question, Other) else taking(question)

    talk = Talk(ServerMachine(["AUTH PLAIN"]), asking)
    assert talk.hear(b"EHLO x\r\nAUTH PLAIN\r\nRSET\r\nRSET\r\n")[1:] == [
        Other(Verb.AUTH, b"PLAIN", b"AUTH PLAIN\r\n"),
        Continuation(b"RSET"),
        Reset(),
    ]
    assert talk.codes == [220, 250, 334, 235, 250]


@pytest.mark.parametrize(
    ("line", "refusal"),
    [(b"A" * 3000, Refusal.AUTH_TOO_LONG), (b"A\rA", Refusal.CONTROL), (b"\0", Refusal.CONTROL)],
)
def test_a_line_of_auth_that_is_refused_ends_the_exchange(line, refusal):
    def asking(question: Question) -> tuple[int, str, str]:
        return (334, "", "") if isinstance(question, Other) else taking(question)

    talk = Talk(ServerMachine(["AUTH PLAIN"]), asking)
    events = talk.hear(b"EHLO x\r\nAUTH PLAIN\r\n" + line + b"\r\nRSET\r\n")
    assert refusals(events) == [refusal]
    assert events[-1] == Reset(), "what follows is a command"
    assert talk.codes == [220, 250, 334, 500, 250]


@pytest.mark.parametrize(
    ("before", "refusal"), [(b"", Refusal.HELLO_FIRST), (b"EHLO x\r\nMAIL FROM:<a>\r\n", Refusal.IN_TRANSACTION)]
)
def test_auth_has_its_place(before, refusal):
    assert refusals(Talk(ServerMachine(["AUTH PLAIN"])).hear(before + b"AUTH PLAIN\r\n")) == [refusal]


def test_what_is_announced_may_change():
    talk = Talk(ServerMachine(["8BITMIME"]))
    talk.hear(b"EHLO x\r\n")
    talk.machine.announce(["SMTPUTF8"])
    assert refusals(talk.hear(b"MAIL FROM:<a> BODY=8BITMIME\r\n")) == [Refusal.PARAMETER]
    talk.hear(b"MAIL FROM:<a> SMTPUTF8\r\nEHLO x\r\n")
    assert talk.codes == [220, 250, 555, 250, 250]
    assert talk.replies[-1].lines[1:] == (b"SMTPUTF8",)


@pytest.mark.parametrize("verb", [verb for verb in Verb if verb.isalpha()])
def test_every_known_verb_has_its_answer(verb):
    talk = Talk(answering=lambda question: usual(question))
    arguments = {Verb.EHLO: b" x", Verb.HELO: b" x", Verb.MAIL: b" FROM:<a>", Verb.RCPT: b" TO:<a>"}
    talk.hear(b"EHLO x\r\n", verb.encode() + arguments.get(verb, b"") + b"\r\n")
    assert len(talk.codes) == 3


def test_texts_of_others_cannot_make_replies():
    machine = ServerMachine()
    machine.greet("hi")
    machine.receive(b"NOOP\r\n")
    assert machine.answer(550, "no such user \r\n250 Ok\x1b[2J") == b"550-no such user ?\r\n550 250 Ok?[2J\r\n"


def test_what_was_not_read_yet_can_be_asked_for():
    machine = ServerMachine(["CHUNKING"])
    machine.greet("hi")
    assert (machine.pending, machine.waiting) == (False, 0)
    machine.receive(b"NOOP\r\nNOOP\r\nEHLO x\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\n")
    pending, waiting = [machine.pending], [machine.waiting]
    while machine.asked is not None:
        machine.answer(*usual(machine.asked))
        machine.receive(b"")
        pending.append(machine.pending)
        waiting.append(machine.waiting)
    assert waiting == [42, 36, 28, 13, 0, 0]
    assert pending == [True, True, True, True, False, False]
    machine.receive(b"BDAT 0 LAST\r\n")
    machine.answer(250, "go")
    pending.append(machine.pending)
    assert pending[-1], "a chunk of nothing is there, though no octet of it is"
    assert machine.receive(b"") == [Message(b"", ())]


def test_linear_time():
    talk = Talk(ServerMachine(limits=Limits(errors=10**9, endless=10**9)))
    talk.hear(b"EHLO x\r\n")
    begun = time.process_time()
    message = b"MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n.\r\n"
    talk.hear(message * 10_000)
    talk.hear(b"x" * 5_000_000)
    talk.hear(*[b"x"] * 100_000)
    talk.hear(b"\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n", b"\r\n.\r" * 500_000, b"\n")
    assert isinstance(talk.events[-1], Message)
    assert time.process_time() - begun < 8


WORDS = [b"EHLO x", b"HELO x", b"MAIL FROM:<a>", b"RCPT TO:<b>", b"RCPT TO:<x>", b"DATA", b"."]
MORE = [b"STARTTLS", b"RSET", b"QUIT", b"AUTH", b"BDAT 1", b""]
LINES = [word + b"\r\n" for word in WORDS + MORE]
BITS = [b"\r", b"\n", b"junk", b"..", b"a" * 25]
STREAMS = st.lists(st.sampled_from(LINES + BITS) | st.binary(max_size=4), max_size=30).map(b"".join)
CODES = {Verb.MAIL: (250, 550), Verb.RCPT: (250, 450), Verb.DATA: (354, 451), Verb.STARTTLS: (220, 454)}


def joined(events: list[Event]) -> list[Event]:
    """Neighbouring pieces of one thing taken together."""
    result: list[Event] = []
    for event in events:
        last = result[-1] if result else None
        if isinstance(event, DataChunk | Early | Injected) and type(last) is type(event):
            result[-1] = type(event)(last.data + event.data)
        else:
            result.append(event)
    return result


def moody(moods: list[bool]) -> Answering:
    """Answers that depend on the number of the question only."""
    left = iter(moods)

    def answer(question: Question) -> tuple[int, str, str]:
        kinds = {Mail: Verb.MAIL, Rcpt: Verb.RCPT, DataBegin: Verb.DATA, StartTls: Verb.STARTTLS}
        yes, no = CODES.get(kinds.get(type(question), Verb.NOOP), (250, 334))
        return (yes if next(left, True) else no), "text", ""

    return answer


@given(STREAMS, st.data(), st.booleans(), st.lists(st.booleans(), max_size=8))
def test_cutting_changes_nothing(data, draw, collect, moods):
    limits = Limits(line=24, message=12, recipients=2, errors=4, endless=40)
    talks = [Talk(ServerMachine(ANNOUNCED, limits, collect=collect), moody(moods)) for _ in range(2)]
    talks[0].hear(data)
    talks[1].hear(*pieces(data, draw.draw(cuts(data))))
    assert joined(talks[1].events) == joined(talks[0].events)
    assert talks[1].written == talks[0].written
    assert talks[0].at(talks[1].machine.state)


@given(STREAMS, STREAMS, st.data())
def test_cutting_what_is_early_changes_nothing(early, late, draw):
    ends = []
    nowhere: list[int] = []
    for places in (nowhere, draw.draw(cuts(early))):
        machine = ServerMachine(limits=Limits(line=24))
        events = [event for piece in pieces(early, places) for event in machine.receive(piece)]
        if not machine.closed:
            machine.greet("hi")
        ends.append((joined(events), machine.receive(late), machine.state))
    assert ends[0] == ends[1]


@given(STREAMS)
def test_replies_keep_the_order_of_what_they_answer(data):
    talk = Talk()
    talk.hear(data)
    answered = [
        event for event in talk.events if not isinstance(event, DataChunk | Swallowed | Early | Injected | Close)
    ]
    assert len(talk.replies) == 1 + len(answered)
    for event, reply in zip(answered, talk.replies[1:], strict=True):
        assert reply.code == (event.why.code if isinstance(event, Refuse) else taking(event)[0])


def test_what_waits_behind_a_question_is_told():
    machine = ServerMachine(ANNOUNCED)
    machine.greet("hi")
    assert (machine.waiting, machine.pending) == (0, False)
    (asked,) = machine.receive(b"EHLO x\r\nNOOP\r\n")
    assert asked is machine.asked
    assert (machine.waiting, machine.pending) == (6, True)
    assert machine.receive(b"QU") == []
    assert (machine.waiting, machine.pending) == (8, True)
    machine.answer(250, "hi")
    assert [type(event) for event in machine.receive(b"")] == [Other]
    machine.goodbye("closing")
    machine.receive(b"")
    assert (machine.waiting, machine.pending) == (0, False)

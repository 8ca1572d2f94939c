# SPDX-License-Identifier: Apache-2.0
"""Messages in chunks: counted to the octet, whole or not at all, and never read as commands."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumidai.smtp.command import Verb
from fumidai.smtp.data import ChunkReader, Oddity, OddityKind
from fumidai.smtp.refusals import Refusal
from fumidai.smtp.server import (
    ChunkBegin,
    ChunkEnd,
    Close,
    DataBegin,
    DataChunk,
    DataEnd,
    Event,
    Limits,
    Message,
    Other,
    Question,
    Rcpt,
    Reset,
    ServerMachine,
    ServerState,
    Swallowed,
    usual,
)
from tests.smtp.chunks import cuts, in_pieces, pieces
from tests.smtp.test_server import Answering, Talk, joined, moody, refusals

OFFERED = ("PIPELINING", "SIZE 100", "CHUNKING", "STARTTLS", "DSN")
ENVELOPE = b"EHLO x\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\n"


def offering(limits: Limits | None = None, *, collect: bool = True, answering: Answering | None = None) -> Talk:
    return Talk(ServerMachine(OFFERED, limits, collect=collect), answering or (lambda question: usual(question)))


def saying(kind: type, *answer: object) -> Answering:
    """Say this to one kind of question, yes to all others."""
    return lambda question: answer if isinstance(question, kind) else usual(question)  # type: ignore[return-value]


def begun(**settings: object) -> Talk:
    talk = offering(**settings)  # type: ignore[arg-type]
    talk.hear(ENVELOPE)
    return talk


def test_a_message_in_chunks():
    talk = begun()
    events = talk.hear(b"BDAT 5\r\nab\r\ncBDAT 0\r\nbdat 7  last\r\nd\r\n.\r\n\r")
    assert events == [ChunkBegin(5, False), ChunkEnd(5), ChunkEnd(0), Message(b"ab\r\ncd\r\n.\r\n\r", (oddity(11),))]
    assert talk.codes == [220, 250, 250, 250, 250, 250, 250]
    assert talk.replies[4].text == "2.0.0 5 octets received"
    assert talk.at(ServerState.GREETED)
    assert talk.machine.recipients == []


def oddity(offset: int, kind: OddityKind = OddityKind.BARE_CR) -> Oddity:
    return Oddity(kind, offset)


@pytest.mark.parametrize("said", [b"BDAT 4 LAST\r\nab\r\n", b"BDAT 4\r\nab\r\nBDAT 0 LAST\r\n"])
def test_only_the_last_chunk_ends_it(said):
    talk = begun(collect=False)
    *before, last = talk.hear(said)
    assert last == DataEnd(4, ())
    assert DataChunk(b"ab\r\n") in joined(before)


def test_an_empty_message():
    assert begun().hear(b"BDAT 0 LAST\r\n")[-1] == Message(b"", ())


@pytest.mark.parametrize("step", [1, 3, 8, 13, 100])
def test_chunks_of_nothing_are_answered_however_they_come(step):
    talk = begun()
    said = [b"BDAT 0\r\n", b"BDAT 0\r\n", b"BDAT 0 LAST\r\n", b"BDAT 0\r\n"]
    data = b"".join(said)
    talk.hear(*(said if step == 100 else pieces(data, range(step, len(data), step))))
    assert talk.codes[4:] == [250, 250, 250, 503]


def test_a_line_end_on_the_border_of_two_chunks_is_one():
    talk = begun(collect=False)
    events = joined(talk.hear(b"BDAT 2\r\na\rBDAT 2 LAST\r\n\nb"))
    assert events == [
        ChunkBegin(2, False),
        DataChunk(b"a"),
        ChunkEnd(2),
        DataChunk(b"\r\nb"),
        DataEnd(4, ()),
    ]


@pytest.mark.parametrize(
    ("chunks", "kind"),
    [
        ((b"a\r", b"b"), OddityKind.BARE_CR),
        ((b"a", b"\nb"), OddityKind.BARE_LF),
        ((b"a\r", b"\r\n"), OddityKind.BARE_CR),
        ((b"a\0", b"b"), OddityKind.NUL),
        ((b"a\r",), OddityKind.BARE_CR),
    ],
)
def test_what_is_odd_on_a_border_is_seen(chunks, kind):
    talk = begun()
    said = b"".join(b"BDAT %d\r\n" % len(chunk) + chunk for chunk in chunks) + b"BDAT 0 LAST\r\n"
    message = talk.hear(said)[-1]
    assert isinstance(message, Message)
    assert message.data == b"".join(chunks)
    assert [found.kind for found in message.oddities] == [kind]


def test_a_dot_alone_ends_nothing_and_odd_ones_are_counted():
    reader = ChunkReader()
    data = b".\r\n.\r\n\n.\n.\r\n.\n"
    taken = b"".join(reader.feed(data[at : at + 1]).data for at in range(len(data))) + reader.end()
    assert taken == data
    assert {(found.kind, found.offset) for found in reader.oddities} == {
        (OddityKind.BARE_LF, 6),
        (OddityKind.LF_LF, 7),
        (OddityKind.LF_CRLF, 9),
        (OddityKind.CRLF_LF, 12),
    }


def test_octets_of_a_chunk_are_never_commands():
    talk = begun()
    body = b"RSET\r\nQUIT\r\n\0\r\n.\r\nBDAT 5 LAST\r\n" + b"x" * 5000
    assert talk.hear(b"BDAT %d LAST\r\n" % len(body) + body + b"NOOP\r\n")[1:] == [
        Message(body, (oddity(12, OddityKind.NUL),)),
        Other(Verb.NOOP, b"", b"NOOP\r\n"),
    ]


@pytest.mark.parametrize(
    ("said", "why", "state"),
    [
        (b"", Refusal.MAIL_FIRST, ServerState.READY),
        (b"EHLO x\r\n", Refusal.MAIL_FIRST, ServerState.GREETED),
        (b"EHLO x\r\nMAIL FROM:<a>\r\n", Refusal.RCPT_FIRST, ServerState.GREETED),
        (ENVELOPE + b"DATA\r\n.\r\n", Refusal.MAIL_FIRST, ServerState.GREETED),
        (ENVELOPE + b"BDAT 0 LAST\r\n", Refusal.MAIL_FIRST, ServerState.GREETED),
    ],
)
def test_a_chunk_out_of_order_is_dropped_and_then_refused(said, why, state):
    talk = offering()
    talk.hear(said)
    before = len(talk.codes)
    assert talk.hear(b"BDAT 6 LAST\r\nQUIT") == []
    assert len(talk.codes) == before, "the reply waits for the octets"
    events = talk.hear(b"\r\nNOOP\r\n")
    assert refusals(events) == [why]
    assert events[-1] == Other(Verb.NOOP, b"", b"NOOP\r\n")
    assert talk.at(state)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"DATA\r\n", Refusal.MESSAGE_BEGUN),
        (b"RCPT TO:<c>\r\n", Refusal.MESSAGE_BEGUN),
        (b"MAIL FROM:<c>\r\n", Refusal.NESTED),
        (b"STARTTLS\r\n", Refusal.IN_TRANSACTION),
    ],
)
def test_between_chunks(said, why):
    talk = begun()
    talk.hear(b"BDAT 1\r\na")
    assert talk.machine.in_body
    assert refusals(talk.hear(said)) == [why]
    assert talk.hear(b"NOOP\r\nBDAT 1 LAST\r\nb")[-1] == Message(b"ab", ())
    assert not talk.machine.in_body


@pytest.mark.parametrize("forget", [b"RSET\r\n", b"EHLO x\r\n"])
def test_a_reset_between_chunks_forgets_them(forget):
    talk = begun()
    talk.hear(b"BDAT 3\r\na\r\r", forget)
    assert talk.at(ServerState.GREETED)
    talk.hear(ENVELOPE)
    assert talk.hear(b"BDAT 1 LAST\r\nb")[-1] == Message(b"b", ())
    talk.hear(ENVELOPE)
    talk.hear(b"BDAT 3\r\na\r\r", forget, ENVELOPE)
    assert talk.hear(b"DATA\r\nc\r\n.\r\n") == [DataBegin(), Message(b"c\r\n", ())]


def test_refused_before_the_first_chunk_nothing_of_any_is_kept():
    talk = begun(answering=saying(ChunkBegin, 451, "not now", "4.3.0"))
    assert talk.hear(b"BDAT 3\r\nab") == [ChunkBegin(3, False)]
    assert talk.codes[-1] == 250
    assert talk.hear(b"c") == [Swallowed(b"451 4.3.0 not now\r\n")]
    assert talk.at(ServerState.GREETED)
    assert refusals(talk.hear(b"BDAT 3\r\nabcBDAT 0 LAST\r\n")) == [Refusal.CHUNK_LEFT] * 2


def test_refused_after_a_chunk_the_others_on_their_way_are_dropped_without_blame():
    talk = begun(limits=Limits(errors=1), collect=False, answering=saying(ChunkEnd, 554, "no bare LF", "5.6.0"))
    events = talk.hear(b"BDAT 1\r\n\n" + b"BDAT 4\r\nQUIT" * 30 + b"BDAT 1 LAST\r\nx")
    assert refusals(events) == [Refusal.CHUNK_LEFT] * 31
    assert not any(isinstance(event, DataEnd) for event in events)
    assert talk.at(ServerState.GREETED)
    talk.answering = usual
    assert talk.hear(b"MAIL FROM:<a>\r\nRCPT TO:<b>\r\nBDAT 1 LAST\r\ny")[-1] == DataEnd(1, ())


def test_a_refused_last_chunk_ends_the_transaction_and_the_next_goes_well():
    talk = begun(answering=saying(Message, 550, "no", "5.7.1"))
    talk.hear(b"BDAT 1 LAST\r\nx", b"MAIL FROM:<a>\r\nRCPT TO:<b>\r\nBDAT 1 LAST\r\ny")
    assert [event.data for event in talk.events if isinstance(event, Message)] == [b"x", b"y"]
    assert talk.codes[-1] == 550


def test_421_to_the_first_chunk_is_said_at_once():
    talk = begun(answering=saying(ChunkBegin, 421, "closing", "4.3.2"))
    talk.hear(b"BDAT 9\r\n")
    assert talk.codes[-1] == 421
    assert talk.machine.closed


def test_too_big_in_one_or_in_all():
    for said in (b"BDAT 11 LAST\r\n" + b"x" * 11, b"BDAT 6\r\nabcdefBDAT 5\r\nabcde"):
        talk = begun(limits=Limits(message=10), collect=False)
        events = joined(talk.hear(said + b"BDAT 1 LAST\r\nxNOOP\r\n"))
        assert refusals(events) == [Refusal.MESSAGE_TOO_BIG, Refusal.CHUNK_LEFT]
        assert sum(len(event.data) for event in events if isinstance(event, DataChunk)) < 10
        assert not any(isinstance(event, DataEnd) for event in events)
        assert events[-1] == Other(Verb.NOOP, b"", b"NOOP\r\n")
        assert not talk.machine.closed


def test_too_big_by_the_octet_that_was_held_back():
    talk = begun(limits=Limits(message=2))
    assert refusals(talk.hear(b"BDAT 2\r\na\rBDAT 1 LAST\r\nb")) == [Refusal.MESSAGE_TOO_BIG]
    assert talk.at(ServerState.GREETED)


def test_as_big_as_may_be():
    assert begun(limits=Limits(message=4)).hear(b"BDAT 2\r\nabBDAT 2 LAST\r\ncd")[-1] == Message(b"abcd", ())


@pytest.mark.parametrize("size", [b"121", b"99999999999999999999"])
def test_too_big_to_be_dropped_closes_at_once(size):
    talk = begun(limits=Limits(message=20, excess=100))
    events = talk.hear(b"BDAT " + size + b"\r\n" + b"QUIT\r\n" * 9)
    assert refusals(events) == [Refusal.MESSAGE_TOO_BIG]
    assert events[-1] == Close(Refusal.MESSAGE_TOO_BIG)
    assert talk.machine.closed


def test_what_may_be_dropped_is_bounded_for_all_chunks_together():
    talk = begun(limits=Limits(excess=100), answering=saying(ChunkBegin, 451, "no", ""))
    events = talk.hear(b"BDAT 0\r\n" * 30)
    assert 5 < len(refusals(events)) < 15
    assert talk.machine.closed
    assert begun(limits=Limits(excess=0), answering=saying(ChunkBegin, 451, "no", "")).hear(b"BDAT 1\r\n")[-2:] == [
        Swallowed(b"451 no\r\n"),
        Close(Refusal.MESSAGE_TOO_BIG),
    ]


def test_a_message_that_follows_data_is_dropped_up_to_the_same_bound():
    for step in (1, 7, 1000):
        talk = Talk(ServerMachine(OFFERED, Limits(message=10, excess=20), collect=False))
        talk.hear(ENVELOPE + b"DATA\r\n")
        body = b"x" * 40 + b"\r\n.\r\n"
        events = talk.hear(*pieces(body, range(step, len(body), step)))
        assert refusals(events) == [Refusal.MESSAGE_TOO_BIG]
        assert events[-1] == Close(Refusal.MESSAGE_TOO_BIG)


@pytest.mark.parametrize(
    "line",
    [b"BDAT", b"BDAT x", b"BDAT -1", b"BDAT 5 LAST x", b"BDAT 5 FIRST", b"BDAT 999999999999999999999", b"BDAT 5LAST"],
)
def test_where_a_chunk_ends_must_be_known(line):
    talk = begun()
    events = talk.hear(line + b"\r\nQUIT\r\n")
    assert refusals(events) == [Refusal.CHUNK_SYNTAX]
    assert events[-1] == Close(Refusal.CHUNK_SYNTAX)


def test_inside_tls_it_begins_anew():
    talk = begun()
    talk.hear(b"RSET\r\nBDAT 1\r\nx", b"STARTTLS\r\n")
    talk.machine.tls_started()
    assert talk.hear(ENVELOPE + b"BDAT 1 LAST\r\nx")[-1] == Message(b"x", ())


def test_the_hold_of_a_question_holds_the_octets():
    machine = ServerMachine(OFFERED, Limits(backlog=10))
    machine.greet("hi")
    events = machine.receive(ENVELOPE)
    while events:
        machine.answer(*usual(events[0]))  # type: ignore[arg-type]
        events = machine.receive(b"")
    assert machine.receive(b"BDAT 5 LAST\r\nab") == [ChunkBegin(5, True)]
    assert machine.receive(b"cde") == []
    assert machine.answer(250, "go") == b""
    assert machine.receive(b"") == [Message(b"abcde", ())]


def test_linear_time_in_chunks():
    talk = offering()
    talk.hear(b"EHLO x\r\n")
    began = time.process_time()
    talk.hear(b"MAIL FROM:<a>\r\nRCPT TO:<b>\r\n", b"BDAT 1\r\nx" * 20_000, b"BDAT 0 LAST\r\n")
    talk.hear(b"MAIL FROM:<a>\r\nRCPT TO:<b>\r\nBDAT 5000000 LAST\r\n", b"\r\n.\r\n" * 1_000_000)
    talk.hear(b"MAIL FROM:<a>\r\nRCPT TO:<b>\r\nBDAT 100000 LAST\r\n", *[b"\r"] * 100_000)
    assert sum(isinstance(event, Message) for event in talk.events) == 3
    assert time.process_time() - began < 8


WORDS = [b"EHLO x", b"MAIL FROM:<a>", b"RCPT TO:<b>", b"DATA", b".", b"RSET", b"NOOP", b"BDAT", b"STARTTLS"]
CHUNKS = st.builds(
    lambda said, given, last: b"BDAT %d%s\r\n" % (max(len(given) + said, 0), b" LAST" * last) + given,
    st.sampled_from([0, 0, 0, 1, -1, 200]),
    st.sampled_from([b"", b"x", b"\r", b"\n", b"\r\n", b"\r\n.\r\n", b"\0", b"QUIT\r\n", b"a" * 9]),
    st.booleans(),
)
STREAMS = st.lists(st.sampled_from([word + b"\r\n" for word in WORDS]) | CHUNKS, max_size=30).map(b"".join)


@given(STREAMS, st.data(), st.booleans(), st.lists(st.booleans(), max_size=12))
def test_cutting_changes_nothing(data, draw, collect, moods):
    limits = Limits(line=24, message=14, excess=150, recipients=2, errors=4, endless=40)
    talks = [offering(limits, collect=collect, answering=moody_chunks(moods)) for _ in range(2)]
    talks[0].hear(ENVELOPE + data)
    talks[1].hear(*pieces(ENVELOPE + data, draw.draw(cuts(ENVELOPE + data))))
    assert joined(talks[1].events) == joined(talks[0].events)
    assert talks[1].written == talks[0].written
    assert talks[0].at(talks[1].machine.state)


def moody_chunks(moods: list[bool]) -> Answering:
    """As ``moody``; a no to a chunk is a 451."""
    mood = moody(moods)

    def answer(question: Question) -> tuple[int, str, str]:
        code, *rest = mood(question)
        return (451 if code == 334 and isinstance(question, ChunkBegin | ChunkEnd) else code, *rest)  # type: ignore[return-value]

    return answer


@given(st.lists(st.binary(max_size=6) | st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"\n.\n"]), max_size=12))
def test_a_message_is_the_same_in_any_chunks(parts):
    """Chunks, in whatever sizes, give the octets and the oddities that one chunk gives."""
    whole, cut = begun(), begun()
    body = b"".join(parts)
    one = whole.hear(b"BDAT %d LAST\r\n" % len(body) + body)[-1]
    said = b"".join(b"BDAT %d\r\n" % len(part) + part for part in parts) + b"BDAT 0 LAST\r\n"
    assert cut.hear(said)[-1] == one
    assert isinstance(one, Message)
    assert one.data == body


@given(st.binary(max_size=40), st.data())
def test_the_reader_of_chunks_minds_no_cut(body, draw):
    def read(places: list[int]) -> tuple[bytes, tuple[Oddity, ...]]:
        reader = ChunkReader()
        data = b"".join(in_pieces(lambda piece: [reader.feed(piece).data], body, places)) + reader.end()
        return data, reader.oddities

    assert read(draw.draw(cuts(body))) == read([])


def test_a_recipient_that_is_refused_leaves_nobody_to_send_to():
    talk = offering(answering=saying(Rcpt, 550, "no", "5.1.1"))
    events: list[Event] = talk.hear(ENVELOPE + b"BDAT 5 LAST\r\nQUIT\n", b"RSET\r\n")
    assert refusals(events) == [Refusal.RCPT_FIRST]
    assert events[-1] == Reset()

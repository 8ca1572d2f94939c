# SPDX-License-Identifier: Apache-2.0
"""What is offered, what is passed on, and what becomes of it where the server behind can't."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from fumidai.guard.backend import Sender
from fumidai.guard.post import offer
from fumidai.guard.smtp_backend import SmtpBackend, answer_of
from fumidai.guard.trace_line import received_line
from fumidai.smtp.reply import Reply, ReplyReader
from tests.guard.faulty import Faulty, behind
from tests.guard.guarded import HURRIED, Client, calling, guarding, without_trace

ALL = (b"SIZE 0", b"8BITMIME", b"SMTPUTF8", b"DSN")
BOERG = "<j\u00f6rg@a.test>".encode()


async def say_all(client: Client, *lines: bytes) -> list[Reply]:
    """Say each line after the answer to the one before."""
    answers = []
    for line in lines:
        client.writer.write(line + b"\r\n")
        answer = await client.reply()
        assert answer is not None, line
        answers.append(answer)
    return answers


def told(backend: Faulty, verb: bytes) -> list[bytes]:
    """The lines with this verb that the server behind has heard."""
    return [line for heard in backend.heard for line in bytes(heard).split(b"\r\n") if line.startswith(verb)]


@pytest.mark.parametrize(
    ("keywords", "bound", "words"),
    [
        ([], 0, []),
        (["8BITMIME", "SMTPUTF8", "DSN", "XVERP", "BINARYMIME"], 0, ["8BITMIME", "SMTPUTF8", "DSN"]),
        (["SMTPUTF8"], 0, []),
        (["DSN"], 100, ["DSN"]),
        (["DSN"], 10**9, ["DSN"]),
    ],
)
def test_what_is_offered(keywords: list[str], bound: int, words: list[str]) -> None:
    size = 100 if bound == 100 else 5000
    assert offer(5000, keywords, bound) == ("PIPELINING", f"SIZE {size}", "ENHANCEDSTATUSCODES", "CHUNKING", *words)


@pytest.mark.parametrize("extensions", [ALL, (b"8BITMIME",), (b"SIZE 4000", b"DSN"), ()])
async def test_the_first_client_already_hears_what_the_server_behind_has(extensions: tuple[bytes, ...]) -> None:
    async with behind(extensions=extensions) as backend, guarding(backend.port) as running:  # noqa: SIM117
        async with calling(running.port) as client:
            (hello,) = await say_all(client, b"EHLO c.test")
    words = [line.decode() for line in hello.lines[1:]]
    for word in ("8BITMIME", "SMTPUTF8", "DSN"):
        assert (word in words) == (word.encode() in extensions)
    assert ("SIZE 4000" in words) == (b"SIZE 4000" in extensions)


async def test_parameters_are_passed_on_as_they_were_said() -> None:
    async with behind(extensions=ALL) as backend, guarding(backend.port) as running, calling(running.port) as client:
        answers = await say_all(
            client,
            b"EHLO c.test",
            b"MAIL FROM:<s@b.test> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=a+2Bb",
            b"RCPT TO:<u@a.test> NOTIFY=success,DELAY ORCPT=rfc822;u+2B1@a.test",
            b"RCPT TO:<w@a.test> notify=NEVER",
        )
    assert [answer.code for answer in answers] == [250] * 4
    assert told(backend, b"MAIL") == [b"MAIL FROM:<s@b.test> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=a+2Bb"]
    assert told(backend, b"RCPT") == [
        b"RCPT TO:<u@a.test> NOTIFY=success,DELAY ORCPT=rfc822;u+2B1@a.test",
        b"RCPT TO:<w@a.test> NOTIFY=NEVER",
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"MAIL FROM:<s@b.test> RET=ALL", "501 5.5.4"),
        (b"MAIL FROM:<s@b.test> ENVID=a+0D+0ABcc:", "501 5.5.4"),
        (b"MAIL FROM:<s@b.test> BODY=BINARYMIME", "501 5.5.4"),
        (b"MAIL FROM:<s@b.test> BODY=9BIT", "501 5.5.4"),
        (b"MAIL FROM:<s@b.test> SIZE=x", "501 5.5.4"),
        (b"MAIL FROM:<s@b.test> SIZE=99999999999", "552 5.3.4"),
        (b"MAIL FROM:<s@b.test> XVERP", "555 5.5.4"),
        (b"MAIL FROM:<s@b.test> RET=HDRS RET=FULL", "501 5.5.4"),
        ("MAIL FROM:<j\u00f6rg@b.test>".encode(), "553 5.6.7"),
        (b"MAIL FROM:<j\xf6rg@b.test> SMTPUTF8", "501 5.1.7"),
        (b"MAIL FROM:<\xc0\xafx@b.test> SMTPUTF8", "501 5.1.7"),
        (b"MAIL FROM:<\xed\xa0\x80x@b.test> SMTPUTF8", "501 5.1.7"),
        (b"MAIL FROM:<\xf4\x90\x80\x80x@b.test> SMTPUTF8", "501 5.1.7"),
        (b"MAIL FROM:<j\0rg@b.test> SMTPUTF8", "500 5.5.2"),
    ],
)
async def test_what_is_wrong_is_refused_and_never_passed_on(line: bytes, code: str) -> None:
    async with behind(extensions=ALL) as backend, guarding(backend.port) as running, calling(running.port) as client:
        answers = await say_all(client, b"EHLO c.test", line)
    assert f"{answers[1].code} {answers[1].enhanced}" == code
    assert not told(backend, b"MAIL")


@pytest.mark.parametrize("path", [b"<j\xf6rg@a.test>", b"<\xc0\xafx@a.test>", b"<\xed\xa0\x80x@a.test>"])
async def test_a_recipient_in_no_utf8_is_refused(path: bytes) -> None:
    async with behind(extensions=ALL) as backend, guarding(backend.port) as running, calling(running.port) as client:
        answers = await say_all(client, b"EHLO c.test", b"MAIL FROM:<> SMTPUTF8", b"RCPT TO:" + path)
        assert answers[2].code // 100 == 5
        answers = await say_all(client, b"RSET", b"MAIL FROM:<>", b"RCPT TO:" + BOERG)
    assert (answers[2].code, answers[2].enhanced) == (553, "5.6.7")
    assert not told(backend, b"RCPT")


async def test_utf8_in_addresses_and_body_arrives_as_it_was() -> None:
    message = "Subject: \u00fcber\r\n\r\n\u6f22\u5b57\r\n".encode()
    async with behind(extensions=ALL) as backend, guarding(backend.port) as running, calling(running.port) as client:
        sender = "<\u6f22@b.test>".encode()
        answers = await say_all(
            client, b"EHLO c.test", b"MAIL FROM:" + sender + b" SMTPUTF8 BODY=8BITMIME", b"RCPT TO:" + BOERG, b"DATA"
        )
        assert [answer.code for answer in answers] == [250, 250, 250, 354]
        assert (await say_all(client, message + b"."))[0].code == 250
    assert told(backend, b"MAIL") == [b"MAIL FROM:" + sender + b" SMTPUTF8 BODY=8BITMIME"]
    assert told(backend, b"RCPT") == [b"RCPT TO:" + BOERG]
    assert without_trace(backend.taken[0].message) == message
    trace = backend.taken[0].message.removesuffix(message)
    assert b" with UTF8SMTP id " in trace
    assert b"\tfor " + BOERG + b";" in trace


@pytest.mark.parametrize("body", [b"", b" BODY=7BIT", b" BODY=8BITMIME"])
async def test_eight_bits_pass_untouched_whatever_was_said_of_them(body: bytes) -> None:
    message = b"Subject: x\r\n\r\n" + bytes(range(128, 256)) + b"\r\n"
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        await say_all(client, b"EHLO c.test", b"MAIL FROM:<s@b.test>" + body, b"RCPT TO:<u@a.test>", b"DATA")
        assert (await say_all(client, message + b"."))[0].code == 250
    assert told(backend, b"MAIL") == [b"MAIL FROM:<s@b.test>" + body]
    assert without_trace(backend.taken[0].message) == message


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (b"SMTPUTF8", "550 5.6.7"),
        (b"BODY=8BITMIME", "554 5.6.3"),
        (b"BODY=7BIT", ""),
        (b"RET=HDRS ENVID=x SIZE=9", ""),
    ],
)
async def test_a_server_behind_that_lost_an_extension_is_never_asked_for_it(params: bytes, expected: str) -> None:
    async with behind(extensions=ALL) as backend:
        ours = SmtpBackend("127.0.0.1", backend.port, "gate.a.test", HURRIED)
        async with guarding(ours) as running, calling(running.port) as client:
            answers = await say_all(client, b"EHLO c.test")
            assert b"DSN" in answers[0].lines
            await ours.close()  # its kept connections, which still know
            backend.extensions = ()
            answers = await say_all(
                client, b"MAIL FROM:<s@b.test> " + params, b"RCPT TO:<u@a.test> NOTIFY=NEVER ORCPT=rfc822;x"
            )
    if expected:
        assert f"{answers[1].code} {answers[1].enhanced}" == expected
        assert not told(backend, b"MAIL")
    else:
        assert [answer.code for answer in answers] == [250, 250]
        assert told(backend, b"MAIL") == [b"MAIL FROM:<s@b.test>"]
        assert told(backend, b"RCPT") == [b"RCPT TO:<u@a.test>"]


async def test_every_reply_of_our_own_has_an_enhanced_code() -> None:
    lines = [
        *(b"EHLO", b"XYZZY", b"DATA", b"RCPT TO:<u@a.test>", b"NO\nOP", b"NOOP", b"VRFY x", b"HELP", b"ETRN x"),
        *(b"STARTTLS", b"BDAT 0", b"EHLO c.test", b"MAIL FROM:<s@b.test>", b"MAIL FROM:<s@b.test>", b"DATA"),
        *(b"RCPT TO:<v@evil.test>", b"RCPT TO:<u@a.test>", b"BDAT 0", b"DATA", b"RSET", b"AUTH PLAIN x", b"QUIT"),
    ]
    async with behind() as backend, guarding(backend.port) as running, calling(running.port) as client:
        answers = await say_all(client, *lines)
    for line, answer in zip(lines, answers, strict=True):
        # RFC 2034 §4: not in the answers to EHLO
        if line != b"EHLO c.test":
            assert answer.enhanced.startswith(str(answer.code // 100)), (line, answer)


def test_a_reply_of_the_server_behind_keeps_its_code_and_loses_what_could_do_something() -> None:
    raw = b"550-5.1.1 no such user\x1b[2J\r\n550-5.1.1 250 2.0.0 Ok\r\n550 5.1.1 see \xe9 \r\r\n"
    (reply,) = ReplyReader().feed(raw)
    assert isinstance(reply, Reply)
    answer = answer_of(reply)
    assert (answer.code, answer.enhanced) == (550, "5.1.1")
    assert answer.text.split("\n")[:2] == ["no such user?[2J", "250 2.0.0 Ok"]
    assert answer_of(Reply(451, (b"5.7.1 later",), b"")).enhanced == "4.0.0"


@pytest.mark.parametrize(
    ("params", "tls", "user", "extended", "word"),
    [
        ({}, False, None, False, "SMTP"),
        ({}, True, "u", True, "ESMTPSA"),
        ({"SMTPUTF8": b""}, False, None, True, "UTF8SMTP"),
        ({"SMTPUTF8": b""}, True, None, True, "UTF8SMTPS"),
        ({"SMTPUTF8": b""}, True, "u", True, "UTF8SMTPSA"),
    ],
)
def test_with(params: dict[str, bytes], tls: bool, user: str | None, extended: bool, word: str) -> None:
    sender = Sender(ip_address("192.0.2.1"), "c.test", tls, user, b"<>", params, "id1")
    line = received_line(sender, "gate", [BOERG], "date", extended=extended)
    assert f" with {word} id id1\r\n" in line.decode()
    assert (BOERG in line) == bool(params)


def test_a_path_can_do_nothing_in_the_trace_line() -> None:
    sender = Sender(ip_address("192.0.2.1"), "c.test", False, None, b"<>", {"SMTPUTF8": b""}, "id1")
    line = received_line(sender, "gate", ["<a\u2028b\u0085;(\u202ec@a.test>".encode()], "date")
    assert line.splitlines()[2] == b"\tfor <a?b????c@a.test>;"
